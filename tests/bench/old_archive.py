"""A large old installation as one ZIP archive: mails with attachments, and an export whose texts are those of the mails."""

from __future__ import annotations

import base64
import random
import tempfile
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.product.old_installations import OldOne

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USERS = 5
STATEMENT_BYTES = 2**20
"""So long is a statement of mysqldump's."""

WORDS = [
    "Angebot",
    "Rechnung",
    "über",
    "Grüße",
    "und",
    "die",
    "der",
    "das",
    "ist",
    "nicht",
    "mit",
    "für",
    "Termin",
    "morgen",
    "um",
    "Uhr",
    "bitte",
    "Anlage",
    "siehe",
    "oben",
    "Kunde",
    "Lieferung",
    "Straße",
    "it's",
    '"zitiert"',
    "project",
    "meeting",
    "please",
    "find",
    "attached",
    "regards",
    "from",
    "a",
    "of",
    "the",
]
END = b"/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;"


def texts(dice: random.Random) -> list[str]:
    """Lines as people write them."""
    return [" ".join(dice.choices(WORDS, k=12)) for _ in range(2000)]


def uidl(number: int) -> str:
    """The name of a mail's file."""
    return f"1199{number:08}.4e3f"


def escaped(text: str) -> str:
    """As mysqldump writes it."""
    return text.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"').replace("\n", "\\n")


def statements(mails: int, dump_bytes: int, lines: list[str], dice: random.Random) -> Iterator[bytes]:
    """The rows of the mails, with their texts for searching; so many bytes in all."""
    wanted, held, size = dump_bytes // mails, list[bytes](), 0
    for number in range(mails):
        body = "\n".join(dice.choices(lines, k=max(1, wanted // 74)))
        user = number % USERS + 1
        row = f"({number + 1},{user},{user},'{uidl(number)}','Grüße {number}','2009-01-01 00:00:00','{escaped(body)}')"
        held.append(row.encode())
        size += len(held[-1])
        if size > STATEMENT_BYTES or number == mails - 1:
            yield b"INSERT INTO `phlymail_email_index` VALUES " + b",".join(held) + b";\n"
            held, size = [], 0


def mail(number: int, size: int, lines: list[str], dice: random.Random) -> bytes:
    """A mail with an attachment that can't be packed well."""
    head = f"From: a@b.example\r\nSubject: Nr. {number}\r\n\r\n" + "\r\n".join(dice.choices(lines, k=8)) + "\r\n\r\n"
    return head.encode() + base64.encodebytes(dice.randbytes(size * 3 // 4))


def write_archive(file: Path, mails: int, archive_bytes: int, dump_bytes: int) -> int:
    """The archive; its size.

    Args:
        file: to be written.
        mails: how many.
        archive_bytes: about so large; the export is packed to a quarter or so.
        dump_bytes: of the export, unpacked.
    """
    dice = random.Random(7)
    lines, old = texts(dice), replace(OldOne(), users=USERS, mails=0)
    begin, _, end = old.dump().replace(b"timestamp(14)", b"timestamp").partition(END)  # MariaDB's client takes it, too
    each = max(1000, int((archive_bytes - dump_bytes * 0.3) / mails / 0.76))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, content in old.files().items():
            archive.writestr(path, content)
        for number in range(mails):
            place = f"{old.folder}{old.base}/{number % USERS + 1}/email/inbox/{uidl(number)}"
            archive.writestr(place, mail(number, each, lines, dice))
        with tempfile.TemporaryFile() as dump:
            dump.write(begin)
            dump.writelines(statements(mails, dump_bytes, lines, dice))
            dump.write(END + end)
            dump.seek(0)
            with archive.open("dump.sql", "w", force_zip64=True) as out:
                while piece := dump.read(2**20):
                    out.write(piece)
    return file.stat().st_size
