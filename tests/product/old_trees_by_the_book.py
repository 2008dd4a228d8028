"""Old installations written after the notes on the product alone, by eyes that had not seen the importer (P33).

The other half stands in `old_installations`. Each tree says what has to arrive of it.
"""

from __future__ import annotations

from tests.product.book_tree import BookTree, Person


def _people(*names: str, mails: int = 5, stored: int = 2, first: int = 1) -> tuple[Person, ...]:
    return tuple(
        Person(
            first + at * 3,
            name,
            f"pw{at}-{name[:2]}",
            tuple(f"Grüße Nr. {n} €" for n in range(mails)),
            tuple(f"Datei {n} ß" for n in range(stored)),
            active=at != 1,
        )
        for at, name in enumerate(names)
    )


TREES = (
    BookTree(
        "MessageCenter 3 of a shared host",
        "MessageCenter",
        "30921",
        "mysqldump 4.1",
        "phlymail",
        "45cf1b2a9d7e0",
        _people("anna", "bernd", "carla"),
        dump_at="usr_web12_1.sql",
        conf="shared/config",
        base="storage",
        paths={"conf": "shared/config", "storage": "storage"},
        old_driver=True,
        leftover=3,
    ),
    BookTree(
        "Lite 3, edited under Windows",
        "Lite",
        "30700",
        "phpMyAdmin 2",
        "lite_2006",
        "4412345678901",
        _people("ich", stored=0),
        dump_at="htdocs/webmail/backup.sql",
        top="htdocs/webmail/",
        conf="shared/config",
        base="storage",
        paths={"conf": "shared/config", "storage": "storage"},
        ends="\r\n",
        old_driver=True,
    ),
    BookTree(
        "MessageCenter 4 beside a shop",
        "MessageCenter",
        "40215",
        "mysqldump --databases",
        "P4_mc",
        "50aa61e7c1d2f",
        _people("anna", "bernd", mails=8),
        dump_at="datenbank/alles.sql",
        top="web/mail/",
        leftover=88,
    ),
    BookTree(
        "MessageCenter 4 grown out of 3, its users where they always were",
        "MessageCenter",
        "40101",
        "phpMyAdmin 5",
        "mc",
        "4b1e66a90c3d1",
        _people("dora", "emil"),
        dump_at="mail/db.sql",
        top="mail/",
        base="storage",
        conf="shared/config",
        paths={"conf": "shared/config", "storage": "storage"},
    ),
    BookTree(
        "Lite 4 whose paths are those of its host",
        "Lite",
        "40330",
        "MySQL 8",
        "x",
        "51c0ffee51c0f",
        _people("lena", first=12),
        dump_at="dump/x.sql",
        conf="daten/einstellungen",
        base="daten/leute",
        paths={
            "conf": "/var/www/vhosts/kunde.example/httpdocs/daten/einstellungen",
            "storage": "/var/www/vhosts/kunde.example/httpdocs/daten",
            "userbase": "/var/www/vhosts/kunde.example/httpdocs/daten/leute",
        },
    ),
    BookTree(
        "Free 4 of the last release",
        "Free",
        "40470",
        "MariaDB 11",
        "phlymail",
        "5821aa30b1c9e",
        _people("nora", "ole", "pia", mails=4),
        dump_at="phlymail.sql",
        paths={"conf": "storage/config", "storage": "storage", "userbase": "storage/user"},
        leftover=2,
    ),
)
