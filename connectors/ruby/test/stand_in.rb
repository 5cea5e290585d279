# frozen_string_literal: true

require "json"
require "socket"

# StandIn is a server in place of a rootsd: it writes down what it is asked, and answers what a test tells it to. It
# speaks HTTP by hand, so that it can be as rude as a network.
class StandIn
  # What it was asked: the number of the connection, counted from 1, the first line, the header and the body.
  Asked = Struct.new(:connection, :line, :header, :body) do
    def json = JSON.parse(body)
  end

  # An answer as rootsd gives it.
  def self.http(status, value)
    body = JSON.generate(value)
    kind = status < 400 ? "application/json" : "application/problem+json"
    "HTTP/1.1 #{status} Some Reason\r\nContent-Type: #{kind}\r\nContent-Length: #{body.bytesize}\r\n\r\n#{body}"
  end

  GOOD = http(200, { "accepted" => 1 })

  # The block is called with what was asked and the socket, and writes the answer. The connection ends when it returns
  # :end. Without a block, all is well.
  def initialize(host = "127.0.0.1", &conduct)
    @conduct = conduct || ->(_, socket) { socket.write(GOOD) }
    @server = TCPServer.new(host, 0)
    @lock = Mutex.new # guards asked and sockets
    @asked = []
    @sockets = []
    @thread = Thread.new { accept }
  end

  def url = "http://#{@server.local_address.inspect_sockaddr}"

  def port = @server.local_address.ip_port

  def asked = @lock.synchronize { @asked.dup }

  # How many connections were made.
  def connections = @lock.synchronize { @sockets.size }

  # Closes all connections from this side, and returns when they are closed.
  def drop = @lock.synchronize { @sockets.each { |socket| socket.shutdown unless socket.closed? } }

  def stop
    @thread.kill.join
    @server.close
    drop
  end

  private

  def accept
    loop do
      socket = @server.accept
      number = @lock.synchronize { @sockets.push(socket).size }
      Thread.new { serve(socket, number) }
    end
  end

  def serve(socket, number)
    while (asked = read(socket, number))
      @lock.synchronize { @asked << asked }
      break if @conduct.call(asked, socket) == :end
    end
  rescue IOError, SystemCallError
    nil # the other side has gone
  ensure
    socket.close
  end

  def read(socket, number)
    line = socket.gets or return
    header = {}
    while (field = socket.gets.chomp) != ""
      name, value = field.split(": ", 2)
      header[name.downcase] = value
    end
    Asked.new(number, line.chomp, header, socket.read(header["content-length"].to_i))
  end
end
