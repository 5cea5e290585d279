<?php declare(strict_types=1);

// A server for tests. It prints its address, then a line of JSON for each request, and for each connection that it
// closes. Argument 1 says, as a JSON array, what to do with each request in turn; the last step is repeated:
//
//   {"send": text}    answers with this text
//   {"pieces": [...]}  answers with these, one after the other, with a moment in between
//   {"endless": text}  then sends this again and again, {"every": ms}, until the other side has enough of it
//   {"after": ms}     waits before it does so
//   {"close": true}   then closes the connection; with no answer before, in the middle of a request
//   {"unread": true}  does not read the body, so that closing resets the connection
//
// Argument 2 is the file of a certificate and its key, for TLS. It ends when its standard input does.

$steps = json_decode($argv[1], true);
$scheme = ($argv[2] ?? '') === '' ? 'tcp' : 'tls';
$context = stream_context_create(['ssl' => ['local_cert' => $argv[2] ?? '']]);
$server = stream_socket_server("$scheme://127.0.0.1:0", context: $context);
record(stream_socket_get_name($server, false), plain: true);

function record(mixed $what, bool $plain = false): void {
    fwrite(STDOUT, ($plain ? $what : json_encode($what)) . "\n");
}

/** Reads one request, and returns ["POST /update", body, header], or null at the end of the connection. */
function request($stream, bool $unread): ?array {
    for ($header = ''; !str_ends_with($header, "\r\n\r\n"); $header .= $line) {
        $line = fgets($stream);
        if ($line === false) {
            return null;
        }
    }
    $length = preg_match('/^Content-Length: (\d+)/mi', $header, $found) && !$unread ? (int) $found[1] : 0;
    $body = $length ? json_decode(stream_get_contents($stream, $length), true) : null;
    return [substr($header, 0, strpos($header, ' HTTP/')), $body, $header];
}

function answer($stream, array $step): void {
    usleep(($step['after'] ?? 0) * 1000);
    foreach ($step['pieces'] ?? [$step['send'] ?? ''] as $piece) {
        @fwrite($stream, $piece);
        fflush($stream);
        usleep(isset($step['pieces']) ? 20000 : 0);
    }
    while (isset($step['endless']) && @fwrite($stream, $step['endless'])) {
        usleep(($step['every'] ?? 0) * 1000);
    }
}

$open = [];
$connections = 0;
while (true) {
    [$ready, $none] = [[STDIN, $server, ...$open], null];
    stream_select($ready, $none, $none, 60) || exit(1);
    foreach ($ready as $stream) {
        if ($stream === STDIN) {
            exit(0);
        }
        if ($stream === $server) {
            $accepted = @stream_socket_accept($server, 5);
            $accepted && $open[++$connections] = $accepted;
            continue;
        }
        $number = array_search($stream, $open, true);
        $request = request($stream, $steps[0]['unread'] ?? false);
        if ($request === null) {
            unset($open[$number]);
            continue;
        }
        record([$number, ...$request]);
        $step = count($steps) > 1 ? array_shift($steps) : $steps[0];
        answer($stream, $step);
        if ($step['close'] ?? false) {
            unset($open[$number]);
            fclose($stream);
            record([$number, 'closed']);
        }
    }
}
