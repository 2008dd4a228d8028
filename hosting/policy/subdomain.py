"""Which name a customer may have in our zone: what is refused at once, what a person has to look at (P26 to P28).

A name is read as a label first (`hosting.policy.labels`), then judged by the lists and by what is known of other names.
All findings are told at once; the gravest decides. Nobody gets a name without a person (P28).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rapidfuzz.distance import OSA

from hosting.policy.findings import Finding, Rule
from hosting.policy.labels import LABEL_RULES
from hosting.policy.listed_names import Kind, Listed, Meeting, NameLists, Outcome, letters_wrong
from hosting.policy.lookalikes import in_disguise, is_mixed, looks, scripts_told, skeleton, spelled, told_signs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hosting.policy.labels import Label

RULES_VERSION = 1
"""Of these rules; the lists have a version of their own."""

MOST_SIMILAR = 8
"""So many similar names are shown to who decides."""

TAKEN = Rule("taken", "Der Name ist vergeben.", "The name is taken.")
YOURS = Rule("yours", "Der Name gehört bereits zu Ihrer Instanz.", "The name is your instance's already.")
RESTING = Rule(
    "resting",
    "Der Name war bis vor Kurzem vergeben und ruht bis zum {until}.",
    "The name was taken until not long ago and rests until {until}.",
)
SERVER = Rule("server", "So heißt einer unserer Server.", "One of our servers has this name.")
WANTED = Rule(
    "wanted-twice",
    "Ein anderer Kunde hat denselben Namen beantragt.",
    "Another customer has applied for the same name.",
    refuses=False,
)
ALIKE = Rule(
    "like-another",
    "Der Name kann mit {other} verwechselt werden, den ein anderer Kunde hat.",
    "The name can be taken for {other}, which another customer has.",
    refuses=False,
)
MIXED = Rule(
    "mixed-scripts", "Der Name mischt Schriften: {scripts}.", "The name mixes scripts: {scripts}.", refuses=False
)
DISGUISE = Rule(
    "disguise",
    "Der Name ist in {scripts} geschrieben und liest sich als {reads_as}.",
    "The name is written in {scripts} and reads as {reads_as}.",
    refuses=False,
)

WHAT = {
    Kind.OWN: ("Name unseres eigenen Angebots", "a name of our own"),
    Kind.RESERVED: ("für technische Zwecke reserviert", "reserved for technical use"),
    Kind.BRAND: ("Marke oder Name Dritter", "a brand or a name of others"),
    Kind.WORD: ("beleidigendes oder anstößiges Wort", "an insulting or offensive word"),
}
HOW = {
    Meeting.EQUAL: ("is", "lautet", "is"),
    Meeting.LOOKS_LIKE: ("looks-like", "sieht aus wie", "looks like"),
    Meeting.HOLDS: ("holds", "enthält", "holds"),
    Meeting.SIMILAR: ("similar", "ähnelt", "is similar to"),
}


def _rule(kind: Kind, meeting: Meeting, *, refuses: bool) -> Rule:
    """The rule for a way in which a name meets a list."""
    code, german, english = HOW[meeting]
    return Rule(
        f"{kind}-{code}{'' if refuses or meeting is not Meeting.EQUAL else '-perhaps'}",
        f"Der Name {german} {{listed}} ({WHAT[kind][0]}).",
        f"The name {english} {{listed}} ({WHAT[kind][1]}).",
        refuses=refuses,
    )


MAY_REFUSE = ((Kind.OWN, Meeting.LOOKS_LIKE), *((kind, Meeting.EQUAL) for kind in Kind))
LISTED = {
    **{(kind, meeting, False): _rule(kind, meeting, refuses=False) for kind in Kind for meeting in Meeting},
    **{(kind, meeting, True): _rule(kind, meeting, refuses=True) for kind, meeting in MAY_REFUSE},
}
"""The rules of the lists: by kind, meeting, and whether the name is refused by it."""

RULES = {
    rule.code: rule
    for rule in (*LABEL_RULES, TAKEN, YOURS, RESTING, SERVER, WANTED, ALIKE, MIXED, DISGUISE, *LISTED.values())
}
"""Every rule by its code; what is recorded is read back by it."""


@dataclass(frozen=True)
class Known:
    """What is known of other names.

    Args:
        taken_by: the instance that has the name.
        is_yours: whether that is the one that it is wished for.
        resting_until: until when it is nobody's.
        servers: labels of our servers.
        names: those of other instances, in Unicode.
        wanted: what others have applied for and nobody decided on.
    """

    taken_by: str | None = None
    is_yours: bool = False
    resting_until: datetime | None = None
    servers: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """What the program found about a name, by which version of rules and lists; what refuses it comes first."""

    label: Label
    version: str
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        """What the findings come to."""
        return outcome_of(self.findings)


def outcome_of(findings: tuple[Finding, ...]) -> Outcome:
    """The gravest of the findings; harmless without any, which still wants a person's yes (P28)."""
    if any(one.refuses for one in findings):
        return Outcome.REFUSED
    return Outcome.FLAGGED if findings else Outcome.HARMLESS


def version_of(lists: NameLists) -> str:
    """The version that decisions by these lists name: of the rules, and of the lists."""
    return f"{RULES_VERSION}.{lists.version}"


def judge(label: Label, lists: NameLists, known: Known) -> Judgement:
    """All that speaks against a name, or for a closer look at it (P28).

    Args:
        label: the name, read.
        lists: own products, reserved names, brands, words.
        known: of other names.
    """
    findings = [
        *label.findings,
        *_held(label, known),
        *_listed(label.name, lists),
        *_scripts(label.name),
        *_alike(label.name, known),
    ]
    gravest_first = sorted(findings, key=lambda one: not one.refuses)
    return Judgement(label, version_of(lists), tuple(gravest_first))


def similar_names(name: str, names: Iterable[str]) -> list[str]:
    """Those of the names that look or read alike, or differ by few letters: the most similar first."""
    mine, seen, near = spelled(name), looks(name), []
    for other in names:
        theirs = spelled(other)
        distance = 0 if seen & looks(other) else OSA.distance(mine, theirs)
        if distance <= letters_wrong(mine) or mine in theirs or theirs in mine:
            near.append((distance, other))
    return [other for _, other in sorted(near)][:MOST_SIMILAR]


def appearance(name: str) -> dict[str, Any]:
    """How a name looks, for who decides: its scripts, its signs that are not plain, what it reads and looks like."""
    return {
        "scripts": scripts_told(name),
        "signs": told_signs(name),
        "spelled": spelled(name),
        "skeleton": skeleton(name),
    }


def recorded(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as JSON holds them."""
    return [
        {
            "rule": one.code,
            "refuses": one.refuses,
            "facts": {
                name: fact.isoformat() if isinstance(fact, datetime) else fact for name, fact in one.facts.items()
            },
        }
        for one in findings
    ]


def read_back(found: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Findings as they were recorded; one of a rule that is no more is left out."""
    return tuple(
        RULES[one["rule"]].found(
            **{name: datetime.fromisoformat(fact) if name == "until" else fact for name, fact in one["facts"].items()}
        )
        for one in found
        if one["rule"] in RULES
    )


def _held(label: Label, known: Known) -> Iterator[Finding]:
    """Whether somebody has the name, had it not long ago, wants it too, or a server of ours has it."""
    if known.taken_by:
        yield YOURS.found() if known.is_yours else TAKEN.found(instance=known.taken_by)
    if known.resting_until:
        yield RESTING.found(until=known.resting_until)
    if label.name in known.servers:
        yield SERVER.found()
    if label.name in known.wanted:
        yield WANTED.found()


def _listed(name: str, lists: NameLists) -> Iterator[Finding]:
    """How a name meets the lists."""
    for met in lists.met_by(name):
        one = met.listed
        rule = LISTED[one.kind, met.meeting, refuses(one, met.meeting)]
        yield rule.found(listed=one.name, note=one.note)


def refuses(one: Listed, meeting: Meeting) -> bool:
    """Whether a name is refused by a meeting: as listed, for the name itself and for what looks like an own product."""
    return one.outcome is Outcome.REFUSED and (one.kind, meeting) in MAY_REFUSE


def _scripts(name: str) -> Iterator[Finding]:
    """Whether a name mixes scripts, or is another script's disguise of plain letters (TR39 section 5)."""
    if is_mixed(name):
        yield MIXED.found(scripts=scripts_told(name))
    if seen := in_disguise(name):
        yield DISGUISE.found(scripts=scripts_told(name), reads_as=seen)


def _alike(name: str, known: Known) -> Iterator[Finding]:
    """Whether a name can be taken for that of another instance."""
    seen = looks(name)
    for other in known.names:
        if other != name and (seen & looks(other) or skeleton(other) == skeleton(name)):
            yield ALIKE.found(other=other)
