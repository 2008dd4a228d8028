"""An import on its server, each step as one command: its folder, the archive, the draft; SQL on the draft."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.command import Command, script
from hosting.commands.mariadb import Statement, name
from hosting.product.accounts import permissions, table
from hosting.product.layout import ROOT_ADMIN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import PurePosixPath as Path

    from hosting.product.poison import Poison

# The archive and the readers are root's; the tree is the draft's own, a subvolume with a limit where there is btrfs.
_FOLDER = """
place=$1; umask 022
mkdir -p "$(dirname "$place")"; mkdir -p -m 711 "$place"; chmod 711 "$place"; echo changed
"""

_TREE = """
tree=$1/tree user=$2 most=$3 btrfs=$4
if [ "$btrfs" = yes ]; then
  if [ -d "$tree" ]; then btrfs subvolume delete "$tree" >/dev/null 2>&1 || rm -rf --one-file-system "$tree"; fi
  btrfs -q subvolume create "$tree" 2>/dev/null || btrfs subvolume create "$tree" >/dev/null
  btrfs qgroup limit "$most" "$tree"
else rm -rf --one-file-system "$tree"; mkdir "$tree"
fi
chown "$user:$user" "$tree"; chmod 700 "$tree"
chown "root:$user" "$1/archive"; chmod 640 "$1/archive"
head -c "$5" >"$1/readers.pyz.part"
[ "$(stat -c %s "$1/readers.pyz.part")" = "$5" ] || { echo "the readers came in part only" >&2; exit 75; }
chmod 644 "$1/readers.pyz.part"; mv -T "$1/readers.pyz.part" "$1/readers.pyz"; echo changed
"""

_SUM = """
cd "$1" 2>/dev/null || exit 0
[ ! -f archive ] || sha256sum archive | cut -d' ' -f1
"""

_RESOLVED = """
getent ahosts -- "$1" | cut -d' ' -f1 | sort -u || true
"""

# The draft's folder leaves its place once; from then on nothing is found there, and nothing is done.
_TAKE_DRAFT = """
draft=$1 into=$2 from=$3 to=$4
[ -e "$draft" ] || { echo unchanged; exit; }
mkdir -p -m 700 "$(dirname "$into")"
chown -hR --from=":$from" ":$to" "$draft"; chown -hR --from="$from" "$to" "$draft"
mv -T "$draft" "$into"; sync -f "$into"; echo changed
"""


def ensure_place(place: Path) -> Command:
    """The folder of an import: others pass through it, and see no list of what is in it."""
    return script("import folder", _FOLDER, str(place))


def ensure_tree(place: Path, user: str, most_bytes: int, readers: bytes, *, btrfs: bool) -> Command:
    """An empty folder to unpack into, the archive to be read by the draft's user, and the readers beside it."""
    words = (str(place), user, str(most_bytes), "yes" if btrfs else "no", str(len(readers)))
    return script("unpacking folder", _TREE, *words, stdin=readers, seconds=300)


def archive_sum(place: Path) -> Command:
    """The SHA-256 of the archive, if it is whole."""
    return script("checksum", _SUM, str(place), seconds=3600)


def resolve(host: str) -> Command:
    """All addresses that the server's resolver has for a name, one a line; none where it has none."""
    return script("resolve", _RESOLVED, host, seconds=30)


def take_draft(draft: Path, into: Path, uid: int, to: int) -> Command:
    """The draft's data folder on its way into the instance's place, owned by the instance's user from now on."""
    return script("take draft", _TAKE_DRAFT, str(draft), str(into), str(uid), str(to), seconds=3600)


def columns(database: str) -> Statement:
    """Tables and columns of a database."""
    return Statement(
        "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s", (database,)
    )


def count_rows(database: str, bare: str) -> Statement:
    """The rows of one of the product's tables, by its name without prefix."""
    return Statement(f"SELECT COUNT(*) FROM {name(database)}.{table(_word(bare))}")  # noqa: S608  # names of ours


def poisoned(database: str, poison: Poison) -> Statement:
    """How many rows are of a kind that acts."""
    return Statement(f"SELECT COUNT(*) FROM {_at(database, poison)}")  # noqa: S608  # constants of ours


def neutralise(database: str, poison: Poison) -> Statement:
    """Rows of that kind don't act any more, or are gone."""
    if poison.becomes:
        where = _at(database, poison).partition(" WHERE ")
        return Statement(f"UPDATE {where[0]} SET {poison.becomes} WHERE {where[2]}")  # noqa: S608  # as above
    return Statement(f"DELETE FROM {_at(database, poison)}")  # noqa: S608  # as above


def administrators(database: str) -> Statement:
    """The names of all administrators."""
    return Statement(f"SELECT username FROM {name(database)}.{table('admin')} ORDER BY uid")  # noqa: S608  # as above


def demote_administrators(database: str, digested: str) -> tuple[Statement, ...]:
    """No administrator of the old installation sets up the system; ours does, with this digest (P34)."""
    where = f"{name(database)}.{table('admin')}"
    return (
        Statement(f"DELETE FROM {where} WHERE username = %s", (ROOT_ADMIN,)),  # noqa: S608  # as above
        Statement(f"UPDATE {where} SET is_root = 'no', permissions = %s", (permissions(),)),  # noqa: S608  # as above
        Statement(
            f"INSERT INTO {where} (username, pw_digesta1, externalemail, active, is_root, choices, permissions) "  # noqa: S608  # as above
            "VALUES (%s, %s, '', '1', 'yes', '', '')",
            (ROOT_ADMIN, digested),
        ),
    )


def users_without_password(database: str) -> Statement:
    """The names of users whom nobody can log in as: neither a digest nor an old sum of a password is there."""
    return Statement(
        f"SELECT username FROM {name(database)}.{table('user')} "  # noqa: S608  # as above
        "WHERE COALESCE(pw_digesta1, '') NOT REGEXP '^[0-9a-f]{32}$' "
        "AND COALESCE(password, '') NOT REGEXP '^[0-9a-f]{32}$' ORDER BY uid"
    )


def user_names(database: str) -> Statement:
    """Names of users with other letters than ASCII's, whose digests are made of their bytes."""
    return Statement(
        f"SELECT username FROM {name(database)}.{table('user')} "  # noqa: S608  # as above
        "WHERE username REGEXP '[^ -~]' ORDER BY uid"
    )


_DISGUISED_MOST = 48
"""Bytes of a password that fit into the product's columns of 64 signs once it is disguised."""

_PASSWORDS = {
    "poppass": "CONCAT(popserver, popport, popuser)",
    "smtppass": "CONCAT(smtpserver, smtpport, smtpuser)",
}
"""Passwords of mail accounts, and what each is disguised by."""


def mail_passwords_without_room(database: str) -> Statement:
    """How many mail accounts have a password that can't be disguised: too long, or with neither server nor user."""
    where = " OR ".join(_lost(column, key) for column, key in _PASSWORDS.items())
    return Statement(f"SELECT COUNT(*) FROM {name(database)}.{table('profiles')} WHERE {where}")  # noqa: S608  # as above


def empty_mail_passwords(database: str) -> tuple[Statement, ...]:
    """Those passwords are empty."""
    at = f"{name(database)}.{table('profiles')}"
    return tuple(
        Statement(f"UPDATE {at} SET {column} = '' WHERE {_lost(column, key)}")  # noqa: S608  # as above
        for column, key in _PASSWORDS.items()
    )


def mail_password_lengths(database: str) -> Statement:
    """Of each mail account, the bytes of its two passwords, in one text."""
    both = "CONCAT(OCTET_LENGTH(poppass), ' ', OCTET_LENGTH(smtppass))"
    return Statement(f"SELECT id, {both} FROM {name(database)}.{table('profiles')} ORDER BY id")  # noqa: S608  # as above


def _lost(column: str, key: str) -> str:
    """The condition of such a password."""
    return f"({column} <> '' AND (OCTET_LENGTH({column}) > {_DISGUISED_MOST} OR {key} = ''))"


def can_act(poison: Poison, there: Mapping[str, Collection[str]]) -> bool:
    """Whether a database has what could act: columns by table, with the prefix, in any letter case."""
    needed = [(poison.table, poison.column), *([poison.also] if poison.also else [])]
    return all(column in {one.lower() for one in there.get(table(bare), ())} for bare, column in needed)


def _at(database: str, poison: Poison) -> str:
    """Table and condition of a kind of row."""
    where = poison.where.replace("{email_folders}", f"{name(database)}.{table('email_folders')}")
    return f"{name(database)}.{table(poison.table)} WHERE {where}"


def _word(bare: str) -> str:
    """A table's name of ours."""
    if not bare.replace("_", "").isalnum():
        raise ValueError(f"{bare!r} is no table's name.")
    return bare
