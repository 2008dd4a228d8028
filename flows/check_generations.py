"""Every night a share of the generations is looked through in the store, so that damage is found before it hurts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from prefect import flow
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner

from tasks.generation_checks import check_all_sound, check_on, read_checks, report_checks, tell_damaged

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture
    from prefect.task_runners import TaskRunner

SERVERS_AT_ONCE = 4


@flow(
    name="check-generations",
    persist_result=False,
    task_runner=cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=SERVERS_AT_ONCE)),
)
def check_generations() -> Any:
    """Look through the newest generation of each instance once a week, with another part of its data each time.

    A generation that is spoilt is marked as damaged: nothing is added to it, and a full backup takes its place.
    """
    begun = [
        check_on.with_options(task_run_name=f"check on {server.name}").submit(server, checks)
        for server, checks in read_checks()
    ]
    results = [one for server in begun for one in server.result()]
    report_checks(results)
    tell_damaged(results)
    check_all_sound(results)
    return Completed(message=f"{len(results)} generations are sound.")
