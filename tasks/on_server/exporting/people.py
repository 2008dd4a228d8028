"""A user's contacts as two files of vCards, with groups, fields of the user's own and pictures (P41)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.on_server.exporting.stored_files import NotThere, size_of
from tasks.on_server.exporting.vcard import kind_of_picture, vcard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.on_server.exporting.user_export import UserExport

CONTACT = (
    "aid", "uuid", "nick", "firstname", "thirdname", "lastname", "title", "customer_number", "company", "comp_dep",
    "comp_address", "comp_address2", "comp_street", "comp_zip", "comp_location", "comp_region", "comp_country",
    "comp_role", "comp_geo_lat", "comp_geo_long", "comp_cellular", "comp_fax", "tel_business", "comp_www", "address",
    "address2", "street", "zip", "location", "country", "region", "personal_geo_lat", "personal_geo_long", "birthday",
    "email1", "email2", "tel_private", "cellular", "fax", "www", "comments", "image", "type",
)  # fmt: skip
PICTURE_MOST = 16 << 20
VERSIONS = ("4.0", "3.0")


class Book:
    """What belongs to the contacts of a user beside their rows.

    Args:
        job: the user's export.
    """

    def __init__(self, job: UserExport) -> None:
        self._job = job
        of_user = f"aid IN (SELECT aid FROM {{p}}adb_adr WHERE owner={job.uid})"
        groups = {
            one["gid"]: one["name"] for one in job.rows.of("adb_group", ("gid", "name"), f"owner={job.uid}", "gid")
        }
        self._groups = dict[str, list[str]]()
        for row in job.rows.of("adb_adr_group", ("aid", "gid"), of_user, "agid"):
            if row["gid"] in groups:
                self._groups.setdefault(row["aid"], []).append(groups[row["gid"]])
        types = {one["id"]: one["name"] for one in job.rows.of("adb_freefield_type", ("id", "name"), "1", "id")}
        self._free = dict[str, list[tuple[str, str]]]()
        for row in job.rows.of("adb_freefield", ("aid", "type_id", "value"), of_user, "id"):
            self._free.setdefault(row["aid"], []).append((types.get(row["type_id"], "?"), row["value"]))

    def cards(self, version: str) -> Iterator[bytes]:
        """All contacts, the user's own card first."""
        job = self._job
        own = f"aid IN (SELECT contactid FROM {{p}}user WHERE uid={job.uid})"
        mine = f"owner={job.uid} AND NOT ({own})"
        for where in (own, mine):
            for row in job.rows.raw("adb_adr", CONTACT, where, "aid"):
                texts = {name: value.decode("utf-8", "replace") for name, value in row.items() if name != "image"}
                number = texts["aid"]
                if version == VERSIONS[0]:
                    job.counts["contacts"] += 1
                yield vcard(
                    texts, version, groups=self._groups.get(number, ()), free=self._free.get(number, ()),
                    picture=self._picture(number, row["image"]),
                ).encode()  # fmt: skip

    def _picture(self, number: str, small: bytes) -> bytes:
        """The picture as it was uploaded, or the small one that the product made of it."""
        try:
            file = self._job.files.open("contacts", number)
        except NotThere:
            return small
        with file:
            whole = file.read(PICTURE_MOST) if size_of(file) <= PICTURE_MOST else b""
        return whole if kind_of_picture(whole) else small


def export_contacts(job: UserExport) -> None:
    """Both files."""
    job.tell("contacts")
    book = Book(job)
    for version in VERSIONS:
        path = job.archive.taken.free("contacts", f"contacts-vcard-{version}.vcf")
        job.archive.add(path, book.cards(version), expected=1 << 40)
