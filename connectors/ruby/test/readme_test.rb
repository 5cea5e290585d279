# frozen_string_literal: true

require "kit"
require "open3"

# What README.md shows runs, one block after the other.
class ReadmeTest < Kit
  README = File.read(File.expand_path("../README.md", __dir__))

  def test_readme
    reason = "needs Rack::Protection: apt-get install ruby-rack-protection"
    skip reason unless Gem::Specification.find_all_by_name("rack-protection").any?
    code = README.scan(/^```ruby\n(.*?)^```$/m).join + "puts \"sent: \#{roots.sent.inspect} \#{ROOTS.sent.size}\"\n"
    said, status = Open3.capture2e({ "ROOTS_URL" => "null:" }, "ruby", "-Ilib", "-e", code)
    assert_predicate status, :success?, said
    shown = README[/^roots\.sent # (.*)$/, 1].gsub(" => ", "=>")
    assert_equal "sent: #{shown} 8", said.gsub(" => ", "=>").chomp
  end

  # The block about webhooks needs a request.
  def test_webhooks
    code = README[/^```text\n(require "rootsd\/webhook".*?)^```$/m, 1]
    time = Time.now.to_i.to_s
    signature = "v1,#{[OpenSSL::HMAC.digest("SHA256", "secret", "1.#{time}.[1]")].pack("m0")}"
    fields = { "HTTP_WEBHOOK_ID" => "1", "HTTP_WEBHOOK_TIMESTAMP" => time, "HTTP_WEBHOOK_SIGNATURE" => signature }
    request = Struct.new(:body, :fields) { def get_header(name) = fields[name] }.new(StringIO.new("[1]"), fields)
    verify = eval("->(request, secret) { #{code}\nsaid }", binding, "README.md")
    assert_equal [1], verify.call(request, ["secret"].pack("m0"))
  end
end
