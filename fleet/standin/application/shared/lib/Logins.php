<?php

defined('_IN_PHM_') || exit;

/** Who may log in: the passwords and failures of the table `user` or `admin`. */
final class Logins
{
    public function __construct(private readonly Database $database, private readonly string $table)
    {
    }

    public static function digest(string $name, string $password): string
    {
        return md5($name . ':' . Settings::get('auth', 'system_salt') . ':' . $password);
    }

    /** @return ?array<string, ?string> */
    public function find(string $name): ?array
    {
        return $this->database->row(
            'SELECT uid, username, password, pw_digesta1, active, fail_count, fail_time FROM {' . $this->table . '}'
            . ' WHERE username=?',
            [$name],
        );
    }

    /**
     * Checks a password or, where it is given, the stored digest itself. An old MD5 password becomes a digest.
     *
     * @return array{int, bool} uid (0: nobody, or not active) and whether it is right
     */
    public function check(string $name, string $password, string $digest = ''): array
    {
        $login = $this->find($name);
        if ($login === null || $login['active'] !== '1') {
            return [0, false];
        }
        $uid = (int) $login['uid'];
        if ($digest !== '') {
            return [$uid, $login['pw_digesta1'] !== '' && $login['pw_digesta1'] === $digest];
        }
        if ($password === '') {
            return [0, false];
        }
        if ($login['pw_digesta1'] !== '' && $login['pw_digesta1'] === self::digest($name, $password)) {
            return [$uid, true];
        }
        if ($login['password'] !== '' && $login['password'] === md5($password)) {
            $this->database->run(
                'UPDATE {' . $this->table . '} SET pw_digesta1=?, password="" WHERE uid=?',
                [self::digest($name, $password), $uid],
            );
            return [$uid, true];
        }
        return [$uid, false];
    }

    /** Counts a failure, lets old ones fade; true while the login is locked. */
    public function isLocked(int $uid, bool $right): bool
    {
        $failures = $this->database->row('SELECT fail_count, fail_time FROM {' . $this->table . '} WHERE uid=?', [$uid]);
        if ($failures === null) {
            return false;
        }
        $many = (int) $failures['fail_count'] >= (int) Settings::get('auth', 'countonfail');
        $kept = $many ? 60 * (int) Settings::get('auth', 'lockonfail', '10') : 600;
        if ((int) $failures['fail_time'] < time() - $kept) {
            $this->reset($uid);
            $many = false;
        }
        if (!$right && !$many) {
            $this->database->run(
                'UPDATE {' . $this->table . '} SET fail_count=fail_count+1, fail_time=UNIX_TIMESTAMP() WHERE uid=?',
                [$uid],
            );
        }
        return $many;
    }

    public function reset(int $uid): void
    {
        $this->database->run('UPDATE {' . $this->table . '} SET fail_count=0, fail_time=0 WHERE uid=?', [$uid]);
    }

    public function entered(int $uid): void
    {
        $this->database->run('UPDATE {' . $this->table . '} SET logintime=NOW() WHERE uid=?', [$uid]);
    }

    public function left(int $uid): void
    {
        $this->database->run('UPDATE {' . $this->table . '} SET logouttime=NOW() WHERE uid=?', [$uid]);
    }

    /** What a login form needs to send a digest in place of the password: the salt. */
    public function hint(string $name): string
    {
        $login = $this->find($name);
        $hasDigest = $login !== null && $login['active'] === '1' && $login['pw_digesta1'] !== '';
        return json_encode($hasDigest
            ? ['method' => 'digest', 'otp' => Settings::get('auth', 'system_salt')]
            : ['method' => 'plain', 'otp' => 'otp']);
    }
}
