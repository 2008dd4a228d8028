<?php

defined('_IN_PHM_') || exit;

/** What a release does once to an instance; a second run changes nothing. */
final class Upgrade
{
    /** Who takes over which kind of content from a mail. */
    private const TAKERS = [
        'files' => ['%'],
        'email' => ['message/%'],
        'calendar' => ['text/calendar', 'text/icalendar', 'text/vcalendar', 'text/x-lotus-calendar'],
        'contacts' => ['text/x-vcard', 'text/vcard', 'text/x-directory'],
    ];

    private const SAID = [
        'DROP TABLE IF EXISTS {mailboxes}',
        'UPDATE {files_folders} SET att_has_items="1" WHERE att_icon IN (":files", ":waste")',
    ];

    public function __construct(private readonly Database $database)
    {
    }

    public function run(): void
    {
        (new Schema($this->database))->sync();
        $this->sayAnew();
        $this->fillTakers();
        (new Crontab($this->database))->fill();
        foreach ([Settings::path('tplcache'), Settings::path('temp'), Settings::path('storage') . '/filter_scripts'] as $folder) {
            is_dir($folder) || @mkdir($folder, 0755, true);
        }
        Folders::clear(Settings::path('tplcache'));
        Settings::ensureSalt();
        $own = is_readable('choices.ini.php') ? (parse_ini_file('choices.ini.php', true) ?: []) : [];
        Settings::save('./choices.ini.php', array_replace_recursive(Settings::$values, $own));
    }

    /** What the product says at each run, though it changes nothing from the second run on. */
    private function sayAnew(): void
    {
        foreach ([...self::SAID, 'ALTER TABLE {email_index} MODIFY search_body ' . Schema::type('text')] as $sql) {
            if (!$this->database->run($sql)) {
                echo htmlspecialchars($this->database->error()), "\n";
            }
        }
    }

    private function fillTakers(): void
    {
        foreach (self::TAKERS as $handler => $types) {
            foreach ($types as $type) {
                $known = [$handler, $type];
                if ($this->database->value('SELECT 1 FROM {sendto_handler} WHERE handler=? AND mimetype=?', $known) === null) {
                    $this->database->run('INSERT INTO {sendto_handler} SET handler=?, mimetype=?, behaviour="accept"', $known);
                }
            }
        }
    }
}
