<?php declare(strict_types=1);

$readme = file_get_contents(__DIR__ . '/../README.md');
preg_match_all('/^```php\n(.*?)^```$/ms', $readme, $snippets);

return [
    'its snippets run' => static function () use ($snippets): void {
        same(4, count($snippets[1]));
        $signed = ['webhook-id' => 'a', 'webhook-timestamp' => (string) time()];
        $signature = base64_encode(hash_hmac('sha256', "a.{$signed['webhook-timestamp']}.", 'key', true));
        $script = '<?php error_reporting(E_ALL); ini_set("session.use_cookies", "0");'
            . '$_SERVER["REQUEST_URI"] = "/"; function getallheaders() { return '
            . var_export($signed + ['webhook-signature' => "v1,$signature"], true) . '; }'
            . implode("\n", $snippets[1]) . 'echo json_encode($roots->sent);';
        $script = str_replace("'rootsd/", "'" . __DIR__ . '/../src/', $script);
        // The body is empty here, which is signed, but not JSON: that is found last.
        $script = str_replace('$event = ', 'try { $event = ', $script);
        $script = str_replace("getenv('WEBHOOK_SECRET'));", "'" . base64_encode('key')
            . "'); } catch (Rootsd\\Error \$e) { echo \$e->reason, ' '; }", $script);
        $file = tempnam(sys_get_temp_dir(), 'rootsd');
        file_put_contents($file, $script);
        $child = new Child([$file], ['ROOTS_URL' => 'null:']);
        $said = $child->line();
        unlink($file);
        same('message [["update",{"path":"orders\/42","message":"shipped"}]]', $said);
    },
];
