<?php

defined('_IN_PHM_') || exit;

/** The session: its id travels in the URL only, a cookie is the second factor. */
final class Session
{
    private const COOKIE = 'phlyMail_Session';

    public static function start(): void
    {
        foreach (['session.use_cookies', 'session.use_only_cookies', 'session.use_trans_sid'] as $switch) {
            ini_set($switch, '0');
        }
        session_cache_limiter('nocache');
        session_start();
    }

    /** A link to a script of this instance that keeps the session. */
    public static function link(string $more = ''): string
    {
        return self::script() . '?' . session_name() . '=' . session_id() . ($more === '' ? '' : "&$more");
    }

    public static function script(): string
    {
        return (string) ($_SERVER['SCRIPT_NAME'] ?? $_SERVER['PHP_SELF'] ?? '');
    }

    public static function redirect(string $more = ''): never
    {
        header('Location: ' . self::link($more));
        exit;
    }

    /** @param array<string, mixed> $facts kept for the time of the session */
    public static function open(array $facts, bool $withCookie): void
    {
        $_SESSION = array_merge($_SESSION, $facts);
        if ($withCookie) {
            $_SESSION['phM_cookie'] = bin2hex(random_bytes(16));
            setcookie(self::COOKIE, $_SESSION['phM_cookie'], 0, '', '', Settings::get('auth', 'force_ssl') === '1');
        }
    }

    /** Sends away whoever has the address of a session but not its cookie. */
    public static function requireCookie(): void
    {
        if (isset($_SESSION['phM_cookie']) && ($_COOKIE[self::COOKIE] ?? '') !== $_SESSION['phM_cookie']) {
            header('Location: ' . self::script());
            exit;
        }
    }

    public static function uid(): int
    {
        return isset($_SESSION['phM_username']) ? (int) ($_SESSION['phM_uid'] ?? 0) : 0;
    }
}
