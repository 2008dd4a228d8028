<?php

defined('_IN_PHM_') || exit;

/**
 * The passwords of mail accounts as they lie in the database: in clear, or disguised by adding the letters of server,
 * port and user. Nobody is kept from them by that who has the row.
 */
final class AccountPasswords
{
    private const PAIRS = ['poppass' => ['popserver', 'popport', 'popuser'], 'smtppass' => ['smtpserver', 'smtpport', 'smtpuser']];

    public function __construct(private readonly Database $database)
    {
    }

    public function disguise(): void
    {
        $done = [];
        foreach ($this->database->rows('SELECT * FROM {profiles}') as $account) {
            foreach (self::PAIRS as $column => $by) {
                $done[$account['id']][$column] = self::shifted((string) $account[$column], self::key($account, $by));
            }
        }
        foreach ($done as $id => $now) {
            $this->database->run('UPDATE {profiles} SET poppass=?, smtppass=? WHERE id=?', [$now['poppass'], $now['smtppass'], $id]);
        }
    }

    /** The password of an account as its provider wants it. */
    public static function plain(array $account, string $column = 'poppass'): string
    {
        if (Settings::get('core', 'accountpass_security') !== 'confused') {
            return (string) $account[$column];
        }
        $hidden = (string) base64_decode((string) $account[$column]);
        $key = self::long(self::key($account, self::PAIRS[$column]), strlen($hidden));
        $plain = '';
        foreach (str_split($hidden) as $at => $letter) {
            $plain .= $letter === '' ? '' : chr((256 + ord($letter) - ord($key[$at])) % 256);
        }
        return $plain;
    }

    private static function shifted(string $plain, string $key): string
    {
        $key = self::long($key, strlen($plain));
        $hidden = '';
        for ($at = 0; $at < strlen($plain); ++$at) {
            $hidden .= chr((ord($plain[$at]) + ord($key[$at])) % 256);
        }
        return base64_encode($hidden);
    }

    /** As long as the password; an account without server, port and user breaks the whole, as it does in the product. */
    private static function long(string $key, int $length): string
    {
        return strlen($key) < $length ? str_repeat($key, (int) ceil($length / strlen($key))) : $key;
    }

    private static function key(array $account, array $columns): string
    {
        return implode('', array_map(static fn (string $column): string => (string) $account[$column], $columns));
    }
}
