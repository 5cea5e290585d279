<?php declare(strict_types=1);

use Rootsd\Connector;
use Rootsd\Error;

/** A connector that throws, so that a test sees what went wrong. */
function raising(string $url, float $timeout = 5): Connector {
    return new Connector($url, 'hush', $timeout, raises: true);
}

/** What comes of an update that is answered with this text, after which the connection is closed. */
function outcomeOf(string $text): array|Error {
    $recorder = new Recorder([['send' => $text, 'close' => true]]);
    try {
        return raising($recorder->url())->update('a', 1);
    } catch (Error $e) {
        return $e;
    }
}

return [
    'a request as it goes over the wire' => static function (): void {
        $recorder = new Recorder([['send' => answered()]]);
        $roots = new Connector($recorder->url(path: '/roots/'), 'hush', raises: true);
        same(['accepted' => 1], $roots->update('a/b', ['x' => 'ä/"']), 'result');
        [, $line, $body, $header] = $recorder->next();
        same(['POST /roots/update', ['path' => 'a/b', 'message' => ['x' => 'ä/"']]], [$line, $body], 'request');
        $address = substr($recorder->url(), 7);
        same([
            'POST /roots/update HTTP/1.1', "Host: $address", 'User-Agent: rootsd-php/0.1.0',
            'Authorization: Bearer hush', 'Content-Type: application/json',
            'Content-Length: ' . strlen('{"path":"a/b","message":{"x":"ä/\\""}}'), '', '',
        ], explode("\r\n", $header), 'header');
    },

    'address and token come from the environment' => static function (): void {
        $recorder = new Recorder([['send' => answered('{"id":"x"}')]]);
        putenv('ROOTS_URL=' . $recorder->url());
        putenv('ROOTS_TOKEN=from-there');
        $answer = (new Connector(raises: true))->clients('a b/c?');
        putenv('ROOTS_URL');
        putenv('ROOTS_TOKEN');
        same(['id' => 'x'], $answer);
        [, $line, $body, $header] = $recorder->next();
        same(['GET /clients/a%20b%2Fc%3F', null], [$line, $body]);
        same(1, preg_match('/\r\nAuthorization: Bearer from-there\r\n/', $header), 'token');
        same(0, preg_match('/Content-/', $header), 'fields of a body');
    },

    'one connection serves many requests' => static function (): void {
        $recorder = new Recorder([['send' => answered()]]);
        $roots = raising($recorder->url());
        for ($i = 0; $i < 3; $i++) {
            $roots->update('a', $i);
            same([1, 'POST /update', ['path' => 'a', 'message' => $i]], array_slice($recorder->next(), 0, 3));
        }
        $roots->close();
        $roots->update('a', 'after close');
        same(2, $recorder->next()[0], 'connection after close()');
    },

    'an idle connection that was closed is not used' => static function (): void {
        $recorder = new Recorder([['send' => answered(), 'close' => true], ['send' => answered()]]);
        $roots = raising($recorder->url());
        $roots->update('a', 1);
        same([1, 'POST /update'], array_slice($recorder->next(), 0, 2));
        same([1, 'closed'], $recorder->next());
        same(['accepted' => 1], $roots->update('a', 2));
        same([2, 'POST /update', ['path' => 'a', 'message' => 2]], array_slice($recorder->next(), 0, 3));
        same([], $recorder->rest(), 'further requests');
    },

    'an update is not repeated when a used connection breaks' => static function (): void {
        foreach ([['close' => true], ['close' => true, 'unread' => true]] as $break) {
            $recorder = new Recorder([['send' => answered()], $break, ['send' => answered()]]);
            $roots = raising($recorder->url());
            $roots->update('a', 1);
            $error = thrown(static fn () => $roots->update('a', str_repeat('x', 50000)));
            same([0, 'interrupted', true], told($error));
            same(['POST /update', 'POST /update', 'closed'], array_column($recorder->rest(), 1));
        }
    },

    'join is not repeated, because it is an update' => static function (): void {
        $recorder = new Recorder([['send' => answered()], ['close' => true], ['send' => answered()]]);
        $roots = raising($recorder->url());
        $roots->update('a', 1);
        same([0, 'interrupted', true], told(thrown(static fn () => $roots->join('x', 'room'))));
        same(['POST /update', 'POST /update', 'closed'], array_column($recorder->rest(), 1));
    },

    'anything else is tried once more on a new connection' => static function (): void {
        $recorder = new Recorder([['send' => answered()], ['close' => true], ['send' => answered('{"id":"x"}')]]);
        $roots = raising($recorder->url());
        $roots->update('a', 1);
        same(['id' => 'x'], $roots->kick('x'));
        $seen = array_map(static fn ($record) => array_slice($record, 0, 2), $recorder->rest());
        same([[1, 'POST /update'], [1, 'POST /kick'], [1, 'closed'], [2, 'POST /kick']], $seen);
    },

    'it is tried once more, not twice, and not on a new connection' => static function (): void {
        $recorder = new Recorder([['send' => answered()], ['close' => true]]);
        $roots = raising($recorder->url());
        $roots->update('a', 1);
        same([0, 'interrupted', true], told(thrown(static fn () => $roots->connect('x', 'a'))));
        same([0, 'interrupted', true], told(thrown(static fn () => raising($recorder->url())->connect('x', 'b'))));
        $paths = array_filter(array_map(static fn ($record) => $record[2]['paths'][0] ?? null, $recorder->rest()));
        same(['a', 'a', 'b'], array_values($paths));
    },

    'nothing is repeated once an answer has begun' => static function (): void {
        $steps = [['send' => answered()], ['send' => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", 'close' => true]];
        $recorder = new Recorder($steps);
        $roots = raising($recorder->url());
        $roots->update('a', 1);
        same([0, 'interrupted', true], told(thrown(static fn () => $roots->kick('x'))));
        same(['POST /update', 'POST /kick', 'closed'], array_column($recorder->rest(), 1));
    },

    'a time-out is not repeated, and its connection not used again' => static function (): void {
        $recorder = new Recorder([['send' => answered()], [], ['send' => answered('{"id":"x"}')]]);
        $roots = raising($recorder->url(), 0.3);
        $roots->update('a', 1);
        $error = thrown(static fn () => $roots->kick('x'));
        same([0, 'timeout', true], told($error));
        $want = 'rootsd: kick: no answer within 0.3 s; it is not known whether rootsd has done it (timeout)';
        same($want, $error->getMessage());
        same(['id' => 'x'], $roots->kick('x'));
        $seen = array_map(static fn ($record) => array_slice($record, 0, 2), $recorder->rest());
        same([[1, 'POST /update'], [1, 'POST /kick'], [2, 'POST /kick']], $seen);
    },

    'an answer that drips has one time for all of it' => static function (): void {
        $pieces = ["HTTP/1.1 200 OK\r\n", ...array_fill(0, 100, "X: y\r\n"), "Content-Length: 2\r\n\r\n{}"];
        $recorder = new Recorder([['pieces' => $pieces]]);
        same([0, 'timeout', true], told(thrown(static fn () => raising($recorder->url(), 0.3)->update('a', 1))));
    },

    'what nobody has asked for is not the next answer' => static function (): void {
        $late = str_replace('200 OK', '408 Late', answered('{"reason":"late","detail":"unasked"}'));
        foreach ([answered('{"accepted":9}'), $late, 'x', "HTTP/1.1 100 Continue\r\n\r\n"] as $more) {
            foreach ([['send' => answered() . $more], ['pieces' => [answered(), $more]]] as $step) {
                $recorder = new Recorder([$step, ['send' => answered('{"accepted":2}')]]);
                $roots = raising($recorder->url());
                $roots->update('a', 1);
                usleep(isset($step['pieces']) ? 50000 : 0); // until the second piece is there
                same(['accepted' => 2], $roots->update('a', 2), $more);
                same(2, array_column($recorder->rest(), null, 1)['POST /update'][0], "$more: connection");
            }
        }
    },

    'an answer that tells its end in two ways is the last' => static function (): void {
        $chunked = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        foreach ([$chunked, answered('{}', "Content-Length: 2\r\n")] as $text) {
            $recorder = new Recorder([['send' => $text], ['send' => answered()]]);
            $roots = raising($recorder->url());
            same([[], ['accepted' => 1]], [$roots->update('a', 1), $roots->update('a', 2)]);
            same(2, array_column($recorder->rest(), null, 1)['POST /update'][0], 'connection');
        }
    },

    'what has no body is not waited for' => static function (): void {
        foreach (['101 Switching Protocols', '204 No Content', '304 Not Modified'] as $status) {
            $recorder = new Recorder([['send' => "HTTP/1.1 $status\r\nX: y\r\n\r\n"]]);
            $error = thrown(static fn () => raising($recorder->url())->update('a', 1));
            same([(int) $status, 'answer', $status < '3'], told($error), $status);
        }
    },

    'an answer that trickles has no more time' => static function (): void {
        $starts = ['a line' => "HTTP/1.1 200 OK\r\nX: ",
            'a body' => "HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n",
            'a body until closed' => "HTTP/1.1 200 OK\r\n\r\n",
            'a chunk' => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n"];
        foreach ($starts as $name => $start) {
            $recorder = new Recorder([['send' => $start, 'endless' => ' ', 'every' => 50]]);
            $error = thrown(static fn () => raising($recorder->url(), 0.3)->update('a', 1));
            same([0, 'timeout', true], told($error), $name);
        }
    },

    'an answer without end' => static function (): void {
        $chunk = "10000\r\n" . str_repeat(' ', 1 << 16) . "\r\n";
        $answers = ['a line' => ["HTTP/1.1 200 OK\r\nX: ", str_repeat(' ', 99999)],
            'a head' => ["HTTP/1.1 200 OK\r\n", str_repeat("X: y\r\n", 9999)],
            'heads' => ['', str_repeat("HTTP/1.1 102 Processing\r\n\r\n", 2000)],
            'a body' => ["HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n", str_repeat(' ', 99999)],
            'a body until closed' => ["HTTP/1.1 200 OK\r\n\r\n", str_repeat(' ', 99999)],
            'chunks' => ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", $chunk]];
        foreach ($answers as $name => [$start, $more]) {
            $recorder = new Recorder([['send' => $start, 'endless' => $more]]);
            $error = thrown(static fn () => raising($recorder->url(), 60)->update('a', 1));
            same([0, 'answer', true], told($error), $name);
        }
    },

    'a verb that is not known is not repeated' => static function (): void {
        $recorder = new Recorder([['send' => answered()], ['close' => true], ['send' => answered()]]);
        $roots = raising($recorder->url());
        $roots->update('a', 1);
        same([0, 'interrupted', true], told(thrown(static fn () => $roots->request('update?', ['path' => 'a']))));
        same(['POST /update', 'POST /update%3F', 'closed'], array_column($recorder->rest(), 1));
    },

    'wait gives the answer more time' => static function (): void {
        $recorder = new Recorder([['after' => 400, 'send' => answered('{"matched":0}')]]);
        same(['matched' => 0], raising($recorder->url(), 0.1)->update('a', 1, wait: 20));
        $updates = [['path' => 'a', 'message' => 1, 'wait' => 20], ['path' => 'a', 'message' => 2]];
        same(['matched' => 0], raising($recorder->url(), 0.1)->updates($updates));
    },

    'a server that takes nothing is given up' => static function (): void {
        $server = stream_socket_server('tcp://127.0.0.1:0');
        $roots = raising('http://' . stream_socket_get_name($server, false), 0.3);
        $error = thrown(static fn () => $roots->update('a', str_repeat('x', 16 << 20)));
        same([0, 'timeout', true], told($error));
    },

    'a refusal that comes before the body was read' => static function (): void {
        $problem = '{"title":"…","status":413,"reason":"body_size","detail":"too much"}';
        $refusal = str_replace('200 OK', '413 Large', answered($problem, "Connection: close\r\n"));
        $recorder = new Recorder([['unread' => true, 'send' => $refusal, 'close' => true]]);
        $error = thrown(static fn () => raising($recorder->url())->update('a', str_repeat('x', 8 << 20)));
        same([413, 'body_size', false], told($error));
    },

    'forms of an answer' => static function (): void {
        $chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        $answers = [
            'length' => [[answered()], 1],
            'in pieces' => [str_split(answered(), 9), 1],
            'chunks' => [[$chunked . "5;x=y\r\n{\"acc\r\n", "9\r\nepted\":1}\r\n", "0\r\n", "Trailer: x\r\n\r\n"], 1],
            'chunks cut anywhere' => [str_split($chunked . "00e\r\n{\"accepted\":1}\r\n0\r\n\r\n", 7), 1],
            'until closed' => [["HTTP/1.1 200 OK\r\n\r\n{\"accepted\"", ':1}'], 2, true],
            'HTTP/1.0' => [["HTTP/1.0 200 OK\r\nContent-Length: 14\r\n\r\n{\"accepted\":1}"], 2],
            'last of the connection' => [[answered(more: "connection: x, Close\r\n")], 2],
            'after others' => [["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\n", answered()], 1],
            'with too much after it' => [[answered() . 'x'], 2],
        ];
        foreach ($answers as $name => [$pieces, $connection]) {
            $close = $answers[$name][2] ?? false;
            $recorder = new Recorder([['pieces' => $pieces, 'close' => $close], ['send' => answered()]]);
            $roots = raising($recorder->url());
            same(['accepted' => 1], $roots->update('a', 1), $name);
            same(['accepted' => 1], $roots->update('a', 2), "$name, again");
            same($connection, array_column($recorder->rest(), null, 1)['POST /update'][0], "$name, connection");
        }
    },

    'what is not an answer of rootsd' => static function (): void {
        [$ok, $chunked] = ["HTTP/1.1 200 OK\r\n", "Transfer-Encoding: chunked\r\n\r\n"];
        $cases = [
            'a page' => ["{$ok}Content-Length: 6\r\n\r\n<html>", [200, 'answer', true]],
            'a redirection' => ["HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", [302, 'answer', false]],
            'no content' => ["HTTP/1.1 204 No Content\r\n\r\n", [204, 'answer', true]],
            'a proxy without its server' => ["HTTP/1.1 502 Bad\r\n\r\noops", [502, 'answer', true]],
            'a reason that is no text' => [
                "HTTP/1.1 400 No\r\n\r\n{\"reason\":5,\"detail\":[]}", [400, 'answer', false],
            ],
            'null' => ["{$ok}Content-Length: 4\r\n\r\nnull", [200, 'answer', true]],
            'a number' => ["{$ok}Content-Length: 1\r\n\r\n5", [200, 'answer', true]],
            'too deep' => [$ok . "\r\n" . str_repeat('[', 9999), [200, 'answer', true]],
            'a place that is none' => ["HTTP/1.1 400 No\r\n\r\n{\"reason\":\"path\",\"detail\":\"x\",\"entry\":\"1\"}",
                [400, 'path', false]],
            'a problem of somebody else' => ["HTTP/1.1 503 No\r\n\r\n{\"status\":1}", [503, 'answer', true]],
            'another protocol' => ["SSH-2.0-OpenSSH\r\n", [0, 'interrupted', true]],
            'no status' => ["HTTP/1.1 abc\r\n\r\n", [0, 'answer', true]],
            'a length that is none' => ["{$ok}Content-Length: -1\r\n\r\n{}x", [200, 'answer', true]],
            'an unknown coding' => ["{$ok}Transfer-Encoding: gzip\r\n\r\nx", [200, 'answer', true]],
            'a chunk that is none' => ["{$ok}{$chunked}x\r\n", [0, 'interrupted', true]],
            'a chunk that is longer than it says' => ["{$ok}{$chunked}1\r\n{}\r\n", [0, 'interrupted', true]],
            'too long a header' => [$ok . str_repeat("X: y\r\n", 15000), [0, 'interrupted', true]],
            'cut in the header' => [$ok, [0, 'interrupted', true]],
            'cut in the body' => ["{$ok}Content-Length: 9\r\n\r\n{}", [0, 'interrupted', true]],
            'cut in a chunk' => ["{$ok}{$chunked}9\r\n{}", [0, 'interrupted', true]],
            'cut before the last chunk' => ["{$ok}{$chunked}2\r\n{}\r\n", [0, 'interrupted', true]],
        ];
        foreach ($cases as $name => [$text, $want]) {
            same($want, told(outcomeOf($text)), $name);
        }
    },

    'an error of the daemon' => static function (): void {
        $problem = '{"title":"Bad Request","status":400,"reason":"path","detail":"path has an empty segment",'
            . '"entry":1,"field":"path","offset":44}';
        $error = outcomeOf("HTTP/1.1 400 Bad Request\r\nContent-Length: " . strlen($problem) . "\r\n\r\n$problem");
        same('rootsd: update: path has an empty segment (400 path, entry 1)', $error->getMessage());
        same([400, 'path', false], told($error));
        same('path has an empty segment', $error->detail);
        same([1, 'path', 44], [$error->entry, $error->field, $error->offset]);
    },

    'where nobody listens nothing was sent' => static function (): void {
        $url = 'http://' . freeAddress();
        $error = thrown(static fn () => raising($url)->update('a', 1));
        same([0, 'unreachable', false], told($error));
        $want = "rootsd: update: no connection to $url: Connection refused; is rootsd running there? (unreachable)";
        same($want, $error->getMessage());
    },

    'a call that fails returns null and tells onError' => static function (): void {
        $errors = [];
        $roots = new Connector('http://' . freeAddress(), onError: static function (Error $e) use (&$errors): void {
            $errors[] = $e->reason;
        });
        same([null, null], [$roots->update('a', 1), $roots->update('a', NAN)]);
        same(['unreachable', 'message'], $errors);
        same('message', thrown(static fn () => $roots->request('update', ['path' => NAN]))->reason, 'request() throws');
    },

    'without onError it is written to the log' => static function (): void {
        $log = tempnam(sys_get_temp_dir(), 'rootsd');
        $before = ini_set('error_log', $log);
        (new Connector('null:'))->update('a', "\xff");
        ini_set('error_log', $before);
        $line = file_get_contents($log);
        unlink($log);
        same(1, preg_match('/warning: rootsd: update: Malformed UTF-8 .*\(message\)$/', trim($line)), $line);
    },

    'null: sends nothing and keeps what it would have sent' => static function (): void {
        $roots = new Connector('null:', raises: true);
        same(['accepted' => 1], $roots->update('a', null, latest: true, except: 'x', wait: 0.5));
        $updates = [['path' => 'a', 'message' => 1, 'wait' => 2, 'except' => null, 'latest' => false], ['path' => 'b']];
        same(['accepted' => 2], $roots->updates($updates));
        same(['id' => 'x', 'paths' => ['a']], $roots->connect('x', 'a', 60));
        same(['id' => 'x', 'paths' => ['a', 'b']], $roots->forbid('x', ['p' => 'a', 'q' => 'b']));
        same(['accepted' => 3], $roots->join('x', str_repeat('/', 200000) . 'room/'));
        same(['id' => 'x', 'connected' => [], 'permits' => []], $roots->clients('x'));
        same('message', thrown(static fn () => $roots->update('a', INF))->reason);
        same([
            ['update', ['path' => 'a', 'message' => null, 'latest' => true, 'except' => 'x', 'wait' => '500ms']],
            ['update', [['path' => 'a', 'message' => 1, 'wait' => '2000ms'], ['path' => 'b']]],
            ['connect', ['id' => 'x', 'paths' => ['a'], 'for' => '60000ms']],
            ['forbid', ['id' => 'x', 'paths' => ['a', 'b']]],
            ['update', [
                ['path' => '::connect', 'message' => 'x->room'],
                ['path' => '::connect', 'message' => 'x->::members/room'],
                ['path' => '::permit', 'message' => 'x->room'],
            ]],
            ['clients', ['id' => 'x']],
        ], $roots->sent);
        for ($i = 0; $i < 1001; $i++) {
            $roots->update('a', $i);
        }
        same([1000, 1000], [count($roots->sent), $roots->sent[999][1]['message']], 'the latest 1,000');
    },

    'mistakes in the settings throw at once' => static function (): void {
        $urls = ['', 'localhost:8004', 'ftp://x', 'http://', 'http://u:p@x', 'http://x/?a', 'http://x/#a',
            "http://x\r\n", "http://x/\r\ny", 'http://x:abc', 'http://x:', 'http://x:65536', 'http://x:1:2',
            'http://:80', 'http://::1', 'NULL:', 'http://x\\y', 'https://hush@x/', 'http://x/?hush', 'http://x/#hush'];
        foreach ($urls as $url) {
            $error = thrown(static fn () => new Connector($url));
            same([InvalidArgumentException::class, false], [$error::class, str_contains("$error", 'hush')], $url);
        }
        $error = thrown(static fn () => new Connector(token: "hush\n"));
        same([InvalidArgumentException::class, false], [$error::class, str_contains("$error", 'hush')]);
        foreach ([0, -1, INF, NAN] as $timeout) {
            same(InvalidArgumentException::class, thrown(static fn () => new Connector(timeout: $timeout))::class);
        }
        foreach (['http://x', 'HTTPS://x:1/~a/b', 'http://[::1]:8004', 'null:'] as $url) {
            new Connector($url);
        }
    },

    'an error does not show the token' => static function (): void {
        $roots = raising('http://' . freeAddress());
        $error = (string) thrown(static fn () => $roots->update('a', 1));
        same(false, str_contains($error, 'hush'), $error);
    },

    'after a fork each process has its own connection' => static function (): void {
        $can = function_exists('pcntl_fork') && function_exists('posix_kill');
        $can || throw new Skip('PHP has no pcntl or no posix; both are in php-cli of Debian');
        $recorder = new Recorder([['send' => answered()]]);
        $roots = raising($recorder->url());
        $roots->update('a', 'before');
        $child = pcntl_fork();
        if ($child === 0) {
            $roots->update('a', 'child');
            posix_kill(getmypid(), 9); // an exit would end what the parent has started
        }
        pcntl_waitpid($child, $status);
        $roots->update('a', 'parent');
        $seen = array_map(static fn ($record) => [$record[0], $record[2]['message']], $recorder->rest());
        same([[1, 'before'], [2, 'child'], [1, 'parent']], $seen);
    },

    'https wants a certificate that is good' => static function (): void {
        extension_loaded('openssl') || throw new Skip('PHP has no openssl');
        $settings = ['config' => __DIR__ . '/openssl.cnf', 'x509_extensions' => 'server'];
        $key = openssl_pkey_new(['private_key_type' => OPENSSL_KEYTYPE_EC, 'curve_name' => 'prime256v1'] + $settings);
        $request = openssl_csr_new(['commonName' => '127.0.0.1'], $key, $settings);
        openssl_x509_export(openssl_csr_sign($request, null, $key, 1, $settings), $certificate);
        openssl_pkey_export($key, $pem);
        $file = tempnam(sys_get_temp_dir(), 'rootsd');
        file_put_contents($file, $certificate . $pem);
        $recorder = new Recorder([['send' => answered()]], $file);
        $url = $recorder->url('https');

        $error = thrown(static fn () => raising($url)->update('a', 1));
        same([0, 'unreachable', false], told($error));
        same(true, str_contains($error->detail, 'TLS fails, perhaps because of its certificate'), $error->detail);
        putenv("SSL_CERT_FILE=$file");
        $roots = raising($url);
        same([['accepted' => 1], ['accepted' => 1]], [$roots->update('a', 1), $roots->update('a', 2)]);
        same([$recorder->next()[0]], [$recorder->next()[0]], 'one connection');
        if (function_exists('pcntl_fork') && function_exists('posix_kill')) {
            $child = pcntl_fork();
            if ($child === 0) {
                $roots->update('a', 'child');
                posix_kill(getmypid(), 9); // an exit would end what the parent has started
            }
            pcntl_waitpid($child, $status);
            same(['accepted' => 1], $roots->update('a', 'parent'), 'after a fork');
        }
        $server = new Recorder([['send' => answered('{"x":"' . str_repeat('y', 60000) . '"}') . 'z']], $file);
        $large = raising($server->url('https'));
        same(60000, strlen($large->kick('x')['x']), 'more than a TLS record');
        same(60000, strlen($large->kick('x')['x']), 'after what was not asked for');
        $slow = new Recorder([['send' => "HTTP/1.1 200 OK\r\nX: ", 'endless' => ' ', 'every' => 50]], $file);
        same('timeout', thrown(static fn () => raising($slow->url('https'), 0.3)->update('a', 1))->reason, 'trickling');
        putenv('SSL_CERT_FILE');
        unlink($file);
    },
];
