# frozen_string_literal: true

require "forwardable"
require "kit"

begin
  require "rack/test"
  require "sinatra/base"
  require "rootsd/endpoint"
  MISSING = nil
rescue LoadError => error
  MISSING = "#{error.message}: apt-get install ruby-sinatra ruby-rack-test"
end

# The endpoint, mounted in a Rack application and called by a Sinatra application. Every test runs with both.
class EndpointTest < Kit
  extend Forwardable

  def setup
    super
    skip MISSING if MISSING
    @told = []
    @asked = []
  end

  # Users log in at /login/<name>, which answers with the token that proves where a request comes from. The user ada may
  # hear lists/1.
  def endpoint(roots, **options)
    Rootsd::Endpoint.new(roots, **options) do |request, path|
      @asked << path
      raise "the database is down" if path == "broken"
      request.session[:user] == "ada" && path.match?(%r{\A(lists/1|::members/lists/1)\z}) || nil
    end
  end

  def_delegators :@browser, :get, :post, :header, :custom_request, :last_response, :clear_cookies

  def rack(endpoint)
    login = lambda do |env|
      env["rack.session"][:user] = env["PATH_INFO"][1..]
      [200, {}, [Rack::Protection::AuthenticityToken.token(env["rack.session"])]]
    end
    Rack::Builder.app do
      use Rack::Lint
      use Rack::Session::Cookie, secret: "s" * 64
      map("/login") { run login }
      map("/server") { run endpoint }
    end
  end

  def sinatra(endpoint)
    Class.new(Sinatra::Base) do
      enable :sessions
      set :environment, :test
      get("/login/:user") do
        session[:user] = params[:user]
        Rack::Protection::AuthenticityToken.token(session)
      end
      %i[get post put].each { |verb| send(verb, "/server/*") { endpoint.call(env) } }
    end
  end

  # Runs a test with both, logged in as ada.
  def each_app(roots = recorded, **options)
    endpoint = endpoint(roots, **options)
    [rack(endpoint), sinatra(endpoint)].each do |app|
      @browser = Rack::Test::Session.new(app)
      @asked.clear
      roots.sent.clear
      @token = get("/login/ada").body
      yield roots
    end
  end

  def recorded = Rootsd::Connector.new(url: "null:", on_error: ->(error) { @told << error })

  def ask(paths, token: @token, verb: "connect", id: ID, method: :post)
    header "X-CSRF-Token", token
    header "Content-Type", "application/json"
    body = paths.is_a?(String) ? paths : JSON.generate(paths)
    custom_request(method.to_s.upcase, "/server/#{verb}/#{id}", {}, input: body)
    last_response.status
  end

  def test_who_may_hear_it_is_connected
    each_app do |roots|
      assert_equal [204, ""], [ask(["/lists/1/", "::members/lists/1"]), last_response.body]
      assert_equal 204, ask(["lists/1"], verb: "disconnect")
      assert_equal [["connect", { "id" => ID, "paths" => ["lists/1", "::members/lists/1"] }],
                    ["disconnect", { "id" => ID, "paths" => ["lists/1"] }]], roots.sent
      assert_equal ["lists/1", "::members/lists/1"], @asked, "only what is to be connected is asked for"
    end
  end

  def test_without_proof
    each_app do |roots|
      other = Rack::Protection::AuthenticityToken.token({})
      [nil, "", "x", other].each { |token| assert_equal 403, ask(["lists/1"], token: token), token.inspect }
      assert_equal 403, ask("no json", token: nil), "before anything else is looked at"
      header "X-CSRF-Token", nil
      post "/server/connect/#{ID}?authenticity_token=#{Rack::Utils.escape(@token)}", '["lists/1"]'
      assert_equal 403, last_response.status, "an address is no place for it"
      assert_empty roots.sent + @asked
    end
  end

  def test_without_a_session
    each_app do |roots|
      clear_cookies
      assert_equal 403, ask(["lists/1"])
      assert_empty roots.sent
    end
  end

  def test_all_or_nobody
    each_app do |roots|
      assert_equal 403, ask(["lists/1", "lists/2"])
      assert_equal 403, ask(["lists/*"])
      get "/login/mallory"
      @token = last_response.body
      assert_equal 403, ask(["lists/1"])
      assert_empty roots.sent
    end
  end

  def test_paths_of_rootsd_itself_are_not_even_asked_for
    each_app do |roots|
      ["::connect", "/::to/#{ID}", "::members", "::members/", "::"].each do |path|
        assert_equal 403, ask(["lists/1", path]), path
        assert_equal 403, ask([path], verb: "disconnect"), path
      end
      assert_empty roots.sent + @asked
    end
  end

  def test_bodies
    each_app do |roots|
      many = JSON.generate(["a"] * 1001)
      ["", "no json", "{}", "[]", "[1]", '["a", null]', '"a"', "null", "[\"\xff\"]", '["\udc00a"]', many].each do |body|
        assert_equal 400, ask(body), body[0, 20]
        assert_match(/JSON array of 1 to 1000 strings/, last_response.body)
      end
      assert_equal 413, ask(JSON.generate(["a" * 256 * 1024]))
      assert_equal 204, ask(["lists/1"] * 1000)
      assert_equal 1, roots.sent.size
    end
  end

  def test_methods_and_addresses
    each_app do |roots|
      %i[get put].each do |method|
        assert_equal [405, "POST"], [ask(["lists/1"], method: method), last_response.headers["allow"]]
      end
      %w[kick connec].each { |verb| assert_equal 404, ask(["lists/1"], verb: verb) }
      assert_equal 404, ask(["lists/1"], id: "")
      assert_equal 400, ask(["lists/1"], id: "%ff"), "an ID that is not UTF-8"
      assert_empty roots.sent
    end
  end

  def test_an_application_that_fails_connects_nobody
    each_app do |roots|
      assert_raises(RuntimeError) { ask(%w[lists/1 broken]) }
      assert_empty roots.sent
    end
  end

  def test_when_the_daemon_is_down
    each_app(Rootsd::Connector.new(url: nowhere, on_error: ->(error) { @told << error })) do
      assert_equal 502, ask(["lists/1"])
    end
    assert_equal %w[unreachable unreachable], @told.map(&:reason)
  end

  # The page tries again after 502; after 400 it does not.
  def test_what_the_daemon_answers
    status = nil
    server = stand_in { |_, socket| socket.write(StandIn.http(status, { reason: "some", detail: "what is wrong" })) }
    each_app(Rootsd::Connector.new(url: server.url, on_error: ->(error) { @told << error })) do
      { 400 => [400, 409, 413], 502 => [401, 403, 404, 500, 503] }.each do |answered, statuses|
        statuses.each do |each|
          status = each
          assert_equal answered, ask(["lists/1"]), status
          assert_equal answered == 400, last_response.body.include?("what is wrong")
        end
      end
    end
    assert_equal 10, @told.size
  end

  def test_a_rootsd
    daemon = daemon()
    roots = Rootsd::Connector.new(url: daemon.ingest, on_error: ->(error) { @told << error })
    each_app(roots) do
      id, token = daemon.session
      assert_equal 204, ask(["lists/1"], id: id)
      assert_equal [{ "path" => "lists/1", "message" => "" }], daemon.updates(token)
      assert_equal 502, ask(["lists/1"]), "an ID that is not known"
    end
    assert_equal %w[unknown_id unknown_id], @told.map(&:reason)
  end

  def test_a_proof_of_its_own
    each_app(recorded, proof: ->(request) { request.get_header("HTTP_X_CSRF_TOKEN") == "mine" }) do |roots|
      assert_equal 403, ask(["lists/1"])
      assert_equal 204, ask(["lists/1"], token: "mine")
      assert_equal 1, roots.sent.size
    end
  end

  def test_what_cannot_be_safe_is_not_made
    assert_raises(ArgumentError) { Rootsd::Endpoint.new(recorded) }
    code = 'require "rootsd/endpoint"; Rootsd::Endpoint.new(Rootsd::Connector.new) { true }'
    said = IO.popen(["ruby", "-Ilib", "-e", code], err: %i[child out], &:read)
    assert_match(%r{require "rack/protection", or give proof:.*ArgumentError}, said)
  end
end
