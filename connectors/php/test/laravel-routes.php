<?php

use Illuminate\Http\Request;
use Illuminate\Support\Facades\Route;

Route::any('/server/{verb}/{id}', function (Request $request, string $verb, string $id) {
    $mayHear = fn (string $path) => $request->user()?->lists->contains(fn ($list) => $path === "lists/$list->id");
    $proof = fn () => hash_equals($request->session()->token(), (string) $request->header('X-CSRF-Token'));
    $endpoint = new Rootsd\Endpoint(app(Rootsd\Connector::class), $mayHear, $proof);
    ['status' => $status, 'headers' => $headers, 'body' => $body]
        = $endpoint->answer($verb, $id, $request->method(), $request->getContent());
    return response($body, $status, $headers);
})->where('verb', 'connect|disconnect');
