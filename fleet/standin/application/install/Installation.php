<?php

defined('_IN_PHM_') || exit;

/** What the form of the installer asks for, and its way into files and database. */
final class Installation
{
    /** setting in [core] => field of the form */
    private const CORE = [
        'language' => 'language',
        'theme_name' => 'skin',
        'database' => 'database',
        'send_method' => 'send_method',
        'sendmail' => 'sendmail',
    ];

    /** @param array<string, mixed> $form */
    public function __construct(private readonly array $form)
    {
    }

    /** Writes the three files with settings and a new salt; what could not be written is told. */
    public function writeSettings(): string
    {
        $core = [];
        foreach (self::CORE as $setting => $field) {
            if (isset($this->form[$field])) {
                $core[$setting] = basename((string) $this->form[$field]);
            }
        }
        $chosen = ['core' => $core, 'auth' => ['system_salt' => uniqid()]];
        $error = Settings::save('choices.ini.php', $chosen) ? '' : Text::of('unwritten') . ' choices.ini.php';
        Settings::overlay($chosen);
        $file = Settings::path('conf') . '/config.choices.ini.php';
        $language = basename((string) ($this->form['language_conf'] ?? ''));
        if (@file_put_contents($file, ";<?php die(); ?>\nlanguage = \"$language\"\n") === false) {
            $error .= Text::of('unwritten') . " $file";
        } else {
            @chmod($file, 0755);
        }
        $access = [];
        foreach (['host', 'user', 'pass', 'database', 'prefix'] as $key) {
            $access[$key] = (string) ($this->form['WP_DB'][$key] ?? '');
        }
        if (is_dir(Settings::path('driver') . '/' . Settings::get('core', 'database'))) {
            Settings::save(Settings::path('conf') . '/driver.' . Settings::get('core', 'database') . '.ini.php', $access);
        }
        return $error;
    }

    /** The first administrator, root; where the name is taken already, nothing is said. */
    public function addAdministrator(Database $database): void
    {
        $name = (string) ($this->form['admin_name'] ?? '');
        $digest = Logins::digest($name, (string) ($this->form['admin_pw_1'] ?? ''));
        $database->run(
            'INSERT INTO {admin} SET username=?, pw_digesta1=?, externalemail="", active="1", is_root="yes",'
            . ' choices="", permissions=""',
            [$name, $digest],
        );
    }

    /** @return array<string, int> every handler of the release is switched on */
    public function handlers(): array
    {
        return array_fill_keys(array_map('basename', glob(Settings::path('handler') . '/*', GLOB_ONLYDIR)), 1);
    }
}
