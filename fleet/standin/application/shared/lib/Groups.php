<?php

defined('_IN_PHM_') || exit;

/** Groups, and what their members may do: a permission is `handler_action`. */
final class Groups
{
    public function __construct(private readonly Database $database)
    {
    }

    /** @return list<string> every permission that the active and known handlers offer */
    public static function offered(): array
    {
        $offered = [];
        foreach (array_keys(parse_ini_file(Settings::path('conf') . '/active_handlers.ini.php') ?: []) as $handler) {
            $file = Settings::path('handler') . "/$handler/description.ini";
            $described = is_file($file) ? parse_ini_file($file, true) : [];
            foreach (array_filter(explode(' ', $described['permissions']['actions'] ?? '')) as $action) {
                $offered[] = "{$handler}_$action";
            }
        }
        return $offered;
    }

    public function add(string $name, int $parent = 0): int
    {
        $this->database->run('INSERT INTO {groups} SET friendly_name=?, childof=?, active="1"', [$name, $parent]);
        return $this->database->lastId();
    }

    /** @return list<array<string, ?string>> */
    public function all(): array
    {
        return $this->database->rows('SELECT * FROM {groups} ORDER BY gid');
    }

    public function isTaken(string $name): bool
    {
        return $this->database->value('SELECT gid FROM {groups} WHERE friendly_name=?', [$name]) !== null;
    }

    public function rename(int $gid, string $name): void
    {
        $this->database->run('UPDATE {groups} SET friendly_name=? WHERE gid=?', [$name, $gid]);
    }

    public function delete(int $gid): void
    {
        foreach (['groups', 'user_group', 'group_permissions'] as $table) {
            $this->database->run("DELETE FROM {{$table}} WHERE gid=?", [$gid]);
        }
    }

    /** @param array<string, int|string> $permissions permission => 0 or 1; what was set before goes */
    public function permit(int $gid, array $permissions): void
    {
        $this->database->run('DELETE FROM {group_permissions} WHERE gid=?', [$gid]);
        foreach ($permissions as $permission => $value) {
            [$handler, $action] = explode('_', (string) $permission, 2) + [1 => ''];
            $this->database->run(
                'INSERT INTO {group_permissions} SET gid=?, handler=?, action=?, perm=?',
                [$gid, $handler, $action, (string) (int) $value],
            );
        }
    }

    /** @return array<string, int> */
    public function permissions(int $gid): array
    {
        $rows = $this->database->rows('SELECT handler, action, perm FROM {group_permissions} WHERE gid=?', [$gid]);
        $given = [];
        foreach ($rows as $row) {
            $given["{$row['handler']}_{$row['action']}"] = (int) $row['perm'];
        }
        return $given;
    }

    /** @return list<int> */
    public function ofUser(int $uid): array
    {
        return array_map('intval', array_column($this->database->rows('SELECT gid FROM {user_group} WHERE uid=?', [$uid]), 'gid'));
    }

    public function join(int $uid, int $gid): void
    {
        $this->database->run('INSERT INTO {user_group} SET uid=?, gid=?', [$uid, $gid]);
    }

    /** @param list<int|string> $gids the user is in these groups and in no other */
    public function assign(int $uid, array $gids): void
    {
        $this->database->run('DELETE FROM {user_group} WHERE uid=?', [$uid]);
        foreach (array_unique(array_map('intval', $gids)) as $gid) {
            $this->join($uid, $gid);
        }
    }

    /** @return array<string, bool> what the user may do, by the groups and by permissions of one's own */
    public function rights(int $uid): array
    {
        $rights = [];
        foreach ($this->ofUser($uid) as $gid) {
            foreach (array_filter($this->permissions($gid)) as $permission => $value) {
                $rights[$permission] = $value === 1;
            }
        }
        foreach ($this->database->rows('SELECT handler, action, perm FROM {user_permissions} WHERE uid=?', [$uid]) as $row) {
            $rights["{$row['handler']}_{$row['action']}"] = $row['perm'] === '1';
        }
        return $rights;
    }
}
