"""In which order the flows of names do their steps: whatever a lost run leaves out, the next one does (P26, P29, P31)."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from prefect import Task

from flows import assign_subdomain, connect_domain, renew_certificate
from hosting.errors import StepFailed, Unreachable
from hosting.inventory import cases, certificate_renewals, deeds, leases, moves, name_orders, names, servers, work
from hosting.inventory.instances import all_instances
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.name_certificates import CertificateFacts
from hosting.inventory.session import in_transaction
from hosting.policy.own_domain import OwnDomain
from hosting.policy.pointing import Pointing, Seen
from hosting.policy.states import MoveState, NameState, WorkState
from tasks import certificate_letters, held_name_letters, name_moves, name_records, own_domains, renewals
from tasks import names as held_names
from tasks.name_records import Naming, look_again, read_names, read_naming
from tasks.step import Done
from tests.flows import test_names, test_own_domain, test_renew_certificate
from tests.policy.certificates import NOW
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from hosting.errors import ServiceError
    from hosting.inventory.session import Inventory
    from hosting.policy.values import NameFacts

DAY = timedelta(days=1)
DOMAIN = OwnDomain("Post.Müller.example", "post.müller.example", "post.xn--mller-kva.example")


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Inventory]:
    with provided(tmp_path) as made:
        opened(made, "A-1", NOW - 30 * DAY)
        yield made


def certificate(letter: str) -> CertificateFacts:
    return CertificateFacts(letter * 64, NOW + 60 * DAY, "Beispiel CA", f"PEM {letter}")


def domain(inventory: Inventory, letter: str = "a") -> Naming:
    """The customer's domain with a certificate; live, or about to get another one."""

    def order(session: Any) -> NameFacts:
        (instance,) = all_instances(session)
        name = name_orders.order_domain(
            session, instance.name, DOMAIN, certificate(letter), f"key {letter}", by="olga", now=NOW
        )
        return names.record_live(session, name.id, NOW, {})

    return read_naming.fn(in_transaction(inventory, order).id)


def cancelled(inventory: Inventory, naming: Naming) -> None:
    in_transaction(
        inventory,
        lambda session: name_orders.order_release(
            session, naming.instance.name, DOMAIN.ascii, by="olga", why="by mail", now=NOW
        ),
    )


class Steps:
    """Steps that do nothing but be told, or what they are said to do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
        self.done: list[str] = []
        self._monkeypatch, self._modules = monkeypatch, modules

    def fake(self, *names: str, answer: Any = None, does: Callable[..., Any] | None = None) -> None:
        for name in names:
            for module in self._modules:
                if hasattr(module, name):
                    self._monkeypatch.setattr(module, name, self._step(name, answer, does))

    def _step(self, name: str, answer: Any, does: Callable[..., Any] | None) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            self.done.append(name)
            return does(*args, **kwargs) if does else answer

        return run


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    for module in (assign_subdomain, connect_domain, renew_certificate):
        monkeypatch.setattr(module, "working_on", lambda *_: contextlib.nullcontext())
        for name, one in vars(module).copy().items():
            if isinstance(one, Task):
                monkeypatch.setattr(module, name, one.fn)
    made = Steps(monkeypatch, assign_subdomain, connect_domain, renew_certificate)
    made.fake("ensure_no_name_site", "ensure_name_out_of_zone", "ensure_no_other_certificate")
    made.fake("ensure_name_certificate", "ensure_name_site", "ensure_old_certificate")
    made.fake("prove_name_gone", "prove_at_once", answer={})
    return made


@pytest.mark.parametrize(
    ("flow", "killed_at"),
    [
        (assign_subdomain, (*test_names.STEPS, *test_names.RELEASING)),
        (connect_domain, (*test_own_domain.CONNECTING, *test_own_domain.WAITING, *test_own_domain.DISCONNECTING)),
        (renew_certificate, (*test_renew_certificate.STEPS, *test_renew_certificate.GOING_BACK)),
    ],
    ids=lambda value: value.__name__ if hasattr(value, "__name__") else "",
)
def test_runs_are_killed_at_every_step_that_a_flow_has(flow: ModuleType, killed_at: tuple[str, ...]) -> None:
    own = {one.name for one in vars(flow).values() if isinstance(one, Task)}
    assert own - set(killed_at) == set()


def test_that_a_name_is_gone_is_told_before_its_work_is_settled(inventory: Inventory, steps: Steps) -> None:
    naming = domain(inventory)
    cancelled(inventory, naming)

    def lost(_naming: Naming) -> None:
        raise RuntimeError("killed")

    steps.fake("tell_customer_name_gone", does=lost)
    with pytest.raises(RuntimeError):
        assign_subdomain.take_away(read_naming.fn(naming.name.id))
    with inventory.reading() as session:
        assert [one.state for one in names.names_of(session, naming.instance.name)] == [NameState.RELEASING]
        assert name_orders.open_works(session, naming.name)
    steps.fake("tell_customer_name_gone")
    assign_subdomain.take_away(read_naming.fn(naming.name.id))
    with inventory.reading() as session:
        assert names.names_of(session, naming.instance.name) == []
        assert [one for one in name_orders.open_works(session, naming.name) if one.kind != "connect-domain"] == []


def planned(inventory: Inventory, naming: Naming) -> None:
    """The instance is on its way to app2."""

    def plan(session: Any) -> None:
        move = moves.plan_move(
            session, naming.instance.name, "app2", "more room", by="olga", due_at=NOW, without_backup=True, now=NOW
        )
        moves.record_state(session, move.id, MoveState.COPYING, NOW)

    in_transaction(inventory, plan)


def test_a_name_goes_from_the_server_to_which_its_instance_is_on_its_way_too(
    inventory: Inventory, steps: Steps
) -> None:
    naming = domain(inventory)
    planned(inventory, naming)
    seen: list[str] = []
    steps.fake("ensure_no_name_site", does=lambda _naming, server: seen.append(str(server.name)))
    steps.fake("tell_customer_name_gone")
    cancelled(inventory, naming)
    assign_subdomain.take_away(read_naming.fn(naming.name.id))
    assert seen == ["app1", "app2"]


def left_behind(inventory: Inventory) -> list[str]:
    with inventory.reading() as session:
        return [one.summary for one in cases.open_cases(session) if one.kind == cases.LEFT_BEHIND]


def not_at_app2(*given: Any, **_: Any) -> None:
    if str(given[-1].name) == "app2":
        raise Unreachable("app2 does not answer.", "Look at it.")


def test_a_former_home_that_does_not_answer_keeps_no_name_waiting(inventory: Inventory, steps: Steps) -> None:
    naming = domain(inventory)
    planned(inventory, naming)
    cancelled(inventory, naming)
    steps.fake("ensure_no_name_site", does=not_at_app2)
    steps.fake("tell_customer_name_gone")
    assign_subdomain.take_away(read_naming.fn(naming.name.id))
    with inventory.reading() as session:
        (gone,) = names.names_of(session, naming.instance.name, NameState.GONE)
        (told,) = [one for one in deeds.deeds_of(session, f"instance:{gone.instance_name}") if one.what == "name gone"]
    assert told.evidence["silent"] == ["app2"]
    (said,) = left_behind(inventory)
    assert said.startswith(f"The name {DOMAIN.ascii} of {gone.instance_name} is gone")
    assert said.endswith("on app2, which did not answer.")


def test_a_former_home_that_does_not_answer_keeps_no_renewal_waiting(inventory: Inventory, steps: Steps) -> None:
    naming = domain(inventory)
    with inventory.reading() as session:
        naming = replace(naming, homes=(servers.server_facts(session, "app2"),))
    steps.fake("ensure_names_served", does=not_at_app2)
    renew_certificate.settle(naming)
    assert len(left_behind(inventory)) == 1
    with inventory.reading() as session:
        assert name_orders.open_works(session, naming.name) == []


def test_where_a_name_is_live_is_told_before_the_one_before_it_goes(inventory: Inventory, steps: Steps) -> None:
    naming = domain(inventory)
    steps.fake("prove_name_answers", answer={})
    steps.fake("ensure_names_served", "ensure_name_in_zone", "tell_customer_name_live", "take_away")
    new = in_transaction(
        inventory,
        lambda session: name_orders.order_subdomain(
            session, naming.instance.name, "muster", "muster", by="olga", now=NOW
        ),
    )
    request = assign_subdomain.NameRequest(instance=naming.instance.name, number=new.id)
    assign_subdomain.assign_subdomain.fn(request)
    assert [one for one in steps.done if one in {"tell_customer_name_live", "take_away"}] == [
        "tell_customer_name_live", "take_away",
    ]  # fmt: skip


def waiting(inventory: Inventory) -> Naming:
    """A domain that does not lead here yet; its work has a run."""

    def order(session: Any) -> NameFacts:
        (instance,) = all_instances(session)
        return name_orders.order_domain(
            session, instance.name, DOMAIN, certificate("a"), "key a", by="olga", now=datetime.now(UTC)
        )

    return read_naming.fn(in_transaction(inventory, order).id)


def test_a_domain_that_leads_to_a_server_that_the_instance_has_left_comes_live(
    inventory: Inventory, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    naming = waiting(inventory)
    with inventory.reading() as session:
        naming = replace(naming, homes=(servers.server_facts(session, "app2"),))
    says = {"app1.phlymail.test": "192.0.2.1", "app2.phlymail.test": "192.0.2.2", DOMAIN.ascii: "192.0.2.2"}
    monkeypatch.setattr(own_domains, "_seen", lambda resolver, host: Seen(resolver, (says[host],)))
    monkeypatch.setattr(held_names, "addresses_of", lambda host: (says[host],))
    monkeypatch.setattr(held_names, "prove_address", lambda *_: {})
    monkeypatch.setattr(connect_domain, "read_naming", lambda *_: naming)
    steps.fake("prepare", answer="a" * 64)
    steps.fake("ensure_names_served", "tell_customer_name_live")
    connect_domain.connect_domain.fn(connect_domain.DomainRequest(instance=naming.instance.name, number=naming.name.id))
    with inventory.reading() as session:
        assert [one.state for one in names.names_of(session, naming.instance.name)] == [NameState.LIVE]


@pytest.mark.parametrize("known", [True, False])
def test_which_record_to_set_is_told_where_it_is_known_that_it_is_not_set(
    inventory: Inventory, steps: Steps, known: bool
) -> None:
    naming = waiting(inventory)
    steps.fake("prepare", answer="a" * 64)
    steps.fake("read_pointing", answer=Pointing(points=False, told="It leads nowhere.", known=known))
    steps.fake("tell_customer_record")
    said = connect_domain.connect_domain.fn(
        connect_domain.DomainRequest(instance=naming.instance.name, number=naming.name.id)
    )
    assert said.name == "Waiting"
    assert ("tell_customer_record" in steps.done) is known
    with inventory.reading() as session:
        (one,) = names.names_of(session, naming.instance.name)
    assert (one.state, one.finding) == (NameState.ASSIGNING, "It leads nowhere.")


def test_which_record_to_set_is_told_anew_where_the_server_is_another(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []
    monkeypatch.setattr(held_name_letters, "addresses_of", lambda _host: ("192.0.2.1",))
    monkeypatch.setattr(held_name_letters, "send_letter", lambda key, *_: keys.append(key) is None)
    naming = waiting(inventory)
    with inventory.reading() as session:
        moved = replace(naming, server=servers.server_facts(session, "app2"))
    for one in (naming, naming, moved):
        held_name_letters.tell_customer_record.fn(one)
    assert keys == [f"domain_waiting:{naming.name.id}:{app}" for app in ("app1", "app1", "app2")]


def work_of(inventory: Inventory, naming: Naming) -> work.WorkFacts:
    with inventory.reading() as session:
        (one,) = name_orders.open_works(session, naming.name)
    return one


def fails(naming: Naming, error: ServiceError) -> None:
    def flow() -> None:
        with name_records.telling_name_failure(naming.instance.name) as about:
            about.append(naming.name.id)
            raise error

    with pytest.raises(type(error)):
        flow()


def held(inventory: Inventory, naming: Naming) -> LeaseHeld:
    lease = in_transaction(
        inventory,
        lambda session: leases.acquire(
            session, naming.instance.name, "run r", "move", now=datetime.now(UTC), ttl=timedelta(seconds=60)
        ),
    )
    return LeaseHeld(lease)


def test_that_another_run_works_on_the_instance_is_no_attempt(inventory: Inventory) -> None:
    naming = waiting(inventory)
    error = held(inventory, naming)
    for _ in range(9):
        fails(naming, error)
        one = work_of(inventory, naming)
        assert one.state is WorkState.OPEN
        assert timedelta(seconds=20) < one.due_at - datetime.now(UTC) <= timedelta(seconds=30)
    with inventory.reading() as session:
        assert work.tries(session, one.kind, one.subject) == 0
        assert cases.open_cases(session) == []


def test_attempts_are_counted_anew_after_a_look_that_came_through(inventory: Inventory) -> None:
    naming = waiting(inventory)
    silent = Unreachable("app1 does not answer.", "Look at it.")
    for _ in range(3):
        for _ in range(2):
            fails(naming, silent)
        look_again.fn(naming, "It leads nowhere.")
    assert work_of(inventory, naming).state is WorkState.OPEN
    for _ in range(4):
        fails(naming, silent)
    assert work_of(inventory, naming).state is WorkState.FAILED


@pytest.mark.parametrize("step", ["ensure_names_prepared", "ensure_no_names_left"])
def test_a_server_to_which_an_instance_goes_keeps_nothing_of_names_that_are_gone(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    naming = domain(inventory)
    cancelled(inventory, naming)
    in_transaction(inventory, lambda session: names.record_gone(session, naming.name.id, NOW, {}))
    seen: list[tuple[str, str]] = []
    for name in ("ensure_names_served", "ensure_no_name_site", "ensure_no_other_certificate"):

        def gone(*given: Any, name: str = name, **_: Any) -> Done:
            seen.append((name, " ".join(one.host if isinstance(one, Naming) else str(one.name) for one in given)))
            return Done(name, changed=True, seconds=0.0)

        monkeypatch.setattr(getattr(name_moves, name), "fn", gone)
    assert getattr(name_moves, step).fn(naming.server, naming.instance).changed
    where = f"{DOMAIN.ascii} app1"
    assert seen == [
        ("ensure_names_served", "app1"), ("ensure_no_name_site", where), ("ensure_no_other_certificate", where),
    ]  # fmt: skip


def test_a_name_whose_place_was_taken_is_not_told_as_gone(inventory: Inventory, steps: Steps) -> None:
    naming = domain(inventory)
    steps.fake("tell_customer_name_gone")

    def exchange(session: Any) -> None:
        new = name_orders.order_subdomain(session, naming.instance.name, "muster", "muster", by="olga", now=NOW)
        names.record_live(session, new.id, NOW, {})

    in_transaction(inventory, exchange)
    for old in read_names.fn(naming.instance, NameState.RELEASING):
        assign_subdomain.take_away(old)
    assert "tell_customer_name_gone" not in steps.done
    with inventory.reading() as session:
        assert [one.a_label for one in names.names_of(session, naming.instance.name)] == ["muster"]


def waits(inventory: Inventory, naming: Naming) -> list[str]:
    with inventory.reading() as session:
        waiting = certificate_renewals.renewal_of(session, naming.name.id)
    return [waiting.fingerprint[:1]] if waiting else []


def test_a_renewal_lost_after_it_was_recorded_is_told_by_the_next_run(inventory: Inventory, steps: Steps) -> None:
    naming = domain(inventory)
    steps.fake("tell_customer_renewed")
    request = renew_certificate.RenewalRequest(instance=naming.instance.name, number=naming.name.id)
    renew_certificate.renew_certificate.fn(request)
    assert "tell_customer_renewed" not in steps.done  # its first certificate took nobody's place
    domain(inventory, "b")
    told: list[bool] = []

    def killed(_naming: Naming) -> None:
        told.append(waits(inventory, naming) == [])
        if len(told) == 1:
            raise RuntimeError("killed")

    steps.fake("tell_customer_renewed", does=killed)
    with pytest.raises(RuntimeError):
        renew_certificate.renew_certificate.fn(request)
    renew_certificate.renew_certificate.fn(request)
    assert told == [True, True]  # recorded before, both times
    with inventory.reading() as session:
        assert [one.kind for one in name_orders.open_works(session, naming.name)] == []


def test_other_intermediates_have_files_of_their_own_so_that_they_are_loaded(inventory: Inventory) -> None:
    naming = domain(inventory)
    assert naming.certificate is not None
    mended = replace(naming, certificate=replace(naming.certificate, certificate_pem="PEM a with its intermediate"))
    files = [own_domains.certificate_files(one) for one in (naming, mended)]
    assert not set(files[0]) & set(files[1])
    assert all(one.name.startswith(f"{naming.name.id}.") for pair in files for one in pair)


def test_a_certificate_that_came_to_nothing_is_forgotten_last(inventory: Inventory, steps: Steps) -> None:
    naming = domain(inventory)
    waiting = renewals.read_renewal.fn(domain(inventory, "b"))
    assert waiting is not None
    told: list[str] = []
    steps.fake("tell_customer_not_renewed", does=lambda *_: told.append(*waits(inventory, naming)))
    renew_certificate.go_back(naming, waiting, StepFailed("It was not served.", "Look."))
    assert steps.done[-2:] == ["ensure_no_other_certificate", "tell_customer_not_renewed"]
    assert (told, waits(inventory, naming)) == (["b"], [])
    steps.done.clear()
    renew_certificate.go_back(naming, waiting, StepFailed("It was not served.", "Look."))  # nothing waits any more
    assert steps.done == ["ensure_old_certificate", "prove_at_once"]


def test_a_failed_renewal_is_told_once_however_often_it_is_gone_back(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []
    monkeypatch.setattr(certificate_letters, "tell_about_name", lambda *given: keys.append(given[3]) is None)
    naming = domain(inventory)
    waiting = renewals.read_renewal.fn(domain(inventory, "b"))
    assert waiting is not None
    for moment in (NOW + DAY, NOW + 2 * DAY):
        monkeypatch.setattr(certificate_letters, "now", lambda moment=moment: moment)
        certificate_letters.tell_customer_not_renewed.fn(naming, waiting)
    assert len(set(keys)) == 1
