"""A user, a mail and a file of an instance, found in its database to be opened on trial (phlymail.md section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.commands.command import Command, script
from hosting.commands.mariadb import Statement, name
from hosting.product.accounts import table
from hosting.product.named_files import LOCAL_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePosixPath as Path

MOST = 20
"""So many of the newest are looked at: of some the file may be missing, as it was when the backup was made."""

MOST_BYTES = 8 * 2**20
"""A larger mail or file is not opened: its sum was compared already."""

# Names come by stdin: some hold any sign that a user thought of.
_FIRST_THERE = """
n=0
while IFS= read -r path; do
  n=$((n+1)); f="$1/$path"
  if [ -f "$f" ] && [ ! -L "$f" ] && [ "$(stat -c %s "$f")" -le "$2" ]; then
    echo "$n $(stat -c %s "$f") $(sha256sum <"$f" | cut -d' ' -f1)"; exit
  fi
done
"""


def find_reader(database: str) -> Statement:
    """The uid and name of the user who has most to show: mails and files on the server, else one of both, else none."""
    mails = (
        f"EXISTS (SELECT 1 FROM {_table(database, 'email_index')} i JOIN {_table(database, 'email_folders')} f "
        f"ON f.idx = i.folder_id WHERE i.uid = u.uid AND f.att_type < {LOCAL_FOLDERS} AND i.uidl <> '')"
    )
    files = f"EXISTS (SELECT 1 FROM {_table(database, 'files_index')} i WHERE i.uid = u.uid)"
    users = f"SELECT u.uid, u.username FROM {_table(database, 'user')} u"
    return Statement(f"{users} ORDER BY {mails} + {files} DESC, u.uid LIMIT 1")


def set_user_password(database: str, uid: int, digested: str) -> Statement:
    """Another password digest for a user, who may log in then, whatever was before; for copies alone."""
    return Statement(
        f"UPDATE {_table(database, 'user')} SET pw_digesta1 = %s, password = '', active = '1', fail_count = 0 "
        "WHERE uid = %s",
        (digested, uid),
    )


def newest_mails(database: str, uid: int) -> Statement:
    """Number and path below the data folder of a user's newest mails that lie on the server."""
    return Statement(
        f"SELECT i.idx, CONCAT('storage/user/', i.uid, '/email/', f.folder_path, '/', i.uidl) "
        f"FROM {_table(database, 'email_index')} i JOIN {_table(database, 'email_folders')} f "
        f"ON f.idx = i.folder_id WHERE i.uid = %s AND f.att_type < {LOCAL_FOLDERS} AND i.uidl <> '' "
        f"ORDER BY i.cached DESC, i.idx DESC LIMIT {MOST}",
        (uid,),
    )


def newest_files(database: str, uid: int) -> Statement:
    """Folder, name and path below the data folder of a user's newest files, those in no folder first."""
    return Statement(
        f"SELECT i.folder_id, i.friendly_name, CONCAT('storage/user/', i.uid, '/files/', "
        "IF(COALESCE(f.folder_path, '') = '', '', CONCAT(f.folder_path, '/')), i.file_name) "
        f"FROM {_table(database, 'files_index')} i JOIN {_table(database, 'files_folders')} f "
        f"ON f.idx = i.folder_id WHERE i.uid = %s ORDER BY COALESCE(f.folder_path, '') <> '', i.idx DESC LIMIT {MOST}",
        (uid,),
    )


def folders_of(database: str, uid: int) -> Statement:
    """Number, the one above (0: none) and name of a user's folders of files."""
    return Statement(
        f"SELECT idx, childof, friendly_name FROM {_table(database, 'files_folders')} WHERE uid = %s", (uid,)
    )


def first_there(data: Path, paths: Sequence[str]) -> Command:
    """The first of these files that is there and not too large: its place in the row from 1, bytes and sum."""
    told = "".join(f"{path}\n" for path in paths if "\n" not in path).encode()
    return script("look", _FIRST_THERE, str(data), str(MOST_BYTES), stdin=told, seconds=120)


def parse_first(out: str) -> tuple[int, int, str] | None:
    """What `first_there` told: place from 0, bytes, sum; None if none was there."""
    if not out.strip():
        return None
    place, size, digest = out.split()
    return int(place) - 1, int(size), digest


def _table(database: str, what: str) -> str:
    """A product's table in an instance's database."""
    return f"{name(database)}.{table(what)}"
