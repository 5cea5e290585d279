<?php declare(strict_types=1);

namespace Rootsd;

require_once __DIR__ . '/Connector.php';

/**
 * Endpoint answers the page that asks to hear something: `POST …/connect/<id>`, with a JSON array of paths, from the
 * browser client (docs/browser.md). It asks one function of the application for each path, and then has rootsd connect
 * the client; `POST …/disconnect/<id>` undoes it.
 *
 *     session_start();
 *     $endpoint = new Rootsd\Endpoint($roots, fn (string $path) => $path === "users/{$_SESSION['user']}");
 *     $endpoint->serve('/server/') && exit;
 *
 * It refuses what is not expressly allowed, and what comes without proof that the application's own page has sent it.
 */
final class Endpoint {
    /** The key of $_SESSION that has the token which pages send as X-CSRF-Token, where no other proof is given. */
    public const TOKEN = 'csrf_token';

    private const BODY = 256 << 10, PATHS = 1000;

    private readonly \Closure $mayHear, $proof;

    /**
     * @param callable(string): bool $mayHear whether the user who is logged in may hear this path or pattern, which
     *     has no slashes at its ends. Only `true` lets them
     * @param (callable(): bool)|null $proof whether a page of the application has sent the request. Default: its
     *     X-CSRF-Token is that of the session, `$_SESSION['csrf_token']`
     */
    public function __construct(private readonly Connector $roots, callable $mayHear, ?callable $proof = null) {
        $this->mayHear = $mayHear(...);
        $this->proof = ($proof ?? self::hasToken(...))(...);
    }

    /**
     * Answers the request of this script if it is for `<prefix>connect/<id>` or `<prefix>disconnect/<id>`, and returns
     * whether it was. The session was started before.
     */
    public function serve(string $prefix = '/server/'): bool {
        $path = explode('?', $_SERVER['REQUEST_URI'], 2)[0];
        $address = '~^' . preg_quote($prefix, '~') . '(connect|disconnect)/([^/]+)$~D';
        if (!preg_match($address, $path, $found)) {
            return false;
        }
        $body = file_get_contents('php://input', length: self::BODY + 1);
        $answer = $this->answer($found[1], rawurldecode($found[2]), $_SERVER['REQUEST_METHOD'], $body);
        http_response_code($answer['status']);
        foreach ($answer['headers'] as $name => $value) {
            header("$name: $value");
        }
        echo $answer['body'];
        return true;
    }

    /**
     * What to answer, for frameworks that have a request of their own.
     *
     * @param string $verb `connect` or `disconnect`
     * @param string $id the client's ID, decoded
     * @param string $method of the request
     * @param string $body of the request
     * @return array{status: int, headers: array<string, string>, body: string}
     */
    public function answer(string $verb, string $id, string $method, string $body): array {
        return match (true) {
            $method !== 'POST' => self::say(405, 'want POST', ['Allow' => 'POST']),
            ($this->proof)() !== true => self::say(403, 'the CSRF token is missing, or not that of this session'),
            strlen($body) > self::BODY => self::say(413, 'the body has more than 256 KiB'),
            default => $this->decide($verb, $id, self::paths($body)),
        };
    }

    /** @param list<string>|null $paths */
    private function decide(string $verb, string $id, ?array $paths): array {
        if ($paths === null || !preg_match('//u', $id)) {
            return self::say(400, 'want a client ID, and as the body a JSON array of 1 to 1000 paths');
        }
        foreach ($verb === 'connect' ? $paths : [] as $path) {
            if (!$this->isAllowed($path)) {
                return self::say(403, "you may not hear \"$path\"");
            }
        }
        session_write_close(); // until then, other requests of this session wait, for as long as the daemon takes
        try {
            $this->roots->request($verb, ['id' => $id, 'paths' => $paths]);
            return self::say(204, '');
        } catch (Error $error) {
            return $this->refuse($error);
        }
    }

    /** System paths are rootsd's own, and would tell one client of the others; who is in a room may be asked. */
    private function isAllowed(string $path): bool {
        $reserved = str_starts_with($path, '::') && !str_starts_with($path, '::members/');
        return !$reserved && ($this->mayHear)($path) === true;
    }

    /** What the page has done wrong it is told; all else is the operator's affair, and the page tries again. */
    private function refuse(Error $error): array {
        $mine = $error->status >= 400 && $error->status < 500 && $error->reason !== 'answer';
        if ($mine && !in_array($error->status, [401, 403, 404], true)) {
            return self::say(400, $error->detail);
        }
        ($this->roots->onError)($error);
        return self::say(502, 'rootsd cannot be asked now');
    }

    /** @return list<string>|null the paths without slashes at their ends; null where the body has none, or others */
    private static function paths(string $body): ?array {
        $paths = json_decode($body);
        if (!is_array($paths) || $paths === [] || count($paths) > self::PATHS) {
            return null;
        }
        $texts = array_filter($paths, is_string(...));
        return $texts === $paths ? array_map(static fn (string $path) => trim($path, '/'), $paths) : null;
    }

    private static function hasToken(): bool {
        [$known, $given] = [$_SESSION[self::TOKEN] ?? '', $_SERVER['HTTP_X_CSRF_TOKEN'] ?? ''];
        return is_string($known) && $known !== '' && is_string($given) && hash_equals($known, $given);
    }

    private static function say(int $status, string $text, array $headers = []): array {
        $headers += ['Content-Type' => 'text/plain; charset=utf-8'];
        return ['status' => $status, 'headers' => $headers, 'body' => $text];
    }
}
