# frozen_string_literal: true

require "json"
require "rack"
require "rootsd"
require "stringio"

module Rootsd
  # Endpoint is where a page asks to hear paths: a Rack application for POST …/connect/<id> and …/disconnect/<id>, as
  # the browser's client sends them. It asks the application of each path whether this user may hear it.
  #
  #   PUSH = Rootsd::Endpoint.new(ROOTS) { |request, path| path == "users/#{request.session[:user]}" }
  #
  #   map("/server") { run PUSH }           # config.ru
  #   post("/server/*") { PUSH.call(env) }  # Sinatra
  #   mount PUSH => "/server"               # Rails, with a proof of its own; see Rootsd::Rails for another way
  #
  # Whatever is not allowed is refused: 403, and nobody is connected to anything.
  class Endpoint
    # The largest body, in bytes, and the most paths that a request may ask for.
    BODY = 256 * 1024
    PATHS = 1000

    # roots is the Connector. proof is called with the Rack::Request, and says whether the request brings what proves
    # that it comes from a page of the application; by default Rack::Protection's token of the session, in X-CSRF-Token.
    # The block is called with the Rack::Request and a path without slashes at its ends, which may be a pattern, and
    # says whether who is logged in may hear it. Raises ArgumentError if there is no block, or no proof.
    def initialize(roots, proof: nil, &may_hear)
      raise ArgumentError, "a block has to say who may hear what" unless may_hear
      @roots = roots
      @may_hear = may_hear
      @proof = proof || self.class.session_proof
    end

    # Answers a request, as Rack says.
    def call(env)
      request = Rack::Request.new(env)
      verb, id = request.path_info.match(%r{/(connect|disconnect)/([^/]+)\z})&.captures
      return answer(404) unless verb
      return answer(405, { "allow" => "POST" }) unless request.post?
      return answer(403) unless @proof.call(request)
      status, text = self.class.serve(@roots, verb, Rack::Utils.unescape_path(id), body(request)) do |path|
        @may_hear.call(request, path)
      end
      answer(status, text: text)
    end

    # Does what a request asks for, once it has proved where it comes from: connect or disconnect. Yields each path that
    # is to be connected. Returns the HTTP status and a text. What the block raises goes to the caller.
    def self.serve(roots, verb, id, body)
      return [413, "the body may have #{BODY} bytes"] if body.bytesize > BODY
      paths = paths_in(body)
      return [400, "the body has to be a JSON array of 1 to #{PATHS} strings"] unless paths
      return [403, "not allowed"] if paths.any? { |path| system?(path) }
      return [403, "not allowed"] unless verb == "disconnect" || paths.all? { |path| yield path }
      tell(roots, verb, id, paths)
    end

    # The proof that is wanted where the application gives none.
    def self.session_proof
      unless defined?(Rack::Protection::AuthenticityToken)
        raise ArgumentError, "require \"rack/protection\", or give proof:, which says where a request comes from"
      end
      token = Rack::Protection::AuthenticityToken.new(nil)
      names = %w[REQUEST_METHOD SCRIPT_NAME PATH_INFO rack.session HTTP_X_CSRF_TOKEN]
      # It would look at forms as well: without their body and query, only the header counts.
      nothing = { "QUERY_STRING" => "", "rack.input" => StringIO.new }
      ->(request) { token.accepts?(request.env.slice(*names).merge(nothing)) }
    end

    # The paths that a body asks for, without the slashes at their ends; nil if it is not as it should be.
    def self.paths_in(body)
      text = body.dup.force_encoding(Encoding::UTF_8)
      paths = JSON.parse(text) if text.valid_encoding?
      return unless paths.is_a?(Array) && paths.size.between?(1, PATHS) && paths.all?(String)
      return unless paths.all?(&:valid_encoding?) # half of a surrogate pair is none
      # Without the lookbehind, a path with many slashes in it would take the square of their number.
      paths.map { |path| path.gsub(%r{\A/+|(?<!/)/+\z}, "") }
    rescue JSON::ParserError
      nil
    end

    # Whether it is a path of rootsd itself. Who else hears a path is for the application to say.
    def self.system?(path)
      path.start_with?("::") && !path.start_with?("::members/")
    end

    # The page tries again after 502, as when rootsd was started anew; it takes 400 for a no.
    def self.tell(roots, verb, id, paths)
      roots.request(verb, { "id" => id, "paths" => paths })
      [204, ""]
    rescue Error => error
      wrong = error.reason == "message" || error.status.between?(400, 499) && ![401, 403, 404].include?(error.status)
      return [400, error.detail] if wrong
      roots.on_error.call(error)
      [502, "rootsd cannot be asked"]
    end

    private_class_method :paths_in, :system?, :tell

    private

    # A byte more than may be is enough to refuse it.
    def body(request)
      input = request.body
      input.rewind if input.respond_to?(:rewind)
      (input&.read(BODY + 1)).to_s
    end

    def answer(status, headers = {}, text: "")
      return [status, headers, []] if text.empty?
      [status, headers.merge("content-type" => "text/plain; charset=utf-8"), ["#{text}\n"]]
    end
  end
end
