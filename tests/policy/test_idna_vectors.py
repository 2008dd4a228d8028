"""Unicode's own vectors for IDNA, every row: what is good there has that A-label here, what is faulty is refused (P27).

The file is that of UTS 46, which maps more and permits more than IDNA 2008; each kind of difference is stated, with its
reason and its number of rows. It is fetched by `make vectors`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from deployments.runtime.environment import ROOT
from hosting.policy.labels import A_LABEL_MOST, ACE, TOO_LONG, TOO_SHORT, NoName, a_label_of, normal, read_label
from hosting.policy.own_domain import check_domain

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = ROOT / ".make" / "idna" / "IdnaTestV2.txt"
ROWS = 6225
ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\x\{([0-9A-Fa-f]+)\}")
HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]")


@dataclass(frozen=True)
class Vector:
    """A row.

    Args:
        source: what is to be read.
        ascii: the A-labels that it has.
        faults: the codes of what UTS 46 has against it (its section 8); none: it is good.
    """

    source: str
    ascii: str
    faults: frozenset[str]


def unescaped(text: str) -> str:
    """A column as it is meant."""
    plain = ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text.strip())
    return HALVES.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), plain)


def vector_of(line: str) -> Vector:
    """A row; an empty column means the same as the one before it, an empty status no fault."""
    source, unicode, unicode_status, ascii_n, ascii_status, *_ = (unescaped(one) for one in line.split(";"))
    status = ascii_status or unicode_status
    return Vector(source, ascii_n or unicode or source, frozenset(re.findall(r"\w+", status)))


@pytest.fixture(scope="module")
def vectors() -> list[Vector]:
    assert FILE.exists(), "Unicode's vectors for IDNA are not there. Fetch them: make vectors."
    lines = (line.partition("#")[0].strip() for line in FILE.read_text(encoding="utf-8").splitlines())
    return [vector_of(line) for line in lines if line]


def read(source: str) -> str | None:
    """A domain as we read it, label by label, as A-labels; None where one is refused.

    How long a customer's subdomain is (4 to 48 characters) is no matter of IDNA.
    """
    whole = source.removesuffix(".")
    labels = [label_of(part) for part in whole.split(".")]
    return None if None in labels else ".".join(filter(None, labels)) + source[len(whole) :]


def label_of(part: str) -> str | None:
    try:
        label = read_label(part)
    except NoName:
        return None
    refused = [one for one in label.findings if one.refuses and one.rule not in {TOO_SHORT, TOO_LONG}]
    a_label = a_label_of(label.name)
    return None if refused or len(a_label) > A_LABEL_MOST else a_label


def in_unicode(name: str) -> str:
    """What A-labels stand for, allowed or not."""
    return ".".join(one[4:].encode().decode("punycode") if one.startswith(ACE) else one for one in name.split("."))


def has_symbols(vector: Vector) -> bool:
    """IDNA 2008 knows letters, marks and decimal digits; UTS 46 leaves symbols and other numbers in (RFC 5892, 2)."""
    plain = in_unicode(vector.ascii).replace(".", "").replace("-", "")
    return any(not sign.isdecimal() and unicodedata.category(sign)[0] not in "LM" for sign in plain)


def is_mapped(vector: Vector) -> bool:
    """UTS 46 makes another name of it, which is good: other dots, full-width letters, signs left out (RFC 5895)."""
    return normal(vector.source) != in_unicode(vector.ascii) and read(vector.ascii) == vector.ascii


def ends_in_sigma(vector: Vector) -> bool:
    """A word's last capital sigma becomes the small one of a word's end, as it is written; UTS 46 makes the plain one."""
    ours = in_unicode(read(vector.source) or "")
    return ours.replace("\N{GREEK SMALL LETTER FINAL SIGMA}", "\N{GREEK SMALL LETTER SIGMA}") == in_unicode(
        vector.ascii
    )


def is_too_long_as_a_whole(vector: Vector) -> bool:
    """The length of a whole domain is another rule's here (`own_domain`)."""
    return vector.faults == {"A4_1"} and check_domain(vector.source, (), ()).domain is None


def turns_as_a_whole(vector: Vector) -> bool:
    """Of a label beside one that is written from right to left more is asked (RFC 5893, conditions 1 and 6).

    Here each label is judged by itself: a customer's domain is registered already.
    """
    labels = in_unicode(read(vector.source) or "").split(".")
    turning = [any(unicodedata.bidirectional(sign) in {"R", "AL", "AN"} for sign in label) for label in labels]
    return vector.faults <= {"B1", "B6"} and any(turning) and not all(turning)


def has_capitals(vector: Vector) -> bool:
    """Capitals of scripts whose small letters came later: UTS 46 keeps refusing them, here they are lowered as all."""
    lowered = ".".join(map(normal, vector.source.split(".")))
    return vector.faults == {"P1", "V6"} and lowered != vector.source and read(lowered) == read(vector.source)


def counted(rows: list[Vector], kinds: tuple[Callable[[Vector], bool], ...]) -> dict[str, int]:
    """How many rows are of each kind, the first that fits; those that are of none are shown."""
    found = [(row, next((kind.__name__ for kind in kinds if kind(row)), "")) for row in rows]
    assert [row for row, kind in found if not kind] == []
    return Counter(kind for _, kind in found)


def test_the_file_is_the_one_that_is_meant(vectors: list[Vector]) -> None:
    assert len(vectors) == ROWS


def test_what_is_good_has_its_a_label_or_is_refused_where_idna_2008_is_stricter(vectors: list[Vector]) -> None:
    good = [row for row in vectors if not row.faults]
    told = [(row, read(row.source)) for row in good]
    assert counted([row for row, ours in told if ours is None], (has_symbols, is_mapped)) == {
        "has_symbols": 57,
        "is_mapped": 58,
    }
    assert counted([row for row, ours in told if ours not in {None, row.ascii}], (ends_in_sigma,)) == {
        "ends_in_sigma": 4
    }
    assert sum(ours == row.ascii for row, ours in told) == 314


def test_what_is_faulty_is_refused_but_for_three_kinds(vectors: list[Vector]) -> None:
    faulty = [row for row in vectors if row.faults]
    taken = [row for row in faulty if read(row.source) is not None]
    kinds = (is_too_long_as_a_whole, turns_as_a_whole, has_capitals)
    assert counted(taken, kinds) == {"is_too_long_as_a_whole": 6, "turns_as_a_whole": 25, "has_capitals": 13}
    assert len(faulty) - len(taken) == 5748
