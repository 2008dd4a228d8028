"""The lists: one format, a version that follows from what is listed, chance finds kept out (P28)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hosting.name_lists import OURS, library_words, load_lists
from hosting.policy.listed_names import (
    COLUMNS,
    Kind,
    Listed,
    ListsBroken,
    Meeting,
    NameLists,
    Outcome,
    Where,
    library_word,
    merged,
    read_list,
)

if TYPE_CHECKING:
    from pathlib import Path

TITLES = ",".join(COLUMNS)
LIST = f"""# a comment
{TITLES}
bosch,brand,flagged,anywhere,
bmw,brand,flagged,word,cars
dhl,brand,flagged,edge,
arsch,word,refused,anywhere,insult
warschau,word,harmless,whole,a place

mail,reserved,refused,numbered,service
1488,word,flagged,anywhere,
"""


@pytest.fixture(scope="module")
def lists() -> NameLists:
    return merged([read_list(LIST, "list.csv")])


def meetings(lists: NameLists, name: str) -> list[tuple[str, Meeting]]:
    return [(one.listed.name, one.meeting) for one in lists.met_by(name)]


def test_a_list_is_read_as_it_stands() -> None:
    read = read_list(LIST, "list.csv")
    assert read[1] == Listed("bmw", Kind.BRAND, Outcome.FLAGGED, Where.WORD, "cars")
    assert len(read) == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "x.csv does not begin with the line name,kind,outcome,where,note"),
        ("name,kind\nbosch,brand", "does not begin with the line"),
        (f"{TITLES}\nbosch,brand,flagged", "bosch,brand,flagged,None,None"),
        (f"{TITLES}\nbosch,brand,flagged,anywhere,a,b", "bosch,brand,flagged,anywhere,a"),
        (f"{TITLES}\nbosch,marke,flagged,anywhere,", "'marke' is not a valid Kind"),
        (f"{TITLES}\nbosch,brand,forbidden,anywhere,", "'forbidden' is not a valid Outcome"),
        (f"{TITLES}\nbosch,brand,flagged,somewhere,", "'somewhere' is not a valid Where"),
        (f"{TITLES}\n-,brand,flagged,anywhere,", "x.csv has a line without a name"),
        (f'{TITLES}\nmeier,brand,flagged,anywhere,"Meier" GmbH\nbosch,brand,flagged,anywhere,', '"Meier" GmbH ('),
        (f'{TITLES}\nmeier,brand,flagged,anywhere,"Meier GmbH\nbosch,brand,flagged,anywhere,', '"Meier GmbH ('),
        (f"{TITLES}\nmeier,brand,flagged,anywhere,{'x' * 140_000}", "field larger than field limit"),
        ('"name,kind,outcome,where,note\nbosch,brand,flagged,anywhere,', "x.csv has a line that can't be read"),
        (f'"Meier" GmbH\n{TITLES}', "x.csv has a line that can't be read"),
    ],
)
def test_a_list_that_can_not_be_read_says_file_and_line(text: str, said: str) -> None:
    with pytest.raises(ListsBroken) as broken:
        read_list(text, "x.csv")
    assert said in str(broken.value)
    assert "x.csv" in broken.value.what
    assert len(str(broken.value)) < 400


def test_a_quote_may_stand_in_a_note_and_a_comma_between_quotes() -> None:
    read = read_list(
        f'{TITLES}\nmeier,brand,flagged,anywhere,"the ""Meier"", a firm"\na,word,flagged,word,5" wide', "x"
    )
    assert [one.note for one in read] == ['the "Meier", a firm', '5" wide']


@pytest.mark.parametrize(
    ("name", "met"),
    [
        ("bosch", [("bosch", Meeting.EQUAL)]),
        ("Bosch", [("bosch", Meeting.EQUAL)]),
        ("b0sch", [("bosch", Meeting.LOOKS_LIKE)]),
        ("busch", [("bosch", Meeting.SIMILAR)]),
        ("boschmann", [("bosch", Meeting.HOLDS)]),
        ("mein-b0sch-dienst", [("bosch", Meeting.HOLDS)]),
        ("bmw-club", [("bmw", Meeting.HOLDS)]),
        ("submwoofer", []),
        ("dhlpaket", [("dhl", Meeting.HOLDS)]),
        ("pakete-vondhl", [("dhl", Meeting.HOLDS)]),
        ("dhl", [("dhl", Meeting.EQUAL)]),
        ("radhlager", []),
        ("arsch", [("arsch", Meeting.EQUAL)]),
        ("a-r-s-c-h", [("arsch", Meeting.EQUAL)]),
        ("warschau", []),
        ("warschauer", []),
        ("warschauer-arsch", [("arsch", Meeting.HOLDS)]),
        ("mail12", [("mail", Meeting.EQUAL)]),
        ("mail1a", []),
        ("webmail", []),
        ("verein1488", [("1488", Meeting.HOLDS)]),
        ("labb", []),
        ("l4bb", []),
    ],
)
def test_a_name_meets_the_list_in_the_closest_way(lists: NameLists, name: str, met: list[tuple[str, Meeting]]) -> None:
    assert meetings(lists, name) == met


def test_the_version_follows_from_what_is_listed_and_from_nothing_else() -> None:
    base = read_list(LIST, "list.csv")
    same = merged([list(reversed(base))]).version
    assert merged([base]).version == same
    assert merged([read_list(LIST.replace("insult", "another note"), "list.csv")]).version == same
    others = (
        LIST.replace("bosch,brand,flagged", "bosch,brand,harmless"),
        LIST.replace("bmw,brand,flagged,word", "bmw,brand,flagged,anywhere"),
        LIST + "haribo,brand,flagged,anywhere,\n",
    )
    assert len({same, *(merged([read_list(text, "list.csv")]).version for text in others)}) == 4


def test_of_two_entries_for_one_name_the_first_counts() -> None:
    ours = Listed("rosette", Kind.WORD, Outcome.HARMLESS, Where.WHOLE)
    theirs = Listed("Rosette", Kind.WORD, Outcome.FLAGGED, Where.ANYWHERE)
    brand = Listed("rosette", Kind.BRAND, Outcome.FLAGGED, Where.ANYWHERE)
    assert merged([[ours], [theirs, brand]]).listed == (ours, brand)


def test_words_of_the_library_flag_and_short_ones_count_as_words_alone() -> None:
    assert library_word("Arschgesicht") == Listed("arschgesicht", Kind.WORD, Outcome.FLAGGED, Where.ANYWHERE, "library")
    short = library_word("anal")
    assert short is not None
    assert short.where is Where.WORD
    assert library_word("f*ck") is None
    assert library_word("2g1c") is None
    assert len(library_words()) > 300


def test_our_lists_can_be_read_and_say_nothing_twice() -> None:
    every = [one for file in OURS.glob("*.csv") for one in read_list(file.read_text(encoding="utf-8"), file.name)]
    keys = [(one.kind, one.spelled) for one in every]
    assert sorted(key for key in set(keys) if keys.count(key) > 1) == []
    assert {one.kind for one in every} == set(Kind)
    assert sum(one.kind is Kind.BRAND and one.outcome is Outcome.FLAGGED for one in every) > 450
    false_friends = read_list((OURS / "harmless.csv").read_text(encoding="utf-8"), "harmless.csv")
    assert all(one.note for one in false_friends)  # why it is one
    assert len(load_lists().listed) > len(every)


def test_what_the_service_description_reads_as_reserved_is_reserved() -> None:
    reserved = {one.name for one in load_lists().listed if one.kind is Kind.RESERVED}
    of_rfc_2142 = {"info", "marketing", "sales", "support", "abuse", "noc", "security", "postmaster", "hostmaster",
                   "usenet", "news", "webmaster", "www", "uucp", "ftp"}  # fmt: skip
    assert (
        of_rfc_2142 | {"sftp", "whois", "mail", "webmail", "admin", "autodiscover", "config", "api", "webdav"}
        <= reserved
    )


def test_a_folder_of_the_operator_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(f"{TITLES}\nmustermann,own,refused,anywhere,\n", encoding="utf-8")
    mine = load_lists(str(tmp_path))
    assert meetings(mine, "mustermann") == [("mustermann", Meeting.EQUAL)]
    assert meetings(mine, "phlymail") == []
    assert mine.version != load_lists().version
    with pytest.raises(ListsBroken, match="There are no lists"):
        load_lists(str(tmp_path / "elsewhere"))
    (tmp_path / "mine.csv").write_bytes(b"\xff")
    with pytest.raises(ListsBroken, match="can't be read"):
        load_lists(str(tmp_path))
