"""What is measured is what a second, independent count finds, within one percent; the product is told of it (P04, P07)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blocks.ssh_connection import SshConnection
from hosting.policy.quota import files_limit
from hosting.product.layout import InstanceLayout
from tasks.measuring import ensure_room, measure_instances
from tasks.rebuilding import rebuild_tables
from tests.service.customer import SESSION

if TYPE_CHECKING:
    from hosting.inventory.measurements import MeasuredFacts
    from tests.service.customer import Site
    from tests.service_fixture import Service

    Neighbours = tuple[Site, Site]

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

MIB = 2**20


def measured(service: Service, one: Site) -> MeasuredFacts:
    outcome = measure_instances.fn(service.server(), [service.instance(one.instance.order_reference)])[0]
    assert outcome.measured is not None, outcome.finding
    return outcome.measured


FREE = r"""
import pathlib, struct, sys
free, page = 0, 16384
for file in pathlib.Path(sys.argv[1]).glob("*.ibd"):
    content = file.read_bytes()
    pages, never_used = len(content) // page, struct.unpack_from(">I", content, 50)[0]
    for first in range(0, pages - 63, 64):
        described = first // page * page * page + 150 + first % page // 64 * 40
        free += first >= never_used or struct.unpack_from(">I", content, described + 20)[0] == 1
print(free << 20)
"""
"""Counts the extents of a database's tables that are free, by the descriptor of each: neither MariaDB's sum nor its list."""


def counted(service: Service, one: Site) -> tuple[int, int]:
    """Database without its free extents, and files, by ways that the program does not go: blocks of each file by find."""
    layout = InstanceLayout.of(one.instance)
    folder = f"/var/lib/mysql/{layout.database}"
    service.on(f"sync; cat >/run/phm-free.py <<'END'\n{FREE}END")
    tables = service.on(f"cd {folder}; ls *.ibd").replace(".ibd", "").split()
    flushed = f"FLUSH TABLES {', '.join(tables)} FOR EXPORT"  # on the disk as they are, and unchanged while this lasts
    free = service.on(f"mariadb {layout.database} -e '{flushed}; \\! python3 /run/phm-free.py {folder}'")
    blocks = "-printf '%i %b\\n' | sort -u | awk '{s+=$2} END {print s * 512}'"
    database, files = (int(service.on(f"find {place} {blocks}")) for place in (f"{folder} -type f", layout.data))
    return database - int(free), files


def put_file(service: Service, one: Site, name: str, mib: int) -> None:
    """A file of a user's, as the product keeps it."""
    folder = f"{one.layout.storage}/user/1/files"
    write = f"mkdir -p {folder}; head -c {mib * MIB} /dev/urandom >{folder}/{name}"
    service.on(f"runuser -u {one.layout.user} -- sh -c '{write}'")


def fill_table(service: Service, one: Site, mib: int) -> None:
    """Mails' headers and texts in the database."""
    many = (
        "CREATE TABLE phlymail_filled (id INT PRIMARY KEY AUTO_INCREMENT, body LONGBLOB);"
        f"INSERT INTO phlymail_filled (body) SELECT RANDOM_BYTES(1024) FROM seq_1_to_{mib * 1024};"
    )
    service.on(f'mariadb {one.layout.database} -e "{many}"')


def file_of_table(service: Service, one: Site) -> int:
    """The size of the file of the table that is filled."""
    return int(service.on(f"stat -c %s /var/lib/mysql/{one.layout.database}/phlymail_filled.ibd"))


@pytest.fixture
def filled(service: Service, neighbours: Neighbours) -> Site:
    """The first of two neighbours, with 60 MiB of files and 24 MiB in its database."""
    one = neighbours[0]
    if measured(service, one).use.files_bytes < 50 * MIB:
        put_file(service, one, "large", 60)
        fill_table(service, one, 24)
    return one


def test_what_is_measured_is_what_other_eyes_count_within_a_percent(service: Service, filled: Site) -> None:
    database, files = counted(service, filled)
    found = measured(service, filled)
    assert found.use.files_bytes == pytest.approx(files, rel=0.01)
    assert found.use.database_bytes == pytest.approx(database, rel=0.01)


def test_what_is_deleted_from_tables_counts_no_longer_though_the_file_stays(service: Service, filled: Site) -> None:
    before, file_before = measured(service, filled), file_of_table(service, filled)
    name = filled.layout.database
    service.on(f"mariadb -e 'DELETE FROM {name}.phlymail_filled WHERE id > 2048'")
    service.on("mariadb -e 'SET GLOBAL innodb_max_purge_lag_wait=0'")
    at_once = measured(service, filled)  # what is in memory only is known but for the extents that were never used
    database, _ = counted(service, filled)
    after = measured(service, filled)
    assert after.use.database_bytes == pytest.approx(database, rel=0.01)
    assert abs(at_once.use.database_bytes - database) <= MIB + database // 100
    assert after.use.database_bytes <= before.use.database_bytes - 15 * MIB
    assert file_of_table(service, filled) == file_before
    rebuild_tables.fn(service.server(), filled.instance)
    database, _ = counted(service, filled)
    again = measured(service, filled)
    assert again.use.database_bytes == pytest.approx(database, rel=0.01)
    assert file_of_table(service, filled) <= file_before - 15 * MIB
    assert again.use.database_bytes <= after.use.database_bytes + MIB
    service.on(f"mariadb -e 'DROP TABLE {name}.phlymail_filled'")


def test_users_are_counted_in_the_instances_own_database_with_what_each_keeps(
    service: Service, neighbours: Neighbours
) -> None:
    found = measured(service, neighbours[1])
    assert found.users == 1
    assert found.by_user == {"berta": {"mail": 0, "files": len("berta's own words")}}


def test_one_command_measures_all_instances_and_a_broken_one_stops_nobody(
    service: Service, neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, good = (service.instance(one.instance.order_reference) for one in neighbours)
    name = InstanceLayout.of(broken).database
    with service.broken(f"mariadb -e 'RENAME TABLE {name}.phlymail_user TO {name}.gone'",
                        f"mariadb -e 'RENAME TABLE {name}.gone TO {name}.phlymail_user'"):  # fmt: skip
        asked = count_commands(monkeypatch)
        first, second = measure_instances.fn(service.server(), [broken, good])
    assert first.measured is None
    assert "phlymail_user" in first.finding
    assert second.measured is not None
    assert asked == ["measure", "bounds"]


def count_commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the commands that are sent to the server from now on."""
    asked: list[str] = []
    plain = SshConnection.ask

    def counting(connection: SshConnection, command: object) -> object:
        asked.append(command.name)
        return plain(connection, command)

    monkeypatch.setattr(SshConnection, "ask", counting)
    return asked


def test_the_bounds_on_the_server_are_those_that_are_booked(service: Service, filled: Site) -> None:
    found = measured(service, filled)
    layout, pool = filled.layout, filled.instance.storage_gib
    assert service.on(f"cat {layout.room_file}") == (f"quota = {pool * 1024}\nusage = {found.use.used_bytes // MIB}\n")
    assert service.on(f"stat -c %U:%G:%a {layout.room_file}").strip() == f"root:{layout.user}:640"
    if service.server().has_btrfs:
        limit = service.on(f"btrfs qgroup show --raw -ref {layout.data} | awk '$1 ~ /^0\\//{{print $4}}'")
        assert int(limit) == files_limit(pool, found.use.database_bytes)
    assert not ensure_room.fn(service.server(), filled.instance, found).changed


def test_the_class_is_the_instances_own_and_stops_nothing_where_its_figures_make_no_sense(
    service: Service, neighbours: Neighbours
) -> None:
    one = neighbours[1]
    layout = one.layout
    assert service.on(f"stat -c %U:%a:%h {layout.hook}").strip() == "root:644:1"  # its own, no link to the release
    asked = (
        f'php -n -r \'define("_IN_PHM_", 1); require "{layout.hook}";'
        'echo SystemProvisioning::get("storage") - SystemProvisioning::getUsage("total_rounded");\''
    )
    measured(service, one)
    assert int(service.on(asked)) > 4 * 1024
    service.on(f"printf 'quota = 5\\nusage = 5\\n' >{layout.room_file}")
    assert int(service.on(asked)) == 0
    service.on(f"echo nonsense >{layout.room_file}")
    assert int(service.on(asked)) > 2**40
    measured(service, one)
    assert int(service.on(asked)) > 4 * 1024


def test_the_products_own_screens_obey_the_hook(service: Service, neighbours: Neighbours) -> None:
    one = neighbours[1]
    measured(service, one)
    assert save_bookmark(one) == "saved"
    service.on(f"printf 'quota = 5\\nusage = 6\\n' >{one.layout.room_file}")
    assert save_bookmark(one) == "full"
    measured(service, one)
    assert save_bookmark(one) == "saved"


def save_bookmark(one: Site) -> str:
    """What the product says to a new bookmark."""
    found = SESSION.search(one.ask("index.php").text)
    assert found is not None
    session = f"PHPSESSID={found[1]}"
    logged_in = one.ask(f"index.php?{session}", "POST", data={"user": "berta", "pass": one.users["berta"]})
    assert logged_in.status_code == 302
    said = one.ask(
        f"index.php?{session}&h=bookmarks&l=edit_bookmark", "POST", data={"url": "http://a.test", "name": "a"}
    )
    return "full" if "Kontingent" in said.text else "saved"
