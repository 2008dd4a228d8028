"""Archives from outside: what is lawful arrives to the byte, what is hostile is refused with its own word (P36)."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import random
import stat
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.on_server.old_installation.bounds import Bounds
from tasks.on_server.old_installation.opening import open_archive
from tasks.on_server.old_installation.refusal import Refusal
from tasks.on_server.old_installation.scratch import Scratch
from tests.on_server.archives import T, Z, by_zipfile, encrypted, header, packed_as, tarred, tgz, zipped

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.on_server.old_installation.opening import Opened

MIB = 2**20
AES_FIELD = b"\x01\x99\x07\0\2\0AE\3\x08\0"
"""AE-2 with 256 bits, around Deflate."""

RNG = random.Random(7)
MANY = 30 if os.environ.get("PHM_HYPOTHESIS") == "search" else 1
"""So many times as many examples where cases are looked for (`make soak`)."""
BOUNDS = Bounds(entries=300, bytes=8 * MIB, ratio_from=MIB)
MAILS = {f"www/storage/user/1/email/inbox/{n}.mail": RNG.randbytes(n * 700) for n in range(40)}
TREE = {"www/index.php": b"<?php", "www/Grüße.txt": "ü€😀".encode(), **MAILS}


class Place:
    """A scratch folder with neighbours that must not change."""

    def __init__(self, root: Path) -> None:
        self.root, self.scratch = root, root / "above" / "scratch"
        self.scratch.mkdir(parents=True)
        (root / "above/passwd").write_text("root")
        self.before = self.around()

    def around(self) -> dict[str, tuple[int, int, bytes]]:
        """All that is not in the scratch folder."""
        found = {}
        for path in self.root.rglob("*"):
            if self.scratch not in path.parents and path != self.scratch:
                what = path.lstat()
                found[str(path)] = (what.st_mode, what.st_size, path.read_bytes() if path.is_file() else b"")
        return found

    def open(self, data: bytes, name: str = "old", password: bytes | None = None, bounds: Bounds = BOUNDS) -> Opened:
        with Scratch(str(self.scratch)) as scratch:
            return open_archive(io.BytesIO(data), name, scratch, bounds, password)

    def files(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.scratch)): p.read_bytes() for p in self.scratch.rglob("*") if p.is_file()}

    def refused(self, data: bytes, password: bytes | None = None) -> Refusal:
        """The refusal; nothing is left behind, and nothing was touched around."""
        with pytest.raises(Refusal) as caught:
            self.open(data, password=password)
        assert list(self.scratch.iterdir()) == []
        assert self.around() == self.before
        return caught.value


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def as_tar(form: int = tarfile.PAX_FORMAT) -> bytes:
    return tarred(*(T(name, content) for name, content in TREE.items()), form=form)


def without_end(tar: bytes) -> bytes:
    """Some tools forget the two blocks of zeros."""
    bare = tar.rstrip(b"\0")
    return bare + b"\0" * (-len(bare) % 512)


LAWFUL = {
    "stored": lambda: by_zipfile(TREE, zipfile.ZIP_STORED),
    "deflate": lambda: by_zipfile(TREE),
    "bzip2": lambda: by_zipfile(TREE, zipfile.ZIP_BZIP2),
    "lzma": lambda: by_zipfile(TREE, zipfile.ZIP_LZMA),
    "zip64": lambda: zipped(*(Z(name.encode(), content, flags=0x800, zip64=True) for name, content in TREE.items())),
    "with a comment": lambda: zipped(*(Z(n.encode(), c, flags=0x800) for n, c in TREE.items()), comment=b"PK\5" * 9),
    "Windows' separators": lambda: zipped(
        *(Z(n.replace("/", "\\").encode(), c, flags=0x800, mode=0) for n, c in TREE.items())
    ),
    "tar.gz, pax": lambda: gzip.compress(as_tar()),
    "tar.gz, GNU": lambda: gzip.compress(as_tar(tarfile.GNU_FORMAT)),
    "tar.bz2, ustar": lambda: bz2.compress(as_tar(tarfile.USTAR_FORMAT)),
    "in several members": lambda: gzip.compress(as_tar()[:5000]) + gzip.compress(as_tar()[5000:]) + b"\0" * 700,
    "by pbzip2": lambda: bz2.compress(as_tar()[:70000]) + bz2.compress(as_tar()[70000:]),
    "without the blocks at its end": lambda: gzip.compress(without_end(as_tar())),
}


@pytest.mark.parametrize("label", LAWFUL)
def test_a_lawful_archive_arrives_to_the_byte(place: Place, label: str) -> None:
    opened = place.open(LAWFUL[label]())
    assert place.files() == TREE
    assert (opened.files, opened.left_out_count) == (len(TREE), 0)
    assert opened.bytes == sum(map(len, TREE.values()))
    modes = {stat.S_IMODE(path.lstat().st_mode) for path in place.scratch.rglob("*")}
    assert modes == {0o600, 0o700}


@pytest.mark.parametrize("method", [0, 8, 12, 14])
def test_the_old_encryption_is_read_and_the_standard_library_agrees(place: Place, method: int) -> None:
    content = b"geheim" * 1000
    data = zipped(Z(b"a.txt", content, method=method, password=b"Pa\xc3\x9f"))
    assert zipfile.ZipFile(io.BytesIO(data)).read("a.txt", "Paß".encode()) == content
    assert place.open(data, password="Paß".encode()).encrypted == "all"
    assert place.files() == {"a.txt": content}


def test_it_is_told_whether_every_file_was_encrypted(place: Place) -> None:
    data = zipped(Z(b"a", password=b"p"), Z(b"b"), Z(b"folder/", b"", method=0, mode=0o40755))
    assert place.open(data, password=b"p").encrypted == "some"


def test_an_empty_file_that_a_tool_left_unencrypted_hides_nothing(place: Place) -> None:
    data = zipped(Z(b"a", password=b"p"), Z(b"index.html", b"", method=0))
    assert place.open(data, password=b"p").encrypted == "all"


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Grüße".encode("cp437"), "Grüße"),
        ("Ávila Ã".encode("cp850"), "Ávila Ã"),
        ("Grüße".encode(), "Grüße"),
    ],
)
def test_names_of_old_tools_are_read(place: Place, raw: bytes, name: str) -> None:
    place.open(zipped(Z(raw)))
    assert list(place.files()) == [name]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_single_dump_arrives_under_its_own_name(place: Place, pack: object) -> None:
    dump = b"-- MySQL dump\n" * 5000
    opened = place.open(pack(dump), name="phlymail.sql.gz")  # type: ignore[operator]
    assert place.files() == {"phlymail.sql": dump}
    assert opened.formats[0] in {"gz", "bz2"}


def test_archives_in_the_archive_are_opened_once(place: Place) -> None:
    inner = {"dump.sql.gz": gzip.compress(b"SELECT"), "x/tree.tgz": tgz(T("www/index.php", b"<?php"))}
    deep = {"www/storage/user/1/files/upload.zip": by_zipfile({"a": b"b"})}
    opened = place.open(by_zipfile(inner | deep))
    found = place.files()
    assert found.pop("www/storage/user/1/files/upload.zip") == next(iter(deep.values()))
    assert found == {"nested-1/dump.sql": b"SELECT", "nested-2/www/index.php": b"<?php"}
    assert opened.formats == ["zip", "gz", "tar.gz"]


def test_an_archive_opened_in_the_archive_never_mixes_with_what_lies_there(place: Place) -> None:
    place.open(by_zipfile({"nested-1/a": b"outer", "x.zip": by_zipfile({"a": b"inner"})}))
    assert place.files() == {"nested-1/a": b"outer", "nested-1_/a": b"inner"}


def test_an_archive_in_an_archive_in_an_archive_is_left_as_it_is_and_told(place: Place) -> None:
    old = by_zipfile({"a": b"b"})
    opened = place.open(by_zipfile({"all.zip": by_zipfile({"www/index.php": b"<?php", "www/old.zip": old})}))
    assert opened.unopened == ["nested-1/www/old.zip"]


def test_links_in_the_tree_and_names_that_are_the_same_to_others_are_left_out_and_told(place: Place) -> None:
    opened = place.open(
        tgz(
            T("www/a/index.php", b"1"), T("www/A/INDEX.php", b"2"), T("www/\u00fc"), T("www/u\u0308"),
            T("www/link", type=tarfile.SYMTYPE, target="../www/a"), T("www/hard", type=tarfile.LNKTYPE, target="www/a/index.php"),
        )
    )  # fmt: skip
    assert place.files() == {"www/a/index.php": b"1", "www/\u00fc": b"x"}
    assert [why for _, why in opened.left_out] == ["twice", "twice", "link", "link"]
    assert opened.left_out_count == 4


def test_nobody_elses_modes_are_taken(place: Place) -> None:
    place.open(tgz(T("f", type=tarfile.DIRTYPE, mode=0o2777), T("f/a", mode=0o777)))
    assert stat.S_IMODE((place.scratch / "f").stat().st_mode) == 0o700


def test_entries_that_old_tools_could_not_count_arrive_all(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their count has two bytes, and begins anew from 65,536; a mailbox of 70,000 mails would lose most of them."""
    monkeypatch.setattr("tasks.on_server.old_installation.zip_file.COUNTED_TO", 8)
    place.open(zipped(*(Z(b"%d" % n) for n in range(21)), count=21 % 8))
    assert len(place.files()) == 21


def test_as_many_entries_as_the_count_can_hold_need_no_larger_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """65,535 of them look like the mark that says: look elsewhere."""
    monkeypatch.setattr("tasks.on_server.old_installation.zip_file.FULL16", 3)
    place.open(zipped(Z(b"a"), Z(b"b"), Z(b"c")))
    assert sorted(place.files()) == ["a", "b", "c"]


def bz2_bomb() -> bytes:
    return bz2.compress(b"\0" * 9 * MIB)


def quine() -> bytes:
    """As deep as one asks: each archive holds another one and nothing else."""
    data = by_zipfile({"r": b"r"})
    for _ in range(6):
        data = by_zipfile({"r.zip": data})
    return data


def truncated_zip() -> bytes:
    return by_zipfile(TREE, zipfile.ZIP_STORED)[:-5000]


def overlapping() -> bytes:
    """One content for all entries, as in Fifield's bomb."""
    content = packed_as(8, b"\0" * 100000)
    entries = [Z(b"0", b"\0" * 100000)]
    entries += [Z(b"0", b"\0" * 100000, offset=0, packed=content) for _ in range(20)]
    return zipped(*entries)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]


LINK, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
NOISE = RNG.randbytes(4000)
HOSTILE = {
    "climbs out": ("leads_out", lambda: by_zipfile({"../x": b"x"})),
    "climbs out later": ("leads_out", lambda: by_zipfile({"a/b/../../../x": b"x"})),
    "climbs out with Windows' separators": ("leads_out", lambda: zipped(Z(b"a\\..\\..\\x"))),
    "climbs out by a name in the extra field": ("leads_out", lambda: zipped(Z(b"a", extra=b"\x75\x70\x09\0\1\x43\xbe\xb7\xe8../x"))),
    "climbs out, tar": ("leads_out", lambda: tgz(T("../x"))),
    "climbs out, pax": ("leads_out", lambda: tgz(T("a", pax={"path": "a/../../x"}), form=tarfile.PAX_FORMAT)),
    "climbs out by a long name": ("leads_out", lambda: tgz(T("a/" * 60 + "../" * 70 + "x"))),
    "absolute": ("absolute_path", lambda: zipped(Z(b"/etc/passwd"))),
    "absolute, tar": ("absolute_path", lambda: tgz(T("//etc/passwd"))),
    "a drive": ("absolute_path", lambda: zipped(Z(b"C:\\Windows\\x"))),
    "a server": ("absolute_path", lambda: zipped(Z(b"\\\\host\\share\\x"))),
    "NUL in a name": ("control_in_name", lambda: zipped(Z(b"a\0b"))),
    "a line end in a name": ("control_in_name", lambda: zipped(Z(b"a\nb"))),
    "an escape in a name": ("control_in_name", lambda: tgz(T("a\x1b[2Jb"))),
    "no name": ("no_name", lambda: zipped(Z(b""))),
    "a dot": ("no_name", lambda: zipped(Z(b"."))),
    "a name of 300 bytes": ("name_too_long", lambda: zipped(Z(b"a" * 300))),
    "a path of 5,000 bytes": ("name_too_long", lambda: zipped(Z(b"/".join([b"a" * 200] * 25)))),
    "a header of 64 MiB for a name": ("name_too_long", lambda: gzip.compress(header(b"x", b"00400000000", b"L") + b"a" * 9000)),
    "a thousand folders deep": ("too_deep", lambda: zipped(Z(b"a/" * 400 + b"x"))),
    "a link out": ("link_leads_out", lambda: tgz(T("a/l", type=LINK, target="../../x"))),
    "an absolute link": ("link_leads_out", lambda: tgz(T("l", type=LINK, target="/etc"))),
    "a link, then a file through it": ("link_leads_out", lambda: tgz(T("l", type=LINK, target=".."), T("l/passwd"))),
    "a hard link out": ("link_leads_out", lambda: tgz(T("l", type=HARD, target="../passwd"))),
    "a link out, ZIP": ("link_leads_out", lambda: zipped(Z(b"l", b"../../x", mode=0o120777))),
    "a link of a megabyte": ("link_leads_out", lambda: zipped(Z(b"l", b"a" * MIB, mode=0o120777))),
    "a device": ("device", lambda: tgz(T("d", type=tarfile.BLKTYPE))),
    "a pipe": ("device", lambda: tgz(T("d", type=tarfile.FIFOTYPE))),
    "a device, ZIP": ("device", lambda: zipped(Z(b"d", mode=0o020666))),
    "a socket, ZIP": ("device", lambda: zipped(Z(b"d", mode=0o140666))),
    "set-uid": ("set_id", lambda: tgz(T("sh", mode=0o4755))),
    "set-gid, ZIP": ("set_id", lambda: zipped(Z(b"sh", mode=0o102755))),
    "a file, then a folder of its name": ("file_and_folder", lambda: zipped(Z(b"a"), Z(b"a/b"))),
    "a folder, then a file of its name": ("file_and_folder", lambda: tgz(T("a/b"), T("a"))),
    "too many entries": ("too_many_entries", lambda: by_zipfile({str(n): b"" for n in range(400)})),
    "says that it has 60,000 entries": ("too_many_entries", lambda: zipped(Z(b"a"), count=60000)),
    "too many entries, tar": ("too_many_entries", lambda: tgz(*(T(str(n), b"") for n in range(400)))),
    "zeros in deflate": ("ratio", lambda: by_zipfile({"a": b"\0" * 7 * MIB})),
    "zeros in deflate that say one byte": ("ratio", lambda: zipped(Z(b"a", b"\0" * 7 * MIB, size=1))),
    "zeros in gzip": ("ratio", lambda: gzip.compress(b"\0" * 20 * MIB)),
    "zeros in BZip2": ("ratio", bz2_bomb),
    "zeros in BZip2 in ZIP": ("ratio", lambda: zipped(Z(b"a", b"\0" * 9 * MIB, method=12, size=9))),
    "zeros in LZMA": ("ratio", lambda: zipped(Z(b"a", b"\0" * 9 * MIB, method=14, size=9))),
    "a bomb in an archive in the archive": ("ratio", lambda: by_zipfile({"a.gz": gzip.compress(b"\0" * 20 * MIB)}, 0)),
    "more than is booked": ("too_many_bytes", lambda: by_zipfile({"a": RNG.randbytes(9 * MIB)}, 0)),
    "says that it is larger than is booked": ("too_many_bytes", lambda: zipped(Z(b"a", size=9 * MIB))),
    "a tar entry of an exabyte": ("cut_off", lambda: gzip.compress(header(b"x", b"\x80\0\0\0\x10\0\0\0\0\0\0\0"))),
    "one content for many": ("entries_overlap", overlapping),
    "a dictionary of 4 GiB": ("dictionary", lambda: zipped(Z(b"a", method=14, packed=b"\x09\x14\x05\x00\x5d\xff\xff\xff\xff" + b"\0" * 9))),
    "archives without an end": ("nested_twice", quine),
    "forty archives in the archive": ("too_many_archives", lambda: by_zipfile({f"{n}.gz": gzip.compress(b"a") for n in range(40)})),
    "another name at the entry": ("two_stories", lambda: zipped(Z(b"a", local_name=b"b"))),
    "a wrong checksum": ("checksum", lambda: zipped(Z(b"a", crc=1))),
    "a wrong size": ("checksum", lambda: zipped(Z(b"a", b"xx", size=1))),
    "damaged deflate": ("entry_damaged", lambda: zipped(Z(b"a", packed=b"\xff\xff\xff"))),
    "damaged BZip2 entry": ("entry_damaged", lambda: zipped(Z(b"a", method=12, packed=b"BZh9xxxxxxxxxx"))),
    "damaged LZMA entry": ("entry_damaged", lambda: zipped(Z(b"a", method=14, packed=b"\x09"))),
    "damaged gzip": ("damaged", lambda: flipped(gzip.compress(NOISE), 500)),
    "damaged BZip2": ("damaged", lambda: flipped(bz2.compress(NOISE), 500)),
    "a damaged tar header": ("damaged", lambda: gzip.compress(tarred(T("a")) [:512 * 2] + b"a" * 512)),
    "a damaged pax header": ("damaged_header", lambda: gzip.compress(header(b"x", b"00000000005", b"x") + b"999 a".ljust(512, b"\0"))),
    "a directory that points elsewhere": ("damaged", lambda: flipped(zipped(Z(b"a")), 34)),
    "says that it has fewer entries": ("damaged", lambda: zipped(Z(b"a"), Z(b"b"), Z(b"c"), count=2)),
    "cut off": ("cut_off_after", truncated_zip),
    "cut off gzip": ("cut_off", lambda: gzip.compress(NOISE)[:-20]),
    "cut off BZip2": ("cut_off", lambda: bz2.compress(NOISE)[:-20]),
    "cut off tar": ("cut_off", lambda: gzip.compress(tarred(T("a", b"x" * 5000))[:2000])),
    "an entry behind the end": ("cut_off", lambda: zipped(Z(b"a", offset=10**6))),
    "something behind gzip": ("something_behind", lambda: gzip.compress(b"a") + b"<?php"),
    "something behind zeros": ("something_behind", lambda: gzip.compress(b"a") + b"\0" * 70000 + b"<?php"),
    "something behind tar": ("something_behind", lambda: gzip.compress(tarred(T("a")) + b"<?php")),
    "nothing": ("empty", lambda: b""),
    "an empty ZIP": ("empty", zipped),
    "7z": ("format_not_offered", lambda: b"7z\xbc\xaf\x27\x1c" + NOISE),
    "xz": ("format_not_offered", lambda: b"\xfd7zXZ\0" + NOISE),
    "rar": ("format_not_offered", lambda: b"Rar!\x1a\x07" + NOISE),
    "plain tar": ("format_not_offered", lambda: tarred(T("a"))),
    "a web page": ("web_page", lambda: b"<!DOCTYPE html><p>404"),
    "a web page after blanks": ("web_page", lambda: b"\xef\xbb\xbf\r\n <HTML lang=de>"),
    "neither": ("format_not_offered", lambda: b"<htm" + NOISE),
    "one part of several": ("format_not_offered", lambda: zipped(Z(b"a"), disk=2)),
    "a sparse file": ("sparse", lambda: gzip.compress(header(b"x", kind=b"S") + b"x" * 512)),
    "an unknown kind": ("unknown_entry", lambda: gzip.compress(header(b"x", kind=b"Q") + b"x" * 512)),
    "an unknown method": ("method_not_offered", lambda: zipped(Z(b"a", method=9))),
    "AES without a word how": ("encryption_not_offered", lambda: zipped(Z(b"a", method=99, flags=1))),
    "AES that is not encrypted": ("encryption_not_offered", lambda: zipped(Z(b"a", method=99, extra=AES_FIELD))),
    "AES of an unknown strength": (
        "encryption_not_offered", lambda: zipped(Z(b"a", method=99, flags=1, extra=AES_FIELD[:8] + b"\4" + AES_FIELD[9:])),
    ),
    "AES around an unknown method": (
        "method_not_offered", lambda: zipped(Z(b"a", method=99, flags=1, extra=AES_FIELD[:9] + b"\x63\0")),
    ),
    "strong encryption": ("encryption_not_offered", lambda: zipped(Z(b"a", flags=0x41))),
    "an encrypted directory": ("encryption_not_offered", lambda: zipped(Z(b"a", flags=0x2001))),
    "no password": ("password_missing", lambda: zipped(Z(b"a", password=b"p"))),
}  # fmt: skip


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_archive_is_refused_with_its_own_word_and_leaves_nothing(place: Place, label: str) -> None:
    code, data = HOSTILE[label]
    assert place.refused(data()).code == code


def test_a_wrong_password_is_told(place: Place) -> None:
    data = zipped(Z(b"a", b"content" * 9, password=b"right"))
    codes = {place.refused(data, f"wrong{n}".encode()).code for n in range(300)}
    assert codes <= {"wrong_password", "password_or_damage"}
    lucky = zipped(Z(b"a", b"abc", method=0, packed=encrypted(b"right", b"abd", 0x35), flags=1))
    assert place.refused(lucky, b"right").code == "password_or_damage"


def test_a_broken_off_archive_says_where(place: Place) -> None:
    refusal = place.refused(truncated_zip())
    assert refusal.facts["last"] in TREE
    assert refusal.facts["at"] == len(truncated_zip())


def test_what_a_refusal_shows_is_printable_and_short(place: Place) -> None:
    refusal = place.refused(zipped(Z(b"a\x1b[2J" + b"b" * 500)))
    assert str(refusal.facts["name"]).isprintable()
    assert len(str(refusal.facts["name"])) <= 100


def test_a_link_in_the_scratch_folder_is_not_followed(place: Place) -> None:
    """Somebody who can write there races with us."""
    (place.scratch / "a").symlink_to(place.root / "above")
    with Scratch(str(place.scratch)) as scratch, pytest.raises(Refusal, match="file_and_folder"):
        scratch.write(("a", "x"), [b"x"])
    with Scratch(str(place.scratch)) as scratch, pytest.raises(Refusal, match="file_and_folder"):
        scratch.write(("a",), [b"x"])
    with Scratch(str(place.scratch)) as scratch:
        scratch.clear()
    assert place.around() == place.before


SEEDS = [by_zipfile(TREE), gzip.compress(as_tar()), bz2.compress(as_tar()), gzip.compress(as_tar(tarfile.GNU_FORMAT), 0),
         zipped(Z(b"a", NOISE, password=b"p"), Z(b"b/c", NOISE, method=14, zip64=True))]  # fmt: skip


@settings(max_examples=60 * MANY)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=9)), max_size=4), st.floats(0, 1))
def test_whatever_an_archive_holds_it_opens_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, seed: bytes, changes: list[tuple[float, bytes]], cut: float
) -> None:
    data = bytearray(seed)
    for where, new in changes:
        at = int(where * len(data))
        data[at : at + len(new)] = new
    place = Place(tmp_path_factory.mktemp("fuzz"))
    try:
        place.open(bytes(data if cut < 0.7 else data[: int(len(data) * cut)]), password=b"p")
    except Refusal:
        assert list(place.scratch.iterdir()) == []
    assert place.around() == place.before
