"""What is called after an instance is found, and nothing of its neighbours; what is found is told without names."""

from __future__ import annotations

import subprocess
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from hosting.commands import leaving
from hosting.policy.leaving import NOTHING, Listing

if TYPE_CHECKING:
    from hosting.commands.command import Command

NAME = "k3v9q2"


def run(command: Command) -> str:
    return subprocess.run(command.argv, input=command.stdin, capture_output=True, check=True).stdout.decode()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(leaving, "ROOTS", (str(tmp_path), str(tmp_path / "absent")))
    return tmp_path


def test_everything_that_is_called_after_an_instance_is_found_and_nothing_of_its_neighbours(root: Path) -> None:
    mine = (
        "k3v9q2", "k3v9q2_1", "k3v9q2-aside-20260101t0000", "phm-k3v9q2.conf", "k3v9q2.log.2.gz", ".k3v9q2.conf.phm-old",
        "backup-k3v9q2", "k3v9q2-7",
    )  # fmt: skip
    for name in (*mine, "k3v9q", "k3v9q22", "xk3v9q2", "phm-k3v9q2x.conf", "other"):
        (root / name).mkdir()
    (root / "other" / NAME).mkdir()
    paths, others = leaving.parse_traces(run(leaving.find_traces(NAME)))
    assert {path.name for path in paths} == set(mine)
    assert others == []


def test_sites_certificates_and_keys_of_its_names_are_found_by_their_numbers_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites, certificates = root / "names", root / "name-certificates"
    monkeypatch.setattr(leaving, "SITES_OF_NAMES", str(sites))
    monkeypatch.setattr(leaving, "CERTIFICATES_OF_NAMES", str(certificates))
    assert run(leaving.find_traces(NAME, [7, 12])) == ""
    mine = ("post.example.7.conf", "hans.phlymail.test.12.conf")
    keys = ("7.ab12.pem", "7.ab12.key", ".phm-new.12")
    for folder, found, others in (
        (sites, mine, ("7.example.3.conf", "post.example.17.conf", "server-app7.conf", "x.7.conf.old")),
        (certificates, keys, ("17.ab12.key", "71.ab12.key", ".phm-new.71", "1.7.key")),
    ):
        folder.mkdir()
        for name in (*found, *others):
            (folder / name).touch()
    paths, _ = leaving.parse_traces(run(leaving.find_traces(NAME, [7, 12])))
    assert sorted(path.name for path in paths) == sorted((*mine, *keys))
    assert run(leaving.find_traces(NAME)) == ""


def test_a_tally_is_counts_bytes_and_the_hash_of_the_sorted_list(root: Path) -> None:
    (root / "data").mkdir()
    (root / "data/ümlaut datei").write_text("12345")
    (root / "data/a").write_text("")
    (root / "link").symlink_to("nowhere")
    told = leaving.parse_tally(
        run(leaving.tally([PurePosixPath(root / "data"), PurePosixPath(root / "link")], ["user x"]))
    )
    lines = [f"{root}/data\t0", f"{root}/data/a\t0", f"{root}/data/ümlaut datei\t5", f"{root}/link\t0", "user x\t0"]
    text = "".join(f"{line}\n" for line in sorted(lines, key=str.encode))
    assert told == Listing(5, 5, sha256(text.encode()).hexdigest())


def test_of_nothing_the_tally_is_that_of_nothing() -> None:
    assert leaving.parse_tally(run(leaving.tally([], []))) == NOTHING


def test_databases_are_found_by_the_whole_name_or_what_is_added_to_it() -> None:
    assert leaving.find_databases("phm_k3").values == ("phm_k3", r"phm\_k3\_%")
    assert leaving.find_users("phm_k3").values == ("phm_k3", r"phm\_k3\_%")
