<?php declare(strict_types=1);

// Makes the calls that it reads from stdin, one JSON object a line, and writes what comes of each: the way in which
// connectors/connectors_test.go drives the connector of each language.

use Rootsd\Connector;
use Rootsd\Error;

require __DIR__ . '/../src/Connector.php';

/** The calls by name; `$a` has their arguments, JSON objects in it as objects, so that an empty one stays one. */
function perform(Connector $roots, string $method, object $a): ?array {
    return match ($method) {
        'update' => $roots->update(
            $a->path, message($a->message), $a->latest ?? false, $a->except ?? null, $a->wait ?? null,
        ),
        'updates' => $roots->updates($a->updates),
        'connect' => $roots->connect($a->id, $a->paths, $a->lease ?? null),
        'permit' => $roots->permit($a->id, $a->paths, $a->lease ?? null),
        'disconnect' => $roots->disconnect($a->id, $a->paths),
        'forbid' => $roots->forbid($a->id, $a->paths),
        'join' => $roots->join($a->id, $a->rooms),
        'kick' => $roots->kick($a->id),
        'clients' => $roots->clients($a->id),
    };
}

/** The message, or what stands for a value that JSON cannot hold. */
function message(mixed $message): mixed {
    return is_object($message) && ($message->{'$'} ?? null) === 'nan' ? NAN : $message;
}

function told(Error $e): array {
    return [
        'text' => $e->getMessage(), 'status' => $e->status, 'reason' => $e->reason, 'detail' => $e->detail,
        'entry' => $e->entry, 'field' => $e->field, 'uncertain' => $e->uncertain,
    ];
}

$roots = new Connector(timeout: (float) ($argv[1] ?? 5), raises: true);
while (($line = fgets(STDIN)) !== false) {
    $call = json_decode($line, flags: JSON_THROW_ON_ERROR);
    try {
        $outcome = ['result' => perform($roots, $call->method, $call->args)];
    } catch (Error $e) {
        $outcome = ['error' => told($e)];
    }
    fwrite(STDOUT, json_encode($outcome, JSON_THROW_ON_ERROR) . "\n");
}
