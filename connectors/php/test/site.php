<?php declare(strict_types=1);

// A small application for EndpointTest.php, served by `php -S`. Each request starts a session with the token "proof";
// the user may hear "mine", and who is in "room". GET /hear/<path> says how often the application was asked for it.

require __DIR__ . '/../src/Endpoint.php';

$mayHear = static function (string $path): mixed {
    $_SESSION['asked'][] = $path;
    return match ($path) {
        'mine', '::members/room' => true,
        'nearly' => 1,
        'broken' => throw new RuntimeException('the application is broken'),
        default => null,
    };
};

session_save_path(getenv('DIRECTORY'));
session_id('test');
session_start();
$_SESSION['asked'] = [];
if ($_SERVER['HTTP_X_SESSION'] ?? '') {
    $_SESSION['csrf_token'] = json_decode($_SERVER['HTTP_X_SESSION'], true);
} else {
    unset($_SESSION['csrf_token']);
}
$roots = new Rootsd\Connector(onError: static fn (Rootsd\Error $e) => header("X-Reported: $e->reason"));
ob_start();
if (!(new Rootsd\Endpoint($roots, $mayHear))->serve()) {
    http_response_code(404);
    echo 'another page';
}
header('X-Asked: ' . json_encode($_SESSION['asked']));
ob_end_flush();
