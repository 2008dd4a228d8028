"""Servers kept current: security updates each night, all of them weekly; the canary first, then the others (P14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hosting.errors import ServiceError, StepFailed, Unreachable
from hosting.inventory.leases import LeaseHeld
from hosting.policy.maintenance import OutsideWindow
from hosting.policy.months import day_of
from hosting.policy.server_updates import (
    NotNow,
    RebootNotNow,
    Scope,
    Word,
    canaries_first,
    check_update,
    needs_reboot,
    scope_on,
)
from tasks.failures import check_all_done, kept_for_the_end
from tasks.jobs import JobInterrupted
from tasks.leases import working_on_server
from tasks.records import now, read_server, record_operator
from tasks.server_reports import (
    Outside,
    check_not_halted,
    may_follow,
    read_updatable_servers,
    report_preview,
    report_updates,
    watching,
)
from tasks.server_turns import (
    end_left_reboots,
    reboot_and_wait,
    reboot_turn,
    record_rebooted,
    record_turns,
    record_undone,
    settle_if_back,
    take_turn,
)
from tasks.server_updates import (
    UpdateTakenBack,
    apply_packages,
    begin_update,
    check_ready,
    halt_updates,
    has_changed_nothing,
    is_left,
    preview_update,
    read_health,
    read_left,
    read_system,
    record_not_made,
    record_updated,
    refresh_lists,
    restart_what_was_replaced,
    take_back,
    what_grew_ill,
)
from tasks.step import run_logger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hosting.inventory.server_updates import BegunUpdate
    from hosting.policy.server_updates import Transaction
    from hosting.policy.values import ServerFacts

SERVICE = "service"


Urgent = Annotated[
    bool, Field(title="Urgent", description="Outside of off-peak times too; customers are told at once. Say why.")
]
Reboot = Annotated[
    bool, Field(title="Reboot", description="If it is urgent: reboot at once where a server asks for it.")
]
DryRun = Annotated[bool, Field(title="Dry run", description="Only show what would be done; nothing is changed.")]
Operator = Annotated[str, Field(title="Operator", description="Your name; recorded as stated.", max_length=64)]
Reason = Annotated[str, Field(title="Reason", description="Why; recorded. Urgent work needs one.", max_length=500)]


class UpdateServerRequest(BaseModel):
    """Update one server now."""

    model_config = ConfigDict(extra="forbid")
    server: str = Field(title="Server", description="Its name, e.g. app1.", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    scope: Literal["security", "full"] = Field(
        "security", title="Which updates", description="Those of the security archive, or all."
    )
    words: list[Literal["removals", "major", "held"]] = Field(
        default_factory=list,
        title="Your word",
        description="What it may do: remove packages, change the series of PHP, database or Apache, touch held ones.",
    )
    urgent: Urgent = False
    reboot: Reboot = False
    dry_run: DryRun = False
    operator: Operator = ""
    reason: Reason = ""

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        """Urgent work has a reason, and nothing else reboots at once."""
        check_says_why(urgent=self.urgent, reboot=self.reboot, dry_run=self.dry_run, reason=self.reason)
        return self


class UpdateServersRequest(BaseModel):
    """Update the servers, the canary first."""

    model_config = ConfigDict(extra="forbid")
    scope: Literal["as due", "security", "full"] = Field(
        "as due", title="Which updates", description="As due: all in the night to Sunday, else security updates."
    )
    servers: list[str] = Field(
        default_factory=list, title="Servers", description="Their names; all that are in use, if none is named."
    )
    urgent: Urgent = False
    reboot: Reboot = False
    dry_run: DryRun = False
    operator: Operator = ""
    reason: Reason = ""

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        """As for one server."""
        check_says_why(urgent=self.urgent, reboot=self.reboot, dry_run=self.dry_run, reason=self.reason)
        return self


def check_says_why(*, urgent: bool, reboot: bool, dry_run: bool, reason: str) -> None:
    """See that urgent work has a reason, and that nothing else reboots at once (P16).

    Raises:
        ValueError: it has none, or something else would; in a sentence for who fills in the form.
    """
    if urgent and not dry_run and not reason.strip():
        raise ValueError("say why it is urgent: the reason is recorded")
    if reboot and not urgent:
        raise ValueError(
            "a reboot waits for its turn, which customers are told: leave it out, or say that it is urgent"
        )


WHAT_IS_DUE = UpdateServersRequest()
"""What the clock asks for."""


@flow(name="update-server", flow_run_name="update-server {request.server}", persist_result=False)
def update_server(request: UpdateServerRequest) -> Any:
    """Update one server: looked at, tried on paper, made, proven from outside, or taken back.

    Args:
        request: Which server, what it may do, and who asks.
    """
    if request.operator:
        record_operator(request.operator, f"server:{request.server}", request.reason)
    return Completed(message=updated(read_server(request.server), request, request.operator or SERVICE))


@flow(name="update-servers", persist_result=False)
def update_servers(request: UpdateServersRequest = WHAT_IS_DUE) -> Any:
    """Update server after server, the canary first; what goes wrong on one leaves the others as they are.

    Args:
        request: Which servers, which updates, and who asks.
    """
    if request.operator:
        record_operator(request.operator, "service", request.reason)
    servers, by = canaries_first(read_updatable_servers(request.servers)), request.operator or SERVICE
    scope = scope_on(day_of(now())) if request.scope == "as due" else Scope(request.scope)
    if request.dry_run:
        return Completed(name="Shown", message=said_of_all(shown(servers, scope)))
    end_what_is_left(servers, by)
    check_not_halted()
    told: dict[str, str] = {}
    failures: list[ServiceError] = []
    for place, server in enumerate(servers):
        wish = UpdateServerRequest(
            server=server.name, scope=scope.value, urgent=request.urgent, reboot=request.reboot, reason=request.reason
        )
        error = tried(server, wish, by, told)
        failures += [error] if error and not isinstance(error, OutsideWindow) else []
        if place == 0 and not may_follow(server, error):
            break
    check_all_done(failures, "The next night tries again.")
    return Completed(message=said_of_all(told))


def said_of_all(told: Mapping[str, str]) -> str:
    """What came of each server, in one line."""
    return "; ".join(f"{name}: {said}" for name, said in told.items()) or "No server is in use."


def shown(servers: Sequence[ServerFacts], scope: Scope) -> dict[str, str]:
    """What would be done on each server, the canary first; nothing is changed, and who does not answer keeps no other.

    Raises:
        NotAllDone: some could not be looked at.
    """
    told: dict[str, str] = {}
    failures: list[ServiceError] = []
    for server in servers:
        with kept_for_the_end(failures, server.name):
            told[server.name] = "It could not be looked at."
            told[server.name] = updated(
                server, UpdateServerRequest(server=server.name, scope=scope.value, dry_run=True), SERVICE
            )
    report_updates(told)
    check_all_done(failures, "Nothing was changed on any server.")
    return told


def end_what_is_left(servers: Sequence[ServerFacts], by: str) -> None:
    """What killed runs have begun is brought to its end, whatever keeps new updates from being begun."""
    for server in servers:
        try:
            gone_on_with_left(server, by)
            settle_if_back(server)
        except (NotNow, LeaseHeld) as error:
            run_logger().warning("%s: %s", server.name, error)  # met again in its turn
        except ServiceError as error:
            run_logger().error("%s: %s", server.name, error)  # one sentence is what helps here
            halt_updates(server, error)


def tried(server: ServerFacts, wish: UpdateServerRequest, by: str, told: dict[str, str]) -> ServiceError | None:
    """One server's turn, told; what kept it from its update, where the others may have theirs all the same.

    Raises:
        ServiceError: what halts all updates until a person has looked.
    """
    try:
        told[server.name] = updated(server, wish, by)
    except OutsideWindow as error:  # the night is over, or this run comes late
        told[server.name] = f"Not now: {error}"
        return error
    except ServiceError as error:
        told[server.name] = str(error)
        halts = not isinstance(error, (NotNow, LeaseHeld, Unreachable))
        halts |= isinstance(error, Unreachable) and is_left(server)  # it went away through its update
        if halts and halt_updates(server, error):
            raise
        run_logger().error("%s: %s", server.name, error)  # one sentence is what helps here
        return error
    finally:
        report_updates(told)
    return None


def updated(server: ServerFacts, wish: UpdateServerRequest, by: str) -> str:
    """One server brought up to date; what was done, in one sentence."""
    words, urgent = {Word(one) for one in wish.words}, wish.reason if wish.urgent else None
    if not wish.dry_run:
        gone_on_with_left(server, by)
    refresh_lists(server)
    facts, planned = read_system(server), preview_update(server, Scope(wish.scope), words)
    report_preview(server, facts, planned, words)
    if wish.dry_run:
        return would_do(planned)
    check_update(server.name, facts, planned, words)
    said = "nothing to update"
    if not planned.is_empty:
        with working_on_server(server, "update"):
            check_ready(server)
            key = take_turn(server, Scope(wish.scope), urgent)
            begun = begin_update(server, key, planned, facts, words)
            record_turns(server, key)
            said = made(server, begun, by)
    return f"{said}; {rebooted(server, urgent if wish.reboot else None, by)}"


def would_do(planned: Transaction) -> str:
    """What an update would do, in one sentence; each package stands in the run's table."""
    gone = f", {len(planned.removals)} removed" if planned.removals else ""
    said = "nothing to update" if planned.is_empty else f"{len(planned.changes)} packages would be updated{gone}"
    return f"{said}; nothing was changed"


def gone_on_with_left(server: ServerFacts, by: str) -> None:
    """What a killed run has begun, at its end: taken back where that was begun, planned anew where nothing was done."""
    if not is_left(server):
        return
    with working_on_server(server, "update"):
        if (left := read_left(server)) is None:
            return
        if left.back:
            raise taken_back(server, left, left.back, by, Outside(since=left.since))
        if has_changed_nothing(server, left):
            record_not_made(left, "The run that began it was killed before it changed anything.", by)
            record_undone(server, left.key)
        else:
            made(server, left, by)


def made(server: ServerFacts, begun: BegunUpdate, by: str) -> str:
    """The packages applied while the world looks on; raises what came of an update that was taken back."""
    with watching(server, begun.before) as watch:
        try:
            apply_packages(server, begun)
        except JobInterrupted as error:
            if not has_changed_nothing(server, begun):
                raise taken_back(server, begun, f"It could not be made: {error.what}", by, watch) from error
            record_not_made(begun, error.what, by)
            record_undone(server, begun.key)  # it is to come yet: whoever was told of it is not told again
            raise
        except StepFailed as error:
            raise taken_back(server, begun, f"It could not be made: {error.what}", by, watch) from error
        return proven(server, begun, by, watch)


def proven(server: ServerFacts, begun: BegunUpdate, by: str, watch: Outside) -> str:
    """What was updated is as well as it was before; else it is taken back."""
    restart_what_was_replaced(server)
    if ill := what_grew_ill(server, begun.before):
        raise taken_back(server, begun, " ".join(dict.fromkeys(ill.values())), by, watch)
    record_turns(server, begun.key, watch.stop)
    seconds = record_updated(server, begun, watch.stop, by)
    return f"{len(begun.versions)} packages updated in {seconds:.0f} s"


def taken_back(server: ServerFacts, begun: BegunUpdate, why: str, by: str, watch: Outside) -> UpdateTakenBack:
    """What is raised once an update is taken back; customers are told where that took long."""
    told = take_back(server, begun, why, by)
    record_turns(server, begun.key, watch.stop)
    return UpdateTakenBack(server.name, told)


def rebooted(server: ServerFacts, urgent: str | None, by: str) -> str:
    """The reboot that a server needs, in its turn; what was done about it."""
    facts = read_system(server)
    end_left_reboots(server, facts)
    if not (why := needs_reboot(facts)):
        return "no reboot needed"
    key, window = reboot_turn(server, facts.boot, why, urgent)
    if not window.holds(now()):
        return f"to be rebooted on {window.opens:%Y-%m-%d %H:%M} UTC: {why}"
    with working_on_server(server, "reboot"):
        try:
            check_ready(server)
        except NotNow as error:
            raise RebootNotNow(error.what, error.do) from error
        before = read_health(server)
        record_turns(server, key)
        seconds = reboot_and_wait(server, facts.boot)
        ill = what_grew_ill(server, before)
    record_turns(server, key, seconds)
    record_rebooted(server, why, seconds, by)
    if ill:
        raise ServiceError(f"{server.name} was rebooted, and is ill: {'; '.join(ill.values())}", "Look at it.")
    return f"rebooted in {seconds:.0f} s"
