# frozen_string_literal: true

require "kit"
require "rootsd/webhook"

class WebhookTest < Kit
  VECTORS = File.expand_path("../../../docs/vectors/webhook.json", __dir__)
  KEYS = %w[name why secret secrets headers body now result error].freeze

  def test_vectors
    cases = JSON.parse(File.read(VECTORS))["cases"]
    cases.each do |vector|
      assert_empty vector.keys.reject { |key| key.start_with?("_") } - KEYS, vector["name"]
      said = [*vector.values_at("body", "headers"), vector["secrets"] || vector["secret"]]
      verify = -> { Rootsd::Webhook.verify(*said, now: vector["now"]) }
      if vector.key?("error")
        assert_equal vector["error"], assert_raises(Rootsd::Error, vector["name"], &verify).reason, vector["name"]
      else
        assert_equal vector["result"], verify.call, vector["name"]
      end
    end
    puts "vectors: webhook #{cases.size}"
  end

  # Everybody knows an empty key.
  def test_secrets_that_are_none
    ["", "whsec_", nil, [], "no base64!", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""]].each do |secret|
      assert_raises(ArgumentError, secret.inspect) { Rootsd::Webhook.verify("{}", {}, secret) }
    end
  end

  def test_a_signed_body_that_is_no_json
    assert_fails("message") { verify_signed("1", "\xff") }
  end

  def test_what_is_signed_without_an_id
    assert_equal({}, verify_signed("1", "{}"))
    assert_fails("signature") { verify_signed("", "{}") }
  end

  private

  def verify_signed(id, body, time = Time.now)
    signature = [OpenSSL::HMAC.digest("SHA256", "secret", "#{id}.#{time.to_i}.#{body}")].pack("m0")
    headers = { "webhook-id" => id, "webhook-timestamp" => time.to_i, "webhook-signature" => "v1,#{signature}" }
    Rootsd::Webhook.verify(body, headers, ["secret"].pack("m0"), now: time)
  end
end
