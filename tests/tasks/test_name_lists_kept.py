"""The operator's own lists of names are in the control machine's hourly backup, and come back with it (P20, P28)."""

from __future__ import annotations

import sys
import tomllib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from blocks import loading
from blocks.service_settings import ServiceSettings
from deployments.console.app import main
from hosting.inventory.control_archive import ControlArchive, pack
from hosting.inventory.portable import take_rows
from hosting.name_lists import OURS, load_lists
from tasks import control_backup
from tests.service.records import provided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hosting.inventory.session import Inventory

NOW = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)
MINE = "name,kind,outcome,where,note\nmeinemarke,brand,flagged,anywhere,mine\n"


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as made:
        yield made


def lists_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, bytes], list[str]]:
    """What the backup takes of a folder that the settings name."""
    settings = loading.load(ServiceSettings).model_copy(update={"name_lists": str(folder)})
    monkeypatch.setitem(loading._LOADED, ServiceSettings, settings)
    return control_backup._name_lists()


def test_without_a_folder_of_the_operator_nothing_is_taken(inventory: Inventory) -> None:
    assert inventory
    assert control_backup._name_lists() == ({}, [])


def test_lists_are_taken_as_they_stand_and_what_is_not_there_is_told(
    inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert inventory
    folder = tmp_path / "lists"
    assert lists_in(folder, monkeypatch)[1] == [
        f"The lists of names in {folder} are not in the backup: there are none."
    ]
    folder.mkdir()
    (folder / "mine.csv").write_text(MINE)
    (folder / "broken.csv").write_bytes(b"\xff")  # as it is: whoever restores wants what was there
    (folder / "notes.txt").write_text("not a list")
    assert lists_in(folder, monkeypatch) == ({"broken.csv": b"\xff", "mine.csv": MINE.encode()}, [])
    (folder / "folder.csv").mkdir()
    assert "Is a directory" in lists_in(folder, monkeypatch)[1][0]


def test_a_control_machine_built_anew_judges_by_the_operator_s_lists(
    inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    revision, rows = take_rows(inventory)
    settings = f'zone = "phlymail.test"\ninventory_url = "sqlite:///{tmp_path}/lost.db"\nname_lists = "/lost/lists"\n'
    lists = {file.name: file.read_bytes() for file in OURS.glob("*.csv")} | {"mine.csv": MINE.encode()}
    archive, new = tmp_path / "control.tar.gz", tmp_path / "new"
    archive.write_bytes(pack(ControlArchive(NOW.isoformat(), revision, settings, rows, {}, lists), NOW))
    monkeypatch.setattr(sys, "argv", ["phm", "escrow", "restore-control", str(archive), "--home", str(new)])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code, capsys.readouterr()
    made = tomllib.loads((new / "settings.toml").read_text())
    assert made["name_lists"] == str(new / "name_lists")
    found = load_lists(made["name_lists"])
    assert [one.listed.name for one in found.met_by("meinemarke")] == ["meinemarke"]
    assert (new / "name_lists").stat().st_mode & 0o777 == 0o700
