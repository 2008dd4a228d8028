"""Everything that an instance is on its server and in the inventory, written so that two instances can be compared.

Names, numbers, secrets and moments differ between any two instances: they are replaced by words.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import stat
import tarfile
from typing import TYPE_CHECKING

from sqlalchemy import select

from hosting.inventory.models import AccessLink, Deed, Instance, Lease, Letter, Order, Work
from hosting.product.layout import InstanceLayout

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

MOMENTS = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?"), "MOMENT"),
    (re.compile(r"'\d\d:\d\d:\d\d'"), "TIME"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "DIGEST"),
    (re.compile(r"counter packets \d+ bytes \d+"), "counter"),
    (re.compile(r"\*[0-9A-F]{40}\b"), "PASSWORD"),
)
PASSING = re.compile(r"/(sessions|temp|tplcache|upload)/|/cron\.lock$|^var/log/phm/|/storage/logging/")
"""What a request or the cron job makes and removes at any moment."""

HOST = r"""
set -eu
name=$1 user=phm-$1 db=phm_$1
getent passwd "$user" | sed 's/^/passwd /'; getent group "$user" | sed 's/^/group /'; id "$user" | sed 's/^/id /'
mariadb-dump --compact --no-data "$db" | sed 's/ AUTO_INCREMENT=[0-9]*//; s/^/table /'
mariadb-dump --compact --no-create-info --skip-extended-insert --order-by-primary "$db" | sed "s/^INSERT INTO /row /; s/core_crontab. VALUES ('\([a-z]*','[a-z]*\)'.*/core_crontab \1/"
mariadb -NBe "SELECT CONCAT_WS(' ', 'schema', DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '$db'"
mariadb -NBe "SHOW GRANTS FOR '$db'@localhost" | sed 's/^/grant /'
mariadb -NBe "SELECT CONCAT_WS(' ', 'account', User, Host, plugin) FROM mysql.user WHERE User = '$db'"
echo "socket $(stat -c '%U:%G:%a' /run/php/$user.sock)"
echo "limit $(btrfs qgroup show --raw -ref /srv/instances/$name 2>/dev/null | awk '$1 ~ /^0\// {print $4}')"
echo "scratch $(btrfs qgroup show --raw -ref /srv/scratch/$name 2>/dev/null | awk '$1 ~ /^0\// {print $4}')"
echo "subvolume $(stat -c %i /srv/instances/$name) $(stat -c %i /srv/scratch/$name)"
apache2ctl configtest 2>&1 | sed 's/^/apache /'
nft list table inet phm_outgoing | sed 's/^/nft /'
find /srv /etc /run/phm /var/log/phm \( -name '*.phm-new' -o -name '.phm-new.*' -o -name '*.phm-old' -o -name '*.phm-none' -o -name '*.part' -o -name '*.part.zip' \) | sed 's/^/left /'
ps -eo user:32,args | grep -E "phm-.*($name)" | grep -v -e grep -e 'php-fpm: pool' -e cronjob -e "$$" | sed 's/^/process /' || true
for p in /srv/releases/*; do echo "release $p"; done
"""

ARCHIVE = r"""
set -eu; cd /
ls -d srv/instances/$1 srv/code/$1 srv/scratch/$1 etc/phm/php/$1* etc/apache2/phm/instances/$1* etc/php/8.2/fpm/pool.d/phm-$1* etc/cron.d/phm-$1* var/log/phm/$1* 2>/dev/null \
 | tar --warning=no-file-changed --warning=no-file-removed --hard-dereference --sort=name -cf - -T - | base64 -w0
"""


def listing(service: Service, order: str) -> dict[str, str]:
    """What there is, by name: one line a thing."""
    instance = service.instance(order)
    words = _words(service, instance)
    found: dict[str, str] = {}
    for line in service.on(f"sh -c '{_quoted(HOST)}' listing {instance.name}").splitlines():
        kind, _, rest = _in_words(line, words).partition(" ")
        found[f"{kind} {rest.partition(' ')[0]} {len([key for key in found if key.startswith(kind)])}"] = rest
    found |= _files(service, instance, words)
    found |= {f"inventory {key}": _in_words(value, words) for key, value in _records(service, instance).items()}
    mails = {mail.message()["Message-ID"] for mail in service.fleet.mails(f"{order.lower()}@kunde.test")}
    return {**found, "letters that arrived": str(len(mails))}


def _quoted(script: str) -> str:
    """The script within single quotes."""
    return script.replace("'", "'\\''")


def _words(service: Service, instance: InstanceFacts) -> list[tuple[str, str]]:
    """What is the instance's own, and the word that stands for it."""
    layout = InstanceLayout.of(instance)
    return [
        (service.secret(instance, "database"), "DATABASE_PASSWORD"),
        (service.secret(instance, "root_admin"), "ROOT_PASSWORD"),
        (service.salt(instance) or "no salt", "SALT"),
        (instance.name, "NAME"),
        (str(layout.uid), "UID"),
        (instance.order_reference, "ORDER"),
        (instance.order_reference.lower(), "ORDER"),
    ]


def _in_words(text: str, words: list[tuple[str, str]]) -> str:
    """The text with words for what differs."""
    for own, word in words:
        text = text.replace(own, word)
    for pattern, word in MOMENTS:
        text = pattern.sub(word, text)
    return text


def _files(service: Service, instance: InstanceFacts, words: list[tuple[str, str]]) -> dict[str, str]:
    """Kind, mode, owner, link and content of each file."""
    packed = service.on(f"sh -c '{_quoted(ARCHIVE)}' files {instance.name}")
    found = {}
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed))) as archive:
        for entry in archive:
            if PASSING.search(entry.name):
                continue
            said = f"{entry.type.decode()} {stat.filemode(entry.mode)} {entry.uname}:{entry.gname} {entry.linkname}"
            if stream := archive.extractfile(entry) if entry.isreg() else None:
                content = _in_words(stream.read().decode("latin-1"), words)
                said += f"{len(content)} {hashlib.sha256(content.encode()).hexdigest()[:16]}"
            found[_in_words(f"file /{entry.name}", words)] = _in_words(said, words)
    return found


def _records(service: Service, instance: InstanceFacts) -> dict[str, str]:
    """What the inventory says of the instance and its order."""
    name, order = instance.name, instance.order_reference
    with service.inventory.reading() as session:
        row, placed = session.get_one(Instance, name), session.get_one(Order, order)
        deeds = session.scalars(select(Deed.what).where(Deed.subject == f"instance:{name}").order_by(Deed.id)).all()
        works = session.scalars(select(Work.state).where(Work.subject == order)).all()
        letters = session.scalars(select(Letter.key).where(Letter.key == f"ready:{order}")).all()
        links = session.scalars(select(AccessLink).where(AccessLink.instance_name == name)).all()
        return {
            "instance": f"{row.state} {row.server_name} {row.storage_gib} {row.accounts}",
            "order": f"{placed.state} ready {placed.ready_at is not None}",
            "deeds": " ".join(deed for deed in deeds if "lease" not in deed),
            "work": " ".join(works),
            "letters": " ".join(letters),
            "links": str(len([link for link in links if link.used_at is None and link.expires_at > placed.ready_at])),
            "lease": str(session.get(Lease, name)),
        }


def differences(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """What is otherwise in the second listing, one line a thing."""
    return [
        f"{name}: {expected.get(name, 'nothing')} != {found.get(name, 'nothing')}"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]
