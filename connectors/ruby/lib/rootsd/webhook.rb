# frozen_string_literal: true

require "json"
require "openssl"
require "rootsd"

module Rootsd
  # Webhook checks that a request comes from who knows the secret: it was signed as Standard Webhooks says.
  module Webhook
    module_function

    # Returns what the body says, or raises an Error with the reason "timestamp" (more than tolerance seconds from
    # now), "signature" (all else) or "message" (signed, but not JSON).
    #
    # body::    as it came, byte for byte.
    # headers:: a Hash by name, in any case: webhook-id, webhook-timestamp and webhook-signature are looked at.
    # secret::  in base64, with or without whsec_ before it; or several of them, while one is changed for another.
    #           Raises ArgumentError if there is none.
    # now::     Unix seconds or a Time, for tests.
    def verify(body, headers, secret, tolerance: 300, now: Time.now)
      keys = [secret].flatten.map { |text| key(text) }
      raise ArgumentError, "there is no secret" if keys.empty?
      id, timestamp, signatures = fields(headers)
      recent = timestamp.match?(/\A\d{1,15}\z/) && (now.to_i - timestamp.to_i).abs <= tolerance
      fail_with("timestamp", "webhook-timestamp is not within #{tolerance} s of now") unless recent
      text = "#{id}.#{timestamp}.".b + body.b
      signed = !id.empty? && keys.any? { |key| signatures.split.any? { |signature| good?(signature, key, text) } }
      fail_with("signature", "it is not signed with this secret") unless signed
      parse(body)
    end

    def fields(headers)
      headers = headers.to_h.transform_keys { |name| name.to_s.downcase }
      %w[id timestamp signature].map { |name| headers["webhook-#{name}"].to_s }
    end

    # An empty key would be one that everybody knows.
    def key(secret)
      bytes = secret.to_s.delete_prefix("whsec_").unpack1("m0")
      bytes.empty? ? raise(ArgumentError, "the secret is empty") : bytes
    rescue ArgumentError
      raise ArgumentError, "the secret is empty, or no base64", cause: nil
    end

    def good?(signature, key, text)
      OpenSSL.secure_compare(signature, "v1,#{[OpenSSL::HMAC.digest("SHA256", key, text)].pack("m0")}")
    end

    def parse(body)
      JSON.parse(body)
    rescue JSON::ParserError
      fail_with("message", "the body is signed, but it is not JSON")
    end

    def fail_with(reason, detail)
      raise Error.new("webhook", reason, detail)
    end

    private_class_method :fields, :key, :good?, :parse, :fail_with
  end
end
