"""`phm name`: who has which name; what is refused before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hosting.inventory import deeds, instances, names, work
from hosting.inventory.session import in_transaction
from hosting.policy.placement import choose_server
from hosting.policy.states import WorkState
from hosting.policy.values import NameKind
from tests.inventory.words import NOW, RELEASE

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tests.deployments.console.conftest import Console


@pytest.fixture
def name(phm: Console) -> str:
    """An instance with the name bücher, and one that it had before."""
    phm.with_servers("app1")
    phm.with_order()

    def make(session: Session) -> str:
        made = instances.reserve_instance(session, "A-1", choose_server, release=RELEASE, seal=str, now=NOW).name
        instances.record_active(session, made, NOW, {})
        for a_label, ordered in (("before", "before"), ("xn--bcher-kva", "bücher")):
            one = names.begin_assigning(session, made, NameKind.SUBDOMAIN, a_label, ordered, now=NOW, by="olga")
            names.record_live(session, one.id, NOW, {})
        names.record_gone(session, names.names_of(session, made)[0].id, NOW, {})
        return made

    return in_transaction(phm.inventory, make)


def test_names_are_listed_as_they_were_ordered_and_as_dns_has_them(phm: Console, name: str) -> None:
    said = phm("name", "list")
    assert said.code == 0, said.err
    assert f"{name} bücher xn--bcher-kva subdomain live 2026-11-23 11:00" in " ".join(said.out.split())
    assert "before" not in said.out
    assert [one["a_label"] for one in phm("name", "list", name, "--json").json] == ["xn--bcher-kva"]
    assert phm("name", "list", "other").out == "Nobody has a name of his own.\n"


def test_former_names_are_listed_with_their_rest(phm: Console, name: str) -> None:
    gone = next(one for one in phm("name", "list", name, "--gone", "--json").json if one["state"] == "gone")
    assert (gone["a_label"], gone["resting_until"]) == ("before", "2027-05-22T10:00:00+00:00")


def test_nothing_is_assigned_that_was_not_confirmed(phm: Console, name: str) -> None:
    said = phm("name", "assign", name, "Buchladen", "--reason", "by mail", answers="n\n")
    assert "Nothing was changed: it was not confirmed." in said.refusal
    assert f"Do you approve buchladen.phlymail.test (buchladen) for {name} in place of bücher?" in said.err
    assert [one["state"] for one in phm("name", "list", name, "--json").json] == ["live"]


def test_what_is_approved_is_recorded_though_prefect_is_down(phm: Console, name: str) -> None:
    said = phm("name", "assign", name, "Buchladen", "--reason", "by mail", "--yes")
    assert said.code == 1
    assert "Prefect at http://127.0.0.1" in said.refusal
    assert {one["a_label"]: one["state"] for one in phm("name", "list", name, "--json").json} == {
        "xn--bcher-kva": "live", "buchladen": "assigning",
    }  # fmt: skip
    with phm.inventory.reading() as session:
        approved = [one for one in deeds.deeds_of(session, f"instance:{name}") if one.what == "name approved"]
        assert [(one.by, one.why, one.evidence["name"]) for one in approved] == [(phm.operator, "by mail", "buchladen")]
        assert work.ASSIGN_SUBDOMAIN in {one.kind for one in work.work_in(session, WorkState.OPEN)}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("assign", "{name}", "abc"), "abc is no name for an instance: "),
        (("assign", "nobody", "muster"), "There is no instance nobody."),
        (("assign", "{name}", "muster", "--reason", " "), "The reason is empty."),
        (("withdraw", "{name}", "other"), "Instance {name} does not have the name other."),
    ],
)
def test_what_can_not_be_is_refused_in_one_sentence(
    phm: Console, name: str, words: tuple[str, ...], sentence: str
) -> None:
    reason = () if "--reason" in words else ("--reason", "by mail")
    said = phm("name", *(word.format(name=name) for word in words), "--yes", *reason)
    assert said.refusal.startswith(sentence.format(name=name))
