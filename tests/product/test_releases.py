"""Archives that are releases, and all that are none."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING

import pytest

from fleet.release import pack_release
from hosting.policy.values import ReleaseFacts, ReleaseId
from hosting.product import releases
from hosting.product.releases import NEEDED, NotARelease, file_sums, inspect_archive, object_key, version_of

if TYPE_CHECKING:
    from pathlib import Path

FILES = dict.fromkeys(NEEDED, "x") | {releases.MARKER_BUILD: "40470\n", releases.MARKER_NAME: "phlyMail Free"}


def packed(file: Path, files: dict[str, str], *links: str) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for name in links:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o120777 << 16
            archive.writestr(entry, "/etc/passwd")
    return file


@pytest.mark.parametrize("top", ["", "phlymail/"])
def test_a_release_is_known_by_its_markers(tmp_path: Path, top: str) -> None:
    file = packed(tmp_path / "r.zip", {top + name: content for name, content in FILES.items()})
    found = inspect_archive(file)
    assert (found.build, found.version, found.edition) == (40470, "4.04.70", "phlyMail Free")
    assert found.id == hashlib.sha256(file.read_bytes()).hexdigest()
    assert found.bytes == file.stat().st_size


def test_the_fleet_s_stand_in_is_a_release(tmp_path: Path) -> None:
    assert inspect_archive(pack_release(tmp_path / "s.zip")).build == 40470


HOSTILE = [
    "../outside", "a/../../outside", "/etc/cron.d/x", "..", "a\\..\\b", "C:\\x",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_an_entry_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    file = packed(tmp_path / "r.zip", {**FILES, name: "x"})
    with pytest.raises(NotARelease) as caught:
        inspect_archive(file)
    assert str(caught.value) == f"r.zip holds {name!r}, which leads out of it. Don't use this archive."


def test_a_link_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotARelease, match="holds 'storage/link', which leads out of it"):
        inspect_archive(packed(tmp_path / "r.zip", FILES, "storage/link"))


@pytest.mark.parametrize("missing", NEEDED)
def test_each_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    with pytest.raises(NotARelease, match=f"r.zip is no phlyMail release: {missing}.* missing"):
        inspect_archive(
            packed(tmp_path / "r.zip", {name: content for name, content in FILES.items() if name != missing})
        )


def test_a_release_two_folders_deep_is_none(tmp_path: Path) -> None:
    with pytest.raises(NotARelease, match="is no phlyMail release"):
        inspect_archive(packed(tmp_path / "r.zip", {f"a/b/{name}": content for name, content in FILES.items()}))


@pytest.mark.parametrize(
    "build", ["", "x", "4.0", "40470; rm", "12", "1234567", "-4047", "\uff14\uff10\uff14\uff17\uff10", "404\u00b2"]
)
def test_a_build_that_is_no_number_is_refused(tmp_path: Path, build: str) -> None:
    with pytest.raises(NotARelease, match="names no build number"):
        inspect_archive(packed(tmp_path / "r.zip", {**FILES, releases.MARKER_BUILD: build}))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04rubbish"])
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "r.zip"
    file.write_bytes(content)
    with pytest.raises(NotARelease, match=r"r\.zip can't be read as a ZIP archive"):
        inspect_archive(file)


def test_a_damaged_entry_is_told(tmp_path: Path) -> None:
    file = packed(tmp_path / "r.zip", FILES)
    file.write_bytes(file.read_bytes().replace(b"40470", b"40471"))
    with pytest.raises(NotARelease, match="can't be read"):
        inspect_archive(file)


def test_an_encrypted_archive_is_told(tmp_path: Path) -> None:
    file = packed(tmp_path / "r.zip", FILES)
    written = bytearray(file.read_bytes())
    at = -1
    while (at := written.find(b"PK\x01\x02", at + 1)) >= 0:
        written[at + 8] |= 1  # each entry's flag of encryption
    file.write_bytes(bytes(written))
    with pytest.raises(NotARelease, match="can't be read"):
        inspect_archive(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotARelease, match="can't be read"):
        inspect_archive(tmp_path / "none.zip")


@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_ENTRIES"])
def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(releases, limit, 8)
    with pytest.raises(NotARelease, match="unpacks to more than a release ever does"):
        inspect_archive(packed(tmp_path / "r.zip", FILES))


def test_a_small_archive_that_unpacks_to_very_much_is_refused_by_its_word(tmp_path: Path) -> None:
    file = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros", "w", force_zip64=True) as entry,
    ):
        for _ in range(513):
            entry.write(bytes(2**20))
    assert file.stat().st_size < 2**20
    with pytest.raises(NotARelease, match="unpacks to more"):
        inspect_archive(file)


def test_a_release_tells_the_sums_of_its_program_and_not_of_what_instances_change(tmp_path: Path) -> None:
    more = {"shared/lib/a.php": "<?php", "install/x.tpl": "x", "choices.ini.php": ";", "storage/.htaccess": ""}
    whole = {f"phlymail/{name}": text for name, text in (FILES | more).items()}
    sums = file_sums(packed(tmp_path / "r.zip", whole))
    assert sums["shared/lib/a.php"] == hashlib.sha256(b"<?php").hexdigest()
    state = {*more, releases.MARKER_BUILD, "installer.php", "runonce.php"}
    assert sums.keys() & state == {"shared/lib/a.php"}


@pytest.mark.parametrize(
    ("build", "version"),
    [(40470, "4.04.70"), (40471, "4.04.71"), (30900, "3.09.00"), (399, "3.99"), (100000, "10.00.00")],
)
def test_a_build_is_written_in_twos(build: int, version: str) -> None:
    assert version_of(build) == version


def test_the_store_knows_a_release_by_its_sum() -> None:
    assert object_key(ReleaseFacts(ReleaseId("ab" * 32), 1, "", "", 1)) == f"releases/{'ab' * 32}.zip"
