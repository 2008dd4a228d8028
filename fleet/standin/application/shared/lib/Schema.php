<?php

defined('_IN_PHM_') || exit;

/** Brings the tables up to what shared/tables declares: adds what is missing, drops and changes nothing. */
final class Schema
{
    public function __construct(private readonly Database $database)
    {
    }

    /** @return array<string, array<string, mixed>> table => column => type, and #index, #unique */
    public static function declared(): array
    {
        $tables = [];
        foreach (glob('shared/tables/*.php') as $file) {
            $tables = array_replace_recursive($tables, require $file);
        }
        return $tables;
    }

    public function sync(): void
    {
        foreach (self::declared() as $table => $columns) {
            $present = array_column($this->database->rows('SHOW COLUMNS FROM {' . $table . '}'), 'Field');
            $parts = $present === [] ? $this->whole($columns) : $this->missing($table, $columns, $present);
            if ($parts === []) {
                continue;
            }
            $sql = $present === []
                ? 'CREATE TABLE {' . $table . '} (' . implode(', ', $parts)
                    . ') ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_general_ci'
                : 'ALTER TABLE {' . $table . '} ADD ' . implode(', ADD ', $parts);
            if (!$this->database->run($sql)) {
                echo htmlspecialchars($table . ': ' . $this->database->error()), "\n";
            }
        }
    }

    /** @return list<string> */
    private function whole(array $columns): array
    {
        $parts = [];
        foreach (self::columns($columns) as $name => $type) {
            $parts[] = "`$name` " . self::type($type);
        }
        return array_merge($parts, array_values(self::keys($columns)));
    }

    /** @return list<string> */
    private function missing(string $table, array $columns, array $present): array
    {
        $parts = [];
        foreach (array_diff_key(self::columns($columns), array_flip($present)) as $name => $type) {
            $parts[] = "`$name` " . self::type($type);
        }
        $keys = array_column($this->database->rows('SHOW INDEX FROM {' . $table . '}'), 'Key_name');
        return array_merge($parts, array_values(array_diff_key(self::keys($columns), array_flip($keys))));
    }

    /** @return array<string, string> */
    private static function columns(array $columns): array
    {
        return array_filter($columns, static fn (string $name): bool => $name[0] !== '#', ARRAY_FILTER_USE_KEY);
    }

    /** @return array<string, string> name of the key => its definition */
    private static function keys(array $columns): array
    {
        $keys = [];
        foreach (array_filter(explode(' ', $columns['#index'] ?? '')) as $name) {
            $keys[$name] = "INDEX `$name` (`$name`)";
        }
        foreach ($columns['#unique'] ?? [] as $name => $of) {
            $keys[$name] = "UNIQUE `$name` (`" . str_replace(',', '`,`', $of) . '`)';
        }
        return $keys;
    }

    /**
     * SQL of a declared type. `id` counts itself, `ref` points to an id, `s64` is text of up to 64 characters,
     * `flag` is 0 or 1, `moment` a point in time, `pick(a|b)=a` one of several; `?` allows NULL, `=x` is the default.
     */
    public static function type(string $declared): string
    {
        if ($declared === 'id') {
            return 'bigint(20) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY';
        }
        preg_match('/^(?<base>\w+(?:\([^)]*\)(?: unsigned)?)?)(?<null>\??)(?:=(?<default>.*))?$/', $declared, $found);
        $base = $found['base'];
        $known = ['ref' => 'bigint(20) unsigned', 'flag' => "enum('0','1')", 'moment' => 'datetime', 'int' => 'int(11)',
            'tiny' => 'tinyint(4)'];
        if (preg_match('/^s(\d+)$/', $base, $length)) {
            $sql = "varchar($length[1])";
        } elseif (preg_match('/^pick\((.*)\)$/', $base, $choices)) {
            $sql = "enum('" . str_replace('|', "','", $choices[1]) . "')";
        } else {
            $sql = $known[$base] ?? $base;
        }
        $default = $found['default'] ?? '';
        if ($base === 'moment' && ($found['null'] === '' || $default === '0')) {
            $default = '0000-00-00 00:00:00';
        } elseif ($default === '' && $found['null'] === '') {
            $default = preg_match('/int|flag|ref|tiny|double/', $base) ? '0' : '';
        } elseif ($default === '' && $found['null'] === '?') {
            return "$sql NULL DEFAULT NULL";
        }
        return $sql . ($found['null'] === '?' ? ' NULL' : ' NOT NULL') . " DEFAULT '$default'";
    }
}
