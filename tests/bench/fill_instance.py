"""Runs on a server: fills an instance with generated mails and a database of some size, or changes a little of both.

python3 - DATABASE DATA-FOLDER USER MAILS DATABASE-MIB SEED <this
"""

import random
import subprocess
import sys
from pathlib import Path

WORDS = [
    "Angebot",
    "Rechnung",
    "Termin",
    "Besprechung",
    "Grüße",
    "Anhang",
    "Lieferung",
    "Vertrag",
    "Projekt",
    "Urlaub",
    "offer",
    "invoice",
    "meeting",
]


def text(rng: random.Random, size: int) -> str:
    """Text that compresses about as mails do: words, and a part of base64-like signs."""
    made, signs = [], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    while size > 0:
        line = "".join(rng.choices(signs, k=72)) if rng.random() < 0.7 else " ".join(rng.choices(WORDS, k=10))
        made.append(line)
        size -= len(line) + 1
    return "\n".join(made)


def main(database: str, data: str, user: str, mails: int, mib: int, seed: int) -> None:  # noqa: PLR0917
    """Write mails and rows; the rows' text makes the database's size."""
    rng = random.Random(seed)
    folder = f"{data}/storage/user/1/email/inbox"
    Path(folder).mkdir(parents=True, exist_ok=True)
    sql = subprocess.Popen(["mariadb", database], stdin=subprocess.PIPE, text=True)
    assert sql.stdin is not None
    sql.stdin.write("SET SESSION sql_log_bin=0, unique_checks=0, autocommit=0;\n")
    sql.stdin.write(
        "INSERT IGNORE INTO phlymail_email_folders (idx, uid, folder_path, friendly_name, att_type, uuid) "
        "VALUES (1, 1, 'inbox', 'Inbox', 0, 'bench');\n"
    )
    body = max(10, mib * 2**20 // max(1, mails))
    sample = [text(rng, 30_000) for _ in range(40)]
    for number in range(mails):
        uidl = f"{seed}-{number}.bench"
        whole = sample[number % 40]
        with Path(f"{folder}/{uidl}").open("w") as mail:
            mail.write(f"From: a{number}@kunde.test\nSubject: {uidl}\n\n{text(rng, 2_000)}\n{whole[:28_000]}\n")
        start = rng.randrange(0, len(whole) - min(body, 29_000))
        words = text(rng, min(300, body)) + whole[start : start + max(0, body - 300)]
        escaped = words.replace("\\", "\\\\").replace("'", "''")
        sql.stdin.write(
            "INSERT INTO phlymail_email_index (folder_id, uid, uidl, hsubject, hfrom, search_body, hmessage_id, hsize) VALUES "
            f"(1, 1, '{uidl}', 'mail {number}', 'a@kunde.test', '{escaped}', '<{uidl}>', 30000);\n"
        )
        if number % 500 == 0:
            sql.stdin.write("COMMIT;\n")
    sql.stdin.write("COMMIT;\n")
    sql.stdin.close()
    assert sql.wait() == 0
    owned = ["find", f"{data}/storage/user", "!", "-user", user, "-exec", "chown", f"{user}:{user}", "{}", "+"]
    subprocess.run(owned, check=True)  # what was there before keeps its times


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6]))
