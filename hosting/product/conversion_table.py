"""What becomes of each setting of an old installation, key by key (P34; phlymail.md section 3).

The first line that fits counts; what no line names is left out. Reasons are told to the customer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hosting.policy.findings import Rule

if TYPE_CHECKING:
    from collections.abc import Callable


def _reason(code: str, de: str, en: str) -> Rule:
    """A reason for what becomes of a setting; it refuses nothing."""
    return Rule(code, de, en, refuses=False)


KEPT = _reason("kept", "Übernommen.", "Taken over.")
FOR_PASSWORDS = _reason(
    "for_passwords", "Unverändert: Ohne diesen Wert gilt kein Passwort.", "Unchanged: no password works without it."
)
UNKNOWN = _reason("unknown", "Nicht bekannt, daher weggelassen.", "Not known, so left out.")
DOUBTFUL = _reason(
    "doubtful",
    "Nicht sicher zu lesen (Sonderzeichen), daher weggelassen.",
    "Can't be read for sure (special characters), so left out.",
)
BAD_VALUE = _reason(
    "bad_value",
    "Der Wert ist keiner, den es hier gibt, daher der übliche.",
    "No value that exists here, so the usual one.",
)
SHOWS_ERRORS = _reason(
    "shows_errors", "Fehler gehen niemanden außer uns etwas an.", "Errors are nobody's business but ours."
)
OUR_RELAY = _reason("our_relay", "E-Mail wird über unseren Server versandt.", "Mail is sent by our server.")
RUNS_COMMANDS = _reason("runs_commands", "Startet Befehle auf dem Server.", "Starts commands on the server.")
FOREIGN_PATH = _reason(
    "foreign_path",
    "Pfade sind hier fest; über sie ließe sich Fremdes ausführen.",
    "Paths are fixed here; by them foreign code could run.",
)
WHILE_IMPORTING = _reason(
    "while_importing", "Während der Übernahme geschlossen.", "Closed while the import is under way."
)
LEADS_AWAY = _reason("leads_away", "Leitet Ihre Nutzer auf eine fremde Seite.", "Leads your users to a foreign page.")
BY_SERVER = _reason("by_server", "Das erledigt hier der Server.", "The server does that here.")
NO_GATEWAY = _reason("no_gateway", "SMS und Fax gibt es hier nicht.", "There are no text messages and no fax here.")
WITHIN_LIMITS = _reason(
    "within_limits",
    "In den Grenzen, in denen Anmelden sicher bleibt.",
    "Within the limits in which logging in stays safe.",
)
HTTPS_ONLY = _reason("https_only", "Hier gilt nur HTTPS.", "HTTPS alone is served here.")
NO_REGISTERING = _reason(
    "no_registering", "Nutzer legt nur der Administrator an.", "Users are made by the administrator alone."
)
OTHER_LOGIN = _reason(
    "other_login",
    "Anmelden über fremde Server gibt es hier nicht; die Passwörter sind neu zu setzen.",
    "There is no logging in by foreign servers here; passwords have to be set anew.",
)
BUILT_ANEW = _reason("built_anew", "Wird hier neu aufgebaut.", "Is built anew here.")
RESIDUE = _reason("residue", "Rest eines alten Updates.", "A remainder of an old update.")
LOCKS_OUT = _reason("locks_out", "Alte Adressen sperrten alle aus.", "Old addresses would lock everybody out.")
CLEAR_PASSWORDS = _reason(
    "clear_passwords",
    "Passwörter von Mailkonten lagen im Klartext; sie sind jetzt verschleiert.",
    "Passwords of mail accounts lay in clear; they are disguised now.",
)


@dataclass(frozen=True)
class Line:
    """What becomes of the keys that a line names.

    Args:
        section: in which they stand.
        keys: which.
        why: told with it.
        new: the value from an old one; None leaves it out, and the platform's own counts.
    """

    section: re.Pattern[str]
    keys: re.Pattern[str]
    why: Rule
    new: Callable[[str], str | None]


def _line(section: str, keys: str, why: Rule, new: Callable[[str], str | None]) -> Line:
    """A line by patterns of whole names."""
    return Line(re.compile(section), re.compile(keys), why, new)


def drop(_: str) -> None:
    """Left out; what the platform sets counts."""


def _set(value: str) -> Callable[[str], str]:
    """Always this value."""
    return lambda _: value


def _within(least: int, most: int) -> Callable[[str], str | None]:
    """A number, brought within limits."""
    return lambda old: str(min(max(int(old), least), most)) if re.fullmatch(r"[0-9]{1,9}", old) else None


def _one_of(*values: str) -> Callable[[str], str | None]:
    """One of these values."""
    return lambda old: old if old in values else None


def _like(form: str) -> Callable[[str], str | None]:
    """A value of a form."""
    pattern = re.compile(form)
    return lambda old: old if pattern.fullmatch(old) else None


FLAG = _one_of("0", "1", "")
NUMBER = _like(r"[0-9]{1,9}|")
WORD = _like(r"[A-Za-z0-9_.-]{0,60}")
TEXT = _like(r'[^"\\\x00-\x1f\x7f${}]{0,500}')
ZONE = _like(r"[A-Z][A-Za-z]+(?:/[A-Z][A-Za-z_+-]+){1,2}|UTC")
MAIL = _like(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,200}|")
SALT = _like(r"[A-Za-z0-9._-]{1,255}")
"""The installer writes thirteen hexadecimal digits; whatever else PHP could read otherwise is for a person."""

LANGUAGES = ("de", "de_Du", "de_Sie", "en", "fr", "ru", "sk")
THEMES = ("Yokohama", "Amplified")

TABLE = (
    _line("auth", "system_salt", FOR_PASSWORDS, SALT),
    _line("core", "accountpass_security", FOR_PASSWORDS, _one_of("confused")),
    _line("core", "debugging_level", SHOWS_ERRORS, _set("disabled")),
    _line("core", "database", BY_SERVER, _set("mysql")),
    _line("core", "send_method|sendmail|fix_smtp_.*", OUR_RELAY, drop),
    _line("core", "online_status", WHILE_IMPORTING, _set("0")),
    _line("core", "language", KEPT, _one_of(*LANGUAGES)),
    _line("core", "theme_name", KEPT, _one_of(*THEMES)),
    _line("core", "mobile_theme_name", BY_SERVER, drop),
    _line("core", "timezone", KEPT, ZONE),
    _line("core", "(?:logout|failed)_redir_uri", LEADS_AWAY, drop),
    _line("core", "systememail", KEPT, MAIL),
    _line("core", "provider_name", KEPT, TEXT),
    _line("core", "show_motd|folders_usepreview|showattachmentinline", KEPT, FLAG),
    _line("core", "use_provsig", KEPT, _one_of("0", "1", "", "true")),
    _line("core", "gzip_(?:frontend|config)", BY_SERVER, _set("0")),
    _line("core", "(?:file|dir)_umask", BY_SERVER, drop),
    _line("core", "sms_feature_active", NO_GATEWAY, _set("0")),
    _line("core", "(?:sms|fax)_.*", NO_GATEWAY, drop),
    _line("core", "reg_.*", NO_REGISTERING, drop),
    _line("core", "pagesize|send_wordwrap", KEPT, NUMBER),
    _line("core", "receipt_out|answer_style|(?:mobile|newmail|logout_empty)[a-z_]*", KEPT, WORD),
    _line("auth", "countonfail", WITHIN_LIMITS, _within(3, 20)),
    _line("auth", "waitonfail", WITHIN_LIMITS, _within(1, 5)),
    _line("auth", "lockonfail", WITHIN_LIMITS, _within(10, 1440)),
    _line("auth", "force_ssl|session_cookie", HTTPS_ONLY, _set("1")),
    _line("auth", "tie_session_ip", LOCKS_OUT, _set("0")),
    _line("auth", "show_register", NO_REGISTERING, _set("0")),
    _line("proxy", ".*", BY_SERVER, drop),
    _line("path", ".*", FOREIGN_PATH, drop),
    _line("logging", ".*", BY_SERVER, drop),
    _line("extauth", ".*", OTHER_LOGIN, drop),
    _line("api_user", ".*", RUNS_COMMANDS, drop),
    _line("antijunk", "use_feature", RUNS_COMMANDS, _set("0")),
    _line("antijunk", ".*", RUNS_COMMANDS, drop),
    _line("phlymta", ".*", RUNS_COMMANDS, drop),
    _line("fulltextsearch", ".*", BUILT_ANEW, drop),
    _line("2fa", "yubi_(?:client_id|secret_key)", KEPT, _like(r"[A-Za-z0-9+/=]{0,100}")),
    _line("size", "thumb_[a-z_]+", KEPT, NUMBER),
    _line("archive|calendar|contacts", "[a-z_]+", KEPT, WORD),
    _line("tmp|handlers|temp", ".*", RESIDUE, drop),
)
"""The settings of `choices.ini.php`."""

CONFIG: dict[str, tuple[Callable[[str], str | None], Rule]] = {
    "language": (_one_of("de", "en", "fr"), KEPT),
    "scheme": (_one_of("default"), KEPT),
    "allow_ip": (_set("0"), LOCKS_OUT),
}
"""The settings of `config.choices.ini.php`."""

REASONS = {rule.code: rule for rule in vars().copy().values() if isinstance(rule, Rule)}
"""All reasons by their codes, as records name them."""
