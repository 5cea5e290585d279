<?php declare(strict_types=1);

/** Store has users, lists and items in a file of SQLite. Where there is none it makes one, with three users. */
final class Store {
    private readonly PDO $db;

    public function __construct(string $file) {
        $this->db = new PDO("sqlite:$file", options: [PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC]);
        $this->db->exec('BEGIN IMMEDIATE');
        if (!$this->rows("SELECT 1 FROM sqlite_schema WHERE name = 'users'")) {
            $this->db->exec(file_get_contents(__DIR__ . '/schema.sql'));
            foreach (['ada' => 1, 'grace' => 1, 'mallory' => 2] as $name => $list) {
                $this->rows('INSERT INTO users VALUES (?, ?)', $name, password_hash("$name-secret", PASSWORD_DEFAULT));
                $this->rows('INSERT INTO members VALUES (?, ?)', $list, $name);
            }
        }
        $this->db->exec('COMMIT');
    }

    /** Whether this is a user, and their password. */
    public function knows(string $name, string $password): bool {
        $hash = $this->rows('SELECT hash FROM users WHERE name = ?', $name)[0]['hash'] ?? '';
        return password_verify($password, $hash);
    }

    /** The lists of a user: [id, name]. */
    public function listsOf(string $user): array {
        return $this->rows('SELECT id, name FROM lists JOIN members ON list = id WHERE user = ? ORDER BY id', $user);
    }

    /** A list, if it is one of the user's. */
    public function findList(string $user, int $id): ?array {
        return array_column($this->listsOf($user), null, 'id')[$id] ?? null;
    }

    /** The list that an item is in, likewise. */
    public function findListOf(string $user, int $item): ?array {
        return $this->findList($user, $this->rows('SELECT list FROM items WHERE id = ?', $item)[0]['list'] ?? 0);
    }

    /** The items of a list: [id, text, done]. */
    public function itemsOf(int $list): array {
        return array_map(self::item(...), $this->rows('SELECT * FROM items WHERE list = ? ORDER BY id', $list));
    }

    /** Adds what there is to do, and returns it. */
    public function add(int $list, string $text): array {
        return self::item($this->rows('INSERT INTO items (list, text) VALUES (?, ?) RETURNING *', $list, $text)[0]);
    }

    /** Says whether an item is done, and returns it. */
    public function tick(int $id, bool $done): array {
        return self::item($this->rows('UPDATE items SET done = ? WHERE id = ? RETURNING *', (int) $done, $id)[0]);
    }

    private static function item(array $row): array {
        return ['id' => $row['id'], 'text' => $row['text'], 'done' => (bool) $row['done']];
    }

    private function rows(string $statement, int|string ...$values): array {
        $prepared = $this->db->prepare($statement);
        $prepared->execute($values);
        return $prepared->fetchAll();
    }
}
