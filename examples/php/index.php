<?php declare(strict_types=1);

// Lists of what there is to do, each for several people who see each other's changes at once.
// Every request comes here: php -S 127.0.0.1:8000 index.php

require __DIR__ . '/store.php';
require __DIR__ . '/rootsd/Endpoint.php';

$store = new Store(__DIR__ . '/todo.sqlite');
$roots = new Rootsd\Connector();
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$json = json_decode(file_get_contents('php://input'), true);

// Each session has a token that its pages know, and pages of other sites do not. What changes something has to show it.
session_start(['cookie_httponly' => true, 'cookie_samesite' => 'Lax', 'use_strict_mode' => true]);
$token = $_SESSION['csrf_token'] ??= bin2hex(random_bytes(16));
$shown = $_SERVER['HTTP_X_CSRF_TOKEN'] ?? $_POST['csrf_token'] ?? '';
if ($_SERVER['REQUEST_METHOD'] === 'POST' && !(is_string($shown) && hash_equals($token, $shown))) {
    answer(403);
}

/** Whether the request is for this, and the numbers in its address. */
$at = [];
$is = static function (string $route) use ($path, &$at): bool {
    return preg_match("~^$route$~D", "{$_SERVER['REQUEST_METHOD']} $path", $at) === 1;
};

if ($is('GET /login')) {
    show('login', ['problem' => '']);
}
if ($is('POST /login')) {
    if (!$store->knows((string) ($_POST['username'] ?? ''), (string) ($_POST['password'] ?? ''))) {
        http_response_code(401);
        show('login', ['problem' => 'This is not your name, or not your password.']);
    }
    session_regenerate_id(true);
    $_SESSION = ['user' => $_POST['username']];
    redirect('/');
}

// All that follows is for those who are logged in.
$user = $_SESSION['user'] ?? redirect('/login');

// A user may hear of the lists that are theirs.
$mayHear = function (string $path) use ($store, $user): bool {
    $paths = array_map(fn ($list) => "lists/$list[id]", $store->listsOf($user));
    return in_array($path, $paths, true);
};
if ((new Rootsd\Endpoint($roots, $mayHear))->serve('/server/')) {
    exit;
}

if ($is('POST /logout')) {
    session_destroy();
    redirect('/login');
}
if ($is('GET /')) {
    show('index', ['user' => $user, 'lists' => $store->listsOf($user)]);
}
if ($is('GET /lists/(\d+)')) {
    show('list', ['list' => $store->findList($user, (int) $at[1]) ?? answer(404)]);
}
if ($is('GET /lists/(\d+)/items')) {
    $list = $store->findList($user, (int) $at[1]) ?? answer(404);
    answer(200, $store->itemsOf($list['id']));
}
if ($is('POST /lists/(\d+)/items')) {
    $list = $store->findList($user, (int) $at[1]) ?? answer(404);
    $text = is_string($json['text'] ?? null) ? trim($json['text']) : '';
    $item = $text !== '' ? $store->add($list['id'], $text) : answer(400);
    $roots->update("lists/$list[id]", $item);
    answer(201, $item);
}
if ($is('POST /items/(\d+)')) {
    $list = $store->findListOf($user, (int) $at[1]) ?? answer(404);
    $item = $store->tick((int) $at[1], ($json['done'] ?? null) === true);
    $roots->update("lists/$list[id]", $item);
    answer(200, $item);
}
answer(404);

/** Ends the request with a status, and a value as JSON. */
function answer(int $status, mixed $value = null): never {
    http_response_code($status);
    header('Content-Type: application/json');
    exit(json_encode($value ?? ['status' => $status]));
}

/** Ends the request with a page of the folder views, HTML with PHP in it. */
function show(string $view, array $values): never {
    extract($values);
    require __DIR__ . "/views/$view.html";
    exit;
}

function redirect(string $path): never {
    header("Location: $path", response_code: 302);
    exit;
}

/** A text, for HTML. */
function e(string $text): string {
    return htmlspecialchars($text, ENT_QUOTES);
}
