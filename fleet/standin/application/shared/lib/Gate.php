<?php

defined('_IN_PHM_') || exit;

/** What every request passes: the settings of storage, the switch to HTTPS, database, language and zone. */
final class Gate
{
    /** @return Database open, its times in the zone of the settings */
    public static function front(): Database
    {
        Settings::addChoices();
        self::forceSecure();
        $database = Database::open();
        $uid = Session::uid();
        if ($uid > 0) {
            self::addChoicesOf(new Users($database), $uid);
        } elseif (isset($_COOKIE['phlyMail_Language'])) {
            Settings::overlay(['core' => ['language' => basename($_COOKIE['phlyMail_Language'])]]);
        }
        self::speak($database, Settings::path('message') . '/' . Settings::get('core', 'language') . '.php');
        return $database;
    }

    /** Config: its language stands in a file of its own, and `?nossl=1` gets round the switch to HTTPS. */
    public static function back(string $folder): Database
    {
        Settings::addChoices();
        empty($_REQUEST['nossl']) && self::forceSecure();
        Session::requireCookie();
        $database = Database::open();
        $file = Settings::path('conf') . '/config.choices.ini.php';
        $own = is_file($file) ? (parse_ini_file($file) ?: []) : [];
        self::speak($database, "$folder/messages/" . ($own['language'] ?? 'de') . '.php');
        if (!empty($own['allow_ip']) && !self::isAllowed($_SERVER['REMOTE_ADDR'] ?? '')) {
            $_SESSION = [];
            die(htmlspecialchars(Text::of('address')));
        }
        return $database;
    }

    public static function forceSecure(): void
    {
        if (Settings::get('auth', 'force_ssl') === '1' && ($_SERVER['HTTPS'] ?? '') !== 'on') {
            header('Location: https://' . $_SERVER['HTTP_HOST'] . $_SERVER['REQUEST_URI'], true, 301);
            exit;
        }
    }

    /** Ends a request that needs no session while the instance is offline. */
    public static function requireOnline(): void
    {
        if (!Settings::isOnline()) {
            self::refuse(503, 'System offline');
        }
    }

    public static function refuse(int $status, string $why): never
    {
        http_response_code($status);
        header('Content-Type: text/plain; charset=UTF-8');
        die($why);
    }

    private static function speak(Database $database, string $file): void
    {
        Text::load($file);
        $database->setOffset(date('P'));
    }

    private static function addChoicesOf(Users $users, int $uid): void
    {
        $choices = $users->choices($uid);
        $language = basename((string) ($choices['core']['language'] ?? ''));
        if (!is_file(Settings::path('message') . "/$language.php")) {
            unset($choices['core']['language']);
        }
        Settings::overlay($choices);
    }

    private static function isAllowed(string $address): bool
    {
        $file = Settings::path('conf') . '/config.allowed_ips.php';
        $lines = is_readable($file) ? array_filter(array_map('trim', file($file))) : [];
        $starts = array_filter($lines, static fn (string $line): bool => $line[0] !== '<');
        return array_filter($starts, static fn (string $start): bool => str_starts_with($address, $start)) !== [];
    }
}
