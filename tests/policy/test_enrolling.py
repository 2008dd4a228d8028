from dataclasses import replace

import pytest

from hosting.commands.enrolment_state import parse_enrolment
from hosting.errors import Refused
from hosting.policy.enrolling import ROOM_MOST_GIB, EnrolmentState, clashes, preview, room_for
from hosting.policy.states import ServerState
from hosting.policy.terms import GIB
from hosting.policy.values import ServerFacts, ServerName

APP1 = ServerFacts(
    ServerName("app1"), "app1.phlymail.test", "192.0.2.1", 22, "ssh-ed25519 AAAA", "DE", dedicated=True,
    state=ServerState.ACTIVE, room_gib=400, booked_gib=50, facts={"machine": "m1"},
)  # fmt: skip
FILES = {"/etc/phm/a": ("a\n", "644"), "/etc/phm/key": ("k\n", "600")}
HASH_A = "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"
HASH_K = "6cc4c0abe0e4a24f2d5fd5d8a1dcfd8e5b1cf7a5a8db6a07c9c3a5a0bb0b0d2f"
READY = f"""\
site=on
file=root:root:644 {HASH_A} /etc/phm/a
quota=on
rules=on
database=ON,ROW,7,7,NO_ENGINE_SUBSTITUTION
"""


def test_an_untouched_server_gets_everything_and_the_restart_is_told() -> None:
    state = parse_enrolment(
        "folder=/srv/instances\nmodule=ssl\nmodule=http2\nexample=000-default\ndatabase=OFF,MIXED,1,0,STRICT_TRANS_TABLES,NO_ZERO_DATE\n"
    )
    assert preview(state, FILES, 7, has_btrfs=True) == (
        "folders made: /srv/instances",
        "file new: /etc/phm/a",
        "file new: /etc/phm/key",
        "Apache modules switched on: ssl http2",
        "Apache example sites switched off: 000-default",
        "Apache site of the server itself switched on",
        "btrfs quota switched on for /srv",
        (
            "MariaDB restarted once, felt by all: log_bin is OFF, becomes ON, binlog_format is MIXED, becomes ROW, "
            "server_id is 1, becomes 7, gtid_domain_id is 0, becomes 7, "
            "sql_mode is STRICT_TRANS_TABLES,NO_ZERO_DATE, becomes NO_ENGINE_SUBSTITUTION"
        ),
        "rules for instances' outgoing connections loaded",
    )


def test_a_server_that_is_ready_gets_nothing() -> None:
    assert preview(parse_enrolment(READY), {"/etc/phm/a": ("a\n", "644")}, 7, has_btrfs=True) == ()


@pytest.mark.parametrize(
    ("line", "file"),
    [(HASH_K, ("a\n", "644")), (HASH_A, ("a\n", "600"))],
    ids=["another content", "another mode"],
)
def test_a_file_that_differs_is_told(line: str, file: tuple[str, str]) -> None:
    state = EnrolmentState(files={"/etc/phm/a": ("root:root:644", line)}, site_on=True, rules_loaded=True)
    assert preview(state, {"/etc/phm/a": file}, 7, has_btrfs=False)[0] == "file changed: /etc/phm/a"


def test_a_database_that_does_not_answer_is_told() -> None:
    assert "its settings can't be read now" in preview(EnrolmentState(), {}, 7, has_btrfs=False)[-2]


def test_a_server_is_told_from_every_other_by_host_name_address_and_machine() -> None:
    new = replace(APP1, name=ServerName("new"), facts={})
    assert clashes(new, {}, [APP1]) == (
        "Server app1 has the host name app1.phlymail.test already.",
        "Server app1 has the address 192.0.2.1 already.",
    )
    moved = replace(new, host_name="new.phlymail.test", address="192.0.2.9")
    assert clashes(moved, {"machine": "m1"}, [APP1]) == ("It is the same machine as app1 (/etc/machine-id).",)
    assert clashes(moved, {"machine": "m2"}, [APP1]) == ()
    assert clashes(APP1, {"machine": "m1"}, [APP1]) == ()


def test_room_is_what_is_stated_now_or_before_else_what_is_measured() -> None:
    assert room_for(None, 100 * GIB, None) == 90
    assert room_for(500, 100 * GIB, None) == 500
    assert room_for(None, 100 * GIB, APP1) == 90
    assert room_for(None, 100 * GIB, replace(APP1, facts={"room_stated_by": "olga"})) == 400


@pytest.mark.parametrize("stated", [0, -1, ROOM_MOST_GIB + 1, 49])
def test_a_room_that_can_not_be_is_refused(stated: int) -> None:
    with pytest.raises(Refused):
        room_for(stated, 100 * GIB, APP1)
