<?php

defined('_IN_PHM_') || exit;

/** The administrators: a root may do everything, the others what their permissions list. */
final class Admins
{
    public function __construct(private readonly Database $database)
    {
    }

    /** @return array<string, mixed> what the session of this administrator holds */
    public function session(int $uid): array
    {
        $admin = $this->find($uid) ?? [];
        [$read, $write] = self::lists((string) ($admin['permissions'] ?? ''));
        return [
            'phM_uid' => $uid,
            'phM_username' => $admin['username'] ?? '',
            'phM_adminsession' => 'true',
            'phM_perm_read' => array_flip($read),
            'phM_perm_write' => array_flip($write),
            'phM_superroot' => ($admin['is_root'] ?? '') === 'yes',
        ];
    }

    /** @return ?array<string, ?string> */
    public function find(int $uid): ?array
    {
        return $this->database->row('SELECT * FROM {admin} WHERE uid=?', [$uid]);
    }

    /** @return list<array<string, ?string>> */
    public function all(): array
    {
        return $this->database->rows('SELECT uid, username, active, is_root FROM {admin} ORDER BY username');
    }

    public function isTaken(string $name): bool
    {
        return $this->database->value('SELECT uid FROM {admin} WHERE username=?', [$name]) !== null;
    }

    /** @param array<string, string> $form */
    public function add(array $form, bool $isRoot, string $permissions): void
    {
        $this->database->run(
            'INSERT INTO {admin} SET username=?, pw_digesta1=?, externalemail=?, active=?, is_root=?, permissions=?, choices=""',
            [
                $form['username'],
                Logins::digest($form['username'], $form['password']),
                $form['email'] ?? '',
                empty($form['active']) ? '0' : '1',
                $isRoot ? 'yes' : 'no',
                $permissions,
            ],
        );
    }

    /** @param array<string, string> $form an empty password is left as it was */
    public function save(array $admin, array $form, bool $isRoot, string $permissions): void
    {
        $this->database->run(
            'UPDATE {admin} SET externalemail=?, active=?, is_root=?, permissions=? WHERE uid=?',
            [$form['email'] ?? '', empty($form['active']) ? '0' : '1', $isRoot ? 'yes' : 'no', $permissions, $admin['uid']],
        );
        if (($form['password'] ?? '') !== '') {
            $this->database->run(
                'UPDATE {admin} SET pw_digesta1=?, password="" WHERE uid=?',
                [Logins::digest((string) $admin['username'], $form['password']), $admin['uid']],
            );
        }
    }

    public function activate(int $uid, bool $isActive): void
    {
        $this->database->run('UPDATE {admin} SET active=? WHERE uid=?', [$isActive ? '1' : '0', $uid]);
    }

    public function delete(int $uid): void
    {
        $this->database->run('DELETE FROM {admin} WHERE uid=?', [$uid]);
    }

    /** The stored form of what may be read and what written. */
    public static function permissions(array $read, array $write): string
    {
        return base64_encode(serialize([array_values($read), array_values($write)]));
    }

    /** @return array{list<string>, list<string>} */
    private static function lists(string $permissions): array
    {
        $lists = @unserialize((string) base64_decode($permissions), ['allowed_classes' => false]);
        return [(array) ($lists[0] ?? []), (array) ($lists[1] ?? [])];
    }
}
