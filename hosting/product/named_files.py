"""The files that the product's database names, as SQL that tells their paths below the data folder (phlymail.md 4.6).

IMAP mails have rows only; what lies on the server are mails fetched by POP3 or kept locally (`att_type` below 10), and
uploads. Nothing else in the database names a file that the customer would miss.
"""

from __future__ import annotations

from hosting.product.layout import TABLE_PREFIX

LOCAL_FOLDERS = 10
"""Folder types from here on are kept on IMAP servers (phlymail.md 4.3)."""


def named_files(database: str) -> list[dict[str, str]]:
    """What is named, by kind, with the statement that lists its paths; `database` is a name of ours."""

    def table(name: str) -> str:
        return f"`{database}`.`{TABLE_PREFIX}_{name}`"

    mails = (
        "SELECT CONCAT('storage/user/', i.uid, '/email/', f.folder_path, '/', i.uidl) "
        f"FROM {table('email_index')} i JOIN {table('email_folders')} f ON f.idx=i.folder_id "
        f"WHERE f.att_type < {LOCAL_FOLDERS} AND i.uidl <> ''"
    )
    uploads = (
        "SELECT CONCAT('storage/user/', i.uid, '/files/', IF(COALESCE(f.folder_path, '') = '', '', "
        "CONCAT(f.folder_path, '/')), i.file_name) "
        f"FROM {table('files_index')} i JOIN {table('files_folders')} f ON f.idx=i.folder_id"
    )
    return [{"what": "mails", "sql": mails}, {"what": "uploads", "sql": uploads}]


LEFT_OUT = ("template cache", "temporary files", "sessions", "code (the release is registered)")
"""What a backup leaves out, and why: the product makes it anew, or it lies in the object store as the release."""
