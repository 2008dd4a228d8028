"""An export for the escrow key's holder is on record, and the board tells when it outlives a deletion (P41)."""

from __future__ import annotations

import subprocess
import tomllib
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from deployments.console.settings_from_fleet import as_toml
from hosting.inventory import deeds, ending_records, endings, escrows
from hosting.inventory.board import Asked, read_board
from hosting.inventory.session import in_transaction
from hosting.policy.board import Line, Urgency
from hosting.policy.leaving import NOTHING, Listing
from tests.service.records import opened

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deployments.console.conftest import Console


def certificate(folder: Path) -> str:
    """That of an escrow key, made as the runbook says."""
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "2", "-subj", "/CN=escrow"]
    subprocess.run([*argv, "-keyout", folder / "key", "-out", folder / "pem"], check=True, capture_output=True)
    return (folder / "pem").read_text()


def told(phm: Console, at: datetime) -> list[Line]:
    found = read_board(phm.inventory, Asked(at))
    [part] = [one for one in found.sections if one.key == "leaving"]
    assert not part.error
    return [one for one in part.lines if one.what == "Escrow"]


def test_a_file_that_is_older_than_a_deletion_is_told_until_another_one_is_made(phm: Console) -> None:
    file = phm.home / "settings.toml"
    content = tomllib.loads(file.read_text()) | {"backup": {"escrow_certificate_pem": certificate(phm.home)}}
    file.write_text(as_toml(content))
    now = datetime.now(UTC)
    phm.with_servers("app1")
    name = opened(phm.inventory, "A-1", now - timedelta(days=400))

    def keys_destroyed(at: datetime) -> None:
        with phm.inventory.reading() as session:
            end = endings.last_ending(session, name)
        there = partial(ending_records.record_listing, number=end.id, place=ending_records.KEYS)
        in_transaction(phm.inventory, partial(there, listing=Listing(3), now=at))
        in_transaction(
            phm.inventory,
            partial(ending_records.record_cleared, number=end.id, place=ending_records.KEYS, listing=NOTHING, now=at),
        )

    notice = partial(endings.give_notice, instance=name, wanted=None, by="olga", why="", now=now)
    in_transaction(phm.inventory, notice)
    keys_destroyed(now + timedelta(hours=1))
    assert told(phm, now) == []  # nobody ever made a file
    made = phm("escrow", "export", str(phm.home / "first.p7m"))
    assert made.code == 0, made.err
    with phm.inventory.reading() as session:
        (deed,) = deeds.deeds_called(session, escrows.EXPORTED)
    assert (deed.by, deed.evidence) == (phm.operator, {"generations": 0})
    (line,) = told(phm, now)
    assert (line.urgency, line.do) == (Urgency.WATCH, "phm escrow export FILE")
    assert "hold the keys of 1 deleted contract: make a new one, destroy them." in line.told
    later = partial(escrows.record_exported, generations=0, by="olga", now=now + timedelta(hours=2))
    in_transaction(phm.inventory, later)
    assert told(phm, now) == []
