<?php declare(strict_types=1);

// A Laravel application for LaravelTest.php, served by `php -S`: the `web` group of middleware, sessions in files, and
// the routes of docs/tutorial/php.md. $DIRECTORY is its folder.

use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Database\Eloquent\Model;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Exceptions\Handler;
use Illuminate\Foundation\Http\Kernel;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Route;

require 'Illuminate/autoload.php';
require __DIR__ . '/../src/Endpoint.php';

final class Item extends Model {
    public $timestamps = false;

    protected static function booted(): void {
        static::saved(fn (Item $item) => DB::afterCommit(
            fn () => app(Rootsd\Connector::class)->update("lists/$item->list_id", $item),
        ));
    }
}

final class TestKernel extends Kernel {
    protected $bootstrappers = [
        Illuminate\Foundation\Bootstrap\RegisterFacades::class,
        Illuminate\Foundation\Bootstrap\RegisterProviders::class,
        Illuminate\Foundation\Bootstrap\BootProviders::class,
    ];

    protected $middlewareGroups = ['web' => [
        Illuminate\Cookie\Middleware\EncryptCookies::class,
        Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse::class,
        Illuminate\Session\Middleware\StartSession::class,
        Illuminate\Foundation\Http\Middleware\VerifyCsrfToken::class,
        Illuminate\Routing\Middleware\SubstituteBindings::class,
    ]];
}

$folder = getenv('DIRECTORY');
touch("$folder/db.sqlite");
$app = new Application($folder);
$app->instance('env', 'production');
$app->instance('config', new Illuminate\Config\Repository([
    'app' => ['key' => str_repeat('k', 32), 'cipher' => 'AES-256-CBC', 'locale' => 'en', 'aliases' => [],
        'providers' => [
            Illuminate\Cookie\CookieServiceProvider::class,
            Illuminate\Database\DatabaseServiceProvider::class,
            Illuminate\Encryption\EncryptionServiceProvider::class,
            Illuminate\Filesystem\FilesystemServiceProvider::class,
            Illuminate\Session\SessionServiceProvider::class,
            Illuminate\Translation\TranslationServiceProvider::class,
            Illuminate\View\ViewServiceProvider::class,
        ],
    ],
    'database' => ['default' => 'file', 'connections' => ['file' => [
        'driver' => 'sqlite', 'database' => "$folder/db.sqlite", 'prefix' => '',
    ]]],
    'logging' => ['default' => 'errors', 'channels' => ['errors' => ['driver' => 'errorlog']]],
    'session' => [
        'driver' => 'file', 'files' => $folder, 'lifetime' => 10, 'expire_on_close' => false, 'lottery' => [0, 1],
        'cookie' => 'session', 'path' => '/', 'domain' => null, 'secure' => false, 'encrypt' => false,
    ],
    'view' => ['paths' => [$folder], 'compiled' => $folder],
]));
$app->singleton(ExceptionHandler::class, Handler::class);
$app->singleton(Illuminate\Contracts\Http\Kernel::class, TestKernel::class);

$app->singleton(Rootsd\Connector::class, fn () => new Rootsd\Connector());
$app->booted(static function (): void {
    Route::middleware('web')->get('/token', fn () => csrf_token());
    Route::middleware('web')->group(__DIR__ . '/laravel-routes.php');
    Route::prefix('api')->group(__DIR__ . '/laravel-routes.php'); // by mistake: without a session
    Route::middleware('web')->get('/save/{text}', function (string $text) {
        DB::statement('CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, list_id INTEGER, text TEXT)');
        $item = (new Item())->forceFill(['list_id' => 1, 'text' => $text]);
        DB::transaction(fn () => $item->save() && $text === 'undone' ? throw new Exception('undone') : null);
    });
});
$kernel = $app->make(Illuminate\Contracts\Http\Kernel::class);
$request = Request::capture();
$user = (object) ['lists' => collect([(object) ['id' => 1]])]; // who has logged in
$request->setUserResolver(fn () => $request->header('X-Nobody') ? null : $user);
$response = $kernel->handle($request);
$response->send();
$kernel->terminate($request, $response);
