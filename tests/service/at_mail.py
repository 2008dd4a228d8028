"""A customer who is at work: mails that come, are moved and go, and files by WebDAV that come, are overwritten and go."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from hosting.product.layout import InstanceLayout
from tests.service.customer import site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.mailbox_data import Mailbox
    from tests.service_fixture import Service

OVERWRITTEN = 3
UNIT = "customer-at-work"
STAY = 300
"""So many mails lie in the inbox, and as many in the waste: none comes and goes while a backup looks."""

# As the product does it: a file before its row, a move and a removal in the folder before they are in the table.
WORK = """
import os, pwd, subprocess, sys, time
database, data, user, uid = sys.argv[1:5]
who = pwd.getpwnam(user)
client = subprocess.Popen(["mariadb", "-NB", "--unbuffered", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def asked(sql):
    client.stdin.write(sql + "; SELECT 'done';\\n"); client.stdin.flush()
    rows = []
    while (line := client.stdout.readline().rstrip("\\n")) != "done":
        assert line or client.poll() is None, "MariaDB went away"
        rows.append(line)
    return rows
folders = {name: asked(f"SELECT idx FROM phlymail_email_folders WHERE uid={uid} AND folder_path='{name}'")[0] for name in ("inbox", "waste")}
base, began = f"{data}/storage/user/{uid}/email", sys.argv[5]
os.setgid(who.pw_gid); os.setuid(who.pw_uid)
def come(*mails):
    for name, folder in mails:
        with open(f"{base}/{folder}/{name}", "w") as mail:
            mail.write(f"Subject: {name}\\r\\n\\r\\n" + "text " * 400)
    rows = ", ".join(f"({folders[folder]}, {uid}, '{name}', '{name}', '<{name}>')" for name, folder in mails)
    asked(f"INSERT INTO phlymail_email_index (folder_id, uid, uidl, hsubject, hmessage_id) VALUES {rows}")
number = 2 * STAY
come(*((f"{began}-{one}", "waste" if one <= STAY else "inbox") for one in range(1, number + 1)))
print("in full swing", flush=True)
while not os.path.exists("/run/stop-working"):
    number += 1
    new, old, oldest = (f"{began}-{number - back}" for back in (0, STAY, 2 * STAY))
    come((new, "inbox"))
    os.rename(f"{base}/inbox/{old}", f"{base}/waste/{old}")
    asked(f"UPDATE phlymail_email_index SET folder_id={folders['waste']} WHERE uid={uid} AND uidl='{old}'")
    os.unlink(f"{base}/waste/{oldest}")
    asked(f"DELETE FROM phlymail_email_index WHERE uid={uid} AND uidl='{oldest}'")
    with open(f"{base}/.temp", "w"):
        os.unlink(f"{base}/.temp")
    time.sleep(0.01)
print(number, flush=True)
""".replace("STAY", str(STAY))


@dataclass
class Seen:
    """What the customer did and saw.

    Args:
        mails: how many came.
        answers: what WebDAV answered, how often.
    """

    mails: int = 0
    answers: dict[int, int] = field(default_factory=dict)


@contextlib.contextmanager
def at_work(service: Service, made: Mailbox, name: str, stamp: str) -> Iterator[Seen]:
    """While the block goes on a user gets and moves mails and works with files; nothing but what he had before is kept.

    Args:
        service: the service.
        made: the instance and its users.
        name: of the user.
        stamp: begins the names of his mails.
    """
    layout, host, seen = InstanceLayout.of(made.instance), made.instance.server_name, Seen()
    words = f"{layout.database} {layout.data} {layout.user} {made.uids[name]} {stamp}"
    service.fleet.run(host, "cat >/root/at-work.py", text_in=WORK)
    out = f"/root/at-work-{stamp}"
    service.on(
        f"rm -f /run/stop-working; systemd-run -q --unit={UNIT} -p StandardOutput=file:{out} -p StandardError=file:{out}.err "
        f"python3 /root/at-work.py {words}; i=0; until grep -q swing {out}; do i=$((i+1)); [ $i -lt 600 ]; sleep 0.1; done",
        host,
    )
    stop = threading.Event()
    worker = threading.Thread(target=with_files, args=(service, made, name, stop, seen))
    worker.start()
    try:
        yield seen
    finally:
        stop.set()
        worker.join()
        service.on(f"touch /run/stop-working; i=0; while systemctl -q is-active {UNIT}; do i=$((i+1)); [ $i -lt 300 ]; sleep 0.1; done", host)  # fmt: skip
    said = service.on(f"cat {out}.err; tail -n 1 {out}", host).strip()
    assert said.isdecimal(), said
    seen.mails = int(said)


def with_files(service: Service, made: Mailbox, name: str, stop: threading.Event, seen: Seen) -> None:
    """Files by WebDAV: some come and go, a few are overwritten in place again and again."""
    mine = site(service, made.instance)
    mine.users = made.passwords
    with mine.client:
        for number in count():
            if stop.is_set():
                return
            deeds = [
                ("PUT", f"overwritten {number % OVERWRITTEN}.bin", {"content": bytes([number % 256]) * (number % 5 + 1) * 50_000}),
                ("PUT", f"comes {number}.bin", {"content": b"new"}),
                *([("DELETE", f"comes {number - 5}.bin", {})] if number >= 5 else []),
            ]  # fmt: skip
            for method, file, options in deeds:
                status = mine.ask(mine.file(name, file), method, auth=mine.digest(name), **options).status_code
                seen.answers[status] = seen.answers.get(status, 0) + 1
