"""An instance with a life in it: users made in Config, generated mails, events and contacts, files put by WebDAV.

The same seed gives the same content. Mails lie where the product keeps those that it fetched by POP3, each with its row.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import TYPE_CHECKING

from hosting.product.layout import InstanceLayout
from tests.service.customer import site

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

USERS = ("anna", "bert", "clara")
WORDS = [
    "Angebot",
    "Rechnung",
    "Termin",
    "Grüße",
    "Besprechung",
    "Übersicht",
    "Anhang",
    "Lieferung",
    "Straße",
    "invoice",
    "meeting",
    "😀",
    "naïve",
]

# Content comes as JSON by stdin; what is written into the storage is written by the instance's own user.
WRITE = """
import base64, json, os, pwd, subprocess, sys
told = json.load(sys.stdin)
who = pwd.getpwnam(told["user"])
def as_instance():
    os.setgid(who.pw_gid); os.setuid(who.pw_uid)
files = json.dumps(told["files"])
write = "import base64,json,os,sys\\nfor path, content in json.load(sys.stdin).items():\\n    os.makedirs(os.path.dirname(path), exist_ok=True); open(path, 'wb').write(base64.b64decode(content))"
subprocess.run([sys.executable, "-c", write], input=files, text=True, check=True, preexec_fn=as_instance)
subprocess.run(["mariadb", "--default-character-set=utf8mb4", told["database"]], input=told["sql"], text=True, check=True)
"""


@dataclass
class Mailbox:
    """What was put into an instance.

    Args:
        instance: which one.
        passwords: of its users, by name.
        uids: theirs.
        mails: the raw mails by path below the data folder.
        files: the uploads by user and path of real names.
    """

    instance: InstanceFacts
    passwords: dict[str, str] = field(default_factory=dict)
    uids: dict[str, int] = field(default_factory=dict)
    mails: dict[str, bytes] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)


def fill(
    service: Service,
    instance: InstanceFacts,
    *,
    users: tuple[str, ...] = USERS,
    mails: int = 4,
    files: int = 3,
    seed: int = 1,
) -> Mailbox:
    """Users, each with so many mails, events, contacts and files."""
    rng = random.Random(f"{instance.name} {seed}")
    made = Mailbox(instance)
    add_users(service, made, users)
    add_rows(service, made, rng, mails)
    add_files(service, made, rng, files)
    return made


def add_users(service: Service, made: Mailbox, names: tuple[str, ...]) -> None:
    """Users, by the root administrator in Config."""
    mine = site(service, made.instance)
    with mine.client:
        assert mine.log_in(service.secret(made.instance, "root_admin")).status_code == 302
        for name in names:
            mine.make_user(name)
    made.passwords |= mine.users
    database = InstanceLayout.of(made.instance).database
    rows = service.on(
        f"mariadb --default-character-set=utf8mb4 -NBe 'SELECT uid, username FROM phlymail_user' {database}",
        made.instance.server_name,
    )
    made.uids = {
        name: int(uid) for uid, name in (line.split("\t") for line in rows.splitlines()) if name in made.passwords
    }


def add_rows(service: Service, made: Mailbox, rng: random.Random, count: int) -> None:
    """Mails in the inbox with their files, events and contacts, of each user."""
    layout = InstanceLayout.of(made.instance)
    sql, content = "", {}
    for name, uid in made.uids.items():
        for number in range(count):
            uidl, subject = f"{rng.getrandbits(48):012x}.{number}", " ".join(rng.choices(WORDS, k=4))
            path, raw = f"storage/user/{uid}/email/inbox/{uidl}", mail(rng, name, subject)
            made.mails[path], content[str(layout.data / path)] = raw, base64.b64encode(raw).decode()
            words = literal(subject)
            sql += (
                "INSERT INTO phlymail_email_index (folder_id, uid, uidl, hfrom, hto, hsubject, hdate_sent, hdate_recv, "
                "search_body, hmessage_id, hsize, cached) "
                f"SELECT idx, {uid}, '{uidl}', 'absender@kunde.test', {literal(name)}, {words}, NOW(), NOW(), "
                f"{words}, '<{uidl}>', {len(raw)}, '1' FROM phlymail_email_folders "
                f"WHERE uid={uid} AND folder_path='inbox';"
                "INSERT INTO phlymail_calendar_events (uid, uuid, title, starts, ends) "
                f"VALUES ({uid}, '{uidl}', {words}, NOW(), NOW());"
                "INSERT INTO phlymail_adb_adr (owner, uuid, lastname, email1) "
                f"VALUES ({uid}, '{uidl}', {words}, 'a{number}@kunde.test');\n"
            )
    told = json.dumps({"user": layout.user, "database": layout.database, "files": content, "sql": sql})
    done = service.fleet.run(made.instance.server_name, f"python3 -c '{quoted(WRITE)}'", text_in=told)
    assert done.returncode == 0, done.stderr


def add_files(service: Service, made: Mailbox, rng: random.Random, count: int) -> None:
    """Uploads of each user by WebDAV, the last one in a folder."""
    mine = site(service, made.instance)
    mine.users = made.passwords
    with mine.client:
        for name in made.uids:
            auth = mine.digest(name)
            folder = "Übersicht 2026"
            if count:
                assert mine.ask(mine.file(name, folder), "MKCOL", auth=auth).status_code == 201
            for number in range(count):
                path = f"{f'{folder}/' if number == count - 1 else ''}Anhang {number} ä&+.bin"
                made.files[name, path] = rng.randbytes(rng.randrange(1, 40_000))
                put = mine.ask(mine.file(name, path), "PUT", auth=auth, content=made.files[name, path])
                assert put.status_code == 201, (put.status_code, put.text)


def mail(rng: random.Random, to: str, subject: str) -> bytes:
    """A mail with text, a page of it, and an attachment."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "absender@kunde.test", f"{to} <empfang@kunde.test>", subject
    message.set_content(" ".join(rng.choices(WORDS, k=200)))
    message.add_alternative(f"<p>{' '.join(rng.choices(WORDS, k=50))}</p>", subtype="html")
    message.add_attachment(rng.randbytes(rng.randrange(1, 20_000)), "application", "octet-stream", filename="Größe.bin")
    return message.as_bytes().replace(b"\n", b"\r\n")


def literal(text: str) -> str:
    """A text as SQL, whatever it holds."""
    return f"CONVERT(0x{text.encode().hex()} USING utf8mb4)"


def quoted(script: str) -> str:
    """A script within single quotes."""
    return script.replace("'", "'\\''")


def missing(service: Service, made: Mailbox, instance: InstanceFacts) -> list[str]:
    """What of it an instance lacks or has otherwise: each user's files by WebDAV, the mails on the server."""
    mine, layout = site(service, instance), InstanceLayout.of(instance)
    mine.users, found = made.passwords, []
    with mine.client:
        for (name, path), content in made.files.items():
            answer = mine.ask(mine.file(name, path), auth=mine.digest(name))
            found += [] if answer.content == content else [f"{name}/{path}: {answer.status_code}"]
    wanted = {str(layout.data / path): hashlib.sha256(raw).hexdigest() for path, raw in made.mails.items()}
    told = service.fleet.run(
        instance.server_name,
        "sha256sum -c --quiet 2>&1",
        text_in="".join(f"{sum_}  {path}\n" for path, sum_ in wanted.items()),
    )
    return [*found, *told.stdout.splitlines()]
