<?php

defined('_IN_PHM_') || exit;

/**
 * Fetches the mails of one POP3 account into its owner's inbox and deletes them at the provider; nothing while the
 * hoster's hook says that the pool is full.
 *
 * Whether a mail could be stored is not looked at before it is deleted there: the worst that the product may do.
 */
final class cron_email_fetchmails
{
    private const SECONDS = 10;

    /** @var resource */
    private $link;

    public function __construct(private readonly Database $database, private readonly array $job)
    {
    }

    public function Run(): void
    {
        $profile = $this->database->row(
            'SELECT p.*, f.idx AS folder FROM {profiles} p JOIN {email_folders} f ON f.uid=p.uid AND f.folder_path="inbox"'
            . ' WHERE p.id=? AND p.acctype="pop3" AND p.leaveonserver="0"',
            [$this->job['item']],
        );
        if ($profile === null || Provisioning::isFull()) {
            return;
        }
        $link = @stream_socket_client("tcp://{$profile['popserver']}:{$profile['popport']}", $code, $why, self::SECONDS);
        if ($link === false) {
            return;
        }
        stream_set_timeout($link, self::SECONDS);
        $this->link = $link;
        $isOpen = $this->answer() !== null && $this->ask("USER {$profile['popuser']}") !== null
            && $this->ask('PASS ' . AccountPasswords::plain($profile)) !== null;
        $most = $isOpen ? (int) (explode(' ', (string) $this->ask('STAT'))[1] ?? 0) : 0;
        for ($number = 1; $number <= $most && $this->ask("RETR $number") !== null; ++$number) {
            $this->store($profile, $this->mail());
            $this->ask("DELE $number");
        }
        $this->ask('QUIT');
        fclose($link);
    }

    private function ask(string $command): ?string
    {
        fwrite($this->link, "$command\r\n");
        return $this->answer();
    }

    /** What the provider says, null if that is no. */
    private function answer(): ?string
    {
        $line = (string) fgets($this->link);
        return str_starts_with($line, '+OK') ? $line : null;
    }

    /** The mail that follows, up to the line with a dot alone. */
    private function mail(): string
    {
        $raw = '';
        while (($line = fgets($this->link)) !== false && rtrim($line, "\r\n") !== '.') {
            $raw .= str_starts_with($line, '..') ? substr($line, 1) : $line;
        }
        return $raw;
    }

    private function store(array $profile, string $raw): void
    {
        $uidl = uniqid(time() . '.', true);
        @file_put_contents(Folders::ofUser((int) $profile['uid']) . "/email/inbox/$uidl", $raw);
        preg_match('/^Subject: (.*?)\r?$/m', $raw, $subject);
        $this->database->run(
            'INSERT INTO {email_index} SET folder_id=?, uid=?, uidl=?, hsubject=?, hdate_sent=NOW(), hdate_recv=NOW(),'
            . ' search_body="", hmessage_id="", hsize=?, profile=?, cached="1"',
            [$profile['folder'], $profile['uid'], $uidl, $subject[1] ?? '', strlen($raw), $profile['id']],
        );
        $this->database->run(
            'UPDATE {email_folders} SET mailnum=mailnum+1, mailsize=mailsize+? WHERE idx=?',
            [strlen($raw), $profile['folder']],
        );
    }
}
