<?php

defined('_IN_PHM_') || exit;

/** The instance's database; `{name}` in a statement stands for the table of that name. */
final class Database
{
    private static ?self $shared = null;

    private mysqli $link;

    private string $prefix;

    private function __construct()
    {
        mysqli_report(MYSQLI_REPORT_OFF);
        $access = parse_ini_file(self::accessFile());
        [$host, $port, $socket] = self::address($access['host'] ?? '');
        $this->link = new mysqli();
        $opened = @$this->link->real_connect(
            $host,
            $access['user'] ?? '',
            (string) ($access['pass'] ?? ''),
            $access['database'] ?? '',
            $port,
            $socket,
        );
        if (!$opened) {
            throw new RuntimeException('The database does not answer.');
        }
        if (!empty($access['charset'])) {
            $this->link->set_charset($access['charset']);
        }
        $this->prefix = '`' . $access['database'] . '`.`' . $access['prefix'] . '_';
    }

    /** The one connection of this request; a process that forks asks for a new one. */
    public static function open(bool $again = false): self
    {
        if ($again || self::$shared === null) {
            self::$shared = new self();
        }
        return self::$shared;
    }

    /** The file with the access data; the old format is converted on the way. */
    private static function accessFile(): string
    {
        $stem = Settings::path('conf') . '/driver.' . basename(Settings::get('core', 'database'));
        if (!is_file("$stem.ini.php")) {
            if (!is_file("$stem.conf.php")) {
                die('Old configuration file not found');
            }
            $access = [];
            foreach (file("$stem.conf.php", FILE_IGNORE_NEW_LINES) as $line) {
                if (!str_starts_with($line, '#') && str_contains($line, ';;')) {
                    [$key, $value] = explode(';;', $line);
                    $access[str_replace('mysql_', '', $key)] = trim($value);
                }
            }
            Settings::save("$stem.ini.php", $access) && unlink("$stem.conf.php");
        }
        return "$stem.ini.php";
    }

    /** @return array{string, ?int, ?string} host, port, socket of `host`, `host:port` or `localhost:/socket` */
    private static function address(string $host): array
    {
        [$name, $more] = explode(':', $host, 2) + [1 => ''];
        return [$name, ctype_digit($more) ? (int) $more : null, str_starts_with($more, '/') ? $more : null];
    }

    public function setOffset(string $offset): void
    {
        $this->run('SET time_zone = ?', [$offset]);
    }

    public function table(string $name): string
    {
        return $this->prefix . $name . '`';
    }

    public function error(): string
    {
        return $this->link->error;
    }

    public function lastId(): int
    {
        return (int) $this->link->insert_id;
    }

    /** Runs a statement; an error gives false, as the callers of old code expect. */
    public function run(string $sql, array $values = []): bool|mysqli_result
    {
        $sql = preg_replace_callback('/\{(\w+)\}/', fn (array $found): string => $this->table($found[1]), $sql);
        return $values === [] ? $this->link->query($sql) : $this->link->execute_query($sql, $values);
    }

    /** @return list<array<string, ?string>> */
    public function rows(string $sql, array $values = []): array
    {
        $result = $this->run($sql, $values);
        return $result instanceof mysqli_result ? $result->fetch_all(MYSQLI_ASSOC) : [];
    }

    /** @return ?array<string, ?string> */
    public function row(string $sql, array $values = []): ?array
    {
        return $this->rows($sql, $values)[0] ?? null;
    }

    public function value(string $sql, array $values = []): ?string
    {
        $row = $this->row($sql, $values);
        return $row === null ? null : (string) reset($row);
    }
}
