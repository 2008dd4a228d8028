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

    public function __construct(private readonly Database $database)
    {
    }

    public function run(): void
    {
        (new Schema($this->database))->sync();
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
