"""Runs of the flow, each in a process of its own that may die: a parent has imported everything and forks for each.

    python -m tests.service.runner FOLDER

reads one line a run, `NUMBER SERVER PLAN`, and answers with one line, `NUMBER EXIT-CODE`; the outcome is the file
`NUMBER.json` in the folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.service.plans import Outcome, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
END_SECONDS = 10

MAKING_A_RUN = ("fastapi.encoders",)
"""What Prefect loads to make a run: the service's are made by others before they begin, these ones make their own."""


class Runner:
    """The parent's other end.

    Args:
        folder: for outcomes and what the runs say.
        environment: of the runs.
        server: whose network a fault cuts.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], server: str) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.server = server
        self.count = 0
        self.log = folder / "runs.log"
        with self.log.open("wb") as log:
            self.parent = subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.service.runner", str(folder)],
                cwd=ROOT, env={**environment, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1,
            )  # fmt: skip

    def run(self, plan: Plan) -> Outcome:
        """A run by this plan, to its end."""
        assert self.parent.stdin is not None
        assert self.parent.stdout is not None
        self.count += 1
        self.parent.stdin.write(f"{self.count} {self.server} {plan.text()}\n")
        answer = self.parent.stdout.readline().split()
        assert answer[:1] == [str(self.count)], f"the runs' parent ended: {self.log.read_text()[-2000:]}"
        file = self.folder / f"{self.count}.json"
        if file.exists():
            return Outcome(**json.loads(file.read_text(encoding="utf-8")))
        assert answer[1] == str(-signal.SIGKILL), f"a run ended with {answer[1]}: {self.log.read_text()[-4000:]}"
        return Outcome("Killed")

    def close(self) -> None:
        """End the parent."""
        assert self.parent.stdin is not None
        self.parent.stdin.close()
        try:
            self.parent.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.parent.kill()
            self.parent.wait(END_SECONDS)


@contextlib.contextmanager
def runner(folder: Path, environment: Mapping[str, str], server: str) -> Iterator[Runner]:
    """A runner, closed at the end."""
    made = Runner(folder, environment, server)
    try:
        yield made
    finally:
        made.close()


def serve(folder: Path) -> None:
    """Fork for each line until there are no more.

    All flows are imported before, so that what is edited meanwhile changes no run. The fleet's servers share one
    machine's load, which says nothing of theirs: nobody waits for it.
    """
    import flows
    from deployments.runtime.warm_parent import preload
    from tasks import snapshots
    from tests.service import watched_run

    out = os.dup(1)
    os.dup2(2, 1)  # what the runs print is no answer
    modules = [f"flows.{module.name}" for module in pkgutil.iter_modules(flows.__path__)]
    preload([*modules, *MAKING_A_RUN])  # as the service's own parent of runs does
    snapshots.LOAD_MOST_A_CORE = 1000.0
    while line := sys.stdin.readline():
        number, server, plan = line.split(" ", 2)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                watched_run.run(Plan.of(plan), server, folder / f"{number}.json")
                code = 0
            except BaseException:  # noqa: BLE001  # the fork must not go on as its parent
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stderr.flush()
                sys.stdout.flush()
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.write(out, f"{number} {code}\n".encode())


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
