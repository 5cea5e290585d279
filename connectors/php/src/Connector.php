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
 * breaks, and the http:// of PHP's streams makes a connection for each request. One object keeps one connection for
 * as long as it lives. It is no persistent stream: a script that was ended between a request and its answer would
 * leave that answer to the next one.
 */
final class Connector {
    /** @var list<array{string, mixed}> what the connector `null:` would have sent: [verb, body], the latest 1,000 */
    public array $sent = [];
    /** Told of every error that is not thrown. */
    public readonly \Closure $onError;
    /** What the URL says: the address for PHP's streams, the Host field, and the path without a slash at its end. */
    private readonly string $address, $host, $base;
    /** The connection that may be used again, by the process that made it: after a fork each has one of its own. */
    private array $idle = [];
    /** @var resource|null the connection of the request that is under way */
    private $stream;
    /** What that request does, and whether any of its answer came. */
    private string $verb = '';
    private bool $heard = false;
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
        private ?string $url = null, #[\SensitiveParameter] private ?string $token = null,
        private readonly float $timeout = 5, private readonly bool $raises = false, ?callable $onError = null) {
        $this->url ??= getenv('ROOTS_URL') ?: 'http://127.0.0.1:8004';
        $this->token ??= (string) getenv('ROOTS_TOKEN');
        $good = preg_match('%^(null:|http(s?)://([!"$-.0->A-~]+)(/[!"$->A-~]*)?)$%Di', $this->url, $part);
        if (!$good || preg_match('/[^!-~]/', $this->token) || !($timeout > 0)) {
            throw new \InvalidArgumentException('rootsd: want url http://…, https://… or null:, a token, timeout > 0');
        }
        [, , $secure, $this->host, $path] = $part + ['', '', '', '', ''];
        $port = preg_match('/:\d+$/D', $this->host) ? '' : ($secure ? ':443' : ':80');
        [$this->address, $this->base] = [($secure ? 'tls' : 'tcp') . "://$this->host$port", rtrim($path, '/')];
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
        [$entries, $waits] = [array_map(self::entry(...), array_values($updates)), array_column($updates, 'wait')];
        return $this->ask('update', $entries, max([0, ...$waits]));
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
        foreach (preg_replace('%^/+|/+$%D', '', (array) $rooms) as $room) {
            $updates[] = ['path' => '::connect', 'message' => "$id->$room"];
            $updates[] = ['path' => '::connect', 'message' => "$id->::members/$room"];
            $updates[] = ['path' => '::permit', 'message' => "$id->$room"];
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
            $this->sent = array_slice([...$this->sent, [$verb, json_decode($text, true)]], -1000);
            $more = $verb === 'clients' ? ['connected' => [], 'permits' => []] : [];
            return $verb === 'update' ? ['accepted' => array_is_list($body) ? count($body) : 1]
                : array_diff_key($body, ['for' => 0]) + $more;
        }
        // What can be read of an idle connection, before anything was asked, is its end: the daemon has closed it.
        [$idle, $this->idle] = [$this->idle[getmypid()] ?? null, []];
        [$readable, $none] = [[$idle], null];
        $reused = $idle && @stream_select($readable, $none, $none, 0) === 0;
        $this->stream = $reused ? $idle : @stream_socket_client($this->address, $number, $why, $this->timeout);
        $this->stream || throw new Error($verb, 'unreachable', "no connection to $this->url: "
            . ($why ?: 'TLS fails, perhaps because of its certificate') . '; is rootsd running there?');
        try {
            return $this->exchange($verb, $body, $text, $this->timeout + $wait);
        } catch (Error $error) {
            // The daemon has closed the connection just now. An update may be done all the same, others can be redone.
            $safe = $reused && !$this->heard && $error->reason === 'interrupted' && $verb !== 'update';
            return $safe ? $this->request($verb, $body, $wait) : throw $error;
        }
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

    /** Sends a request and reads its answer; returns what the daemon says, or throws it if it is an error. */
    private function exchange(string $verb, array $body, string $text, float $seconds): array {
        [$this->verb, $this->heard, $get] = [$verb, false, $verb === 'clients'];
        [$this->seconds, $this->deadline] = [$seconds, hrtime(true) / 1e9 + $seconds];
        stream_set_timeout($this->stream, (int) ceil($seconds));
        $request = ($get ? "GET $this->base/clients/" . rawurlencode($body['id']) : "POST $this->base/$verb")
            . " HTTP/1.1\r\nHost: $this->host\r\nUser-Agent: rootsd-php/0.1.0\r\n"
            . ($this->token === '' ? '' : "Authorization: Bearer $this->token\r\n")
            . ($get ? "\r\n" : "Content-Type: application/json\r\nContent-Length: " . strlen($text) . "\r\n\r\n$text");
        @fwrite($this->stream, $request); // where that fails, there may be an answer that says why
        do {
            $header = $this->read("\r\n\r\n");
        } while (preg_match('~^HTTP/1\.1 1\d\d~', $header)); // such as 100 Continue: the answer is still to come
        preg_match('~\r\n(?:transfer-encoding:\s*chunked|content-length:\s*(\d{1,8}))\s~i', $header, $end);
        $text = isset($end[1]) ? $this->read((int) $end[1])
            : ($end ? $this->chunks() : stream_get_contents($this->stream));
        $closes = !$end || preg_match('~^HTTP/1\.0|\r\nconnection:[^\r]*\bclose\b~i', $header);
        $this->idle = $closes ? [] : [getmypid() => $this->stream];
        $status = preg_match('~^HTTP/1\.[01] (\d{3})\s~', $header, $found) ? (int) $found[1] : 0;
        $said = json_decode($text, true);
        $problem = array_intersect_key((array) $said, array_flip(['reason', 'detail', 'entry', 'field', 'offset']));
        $stranger = ['reason' => 'answer', 'detail' => 'what answers is not rootsd; is this its ingest port?'];
        $problem = isset($problem['reason'], $problem['detail']) ? $problem
            : $stranger + ['uncertain' => $status < 300 || $status >= 500];
        return $status === 200 && is_array($said) ? $said : throw new Error($verb, ...$problem, status: $status);
    }

    private function chunks(): string {
        for ($body = ''; $size = intval($this->read("\r\n"), 16); $this->read("\r\n")) { $body .= $this->read($size); }
        while ($this->read("\r\n") !== "\r\n"); // trailers
        return $body;
    }

    /** Reads so many bytes, or lines until one ends with $end. Each piece may take what is left of the time. */
    private function read(int|string $end): string {
        for ($text = ''; is_int($end) ? strlen($text) < $end : !str_ends_with($text, $end); $text .= $piece) {
            $left = max(0, $this->deadline - hrtime(true) / 1e9);
            stream_set_timeout($this->stream, (int) $left, 1 + (int) (fmod($left, 1) * 1e6));
            $piece = (string) @(is_int($end) ? fread($this->stream, $end - strlen($text)) : fgets($this->stream, 8192));
            $this->heard = $this->heard || $piece !== '';
            if ($piece === '' || is_string($end) && strlen($text) > 65536) {
                [$reason, $what] = stream_get_meta_data($this->stream)['timed_out']
                    ? ['timeout', "no answer within $this->seconds s"] : ['interrupted', 'the connection broke'];
                throw new Error($this->verb, $reason, "$what; it is not known whether rootsd has done it", 0, true);
            }
        }
        return $text;
    }
}
