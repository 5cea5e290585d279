<?php declare(strict_types=1);

$package = (bool) stream_resolve_include_path('Illuminate/Foundation/Application.php');
$hint = 'Laravel is not in the include_path: apt-get install php-laravel-framework php-sqlite3';
$laravel = static fn (callable $test) => static fn () => $package && extension_loaded('pdo_sqlite')
    ? $test(new Site('laravel.php', [['send' => answered('{"id":"x","paths":[]}')]]))
    : throw new Skip($hint);

/** Opens a page, and returns what the next request of this browser carries: [its cookies, its CSRF token]. */
function opened(Site $site): array {
    [, $headers, $token] = $site->ask('GET', '/token');
    preg_match_all('/^Set-Cookie: ([^;]+)/m', implode("\n", $headers), $cookies);
    return ['Cookie: ' . implode('; ', $cookies[1]), "X-CSRF-Token: $token"];
}

return [
    'the tutorial shows this route' => static function (): void {
        [, $route] = explode("Route;\n\n", file_get_contents(__DIR__ . '/laravel-routes.php'));
        $tutorial = file_get_contents(__DIR__ . '/../../../docs/tutorial/php.md');
        same(true, str_contains($tutorial, "```text\n$route```\n"));
    },

    'a page with its token is connected' => $laravel(static function (Site $site): void {
        $page = [...opened($site), 'Content-Type: application/json'];
        same(204, $site->ask('POST', '/server/connect/x', '["lists/1"]', $page)[0]);
        same(403, $site->ask('POST', '/server/connect/x', '["lists/1","lists/2"]', $page)[0]);
        same(204, $site->ask('POST', '/server/disconnect/x', '["lists/1"]', $page)[0]);
        same(405, $site->ask('GET', '/server/connect/x', '', $page)[0]);
        same(403, $site->ask('POST', '/server/connect/x', '["lists/1"]', [...$page, 'X-Nobody: here'])[0]);
        // With these, Laravel does not look for the token.
        foreach (['GET', 'HEAD', 'OPTIONS'] as $method) {
            $headers = [$page[0], "X-HTTP-Method-Override: $method", 'Content-Type: application/json'];
            same(405, $site->ask('POST', '/server/connect/x', '["lists/1"]', $headers)[0], $method);
        }
        $seen = array_map(static fn ($record) => [$record[1], $record[2]], $site->daemon->rest());
        $body = ['id' => 'x', 'paths' => ['lists/1']];
        same([['POST /connect', $body], ['POST /disconnect', $body]], $seen);
    }),

    'a page without its token is not' => $laravel(static function (Site $site): void {
        [$cookies, $token] = opened($site);
        $json = 'Content-Type: application/json';
        same(419, $site->ask('POST', '/server/connect/x', '["lists/1"]', [$cookies, $json])[0]);
        same(419, $site->ask('POST', '/server/connect/x', '["lists/1"]', [$token, $json])[0]);
        $elsewhere = $site->ask('POST', '/api/server/connect/x', '["lists/1"]', [$cookies, $token, $json]);
        same(500, $elsewhere[0], 'without a session');
        same([], $site->daemon->rest());
    }),

    'what is rolled back is not told' => $laravel(static function (Site $site): void {
        same(500, $site->ask('GET', '/save/undone')[0]);
        same(200, $site->ask('GET', '/save/done')[0]);
        $message = ['list_id' => 1, 'text' => 'done', 'id' => 1];
        same(['POST /update', ['path' => 'lists/1', 'message' => $message]], array_slice($site->daemon->next(), 1, 2));
        same([], $site->daemon->rest());
    }),
];
