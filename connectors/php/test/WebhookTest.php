<?php declare(strict_types=1);

use Rootsd\Error;
use Rootsd\Webhook;

/** What verifying a case says, as the case has it: ['result' => …] or ['error' => reason]. */
function verified(array $case): array {
    $secret = $case['secret'] ?? $case['secrets'];
    try {
        return ['result' => Webhook::verify($case['body'], $case['headers'], $secret, now: $case['now'])];
    } catch (Error $e) {
        return ['error' => $e->reason];
    }
}

$keys = array_flip(['name', 'why', 'secret', 'secrets', 'headers', 'body', 'now', 'result', 'error']);
$text = file_get_contents(__DIR__ . '/../../../docs/vectors/webhook.json');
$vectors = json_decode($text, true, flags: JSON_THROW_ON_ERROR);

return [
    'vectors' => static function () use ($vectors, $keys): void {
        foreach ($vectors['cases'] as $case) {
            same([], array_diff_key($case, $keys), "unknown keys of \"{$case['name']}\"");
            $want = array_intersect_key($case, ['result' => 1, 'error' => 1]);
            same($want, verified($case), $case['name']);
        }
        echo '# vectors: webhook ', count($vectors['cases']), "\n";
    },

    'frameworks give a list of values for a header' => static function () use ($vectors): void {
        $case = $vectors['cases'][0];
        $case['headers'] = array_map(static fn ($value) => [$value], $case['headers']);
        same(['result' => $case['result']], verified($case));
    },

    'a time or an ID that is none' => static function () use ($vectors): void {
        $case = $vectors['cases'][0];
        foreach (['+', '-', ' ', '0x', "\u{664}"] as $before) {
            $headers = ['webhook-timestamp' => $before . $case['headers']['webhook-timestamp']] + $case['headers'];
            same(['error' => 'timestamp'], verified(['headers' => $headers] + $case), $before);
        }
        $time = $case['headers']['webhook-timestamp'];
        $key = base64_decode(substr($case['secret'], 6));
        $signature = 'v1,' . base64_encode(hash_hmac('sha256', ".$time.{$case['body']}", $key, true));
        $headers = ['webhook-id' => '', 'webhook-timestamp' => $time, 'webhook-signature' => $signature];
        same(['error' => 'signature'], verified(['headers' => $headers] + $case), 'an empty ID');
    },

    'the time is that of the clock' => static function () use ($vectors): void {
        $case = $vectors['cases'][0];
        $error = thrown(static fn () => Webhook::verify($case['body'], $case['headers'], $case['secret']));
        same('timestamp', $error->reason);
    },

    'an empty secret is nobody\'s' => static function () use ($vectors): void {
        $case = $vectors['cases'][0];
        foreach (['', 'whsec_', '***', 'a', 'whsec_A', 'YQ=', 'YQ===', "\0", ['']] as $secret) {
            $error = thrown(static fn () => verified(['secret' => $secret] + $case));
            same(InvalidArgumentException::class, $error::class);
        }
        same(['error' => 'signature'], verified(['secret' => []] + $case), 'no secret at all');
    },

    'a body that is signed and is not JSON' => static function (): void {
        $signature = 'v1,' . base64_encode(hash_hmac('sha256', 'a.1.{', 'key', true));
        $headers = ['webhook-id' => 'a', 'webhook-timestamp' => '1', 'webhook-signature' => $signature];
        $error = thrown(static fn () => Webhook::verify('{', $headers, base64_encode('key'), now: 1));
        same('message', $error->reason);
    },
];
