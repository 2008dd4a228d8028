"""A contact as vCard 4.0 (RFC 6350) and as vCard 3.0 (RFC 2426): names, addresses, numbers, picture, groups."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from tasks.on_server.exporting.content_lines import block, one_line, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PICTURES = {
    b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png", b"GIF8": "gif", b"BM": "bmp", b"RIFF": "webp",
}  # fmt: skip
PHONES = (
    ("tel_private", "home,voice"), ("tel_business", "work,voice"), ("cellular", "cell"), ("comp_cellular", "work,cell"),
    ("fax", "home,fax"), ("comp_fax", "work,fax"),
)  # fmt: skip
HOME = ("address2", "street", "location", "region", "zip", "country", "address")
WORK = (
    "comp_address2", "comp_street", "comp_location", "comp_region", "comp_zip", "comp_country", "comp_address",
)  # fmt: skip
NO_DAY = "0000-00-00"
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DEGREES = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]+)?")


def kind_of_picture(picture: bytes) -> str:
    """What a picture is, by how it begins; empty if nobody knows."""
    return next((kind for begin, kind in PICTURES.items() if picture.startswith(begin)), "")


def vcard(
    contact: Mapping[str, str], version: str, *, groups: Sequence[str] = (), free: Sequence[tuple[str, str]] = (),
    picture: bytes = b"",
) -> str:  # fmt: skip
    """One contact.

    Args:
        contact: the columns of `adb_adr`, none of them missing.
        version: `4.0` or `3.0`.
        groups: the names of its groups.
        free: further fields of the user's own, by name and value.
        picture: of the contact.
    """
    lines = ["BEGIN:VCARD", f"VERSION:{version}", *_names(contact)]
    if contact["uuid"]:
        lines.append(f"UID:{'urn:uuid:' if version == '4.0' and _is_uuid(contact['uuid']) else ''}"
                     f"{one_line(contact['uuid'])}")  # fmt: skip
    if contact["company"] or contact["comp_dep"]:
        lines.append(f"ORG:{text(contact['company'])};{text(contact['comp_dep'])}")
    lines += _plain(contact)
    for number, column in enumerate(("email1", "email2"), 1):
        if contact[column].strip():
            lines.append(f"EMAIL;{_kinds('internet', version)}{_preferred(number, version)}:{text(contact[column])}")
    lines += [
        f"TEL;{_kinds(kinds, version)}:{text(contact[column])}" for column, kinds in PHONES if contact[column].strip()
    ]
    lines += _place(contact, HOME, "home", "personal_geo", version) + _place(contact, WORK, "work", "comp_geo", version)
    if DAY.fullmatch(contact["birthday"]) and contact["birthday"] != NO_DAY:
        lines.append(f"BDAY:{_day(contact['birthday'], version)}")
    if groups:
        lines.append("CATEGORIES:" + ",".join(text(name) for name in groups))
    lines += _photo(picture, version)
    lines += [f"NOTE:{text(note)}" for note in (_note(contact["comments"], free),) if note]
    return block([*lines, "END:VCARD"])


def _names(contact: Mapping[str, str]) -> list[str]:
    """How somebody is called; a card has to have a name that is shown."""
    parts = (contact["lastname"], contact["firstname"], contact["thirdname"], contact["title"], "")
    shown = " ".join(part for part in (contact["firstname"], contact["thirdname"], contact["lastname"]) if part)
    shown = shown or contact["nick"] or contact["company"] or contact["email1"] or contact["email2"] or "?"
    return [f"N:{';'.join(text(part) for part in parts)}", f"FN:{text(shown)}"]


def _plain(contact: Mapping[str, str]) -> list[str]:
    """What both versions write alike."""
    named = (("NICKNAME", "nick"), ("ROLE", "comp_role"))
    lines = [f"{name}:{text(contact[column])}" for name, column in named if contact[column]]
    lines += [f"URL:{one_line(contact[column])}" for column in ("www", "comp_www") if contact[column].strip()]
    if contact["customer_number"]:
        lines.append(f"X-PHLYMAIL-CUSTOMER-NUMBER:{text(contact['customer_number'])}")
    return lines


def _place(
    contact: Mapping[str, str], columns: Sequence[str], kind: str, geo: str, version: str
) -> list[str]:  # fmt: skip
    """An address, if there is one, and where on earth it is."""
    *parts, before = [contact[column] for column in columns]
    lines = []
    if any([*parts, before]):
        street = "\n".join(part for part in (before, parts[1]) if part)
        values = ("", parts[0], street, parts[2], parts[3], parts[4], parts[5])
        lines.append(f"ADR;{_kinds(kind, version)}:{';'.join(text(value) for value in values)}")
    latitude, longitude = contact[f"{geo}_lat"].strip(), contact[f"{geo}_long"].strip()
    if DEGREES.fullmatch(latitude) and DEGREES.fullmatch(longitude):  # they are texts, and the user's
        lines.append(
            f"GEO;TYPE={kind}:geo:{latitude},{longitude}" if version == "4.0" else f"GEO:{latitude};{longitude}"
        )
    return lines if version == "4.0" or kind == "home" else [line for line in lines if not line.startswith("GEO")]


def _kinds(kinds: str, version: str) -> str:
    """The types of a value; version 4 has no type for what goes over the internet."""
    if version == "4.0":
        return f'TYPE="{kinds}"' if "," in kinds else f"TYPE={'home' if kinds == 'internet' else kinds}"
    return f"TYPE={kinds.upper()}"


def _preferred(number: int, version: str) -> str:
    """Which of several comes first."""
    if version == "4.0":
        return f";PREF={number}"
    return ";TYPE=PREF" if number == 1 else ""


def _day(day: str, version: str) -> str:
    """A birthday; one without a year is told as such where the version can."""
    year, month, date = day.split("-")
    if year == "0000":
        return f"--{month}{date}" if version == "4.0" else f"1604-{month}-{date}"
    return f"{year}{month}{date}" if version == "4.0" else day


def _photo(picture: bytes, version: str) -> list[str]:
    """The picture within the card."""
    kind = kind_of_picture(picture)
    if not kind:
        return []
    encoded = base64.b64encode(picture).decode()
    if version == "4.0":
        return [f"PHOTO:data:image/{kind};base64,{encoded}"]
    return [f"PHOTO;ENCODING=b;TYPE={kind.upper()}:{encoded}"]


def _note(comments: str, free: Sequence[tuple[str, str]]) -> str:
    """The note, with the user's own fields below it."""
    return "\n".join([*([comments] if comments else []), *(f"{name}: {value}" for name, value in free)])


def _is_uuid(value: str) -> bool:
    """Whether it has the form of one."""
    parts = value.split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and all(
        sign in "0123456789abcdefABCDEF" for part in parts for sign in part
    )
