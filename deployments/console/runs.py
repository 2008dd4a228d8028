"""Runs that an operator starts by the console: made by Prefect in his name, and followed to their end."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import typer
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterType
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from deployments.runtime.environment import known_api_login, places
from hosting.errors import ServiceError, Unreachable

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.schemas.objects import State
    from rich.progress import TaskID

    from hosting.settings import Settings

LOOK_SECONDS = 0.5
MOST_SECONDS = 86_400.0
"""Nobody follows a run for longer; it goes on by itself."""

SILENT_SECONDS = 120.0
"""Prefect may be away for so long before the console gives up following."""

OF_PREFECT = re.compile(r"^Flow run encountered an exception: \w+: ")
"""What Prefect writes in front of a flow's own sentence."""


class RunFailed(ServiceError):
    """A run did not do what it was started for."""


@dataclass(frozen=True)
class StartedRun:
    """A run that an operator started.

    Args:
        run: its id in Prefect.
        page: its page in Prefect's UI.
        said: what it said at its end; empty where nobody waited.
    """

    run: str
    page: str
    said: str


def start_run(settings: Settings, deployment: str, request: dict[str, Any], *, about: str, wait: bool = True) -> str:
    """As `started_run`; what it says at its end, empty if nobody waits."""
    return started_run(settings, deployment, request, about=about, wait=wait).said


def started_run(
    settings: Settings, deployment: str, request: dict[str, Any], *, about: str, wait: bool = True
) -> StartedRun:
    """Start a run of a deployment, and follow it.

    Args:
        settings: the service's.
        deployment: its name, which is the flow's.
        request: the one parameter of the flow, with the operator's name in it.
        about: what the run is about, for its name.
        wait: whether it is followed.

    Raises:
        Unreachable: Prefect does not answer.
        RunFailed: the run came to no good end; its sentence.
        ServiceError: there is no such deployment, or it does not take the request.
    """
    with SyncPrefectClient(settings.prefect_api_url, auth_string=known_api_login(places())) as client:
        run = begin(client, deployment, request, about)
        page = f"{settings.prefect_api_url.removesuffix('/api')}/runs/flow-run/{run}"
        typer.echo(f"Run: {page}", err=True)
        return StartedRun(str(run), page, said_by(follow(client, run, about, page)) if wait else "")


def begin(client: SyncPrefectClient, deployment: str, request: dict[str, Any], about: str) -> UUID:
    """The new run; raises as `start_run`."""
    try:
        known = client.read_deployment_by_name(f"{deployment}/{deployment}")
        return client.create_flow_run_from_deployment(
            known.id, parameters={"request": request}, name=f"{deployment} {about}", tags=["by hand", about]
        ).id
    except ObjectNotFound as error:
        raise ServiceError(f"Prefect has no deployment {deployment}.", "Bring it there with: phm up.") from error
    except PrefectHTTPStatusError as error:
        said = str(error).partition("\n")[0]
        raise ServiceError(f"Prefect did not take the run of {deployment}: {said}", "Look at: phm status.") from error
    except httpx.TransportError as error:
        message = f"Prefect at {str(client.api_url).rstrip('/')} does not answer ({type(error).__name__})."
        raise Unreachable(message, "Look at: phm status.") from error


def follow(client: SyncPrefectClient, run: UUID, about: str, page: str) -> State[Any]:
    """The run's last state, with a bar on standard error until then.

    Raises:
        Unreachable: Prefect is away for too long; the run goes on.
        RunFailed: it is not at its end after a day.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    deadline = heard = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        whole, shown = bars.add_task(f"{about}: waiting for a worker", total=None), dict[str, Any]()
        while time.monotonic() - deadline < MOST_SECONDS:
            try:
                state = client.read_flow_run(run).state
                show(client, run, bars, shown)
                heard = time.monotonic()
            except (httpx.TransportError, PrefectHTTPStatusError) as error:
                if time.monotonic() - heard > SILENT_SECONDS:
                    message = f"Prefect does not answer any more ({type(error).__name__}); the run goes on: {page}"
                    raise Unreachable(message, "Look at: phm status.") from error
                state = None
            if state is not None and state.is_final():
                return state
            if state is not None and state.is_running():
                bars.update(whole, description=f"{about}: at work")
            time.sleep(LOOK_SECONDS)
    raise RunFailed(f"The run is still at work after a day: {page}", "Look at it there.")


def show(client: SyncPrefectClient, run: UUID, bars: Progress, shown: dict[str, TaskID]) -> None:
    """A bar for each progress that the run tells."""
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]), type=ArtifactFilterType(any_=["progress"]))
    for artifact in client.read_artifacts(artifact_filter=wanted):
        key = str(artifact.id)
        if key not in shown:
            shown[key] = bars.add_task("", total=100)
        bars.update(shown[key], completed=float(str(artifact.data or 0)), description=artifact.description or "")


def said_by(state: State[Any]) -> str:
    """What a run that is through says.

    Raises:
        RunFailed: it failed, crashed, or was cancelled.
    """
    said = OF_PREFECT.sub("", (state.message or "").strip())
    if state.is_completed():
        return said
    raise RunFailed(said or f"The run is {state.name}.", "" if said else "Look at its log.")
