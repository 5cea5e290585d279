<?php declare(strict_types=1);

// Runs every test here and prints what came of it as TAP: php test/run.php [part of a file's name]

require __DIR__ . '/kit.php';

error_reporting(E_ALL);
set_error_handler(static function (int $level, string $text, string $file, int $line): bool {
    return (error_reporting() & $level) ? throw new ErrorException($text, 0, $level, $file, $line) : false;
});

/** Runs one test and returns its line; what went wrong follows as comments. */
function outcome(int $number, string $name, Closure $test): string {
    try {
        $test();
        return "ok $number - $name";
    } catch (Skip $skip) {
        return "ok $number - $name # SKIP {$skip->getMessage()}";
    } catch (Throwable $e) {
        return "not ok $number - $name\n" . preg_replace('/^/m', '# ', "$e");
    }
}

$number = $failed = 0;
foreach (glob(__DIR__ . '/*' . ($argv[1] ?? '') . '*Test.php') as $file) {
    foreach (require $file as $name => $test) {
        $line = outcome(++$number, basename($file, 'Test.php') . ": $name", $test);
        $failed += (int) str_starts_with($line, 'not');
        echo "$line\n";
    }
}
echo "1..$number\n";
exit($failed ? 1 : 0);
