<?php declare(strict_types=1);

namespace Rootsd;

require_once __DIR__ . '/Error.php';

/**
 * Connector tells rootsd what happened, and which clients may hear of it.
 *
 *     $roots = new Rootsd\Connector();
 *     $roots->update('orders/42', ['state' => 'shipped']);
 *
 * A call that fails returns null, after it gave the {@see Error} to `onError`: a page is not lost because its push is.
 * With `raises` it throws the error instead. Calls return what the daemon answers, JSON objects as arrays. What they
 * send is encoded by json_encode(), so that an empty object is `new \stdClass()`.
 *
 * **No update is ever sent twice.** That is why HTTP is written out here: cURL repeats a request whose connection
 * breaks, and the http:// of PHP's streams makes a connection for each request. It expects the worst of what answers:
 * an answer has one time and 16 MiB for all of it, and what nobody has asked for is never taken for the next one.
 *
 * One object keeps one connection for as long as it lives. It is no persistent stream: a script that was ended between
 * a request and its answer would leave that answer to the next one. After a fork each process makes one of its own.
 * With https, close() it before: PHP says goodbye for the parent when the child drops what it has inherited.
 */
final class Connector {
    /** What changes nothing when it is done again. */
    private const REPEATABLE = ['connect', 'disconnect', 'permit', 'forbid', 'kick', 'clients'];
    /** How many bytes are sent or received at once, and how many an answer may have. */
    private const PIECE = 1 << 17, LONGEST = 1 << 24;

    /** @var list<array{string, mixed}> what the connector `null:` would have sent: [verb, body], the latest 1,000 */
    public array $sent = [];
    /** Told of every error that is not thrown. */
    public readonly \Closure $onError;
    /** What the URL says: the address for PHP's streams, the Host field, and the path without a slash at its end. */
    private readonly string $address, $host, $base;
    /** The connection that may be used again, by the ID of the process that made it. */
    private array $idle = [];
    /** @var resource|null the connection of the request that is under way */
    private $stream;
    /** What that request does, and how many bytes of its answer came. */
    private string $verb = '';
    private int $received = 0;
    /** How many seconds its answer may take, and until when by hrtime(). */
    private float $seconds = 0, $deadline = 0;

    /**
     * What cannot be right throws an \InvalidArgumentException.
     *
     * @param ?string $url where the daemon's ingest is: http:// or https://, with a path where a proxy wants one.
     *     `null:` sends nothing, and keeps in `$sent` what it would have sent: for an application's own tests.
     *     Default: $ROOTS_URL, or else http://127.0.0.1:8004
     * @param ?string $token one of the daemon's `ingest.tokens`. Default: $ROOTS_TOKEN, or else none
     * @param float $timeout how many seconds it may take to connect, and then to answer; `wait` comes on top
     * @param bool $raises whether a call that fails throws its error
     * @param (callable(Error): mixed)|null $onError told of an error that is not thrown. Default: error_log()
     */
    public function __construct(
        #[\SensitiveParameter] private ?string $url = null, #[\SensitiveParameter] private ?string $token = null,
        private readonly float $timeout = 5, private readonly bool $raises = false, ?callable $onError = null) {
        $this->url ??= getenv('ROOTS_URL') ?: 'http://127.0.0.1:8004';
        $this->token ??= (string) getenv('ROOTS_TOKEN');
        $host = '(\[[\da-z:.]+\]|[\w.-]+)(?::(\d{1,5}))?';
        $good = preg_match("%^(?:(?-i:null:)|http(s?)://$host(/[!\"$->A-~]*)?)$%Di", $this->url, $part);
        [, $secure, $host, $port, $path] = $part + ['', '', '', '', ''];
        if (!$good || $port > 65535 || preg_match('/[^!-~]/', $this->token) || !($timeout > 0 && $timeout < INF)) {
            throw new \InvalidArgumentException('rootsd: want url http://…, https://… or null:, a token, timeout > 0');
        }
        $this->address = ($secure ? 'tls' : 'tcp') . "://$host:" . ($port ?: ($secure ? 443 : 80));
        [$this->host, $this->base] = [$port === '' ? $host : "$host:$port", rtrim($path, '/')];
        $this->onError = ($onError ?? static fn (Error $error) => error_log("warning: {$error->getMessage()}"))(...);
    }

    /**
     * Tells all clients that are connected to $path. Returns `['accepted' => 1]`, or with $wait the receipt.
     *
     * @param mixed $message anything that json_encode() takes
     * @param bool $latest takes the place of an earlier `latest` update that a client has not been sent yet
     * @param ?string $except the ID of one client that is not told
     * @param ?float $wait for how many seconds the answer may wait until all clients have confirmed
     */
    public function update(
        string $path, mixed $message, bool $latest = false, ?string $except = null, ?float $wait = null): ?array {
        return $this->ask('update', self::entry(compact('path', 'message', 'latest', 'except', 'wait')), $wait ?? 0);
    }

    /**
     * Tells many updates in one request: all of them are taken, or none. Returns `['accepted' => n]`, or a list of
     * receipts if one of them waits.
     *
     * @param array<array<string, mixed>> $updates each with the keys path, message, latest, except, wait
     */
    public function updates(array $updates): ?array {
        $entries = array_map(self::entry(...), array_values($updates));
        return $this->ask('update', $entries, max([0, ...array_column($updates, 'wait')]));
    }

    /**
     * Lets a client hear of paths or patterns, for $lease seconds or as long as its session lasts. By the time of the
     * answer the connection stands. Returns `['id' => …, 'paths' => […]]`, like the next three.
     *
     * @param list<string>|string $paths
     */
    public function connect(string $id, array|string $paths, ?float $lease = null): ?array {
        return $this->do('connect', $id, $paths, $lease);
    }

    /** Undoes connect(), for the very patterns that were connected. */
    public function disconnect(string $id, array|string $paths): ?array { return $this->do('disconnect', $id, $paths); }

    /** Lets a client publish at paths or patterns, for $lease seconds or as long as its session lasts. */
    public function permit(string $id, array|string $paths, ?float $lease = null): ?array {
        return $this->do('permit', $id, $paths, $lease);
    }

    /** Undoes permit(). */
    public function forbid(string $id, array|string $paths): ?array { return $this->do('forbid', $id, $paths); }

    /**
     * Lets a client into chat rooms: it hears each, is told who is in it, and may publish to it. All of it is done, or
     * nothing. Returns `['accepted' => n]`, three for each room.
     */
    public function join(string $id, array|string $rooms): ?array {
        foreach ((array) $rooms as $room) {
            foreach ([['::connect', ''], ['::connect', '::members/'], ['::permit', '']] as [$command, $prefix]) {
                $updates[] = ['path' => $command, 'message' => "$id->$prefix" . trim($room, '/')];
            }
        }
        return $this->ask('update', $updates ?? []);
    }

    /** Ends a client's session now. Returns `['id' => …]`. */
    public function kick(string $id): ?array { return $this->ask('kick', ['id' => $id]); }

    /** What a client is connected to, and the state of its session: `GET /clients/{id}` of docs/protocol.md. */
    public function clients(string $id): ?array { return $this->ask('clients', ['id' => $id]); }

    /** Closes the connection; the next call makes another. */
    public function close(): void { [$this->idle, $this->stream] = [[], null]; }

    /**
     * What all of these use: POSTs $body to /$verb (clients are asked for with GET) and returns the decoded answer. It
     * throws what goes wrong, whatever `raises` says.
     *
     * @param float $wait how many seconds more than usual the answer may take
     * @throws Error
     */
    public function request(string $verb, array $body, float $wait = 0): array {
        $text = json_encode($body, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE, 1024)
            ?: throw new Error($verb, 'message', json_last_error_msg());
        if ($this->url === 'null:') {
            return $this->pretend($verb, $body, $text);
        }
        // What can be read before anything was asked is the end of the connection, or what nobody has asked for.
        [$this->stream, $this->idle] = [$this->idle[getmypid()] ?? null, []];
        [$readable, $none] = [[$this->stream], null];
        $isReused = $this->stream && @stream_select($readable, $none, $none, 0) === 0;
        $isReused || $this->stream = @stream_socket_client($this->address, $number, $why, $this->timeout);
        $this->stream || throw new Error($verb, 'unreachable', "no connection to $this->url: "
            . ($why ?: 'TLS fails, perhaps because of its certificate') . '; is rootsd running there?');

        try {
            return $this->exchange($verb, $this->compose($verb, $body, $text), $this->timeout + max(0, $wait));
        } catch (Error $error) {
            // Without a word: the daemon has closed the connection just now. It may have done what it was told before.
            $isSilent = $isReused && $error->reason === 'interrupted' && $this->received === 0;
            $isSilent && in_array($verb, self::REPEATABLE, true) || throw $error;
        }
        return $this->request($verb, $body, $wait);
    }

    private function ask(string $verb, array $body, float $wait = 0): ?array {
        try {
            return $this->request($verb, $body, $wait);
        } catch (Error $error) {
            $this->raises ? throw $error : ($this->onError)($error);
            return null;
        }
    }

    /** Asks for what goes by an ID and paths: connect and its like. */
    private function do(string $verb, string $id, array|string $paths, ?float $lease = null): ?array {
        $body = ['id' => $id, 'paths' => array_values((array) $paths)];
        return $this->ask($verb, $body + ($lease === null ? [] : ['for' => self::time($lease)]));
    }

    /** An update as it is sent: without the options that say nothing. */
    private static function entry(array|object $update): array {
        $said = static fn ($value, $key) => $key === 'message' || $value !== null && $value !== false;
        $update = array_filter((array) $update, $said, ARRAY_FILTER_USE_BOTH);
        return array_replace($update, isset($update['wait']) ? ['wait' => self::time($update['wait'])] : []);
    }

    private static function time(float $seconds): string { return sprintf('%.0fms', $seconds * 1000); }

    /** Notes what would be sent, and answers as the daemon would. */
    private function pretend(string $verb, array $body, string $text): array {
        $this->sent = array_slice([...$this->sent, [$verb, json_decode($text, true, 1024)]], -1000);
        return $verb === 'update' ? ['accepted' => array_is_list($body) ? count($body) : 1]
            : array_diff_key($body, ['for' => 0]) + ($verb === 'clients' ? ['connected' => [], 'permits' => []] : []);
    }

    /** A request as it goes over the wire. That for clients has the ID in its path, and no body. */
    private function compose(string $verb, array $body, string $text): string {
        $isGet = $verb === 'clients';
        $target = $isGet ? 'clients/' . rawurlencode($body['id']) : rawurlencode($verb);
        $type = $isGet ? '' : "Content-Type: application/json\r\nContent-Length: " . strlen($text) . "\r\n";
        return ($isGet ? 'GET' : 'POST') . " $this->base/$target HTTP/1.1\r\nHost: $this->host\r\n"
            . "User-Agent: rootsd-php/0.1.0\r\n" . ($this->token === '' ? '' : "Authorization: Bearer $this->token\r\n")
            . "$type\r\n" . ($isGet ? '' : $text);
    }

    /** Sends a request and reads its answer; returns what the daemon says, or throws it if it is an error. */
    private function exchange(string $verb, #[\SensitiveParameter] string $request, float $seconds): array {
        [$this->verb, $this->received, $this->seconds] = [$verb, 0, $seconds];
        $this->deadline = hrtime(true) / 1e9 + $seconds;

        stream_set_blocking($this->stream, true);
        foreach (str_split($request, self::PIECE) as $piece) { // each may take what is left of the time
            stream_set_timeout($this->stream, ...$this->left());
            $isSent = ($isSent ?? true) && @fwrite($this->stream, $piece) === strlen($piece);
        }

        // Where not all of it could be sent, there may be an answer that says why.
        stream_set_blocking($this->stream, false); // read() waits by itself, and then takes what there is
        do {
            $head = $this->read("\r\n\r\n");
            $status = preg_match('~^HTTP/1\.[01] (\d{3})\s~', $head, $found) ? (int) $found[1] : 0;
        } while ($status === 100 || $status >= 102 && $status <= 199); // after these, the answer is still to come
        $hasLength = preg_match('/^content-length:[ \t]*(\d{1,15})[ \t]*\r$/mi', $head, $length);
        $text = match (true) {
            $status < 200, $status === 204, $status === 304 => '',
            preg_match('/^transfer-encoding:[ \t]*chunked[ \t]*\r$/mi', $head) === 1 => $this->chunks(),
            default => $this->read($hasLength ? (int) $length[1] : null),
        };

        // Where an answer tells its end in two ways, what follows may be the rest of it. What follows 101 is not HTTP.
        $ends = preg_match_all('/^(content-length|transfer-encoding)\s*:/mi', $head);
        $closes = $status < 200 || preg_match('~^HTTP/1\.0|^connection:.*\bclose\b~mi', $head);
        $this->idle = $isSent && $ends < 2 && !$closes ? [getmypid() => $this->stream] : [];
        return self::decode($verb, $status, $text);
    }

    /** Reads a body that comes in chunks, each after its size in hexadecimal digits. */
    private function chunks(): string {
        for ($body = ''; $size = intval($this->read("\r\n"), 16); $this->read("\r\n")) {
            $body .= $this->read($size);
        }
        while ($this->read("\r\n") !== "\r\n"); // trailers
        return $body;
    }

    /** Reads so many bytes, or lines until one ends with $end, or, for null, until the connection ends. */
    private function read(int|string|null $end): string {
        for ($text = ''; is_int($end) ? strlen($text) < $end : !$end || !str_ends_with($text, $end); $text .= $piece) {
            [$readable, $none, $left] = [[$this->stream], null, $this->left()];
            $left > [0, 0] || throw $this->failure('timeout', "no answer within $this->seconds s");
            @stream_select($readable, $none, $none, ...$left);
            $piece = (string) @fgets($this->stream, 1 + min(is_int($end) ? $end - strlen($text) : INF, self::PIECE));
            if ($piece === '' && stream_get_meta_data($this->stream)['eof']) {
                return $end === null ? $text : throw $this->failure('interrupted', 'the connection broke');
            }
            $this->received += strlen($piece);
            $this->received <= self::LONGEST || throw $this->failure('answer', 'the answer is longer than 16 MiB');
        }
        return $text;
    }

    /** @return array{int, int} how many seconds and microseconds are left; a week is as good as more */
    private function left(): array {
        $left = max(0, min($this->deadline - hrtime(true) / 1e9, 604800));
        return [(int) $left, (int) (fmod($left, 1) * 1e6)];
    }

    private function failure(string $reason, string $what): Error {
        return new Error($this->verb, $reason, "$what; it is not known whether rootsd has done it", uncertain: true);
    }

    /** Returns what the daemon says, or throws the error that it is. */
    private static function decode(string $verb, int $status, string $text): array {
        $said = json_decode($text, true);
        if ($status === 200 && is_array($said)) {
            return $said;
        }
        [$texts, $numbers] = [array_filter((array) $said, is_string(...)), array_filter((array) $said, is_int(...))];
        if ($status >= 400 && isset($texts['reason'], $texts['detail'])) {
            throw new Error($verb, $texts['reason'], $texts['detail'], $status, false,
                $numbers['entry'] ?? null, $texts['field'] ?? null, $numbers['offset'] ?? null);
        }
        // Nobody can tell whether what somebody else has answered comes after the deed.
        $isUncertain = $status < 300 || $status >= 500;
        throw new Error($verb, 'answer', 'what answers is not rootsd; is this its ingest port?', $status, $isUncertain);
    }
}
