# frozen_string_literal: true

require "erb"
require "json"
require "net/http"
require "timeout"

# Rootsd tells rootsd, the push daemon, what has happened in an application, and who may hear of it.
#
#   ROOTS = Rootsd::Connector.new
#   ROOTS.update("orders/42", { state: "shipped" })
module Rootsd
  VERSION = "0.1.0"

  # Error says why a call has failed, or why a webhook is not to be trusted.
  #
  # status::    HTTP status of the answer, 0 where there was none.
  # reason::    one word, for programs: the daemon's own, or unreachable (nothing was sent), interrupted, timeout,
  #             message (it is no JSON; nothing was sent) or answer (what answers is not rootsd).
  # detail::    what is wrong, for people; message says all of this in one line.
  # entry::     which of several updates or paths is wrong, counted from 0; nil where the daemon does not say, like
  # field::     which member, and
  # offset::    where in the body, in bytes from 0.
  # uncertain:: whether the daemon may have done it all the same.
  class Error < StandardError
    attr_reader :status, :reason, :detail, :entry, :field, :offset, :uncertain
    alias uncertain? uncertain

    # problem is the answer of the daemon, if it gave one.
    def initialize(verb, reason, detail, status: 0, uncertain: false, problem: {})
      @status, @reason, @detail, @uncertain = status, reason, detail, uncertain
      @entry, @field, @offset = problem.values_at("entry", "field", "offset")
      place = [status.zero? ? reason : "#{status} #{reason}", ("entry #{entry}" if entry)].compact.join(", ")
      super("rootsd: #{verb}: #{detail} (#{place})")
    end
  end

  # Connector makes calls to the ingest port of a rootsd. One serves a whole application: threads share it, and a forked
  # child opens connections of its own.
  #
  # A call returns what the daemon answers, as Hashes with Strings for keys. One that fails gives its Error to on_error
  # and returns nil; with raises it raises the Error instead. An update is never repeated, whatever happens. Times are
  # seconds: numbers, or what turns into one, such as ActiveSupport's 2.hours.
  class Connector
    IDLE = 8 # connections that are kept while nothing is said
    LARGEST = 1 << 24 # bytes of an answer
    REPEATABLE = %w[connect disconnect permit forbid kick clients].freeze # change nothing when they are done again
    SENT = 1000 # calls that the no-op mode remembers
    OPTIONS = %w[latest except wait].freeze
    BROKEN = [IOError, SystemCallError, OpenSSL::SSL::SSLError].freeze

    # Connection can be looked at before it is used again.
    class Connection < Net::HTTP
      # Whether the daemon has closed it, or said what nobody has asked for: what came along with an answer stands in
      # the socket's buffer, and would be taken for the next one.
      def dropped?
        return true if @socket.closed?
        @socket.read_timeout = 0
        @socket.read(1)
      rescue Net::ReadTimeout
        false
      rescue *BROKEN
        true
      end
    end
    private_constant :IDLE, :LARGEST, :REPEATABLE, :SENT, :OPTIONS, :BROKEN, :Connection

    # sent is what the no-op mode would have sent, as [verb, body], in order. on_error is called with an Error.
    attr_reader :sent, :on_error

    # url::      where ingest listens, http or https; if empty, http://127.0.0.1:8004. "null:" is the no-op mode, for
    #            tests: calls are encoded as ever, and go to sent. Anything else raises ArgumentError.
    # token::    one of the daemon's ingest.tokens, if it has any.
    # timeout::  seconds to connect, and for the answer beyond what an update waits.
    # raises::   whether a call that fails raises its Error.
    # on_error:: called with the Error if not; by default it is written with Kernel#warn.
    def initialize(url: ENV["ROOTS_URL"], token: ENV["ROOTS_TOKEN"], timeout: 5, raises: false, on_error: nil)
      @uri = address(url.to_s.empty? ? "http://127.0.0.1:8004" : url.to_s)
      @token = token.to_s.delete("^!-~") # a line's end, as of a file, would be an error that shows it
      @timeout, @raises = Float(timeout), raises
      @on_error = on_error || ->(error) { warn(error.message) }
      @lock, @sent, @idle, @owner = Mutex.new, [], [], Process.pid # the lock guards what stands behind it
    end

    # Says what has happened at a path. message is anything that JSON can hold. With latest it takes the place of an
    # earlier one that a client was not sent yet; except is the ID of one client that is not told. Returns
    # {"accepted" => 1}; with wait, when all clients have confirmed it or those seconds are over,
    # {"matched", "delivered", "confirmed", "gapped"}.
    def update(path, message, latest: false, except: nil, wait: nil) =
      tell(entry({ path: path, message: message, latest: latest, except: except, wait: wait }))

    # Says several things in one request: all of them are taken, or none. Takes Hashes with path, message, and latest,
    # except and wait as in update. Returns {"accepted" => n}, or if one of them waits, an Array of receipts.
    def updates(list) = tell(list.map { |update| entry(update) })

    # Lets a client hear paths or patterns, for lease seconds or as long as its session lasts. When it returns, the
    # client hears them: load then what it shows, not before. Returns {"id", "paths"}.
    def connect(id, *paths, lease: nil) = grant("connect", id, paths, lease)

    # Undoes connect, for the very same patterns. Returns {"id", "paths"}.
    def disconnect(id, *paths) = grant("disconnect", id, paths)

    # Lets a client publish to paths or patterns, as connect lets it hear. Returns {"id", "paths"}.
    def permit(id, *paths, lease: nil) = grant("permit", id, paths, lease)

    # Undoes permit. Returns {"id", "paths"}.
    def forbid(id, *paths) = grant("forbid", id, paths)

    # Lets a client into chat rooms: it hears them, is told at ::members/<room> who is there, and may publish to them.
    # Returns {"accepted" => 3 for each}.
    def join(id, *rooms)
      rooms = rooms.flatten.map { |room| room.gsub(%r{\A/+|(?<!/)/+\z}, "") }
      commands = rooms.flat_map { |room| [["::connect", room], ["::connect", "::members/#{room}"], ["::permit", room]] }
      tell(commands.map { |command, path| { "path" => command, "message" => "#{id}->#{path}" } })
    end

    # Ends a client's session. Returns {"id"}.
    def kick(id) = attempt("kick", { "id" => id })

    # Returns what a client is connected to and may publish to: {"id", "connected", "permits", "session"}.
    def clients(id) = attempt("clients", { "id" => id })

    # Makes a call as all of these do: POSTs body to /<verb>, or for "clients" GETs /clients/<id>, and returns the
    # answer, which may take wait seconds beyond the time-out. Always raises the Error if it fails.
    def request(verb, body, wait: 0)
      json = encode(verb, body)
      return note(verb, JSON.parse(json)) unless @uri
      decode(verb, converse(verb, message(verb, body, json), @timeout + wait))
    end

    # Closes the connections that are idle. Calls that follow open new ones.
    def close = @lock.synchronize { @idle.pop.finish while @owner == Process.pid && @idle.any? }

    # Says where it connects to, and no token.
    def inspect = "#<#{self.class} #{@uri || "null:"}>"

    private

    # The text itself stays out of the error: there may be a password in it.
    def address(url)
      return URI(url) if url.match?(%r{\Ahttps?://[^\s@/?#]+(/[^\s?#]*)?\z})
      raise URI::InvalidURIError unless url == "null:"
    rescue URI::InvalidURIError
      raise ArgumentError, "url has to be null:, or http:// or https:// and a host", cause: nil
    end

    def entry(update)
      update = update.to_h.transform_keys(&:to_s)
      update.merge("wait" => milliseconds(update["wait"])).reject { |key, value| OPTIONS.include?(key) && !value }
    end

    def milliseconds(seconds) = seconds && "#{(Float(seconds) * 1000).round}ms"

    # As a number, "2000ms" is 2000.
    def tell(updates) =
      attempt("update", updates, wait: [updates].flatten.map { |update| update["wait"].to_f }.max.to_f / 1000)

    def grant(verb, id, paths, lease = nil) =
      attempt(verb, { "id" => id, "paths" => paths.flatten, "for" => milliseconds(lease) }.compact)

    def attempt(verb, body, wait: 0)
      request(verb, body, wait: wait)
    rescue Error => error
      raise if @raises
      @on_error.call(error)
      nil
    end

    # With ActiveSupport, records and times become what they are in other JSON of the application.
    def encode(verb, body)
      body = body.as_json if body.respond_to?(:as_json)
      JSON.generate(body, max_nesting: 1000)
    rescue JSON::JSONError, EncodingError => error
      raise Error.new(verb, "message", "the message is not JSON: #{error.message}")
    end

    def note(verb, body)
      @lock.synchronize { @sent.shift if @sent.push([verb, body]).size > SENT }
      return { "accepted" => [body].flatten(1).size } if verb == "update"
      verb == "clients" ? { "id" => body["id"], "connected" => [], "permits" => [] } : body.slice("id", "paths")
    end

    def message(verb, body, json)
      base = @uri.path.chomp("/")
      headers = { "User-Agent" => "rootsd-ruby/#{VERSION}", "Accept-Encoding" => "identity" }
      headers["Authorization"] = "Bearer #{@token}" unless @token.empty?
      return Net::HTTP::Get.new("#{base}/clients/#{ERB::Util.url_encode(body["id"])}", headers) if verb == "clients"
      headers["Content-Type"] = "application/json"
      Net::HTTP::Post.new("#{base}/#{verb}", headers).tap { |post| post.body = json }
    end

    def converse(verb, message, seconds)
      exchange(verb, message, seconds)
    rescue Net::ReadTimeout, Net::WriteTimeout
      raise unknown(verb, "timeout", "no answer of #{@uri} within #{seconds} s")
    rescue Net::HTTPBadResponse, Net::HTTPHeaderSyntaxError => error
      raise unknown(verb, "answer", "this is not HTTP: #{error.message}; is #{@uri} rootsd's ingest port?")
    rescue *BROKEN => error
      raise unknown(verb, "interrupted", "the connection to #{@uri} broke: #{error.message}")
    end

    def unknown(verb, reason, detail) =
      Error.new(verb, reason, "#{detail}; it is not known whether rootsd has done it", uncertain: true)

    # A connection that was idle may break as it is used, because the daemon was stopped. Then what is repeatable is
    # tried once more. An update is not: it may have been taken, and would be there twice.
    def exchange(verb, message, seconds, reused = idle)
      answered = false
      ask(reused || open(verb), message, seconds) { answered = true }
    rescue *BROKEN
      raise if answered || !reused || !REPEATABLE.include?(verb)
      exchange(verb, message, seconds, nil)
    end

    # Yields when an answer has begun, and returns its status and body. A connection that something has interrupted,
    # such as Timeout.timeout, is closed. Here it ends an answer that trickles: read_timeout begins anew at each byte.
    def ask(connection, message, seconds, &begun)
      connection.read_timeout = seconds
      body = +""
      answer = Timeout.timeout(seconds, Net::ReadTimeout) do
        connection.request(message) { |response| read(response, body, &begun) }
      end
      raise EOFError, "half an answer" if body.bytesize < answer.content_length.to_i
      kept = keep(connection)
      [answer.code.to_i, body]
    ensure
      connection.finish unless kept
    end

    def read(response, body)
      yield
      response.read_body do |part|
        raise Net::HTTPBadResponse, "the answer is longer than #{LARGEST} bytes" if body.bytesize > LARGEST
        body << part
      end
    end

    # Net::HTTP is to repeat nothing, and to leave it to dropped? whether a connection is good.
    def open(verb)
      Connection.start(@uri.hostname, @uri.port, nil, use_ssl: @uri.scheme == "https", open_timeout: @timeout,
                       write_timeout: @timeout, max_retries: 0, keep_alive_timeout: Float::INFINITY)
    rescue *BROKEN, SocketError, Net::OpenTimeout => error
      raise Error.new(verb, "unreachable", "cannot connect to #{@uri}: #{error.message}; is rootsd running there?")
    end

    # After a fork, idle connections are the parent's. They are not closed, as over TLS the daemon would be told so.
    def idle
      @lock.synchronize do
        @idle, @owner = [], Process.pid if @owner != Process.pid
        @idle.pop.finish while @idle.last&.dropped?
        @idle.pop
      end
    end

    def keep(connection) = @lock.synchronize { @idle.push(connection) if @idle.size < IDLE && !connection.dropped? }

    # An answer that was meant for somebody else may stand for anything: what was asked for, too.
    def decode(verb, (status, body))
      value = parse(body)
      return value if value && status < 300
      ours = value.is_a?(Hash) && value["reason"].is_a?(String)
      raise Error.new(verb, value["reason"], value["detail"], status: status, problem: value) if ours
      detail = "HTTP #{status}, but not from rootsd; is #{@uri} its ingest port?"
      raise Error.new(verb, "answer", detail, status: status, uncertain: !status.between?(300, 499))
    end

    def parse(text)
      JSON.parse(text)
    rescue JSON::ParserError
      nil
    end
  end
end
