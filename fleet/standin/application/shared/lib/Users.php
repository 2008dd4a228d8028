<?php

defined('_IN_PHM_') || exit;

/** The users of the instance, as Config keeps them. */
final class Users
{
    /** Columns of the user's own contact that the form fills. */
    private const CONTACT = [
        'firstname' => 'firstname', 'lastname' => 'lastname', 'birthday' => 'birthday', 'email' => 'email1', 'www' => 'www',
        'tel_private' => 'tel_private', 'tel_business' => 'tel_business', 'cellular' => 'cellular', 'fax' => 'fax',
    ];

    /** Tables emptied with the user, by their column of the owner, whatever handlers are active. */
    private const ALWAYS = [
        'uid' => 'profiles user_quota user_accounting user_favouritefolders user_smslogging signatures profile_alias'
            . ' share_folder share_item user_group user_permissions',
    ];

    /** The same for the tables of a handler; the calendar keeps its rows, as the product does. */
    private const OF_HANDLER = [
        'email' => ['uid' => 'email_folders email_index email_threads email_thread_items email_whitelist email_filters'],
        'files' => ['uid' => 'files_folders files_index'],
        'contacts' => ['owner' => 'adb_adr adb_group', 'uid' => 'adb_adr_group'],
        'bookmarks' => ['owner' => 'bookmarks_folder bookmarks_item'],
        'rss' => ['owner' => 'rss_folder rss_feed rss_feed_item'],
    ];

    public function __construct(private readonly Database $database)
    {
    }

    /** @return ?array<string, ?string> */
    public function find(int $uid): ?array
    {
        return $this->database->row('SELECT * FROM {user} WHERE uid=?', [$uid]);
    }

    /** @return list<array<string, ?string>> */
    public function all(): array
    {
        return $this->database->rows('SELECT * FROM {user} ORDER BY username');
    }

    public function isTaken(string $name): bool
    {
        return $this->database->value('SELECT uid FROM {user} WHERE username=?', [$name]) !== null;
    }

    /** @return array<string, array<string, mixed>> the user's own settings, in the new or in the old form */
    public function choices(int $uid): array
    {
        $text = (string) $this->database->value('SELECT choices FROM {user} WHERE uid=?', [$uid]);
        if (!str_contains($text, ';;')) {
            $choices = @unserialize($text, ['allowed_classes' => false]);
            return is_array($choices) ? array_filter($choices, 'is_array') : [];
        }
        $core = [];
        foreach (array_filter(explode("\n", $text)) as $line) {
            [$key, $value] = explode(';;', trim($line)) + [1 => ''];
            $core[$key] = $value;
        }
        return ['core' => $core];
    }

    /** @param array<string, array<string, mixed>> $choices */
    public function choose(int $uid, array $choices): void
    {
        $merged = array_replace_recursive($this->choices($uid), $choices);
        $this->database->run('UPDATE {user} SET choices=? WHERE uid=?', [serialize($merged), $uid]);
    }

    /** @param array<string, string> $form */
    public function add(array $form): int
    {
        $contact = $this->addContact($form);
        $this->database->run(
            'INSERT INTO {user} SET username=?, pw_digesta1=?, externalemail=?, contactid=?, active=?, choices=""',
            [
                $form['username'],
                Logins::digest($form['username'], $form['password']),
                $form['externalemail'] ?? '',
                $contact,
                empty($form['active']) ? '0' : '1',
            ],
        );
        $uid = $this->database->lastId();
        Folders::create($this->database, $uid);
        return $uid;
    }

    /** @param array<string, string> $form an empty password is left as it was; the name never changes */
    public function save(int $uid, array $form): void
    {
        $user = $this->find($uid);
        if ($user === null) {
            return;
        }
        foreach (array_intersect_key(self::CONTACT, $form) as $field => $column) {
            $this->database->run("UPDATE {adb_adr} SET `$column`=? WHERE aid=?", [$form[$field], $user['contactid']]);
        }
        $this->database->run(
            'UPDATE {user} SET externalemail=?, active=? WHERE uid=?',
            [$form['externalemail'] ?? $user['externalemail'], $form['active'] ?? $user['active'], $uid],
        );
        if (($form['password'] ?? '') !== '') {
            $this->database->run(
                'UPDATE {user} SET pw_digesta1=?, password="" WHERE uid=?',
                [Logins::digest((string) $user['username'], $form['password']), $uid],
            );
        }
    }

    public function activate(int $uid, bool $isActive): void
    {
        $this->database->run('UPDATE {user} SET active=? WHERE uid=?', [$isActive ? '1' : '0', $uid]);
    }

    /** Removes a user; the rows of the calendar, of jobs and of public links stay behind, as in the product. */
    public function delete(int $uid): void
    {
        $user = $this->find($uid);
        if ($user === null) {
            return;
        }
        $this->database->run('DELETE FROM {user} WHERE uid=?', [$uid]);
        $this->database->run('DELETE FROM {adb_adr} WHERE aid=?', [$user['contactid']]);
        $active = parse_ini_file(Settings::path('conf') . '/active_handlers.ini.php') ?: [];
        if (!empty($active['email'])) {
            $this->database->run('DELETE FROM {email_uidlcache} WHERE profile IN (SELECT id FROM {profiles} WHERE uid=?)', [$uid]);
        }
        foreach ([self::ALWAYS, ...array_values(array_intersect_key(self::OF_HANDLER, array_filter($active)))] as $owned) {
            foreach ($owned as $column => $tables) {
                foreach (explode(' ', $tables) as $table) {
                    $this->database->run("DELETE FROM {{$table}} WHERE `$column`=?", [$uid]);
                }
            }
        }
        Folders::remove(Folders::ofUser($uid));
    }

    /** The user's own contact; where the database is strict, an empty birthday is refused and no contact made. */
    private function addContact(array $form): int
    {
        $sql = 'INSERT INTO {adb_adr} SET type="user", uuid=?, visibility=?';
        $values = [Folders::uuid(), ($form['visibility'] ?? '') === 'public' ? 'public' : 'private'];
        foreach (self::CONTACT as $field => $column) {
            $sql .= ", `$column`=?";
            $values[] = $form[$field] ?? '';
        }
        return $this->database->run($sql, $values) ? $this->database->lastId() : 0;
    }
}
