# frozen_string_literal: true

require "minitest/autorun"
require "timeout"
require "rootsd"
require "daemon"
require "stand_in"

# Kit is what tests of the connector have in common.
class Kit < Minitest::Test
  ID = "roots-5sLnQ0cTz0VvJb1yX9w2Rk-17"

  def setup = @ended = []

  def teardown = @ended.reverse_each(&:call)

  # No test waits for ever.
  def run = Timeout.timeout(120) { super }

  # A server in place of a rootsd, until the test ends.
  def stand_in(host = "127.0.0.1", &conduct)
    StandIn.new(host, &conduct).tap { |server| @ended << -> { server.stop } }
  end

  # A rootsd, until the test ends.
  def daemon(*flags) = Daemon.new(self, *flags).tap { |daemon| @ended << -> { daemon.stop } }

  # A Connector that raises.
  def connector(url, **options)
    Rootsd::Connector.new(url: url, token: nil, raises: true, **options).tap { |roots| @ended << -> { roots.close } }
  end

  # An address at which nobody listens.
  def nowhere = TCPServer.open("127.0.0.1", 0) { |server| "http://127.0.0.1:#{server.local_address.ip_port}" }

  def assert_fails(reason, uncertain: false, &block)
    error = assert_raises(Rootsd::Error, &block)
    assert_equal [reason, uncertain], [error.reason, error.uncertain], error.message
    error
  end
end
