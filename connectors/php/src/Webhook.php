<?php declare(strict_types=1);

namespace Rootsd;

require_once __DIR__ . '/Error.php';

/**
 * Webhook looks whether a request is from rootsd, as Standard Webhooks says (https://www.standardwebhooks.com).
 *
 *     $event = Rootsd\Webhook::verify(file_get_contents('php://input'), getallheaders(), $secret);
 */
final class Webhook {
    /**
     * Returns the body, decoded from JSON.
     *
     * @param string $body the body as it came, byte by byte
     * @param array<string, string|list<string>> $headers by name; capitals do not matter
     * @param list<string>|string $secret base64, with or without `whsec_`; several while it is being changed
     * @param int $tolerance by how many seconds the sender's clock and this one may differ
     * @param ?int $now the time in Unix seconds, for tests
     * @throws Error with the reason `timestamp` where the time is missing, no number, or too long ago or ahead; with
     *     `signature` where anything else is wrong
     */
    public static function verify(
        string $body,
        array $headers,
        #[\SensitiveParameter] array|string $secret,
        int $tolerance = 300,
        ?int $now = null,
    ): mixed {
        [$id, $time, $signatures] = self::fields($headers);
        if (!preg_match('/^\d{1,15}$/D', $time) || abs(($now ?? time()) - (int) $time) > $tolerance) {
            throw new Error('webhook', 'timestamp', "webhook-timestamp is missing, or not within $tolerance s of now");
        }
        if ($id === '' || !self::isSigned("$id.$time.$body", $signatures, (array) $secret)) {
            throw new Error('webhook', 'signature', 'no signature in webhook-signature is that of a known secret');
        }
        try {
            return json_decode($body, true, flags: JSON_THROW_ON_ERROR);
        } catch (\JsonException $e) {
            throw new Error('webhook', 'message', $e->getMessage());
        }
    }

    /** @return array{string, string, string} the ID, the time and the signatures, '' for what is missing */
    private static function fields(array $headers): array {
        $headers = array_change_key_case($headers);
        $names = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];
        return array_map(static fn ($name) => implode(' ', (array) ($headers[$name] ?? '')), $names);
    }

    private static function isSigned(string $text, string $signatures, #[\SensitiveParameter] array $secrets): bool {
        $good = false;
        foreach ($secrets as $secret) {
            $signature = 'v1,' . base64_encode(hash_hmac('sha256', $text, self::key($secret), true));
            foreach (explode(' ', $signatures) as $given) {
                $good = hash_equals($signature, $given) || $good;
            }
        }
        return $good;
    }

    /** An empty key would be everybody's: a secret that was not configured must not open the door. */
    private static function key(#[\SensitiveParameter] string $secret): string {
        $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
        return $key ?: throw new \InvalidArgumentException('rootsd: webhook: a secret is base64, and not empty');
    }
}
