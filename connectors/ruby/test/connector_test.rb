# frozen_string_literal: true

require "kit"

# What is Ruby's own: threads, forks, settings, and what becomes of errors. What all languages have in common,
# connectors/connectors_test.go looks at.
class ConnectorTest < Kit
  def test_settings_come_from_the_environment
    server = stand_in
    variables = { "ROOTS_URL" => "#{server.url}/base/", "ROOTS_TOKEN" => "sec\nret\n" }
    with_env(variables) { Rootsd::Connector.new.update("a", 1) }
    asked = server.asked.first
    assert_equal ["POST /base/update HTTP/1.1", "Bearer secret"], [asked.line, asked.header["authorization"]]
    assert_equal "#<Rootsd::Connector http://127.0.0.1:8004>",
                 with_env("ROOTS_URL" => "", "ROOTS_TOKEN" => "secret") { Rootsd::Connector.new.inspect }
  end

  def test_an_url_that_is_none
    wrong = %w[localhost:8004 ftp://host http:// http:///update http://ada:secret@host http://host/?a http://host:a null]
    wrong.each do |url|
      error = assert_raises(ArgumentError, url) { Rootsd::Connector.new(url: url) }
      refute_includes error.message, "secret"
    end
  end

  def test_ipv6
    server = stand_in("::1")
    connector(server.url).update("a", 1)
    assert_equal "[::1]:#{server.port}", server.asked.first.header["host"]
  rescue Errno::EADDRNOTAVAIL
    skip "this machine has no IPv6"
  end

  def test_a_proxy_of_the_environment_is_left_alone
    server = stand_in
    url = server.url.sub("127.0.0.1", "0.0.0.0") # for loopback, Ruby would not look for a proxy
    with_env("http_proxy" => nowhere, "no_proxy" => nil) { connector(url).update("a", 1) }
    assert_equal 1, server.asked.size
  end

  def test_symbols_and_lists
    server = stand_in
    roots = connector(server.url)
    roots.updates([{ path: "a", message: { at: :once }, latest: false, except: nil, wait: nil },
                   { "path" => "b", "message" => nil }])
    roots.connect(ID, %w[a b], "c", lease: 90)
    assert_equal [[{ "path" => "a", "message" => { "at" => "once" } }, { "path" => "b", "message" => nil }],
                  { "id" => ID, "paths" => %w[a b c], "for" => "90000ms" }], server.asked.map(&:json)
  end

  # ActiveSupport's 2.seconds is such an object.
  def test_a_time_that_turns_into_a_number
    duration = Class.new { def to_f = 0.25 }.new
    server = stand_in
    roots = connector(server.url, timeout: duration)
    roots.update("a", 1, wait: duration)
    assert_equal "250ms", server.asked.first.json["wait"]
    assert_raises(ArgumentError) { roots.update("a", 1, wait: "2s") }
    assert_equal 1, server.asked.size
  end

  def test_a_failure_is_told_and_nothing_is_returned
    told = []
    roots = Rootsd::Connector.new(url: nowhere, on_error: ->(error) { told << error })
    assert_nil roots.update("a", 1)
    assert_nil roots.clients(ID)
    assert_equal [["unreachable", 0, false]] * 2, told.map { |error| [error.reason, error.status, error.uncertain?] }
    assert_raises(Rootsd::Error) { roots.request("update", { "path" => "a", "message" => 1 }) }
    assert_equal 2, told.size
  end

  def test_a_failure_is_a_warning_by_default
    url = nowhere
    _, warned = capture_io { assert_nil Rootsd::Connector.new(url: url, token: "secret").update("a", 1) }
    start = "rootsd: update: cannot connect to #{url}: "
    assert_match(/\A#{start}.*; is rootsd running there\? \(unreachable\)\n\z/, warned)
    refute_includes warned, "secret"
  end

  def test_an_error_says_what_the_daemon_says
    problem = { title: "Bad Request", status: 400, reason: "path", detail: "path has an empty segment",
                entry: 1, field: "path", offset: 44 }
    server = stand_in { |_, socket| socket.write(StandIn.http(400, problem)) }
    error = assert_fails("path") { connector(server.url).updates([]) }
    assert_equal "rootsd: update: path has an empty segment (400 path, entry 1)", error.message
    assert_equal [400, "path has an empty segment", 1, "path", 44],
                 [error.status, error.detail, error.entry, error.field, error.offset]
  end

  def test_what_is_no_json_is_not_sent
    server = stand_in
    roots = connector(server.url)
    circle = []
    circle << circle
    [Float::NAN, Float::INFINITY, "\xff", "\xff".b, circle].each do |message|
      assert_fails("message") { roots.update("a", message) }
    end
    assert_empty server.asked
  end

  def test_mistakes_of_the_program_are_raised
    roots = Rootsd::Connector.new(url: "null:")
    assert_raises(ArgumentError) { roots.update("a") }
    assert_raises(ArgumentError) { roots.update("a", 1, lastest: true) }
  end

  def test_the_no_op_mode
    roots = connector("null:")
    assert_equal({ "accepted" => 1 }, roots.update("a", { b: 1 }, wait: 2))
    assert_equal({ "accepted" => 3 }, roots.join(ID, "/blue/"))
    assert_equal({ "id" => ID, "paths" => ["a"] }, roots.connect(ID, "a", lease: 1))
    assert_equal({ "id" => ID }, roots.kick(ID))
    assert_equal({ "id" => ID, "connected" => [], "permits" => [] }, roots.clients(ID))
    assert_equal ["update", { "path" => "a", "message" => { "b" => 1 }, "wait" => "2000ms" }], roots.sent.first
    assert_equal %w[update update connect kick clients], roots.sent.map(&:first)
    assert_fails("message") { roots.update("a", Float::NAN) }
    1000.times { |number| roots.update("a", number) }
    assert_equal [0, 999, 1000], [roots.sent.first[1]["message"], roots.sent.last[1]["message"], roots.sent.size]
  end

  private

  def with_env(variables)
    before = variables.to_h { |name, _| [name, ENV[name]] }
    ENV.update(variables)
    yield
  ensure
    ENV.update(before)
  end
end
