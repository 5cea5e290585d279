<?php declare(strict_types=1);

namespace Rootsd;

/**
 * Error says why a call failed. Its text is for people:
 *
 *     rootsd: update: path has an empty segment (400 path, entry 1)
 *
 * The members are for programs. `$status` is the HTTP status, 0 where there was no answer. `$reason` is one word: the
 * daemon's own (docs/protocol.md lists them), or
 *
 * - `unreachable`: no connection could be made, and nothing was sent;
 * - `interrupted`: the connection broke after something was sent;
 * - `timeout`: no answer came in time;
 * - `message`: what was to be sent is not JSON, and nothing was sent;
 * - `answer`: what answered is not rootsd's ingest;
 * - `signature`, `timestamp`: see {@see Webhook::verify()}.
 *
 * `$detail` says it in words. `$entry` (of several updates or paths, from 0), `$field` and `$offset` (in bytes) say
 * where, if the daemon does. `$uncertain` is true where the daemon may have done it all the same.
 */
final class Error extends \RuntimeException {
    public function __construct(
        string $doing, public readonly string $reason, public readonly string $detail,
        public readonly int $status = 0, public readonly bool $uncertain = false, public readonly ?int $entry = null,
        public readonly ?string $field = null, public readonly ?int $offset = null) {
        $kind = ltrim("$status $reason", '0 ') . (isset($entry) ? ", entry $entry" : '');
        parent::__construct("rootsd: $doing: $detail ($kind)");
    }
}
