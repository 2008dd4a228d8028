"""`phm mend`: what was overwritten or hidden of backups in the store is what was first written there again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.context import reading, reason_given, who, working
from deployments.console.output import Json, emit_one
from deployments.console.wording import local
from hosting.errors import Refused
from hosting.policy.backup_plan import GOING
from hosting.settings import load_settings

if TYPE_CHECKING:
    from hosting.policy.stored_versions import AlteredObject
    from hosting.policy.values import GenerationFacts
    from hosting.settings import Settings

SHOWN = 20
"""So many objects of a generation are named; all of them with --json, and on the run's page."""


@dataclass(frozen=True)
class Looked:
    """A generation as the store and the records have it.

    Args:
        generation: which.
        altered: what of it is not what was first written there.
        work: whether a run would do anything.
        refusal: why none can help; None where it may.
    """

    generation: GenerationFacts
    altered: list[AlteredObject]
    work: bool = False
    refusal: Refused | None = None


def mend(
    generation: Annotated[str, typer.Argument(help="The generation, as the audit names it.")] = "",
    *,
    server: Annotated[str, typer.Option("--server", help="All generations that this server has written.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; recorded.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it you see what was altered.")] = False,
    as_json: Json = False,
) -> None:
    """Bring back what was overwritten or hidden of a generation in the store, and look all of it through."""
    if bool(generation) == bool(server):
        raise Refused("Mend what?", "Name a generation, or a server by --server.")
    settings = load_settings()
    if yes:
        reason = reason_given(reason)
    found = looked_at(settings, generations_of(generation, server))
    if not as_json:
        typer.echo("\n".join(line for one in found for line in told(one)))
    if generation and found[0].refusal:
        raise found[0].refusal
    runs = [mended(settings, one.generation, reason, as_json=as_json) for one in found if yes and one.work]
    if as_json:
        fields = {"changed": bool(runs), "generations": [as_fields(one) for one in found], "runs": runs}
        emit_one(fields, {}, as_json=True)
    elif not yes and any(one.work for one in found):
        typer.echo("Nothing was changed. To do it, give --yes and --reason.")


def generations_of(generation: str, server: str) -> list[GenerationFacts]:
    """The one that was named, or all that are there of a server, the oldest first.

    Raises:
        UnknownGeneration: no generation has this id.
        UnknownServer: no server has this name.
        Refused: it was dropped, or never got its full backup.
    """
    from hosting.inventory.backup_rows import has_points  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.inventory.recovery_points import all_generations  # noqa: PLC0415  # as above
    from hosting.inventory.servers import server_facts  # noqa: PLC0415  # as above
    from tasks.mending import generation_to_mend  # noqa: PLC0415  # as above

    with reading() as session:
        if generation:
            return [generation_to_mend(session, generation)]
        server_facts(session, server)
        there = [one for one in all_generations(session) if one.server_name == server and one.state not in GOING]
        return [one for one in there if has_points(session, one.id)]


def looked_at(settings: Settings, generations: list[GenerationFacts]) -> list[Looked]:
    """What of each was altered, asked of the store with the control machine's own key; raises as the store does."""
    from deployments.connections import provide_all  # noqa: PLC0415  # as above
    from tasks.mending import altered_objects  # noqa: PLC0415  # as above

    provide_all(settings)
    with working("looking at the store"):
        found = [(one, altered_objects(one)) for one in generations]
    return [with_work(one, altered) for one, altered in found]


def with_work(generation: GenerationFacts, altered: list[AlteredObject]) -> Looked:
    """Whether a run would do anything: one that is damaged, or whose mend did not end, is looked through again."""
    from hosting.inventory.mends import RehearsalStands, left_to_mend  # noqa: PLC0415  # as above

    try:
        with reading() as session:
            return Looked(generation, altered, work=left_to_mend(session, generation, altered))
    except RehearsalStands as refusal:
        return Looked(generation, altered, refusal=refusal)


def told(one: Looked) -> list[str]:
    """What was altered of a generation, a line each."""
    generation, altered = one.generation, one.altered
    name = f"Generation {generation.id} of {generation.instance_name} on {generation.server_name} ({generation.state})"
    if not altered:
        left = "; all of it is still to be looked through" if one.work else ""
        left = "; a rehearsal found it damaged, which no mend overturns" if one.refusal else left
        return [f"{name}: nothing is altered in the store{left}."]
    many = "1 object is" if len(altered) == 1 else f"{len(altered)} objects are"
    lines = [f"{name}: {many} not what was first written there."]
    lines += [f"  {object_told(found)}" for found in altered[:SHOWN]]
    lines += [f"  and {len(altered) - SHOWN} more"] if len(altered) > SHOWN else []
    return lines


def object_told(one: AlteredObject) -> str:
    """What became of an object, and which version belongs there."""
    deed = f"{one.name}: {'hidden' if one.newest.hides else 'overwritten'} {local(one.newest.at)}"
    if one.right is None:
        return f"{deed}; no version is what its name says: it can't be brought back"
    return f"{deed}; the version of {local(one.right.at)} belongs there"


def mended(settings: Settings, generation: GenerationFacts, reason: str, *, as_json: bool) -> dict[str, Any]:
    """A run that mends a generation, followed to its end; raises as `start_run`."""
    from deployments.console.runs import started_run  # noqa: PLC0415  # as above

    request = {"generation": generation.id, "operator": who(), "reason": reason}
    started = started_run(settings, "mend-generation", request, about=generation.instance_name)
    if not as_json:
        typer.echo(started.said)
    return {"generation": generation.id, **asdict(started)}


def as_fields(looked: Looked) -> dict[str, Any]:
    """What was altered of a generation, for programs."""
    generation = looked.generation
    return {
        "generation": generation.id,
        "instance": generation.instance_name,
        "server": generation.server_name,
        "state": generation.state,
        "work": looked.work,
        "refused": str(looked.refusal) if looked.refusal else "",
        "altered": [
            {
                "object": one.name,
                "hidden": one.newest.hides,
                "altered_at": one.newest.at,
                "first_written_at": one.right.at if one.right else None,
            }
            for one in looked.altered
        ],
    }
