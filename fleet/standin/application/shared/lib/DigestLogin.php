<?php

defined('_IN_PHM_') || exit;

/** What a client sent to prove a password without sending it (RFC 2617, qop auth). */
final class DigestLogin
{
    private const PARTS = ['username', 'uri', 'nonce', 'nc', 'cnonce', 'qop', 'response'];

    /** @param array<string, string> $parts */
    private function __construct(private readonly array $parts)
    {
    }

    public static function ofRequest(): ?self
    {
        $header = $_SERVER['PHP_AUTH_DIGEST'] ?? $_SERVER['HTTP_AUTHORIZATION'] ?? $_SERVER['REDIRECT_HTTP_AUTHORIZATION'] ?? '';
        preg_match_all('/(\w+)=(?:"([^"]*)"|([^\s,]+))/', (string) $header, $found, PREG_SET_ORDER);
        $parts = [];
        foreach ($found as $part) {
            $parts[$part[1]] = $part[2] !== '' ? $part[2] : ($part[3] ?? '');
        }
        return array_diff(self::PARTS, array_keys($parts)) === [] ? new self($parts) : null;
    }

    public static function challenge(string $realm): never
    {
        header(sprintf(
            'WWW-Authenticate: Digest realm="%s",qop="auth",nonce="%s",opaque="%s"',
            $realm,
            uniqid(),
            md5($realm),
        ));
        Gate::refuse(401, 'Please login to use this service');
    }

    public function name(): string
    {
        return $this->parts['username'];
    }

    public function matches(string $stored): bool
    {
        $asked = md5($_SERVER['REQUEST_METHOD'] . ':' . $this->parts['uri']);
        $proof = array_intersect_key($this->parts, array_flip(['nonce', 'nc', 'cnonce', 'qop']));
        $chain = [$stored, $proof['nonce'], $proof['nc'], $proof['cnonce'], $proof['qop'], $asked];
        return $stored !== '' && hash_equals(md5(implode(':', $chain)), $this->parts['response']);
    }
}
