# frozen_string_literal: true

require "kit"
require "open3"
require "tmpdir"

# With TLS, as through a proxy before a rootsd on another machine.
class TLSTest < Kit
  # The child must not end the connection for its parent: over TLS it could.
  PROGRAM = <<~RUBY
    require "rootsd"
    roots = Rootsd::Connector.new(raises: true)
    p roots.update("a", 1)
    Process.wait(fork { roots.close })
    2.times { p roots.update("a", 1) }
    roots.close
  RUBY

  def test_tls
    certified do |cert, context|
      url = serve(context)
      error = assert_fails("unreachable") { connector(url).update("a", 1) }
      assert_match(/certificate verify failed/, error.message)
      # What is trusted is read when Ruby starts.
      said, status = Open3.capture2e({ "ROOTS_URL" => url, "SSL_CERT_FILE" => cert }, "ruby", "-Ilib", "-e", PROGRAM)
      assert_predicate status, :success?, said
      assert_equal ["{\"accepted\"=>1}\n", "{\"accepted\"=>2}\n", "{\"accepted\"=>3}\n"], said.lines
    end
  end

  private

  # Yields where a certificate for 127.0.0.1 is that nobody knows, and what a server needs to show it.
  def certified
    reason = "needs the program openssl: apt-get install openssl"
    skip reason unless system("openssl", "version", out: File::NULL, err: File::NULL)
    Dir.mktmpdir do |folder|
      key, cert = %w[key.pem cert.pem].map { |name| File.join(folder, name) }
      system("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", key, "-out", cert, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             err: File::NULL, exception: true)
      context = OpenSSL::SSL::SSLContext.new
      context.add_certificate(OpenSSL::X509::Certificate.new(File.read(cert)), OpenSSL::PKey.read(File.read(key)))
      yield cert, context
    end
  end

  # A server that answers on one connection, after one that did not trust it: how many requests there were.
  def serve(context)
    tcp = TCPServer.new("127.0.0.1", 0)
    thread = Thread.new do
      assert_raises(OpenSSL::SSL::SSLError) { accept(tcp, context) }
      answer(accept(tcp, context))
    end
    @ended << -> { tcp.close } << -> { thread.kill.join }
    "https://127.0.0.1:#{tcp.local_address.ip_port}"
  end

  def accept(tcp, context)
    OpenSSL::SSL::SSLSocket.new(tcp.accept, context).tap do |socket|
      socket.sync_close = true
      socket.accept
    end
  end

  def answer(socket)
    count = 0
    while socket.gets
      length = 0
      until (field = socket.gets.chomp).empty?
        length = field[/\d+/].to_i if field.downcase.start_with?("content-length")
      end
      socket.read(length)
      socket.write(StandIn.http(200, { "accepted" => count += 1 }))
    end
  end
end
