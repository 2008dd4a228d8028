"""Lists of names that are not for everybody: our own, reserved ones, brands, words (P28); and how a name meets them.

All lists have one format: what is listed, of which kind, what becomes of a name that is just that, and where in a name
it counts. They are data: an operator's folder takes the place of ours without a release (docs/runbooks/names.md).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

from rapidfuzz.distance import OSA

from hosting.errors import Refused
from hosting.policy.lookalikes import compact, fold, looks, occurrences, spelled, without_marks, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

COLUMNS = ("name", "kind", "outcome", "where", "note")
MARKS_A_COMMENT = "#"

MOST_SHOWN = 80
"""So many characters of a line are shown of one that can't be read."""

SIMILAR = ((8, 2), (5, 1))
"""From so many letters on, so many may be wrong, missing, too much or swapped for a name to be similar."""

SHORTEST_INSIDE = 4
"""What is shorter counts as a word of its own only."""


class ListsBroken(Refused):
    """The lists of names can't be read as such."""


class Kind(StrEnum):
    """What a listed name is."""

    OWN = "own"
    RESERVED = "reserved"
    BRAND = "brand"
    WORD = "word"


class Outcome(StrEnum):
    """What becomes of a name, the mildest first."""

    HARMLESS = "harmless"
    FLAGGED = "flagged"
    REFUSED = "refused"


class Where(StrEnum):
    """Where in a name a listed one counts."""

    ANYWHERE = "anywhere"
    WORD = "word"  # as the whole name, or as a word of it between separators
    EDGE = "edge"  # likewise, or at the beginning or the end of a word; for short ones that no word holds by chance
    WHOLE = "whole"  # as the whole name
    NUMBERED = "numbered"  # as the whole name, with or without a number after it


class Meeting(StrEnum):
    """How a name meets a listed one, the closest first."""

    EQUAL = "is"
    LOOKS_LIKE = "looks like"
    HOLDS = "holds"
    SIMILAR = "is similar to"


WHOLLY = frozenset({Meeting.EQUAL, Meeting.LOOKS_LIKE})
"""The ways in which it is met by the name as a whole."""


@dataclass(frozen=True)
class Listed:
    """One listed name."""

    name: str
    kind: Kind
    outcome: Outcome
    where: Where
    note: str = ""

    @cached_property
    def spelled(self) -> str:
        """How it is spelled with plain letters."""
        return spelled(self.name)

    @cached_property
    def folded(self) -> str:
        """What it looks like."""
        return fold(self.spelled)

    @cached_property
    def bare(self) -> frozenset[str]:
        """What it may look like as a whole: with its dots spelled out, and with them overlooked."""
        return frozenset({self.folded, fold(without_marks(self.name))})

    @cached_property
    def is_number(self) -> bool:
        """Whether it is written in digits alone, which are letters of nothing then."""
        return self.spelled.isdigit()

    @cached_property
    def wrong_letters(self) -> int:
        """So many letters may be wrong for a name to be similar to it; of a word one, since words are many."""
        if self.is_number:
            return 0
        return min(letters_wrong(self.spelled), 1 if self.kind is Kind.WORD else SIMILAR[0][1])


@dataclass(frozen=True)
class Met:
    """A listed name that a name meets."""

    listed: Listed
    meeting: Meeting


@dataclass(frozen=True)
class NameLists:
    """All lists, with the version by which decisions name them: it follows from what is listed."""

    listed: tuple[Listed, ...]

    @cached_property
    def version(self) -> str:
        """The same for the same lists, whoever keeps them."""
        rows = sorted(f"{one.name}\t{one.kind}\t{one.outcome}\t{one.where}" for one in self.listed)
        return sha256("\n".join(rows).encode()).hexdigest()[:8]

    @cached_property
    def harmless(self) -> frozenset[str]:
        """What may hold a listed word by chance, as it looks: places, family names, plain words."""
        return frozenset(look for one in self.listed if one.outcome is Outcome.HARMLESS for look in one.bare)

    def met_by(self, name: str) -> list[Met]:
        """The listed names that a name meets, in the order of the lists, each in the closest way.

        What it is or looks like as a whole leaves nothing to say of what it holds or resembles of the same kind.
        """
        reading = Reading.of(name, self.harmless)
        met = [
            Met(one, way) for one in self.listed if one.outcome is not Outcome.HARMLESS and (way := reading.meets(one))
        ]
        wholly = {one.listed.kind for one in met if one.meeting in WHOLLY}
        return [one for one in met if one.meeting in WHOLLY or one.listed.kind not in wholly]


@dataclass(frozen=True)
class Reading:
    """A name in all the ways in which it is held against the lists."""

    spelled: str
    looks: frozenset[str]
    words: frozenset[str]
    word_looks: frozenset[str]
    harmless: Mapping[str, tuple[tuple[int, int], ...]]

    @classmethod
    def of(cls, name: str, harmless: frozenset[str]) -> Reading:
        """A name, and where in each of its looks something harmless stands."""
        words = [word for word in words_of(name) if not looks(word) <= harmless]
        return cls(
            spelled=spelled(name),
            looks=looks(name),
            words=frozenset(map(spelled, words)),
            word_looks=frozenset(look for word in words for look in looks(word)),
            harmless={look: tuple(span for one in harmless for span in occurrences(one, look)) for look in looks(name)},
        )

    def meets(self, one: Listed) -> Meeting | None:
        """How the name meets a listed one; None if it doesn't."""
        if one.spelled == self.spelled or (
            one.where is Where.NUMBERED and self.spelled.rstrip("0123456789") == one.spelled
        ):
            return Meeting.EQUAL
        if not one.is_number and one.bare & self.looks:
            return None if self.looks <= self.harmless_wholes else Meeting.LOOKS_LIKE
        if one.where in {Where.WHOLE, Where.NUMBERED}:
            return None
        if self._holds(one):
            return Meeting.HOLDS
        return Meeting.SIMILAR if self._is_similar(one) else None

    @cached_property
    def harmless_wholes(self) -> frozenset[str]:
        """The looks that are harmless as they stand."""
        return frozenset(text for text, spans in self.harmless.items() if (0, len(text)) in spans)

    def _holds(self, one: Listed) -> bool:
        """Whether the listed name stands in this one, and not by chance inside of something harmless."""
        if one.is_number:
            return one.spelled in (self.words if one.where is Where.WORD else self.spelled)
        if one.where is Where.EDGE:
            return any(word.startswith(one.folded) or word.endswith(one.folded) for word in self.word_looks)
        if one.where is Where.WORD or len(one.spelled) < SHORTEST_INSIDE:
            return one.spelled in self.words or one.folded in self.word_looks
        return any(
            not any(start <= at and end <= until for start, until in self.harmless[text])
            for text in self.looks
            for at, end in occurrences(one.folded, text)
        )

    def _is_similar(self, one: Listed) -> bool:
        """Whether few letters are between the listed name and this one, or a word of it."""
        most = one.wrong_letters
        if not most or one.where is not Where.ANYWHERE or self.looks <= self.harmless_wholes:
            return False
        near = any(OSA.distance(one.spelled, word, score_cutoff=most) <= most for word in {self.spelled} | self.words)
        return near or any(OSA.distance(one.folded, look, score_cutoff=most) <= most for look in self.looks)


def read_list(text: str, source: str) -> list[Listed]:
    """A list as its file has it: comma-separated, a line of titles first, lines that begin with # left out.

    Args:
        text: of the file.
        source: its name, for messages.

    Raises:
        ListsBroken: the line that can't be read, and why.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(MARKS_A_COMMENT)]
    if not lines or tuple(_row(lines[0], source).values()) != COLUMNS:
        message = f"{source} does not begin with the line {','.join(COLUMNS)}."
        raise ListsBroken(message, "Put it in front of the entries.")
    return [_entry(_row(line, source), source) for line in lines[1:]]


def merged(lists: Iterable[Sequence[Listed]]) -> NameLists:
    """Lists laid over each other: of two entries for one name and kind the first counts."""
    found: dict[tuple[str, str], Listed] = {}
    for entries in lists:
        for one in entries:
            found.setdefault((one.kind, one.spelled), one)
    return NameLists(tuple(found.values()))


def letters_wrong(text: str) -> int:
    """So many letters may be wrong, missing, too much or swapped in a text for another one to be similar to it."""
    return next((most for least, most in SIMILAR if len(text) >= least), 0)


def library_word(word: str) -> Listed | None:
    """A word of a library's list as an entry that flags; None for what can't stand in a host name.

    Short ones stand in many harmless words by chance: they count as words of their own only.
    """
    plain = compact(word)
    if not plain.isalpha():
        return None
    where = Where.ANYWHERE if len(plain) > SHORTEST_INSIDE else Where.WORD
    return Listed(plain.lower(), Kind.WORD, Outcome.FLAGGED, where, "library")


def _row(line: str, source: str) -> Mapping[str, str]:
    """The values of a line, each line on its own: a quote that is not closed spoils no other.

    Raises:
        ListsBroken: it is none of comma-separated values, e.g. for a quote that stands alone.
    """
    try:
        return next(csv.DictReader([line], COLUMNS, strict=True))
    except csv.Error as error:
        message = f"{source} has a line that can't be read: {line[:MOST_SHOWN]} ({error})."
        do = 'What holds a quote stands between quotes, with that one twice: "the ""Meier"" GmbH".'
        raise ListsBroken(message, do) from error


def _entry(row: Mapping[str, str], source: str) -> Listed:
    """A line of a list.

    Raises:
        ListsBroken: it has too many or too few values, or one that is none of those known.
    """
    values = list(row.values())
    try:
        name, kind, outcome, where, note = values
        one = Listed(name, Kind(kind), Outcome(outcome), Where(where), note or "")
    except ValueError as error:
        line = ",".join(map(str, values))
        message = f"{source} has a line that can't be read: {line} ({error})."
        raise ListsBroken(message, f"Give {', '.join(COLUMNS)}, as docs/runbooks/names.md tells.") from error
    if not one.spelled:
        raise ListsBroken(f"{source} has a line without a name.", "Take it out.")
    return one
