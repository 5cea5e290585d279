<?php declare(strict_types=1);

use Rootsd\Connector;
use Rootsd\Endpoint;

$connected = ['send' => answered('{"id":"x","paths":[]}')];

return [
    'the paths that a user may hear are connected' => static function () use ($connected): void {
        $site = new Site('site.php', [$connected]);
        same([204, ['mine', '::members/room']], $site->post('/server/connect/x%20y', '["/mine/","::members/room"]'));
        $body = ['id' => 'x y', 'paths' => ['mine', '::members/room']];
        same(['POST /connect', $body], array_slice($site->daemon->next(), 1, 2));
    },

    'to disconnect, the application is not asked' => static function () use ($connected): void {
        $site = new Site('site.php', [$connected]);
        same([204, []], $site->post('/server/disconnect/x', '["theirs"]'));
        same(['POST /disconnect', ['id' => 'x', 'paths' => ['theirs']]], array_slice($site->daemon->next(), 1, 2));
    },

    'one bad path of two, and nobody is connected' => static function () use ($connected): void {
        $site = new Site('site.php', [$connected]);
        same([403, ['mine', 'theirs']], $site->post('/server/connect/x', '["mine","theirs"]'));
        same([403, ['nearly']], $site->post('/server/connect/x', '["nearly"]'), 'what is not quite true');
        same([], $site->daemon->rest());
    },

    'system paths are refused unasked' => static function () use ($connected): void {
        $site = new Site('site.php', [$connected]);
        foreach (['::connect', '/::connect', '::gone', '::to/y', '::members', '::**'] as $path) {
            same([403, []], $site->post('/server/connect/x', json_encode([$path])), $path);
        }
        same([403, ['::members/other']], $site->post('/server/connect/x', '["::members/other"]'));
        same([], $site->daemon->rest());
    },

    'what a path may be made of' => static function () use ($connected): void {
        $site = new Site('site.php', [$connected]);
        $slashes = str_repeat('/', 200000);
        $ends = substr($slashes, 100000);
        same([204, ['mine']], $site->post('/server/connect/x', json_encode(["{$ends}mine"], JSON_UNESCAPED_SLASHES)));
        $path = "mine{$slashes}x";
        $body = json_encode([$path], JSON_UNESCAPED_SLASHES);
        same([403, [$path]], $site->post('/server/connect/x', $body), 'slashes');
        foreach (["mine\n", "\0mine", "mine\u{85}", ' mine', ' ::connect', ''] as $path) {
            same([403, [$path]], $site->post('/server/connect/x', json_encode([$path])), json_encode($path));
        }
    },

    'a method is not what a field says' => static function () use ($connected): void {
        $site = new Site('site.php', [$connected]);
        $json = 'Content-Type: application/json';
        $headers = [$json, 'X-HTTP-Method-Override: POST', 'X-CSRF-Token: proof', 'X-Session: "proof"'];
        same(405, $site->ask('GET', '/server/connect/x?_method=POST', '["mine"]', $headers)[0]);
        $form = 'Content-Type: application/x-www-form-urlencoded';
        same(403, $site->ask('POST', '/server/connect/x', 'csrf_token[]=proof', [$form, 'X-Session: "proof"'])[0]);
    },

    'without proof nothing is looked at' => static function () use ($connected): void {
        $site = new Site('site.php', [$connected]);
        same([403, []], $site->post('/server/connect/x', '["mine"]', 'another'), 'another token');
        same([403, []], $site->post('/server/connect/x', '["mine"]', ''), 'an empty token');
        same([403, []], $site->post('/server/connect/x', '["mine"]', '', '""'), 'an empty token of the session');
        same([403, []], $site->post('/server/connect/x', '["mine"]', '', ''), 'no token of the session');
        same([403, []], $site->post('/server/connect/x', '["mine"]', '1', '[1]'), 'a token that is none');
        same([403, []], $site->post('/server/connect/x', 'no JSON', 'another'), 'before the body');
        same([403, []], $site->post('/server/disconnect/x', '["mine"]', 'another'), 'to disconnect');
        same([], $site->daemon->rest());
    },

    'other methods' => static function () use ($connected): void {
        $site = new Site('site.php', [$connected]);
        foreach (['GET', 'PUT', 'DELETE'] as $method) {
            [$status, $headers] = $site->ask($method, '/server/connect/x');
            same([405, true], [$status, in_array('Allow: POST', $headers, true)], $method);
        }
        same([], $site->daemon->rest());
    },

    'bodies that are not an array of paths' => static function () use ($connected): void {
        $site = new Site('site.php', [$connected]);
        $most = json_encode(array_fill(0, 1000, 'mine'));
        $bodies = ['', '{', '"mine"', '[]', '{}', '{"0":"mine"}', '[1]', '["mine",null]', '[["mine"]]', "[\"\xff\"]",
            '["\udc00"]', '["mine\ud800"]', str_repeat('[', 100000)];
        foreach ([...$bodies, substr($most, 0, -1) . ',"mine"]'] as $body) {
            same([400, []], $site->post('/server/connect/x', $body), substr($body, 0, 20));
        }
        same([400, []], $site->post('/server/connect/%ff', '["mine"]'), 'an ID that is not UTF-8');
        same([413, []], $site->post('/server/connect/x', str_pad('["mine"]', (256 << 10) + 1)), 'too large');
        same([], $site->daemon->rest());
        same(204, $site->post('/server/connect/x', str_pad($most, 256 << 10))[0], 'the most that there may be');
    },

    'other addresses are left to the application' => static function () use ($connected): void {
        $site = new Site('site.php', [$connected]);
        foreach (['/', '/server/connect/', '/server/connect/x/y', '/server/kick/x', '/x/server/connect/x'] as $path) {
            same([404, 'another page'], [$site->ask('POST', $path)[0], $site->ask('POST', $path)[2]], $path);
        }
        same(405, $site->ask('GET', '/server/connect/x?y=/z')[0], 'with a query');
    },

    'what the daemon refuses' => static function (): void {
        foreach ([[400, 'path', 400], [409, 'too_many_paths', 400], [404, 'unknown_id', 502], [401, 'token', 502],
            [403, 'host', 502], [503, 'connections', 502]] as [$status, $reason, $want]) {
            $problem = json_encode(['status' => $status, 'reason' => $reason, 'detail' => "for $reason"]);
            $answer = str_replace('200 OK', "$status No", answered($problem));
            $site = new Site('site.php', [['send' => $answer]]);
            $headers = ['X-CSRF-Token: proof', 'X-Session: "proof"', 'Content-Type: application/json'];
            [$got, $lines, $text] = $site->ask('POST', '/server/connect/x', '["mine"]', $headers);
            same($want, $got, $reason);
            same($want === 502, in_array("X-Reported: $reason", $lines, true), "$reason is reported");
            same($want === 400, $text === "for $reason", "$reason is explained");
        }
    },

    'where the daemon is down the page tries again' => static function (): void {
        $site = new Site('site.php', [[]], daemon: 'http://' . freeAddress());
        $headers = ['X-CSRF-Token: proof', 'X-Session: "proof"', 'Content-Type: application/json'];
        [$status, $lines] = $site->ask('POST', '/server/connect/x', '["mine"]', $headers);
        same([502, true], [$status, in_array('X-Reported: unreachable', $lines, true)]);
    },

    'an application that is broken connects nobody' => static function () use ($connected): void {
        $site = new Site('site.php', [$connected]);
        same(500, $site->post('/server/connect/x', '["mine","broken"]')[0]);
        same([], $site->daemon->rest());
    },

    'without a function of the application there is no endpoint' => static function (): void {
        $roots = new Connector('null:');
        same(TypeError::class, thrown(static fn () => new Endpoint($roots, null))::class);
        same(ArgumentCountError::class, thrown(static fn () => new Endpoint($roots))::class);
        $answer = (new Endpoint($roots, static fn () => true))->answer('connect', 'x', 'POST', '["mine"]');
        same([403, []], [$answer['status'], $roots->sent], 'without a session');
        $endpoint = new Endpoint($roots, static fn () => true, static fn () => 1);
        $answer = $endpoint->answer('connect', 'x', 'POST', '["mine"]');
        same([403, []], [$answer['status'], $roots->sent], 'a proof that is not quite true');
    },
];
