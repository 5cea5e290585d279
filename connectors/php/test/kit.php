<?php declare(strict_types=1);

// What the tests share: a comparison, children, and among these a server that does what it is told.

require_once __DIR__ . '/../src/Connector.php';
require_once __DIR__ . '/../src/Endpoint.php';
require_once __DIR__ . '/../src/Webhook.php';

/** Thrown by a test that cannot run here; the message says why, and what would help. */
final class Skip extends Exception {
}

/** Throws where two values are not the same; floats that are whole count as they are. */
function same(mixed $want, mixed $got, string $what = 'value'): void {
    if ($want !== $got) {
        throw new Exception("$what: got " . var_export($got, true) . ', want ' . var_export($want, true));
    }
}

/** Returns what is thrown. */
function thrown(callable $call): Throwable {
    try {
        $result = $call();
    } catch (Throwable $e) {
        return $e;
    }
    throw new Exception('nothing was thrown; the result is ' . var_export($result, true));
}

/** The members of a rootsd error that programs use. */
function told(Throwable $e): array {
    return $e instanceof Rootsd\Error ? [$e->status, $e->reason, $e->uncertain] : throw $e;
}

/** An address at which nobody listens now. */
function freeAddress(): string {
    $socket = stream_socket_server('tcp://127.0.0.1:0');
    return stream_socket_get_name($socket, false);
}

/** A PHP script as a child, which lives for as long as this object. */
final class Child {
    private $process;

    /** @var array<resource> its standard streams */
    public readonly array $pipes;

    public function __construct(array $arguments, array $environment = []) {
        $streams = [['pipe', 'r'], ['pipe', 'w'], ['pipe', 'w']];
        $this->process = proc_open([PHP_BINARY, ...$arguments], $streams, $pipes, null, $environment + getenv());
        $this->pipes = $pipes;
    }

    public function __destruct() {
        proc_terminate($this->process, 9);
        proc_close($this->process);
    }

    /** The next line that it writes to one of its streams; it may take ten seconds. */
    public function line(int $from = 1): string {
        [$ready, $none] = [[$this->pipes[$from]], null];
        if (!stream_select($ready, $none, $none, 10)) {
            throw new Exception('a child says nothing');
        }
        return (string) fgets($this->pipes[$from]);
    }
}

/** A server that records what it is asked, and answers as it was told: see recorder.php. */
final class Recorder {
    private Child $child;
    private string $address;

    /** @param list<array> $steps one for each request; the last one is repeated */
    public function __construct(array $steps, string $certificate = '') {
        $this->child = new Child([__DIR__ . '/recorder.php', json_encode($steps), $certificate]);
        $this->address = trim($this->child->line());
    }

    public function url(string $scheme = 'http', string $path = ''): string {
        return "$scheme://$this->address$path";
    }

    /** Its next record: [number of the connection, "POST /update", decoded body], or [number, "closed"]. */
    public function next(): array {
        return json_decode($this->child->line(), true);
    }

    /** All that follows, until the request `GET /clients/end` of a connection of its own. */
    public function rest(): array {
        $end = new Rootsd\Connector($this->url(), onError: static fn () => null, timeout: 0.2);
        $end->clients('end');
        for ($rest = []; ($next = $this->next())[1] !== 'GET /clients/end'; $rest[] = $next) {
            continue;
        }
        return $rest;
    }
}

/** An application in a PHP server of its own, which says what came of a request. */
final class Site {
    public readonly Recorder $daemon;
    private ?Child $child;
    private string $address, $folder;

    /** @param array $answers what the daemon does, as recorder.php has it */
    public function __construct(string $script, array $answers, ?string $daemon = null) {
        $this->daemon = new Recorder($answers);
        $this->address = freeAddress();
        $this->folder = tempnam(sys_get_temp_dir(), 'rootsd');
        unlink($this->folder);
        mkdir("$this->folder/bootstrap/cache", recursive: true);
        $environment = ['ROOTS_URL' => $daemon ?? $this->daemon->url(), 'DIRECTORY' => $this->folder];
        $this->child = new Child(['-S', $this->address, __DIR__ . "/$script"], $environment);
        while (!str_contains($line = $this->child->line(2), 'started')) {
            $line !== '' || throw new Exception('the PHP server does not start');
        }
    }

    public function __destruct() {
        $this->child = null;
        array_map(unlink(...), array_filter(glob("$this->folder/{,*/,*/*/}*", GLOB_BRACE), is_file(...)));
        array_map(rmdir(...), ["$this->folder/bootstrap/cache", "$this->folder/bootstrap", $this->folder]);
    }

    /** Makes a request, and returns [status, header lines, body]. */
    public function ask(string $method, string $path, string $body = '', array $headers = []): array {
        $http = ['method' => $method, 'content' => $body, 'header' => $headers];
        $http += ['ignore_errors' => true, 'timeout' => 10];
        $text = file_get_contents("http://$this->address$path", context: stream_context_create(['http' => $http]));
        return [(int) explode(' ', $http_response_header[0])[1], $http_response_header, $text];
    }

    /** Posts paths as a page with the right token does, and returns [status, the application was asked for]. */
    public function post(string $path, string $body, string $token = 'proof', string $session = '"proof"'): array {
        $headers = ["X-CSRF-Token: $token", "X-Session: $session", 'Content-Type: application/json'];
        [$status, $lines] = $this->ask('POST', $path, $body, $headers);
        return [$status, json_decode(substr(current(preg_grep('/^X-Asked/', $lines)) ?: '', 9), true)];
    }
}

/** What a recorder sends where all is well. */
function answered(string $json = '{"accepted":1}', string $more = ''): string {
    return "HTTP/1.1 200 OK\r\nContent-Length: " . strlen($json) . "\r\n{$more}\r\n$json";
}
