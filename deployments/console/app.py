"""`phm`: the operators' console.

Exit codes: 0 done; 1 refused or failed, with one line on standard error that says what to do; 2 wrong use.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from deployments.console.output import complain
from hosting.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

HELP = """phlyMail as a Service: the operators' console.

Exit codes: 0 done; 1 refused or failed, with one line that says what to do; 2 wrong use.
"""


@dataclass(frozen=True)
class Verb:
    """One verb of the console, imported only when it is used.

    Args:
        name: what the operator types.
        module: where it lies.
        help: its line in `phm --help`.
        attribute: a Typer app in the module, or a function that is the verb itself.
        panel: the heading under which the help shows it.
        needs: a package without which it isn't shown.
    """

    name: str
    module: str
    help: str
    attribute: str = "app"
    panel: str = "Service"
    needs: str = ""


LOCAL = "This machine"
VERBS = (
    Verb("up", "deployments.console.up", "Start Prefect, worker, receiver and prober on this machine.", "up", LOCAL),
    Verb("down", "deployments.console.up", "End them, once running runs are through.", "down", LOCAL),
    Verb("status", "deployments.console.status", "What of them runs, and what needs a hand.", "status", LOCAL),
    Verb("demo", "fleet.demo", "Play the whole story on the local fleet.", "demo", LOCAL, "fleet"),
    Verb("fleet", "fleet.console", "The local fleet: up, down, status, reset, faults.", panel=LOCAL, needs="fleet"),
    Verb("shop", "deployments.console.shop", "The fleet's shop: order, pay, refund.", panel=LOCAL, needs="fleet"),
    Verb("order", "deployments.console.order", "Orders: list, show, again, cancel."),
    Verb("promises", "deployments.console.promises", "Every open order: time left, forecast.", "promises"),
    Verb("instance", "deployments.console.instance", "Instances: list, show, open, access."),
    Verb("booking", "deployments.console.booking", "What is booked: list, add, cancel, withdraw."),
    Verb("storage", "deployments.console.storage", "What instances store, and when that is full.", "storage"),
    Verb("capacity", "deployments.console.storage", "What servers have room for, and until when.", "capacity"),
    Verb("availability", "deployments.console.availability", "How a year stands; reports.", "availability"),
    Verb("outage", "deployments.console.outage", "Who was not reached, since when and why: list, explain."),
    Verb("server", "deployments.console.server", "Servers: add, list, show, drain, undrain, evacuate."),
    Verb("name", "deployments.console.name", "Names of instances: apply, queue, approve, refuse, list, withdraw, …"),
    Verb(
        "domain",
        "deployments.console.domain_certificates",
        "Domains of customers' own: connect, renew, invite, …",
    ),
    Verb("move", "deployments.console.move", "Moves between servers: plan, offer, agree, run, postpone, …"),
    Verb("release", "deployments.console.release", "Product releases: add, list."),
    Verb("update", "deployments.console.update", "Product updates: plan, run, status, halt, resume, …"),
    Verb("import", "deployments.console.importing", "Old installations: check, start, status, approve, undo, …"),
    Verb("export", "deployments.console.exporting", "Everything in open formats: start, status, link, withdraw, …"),
    Verb("end", "deployments.console.ending", "The end of a contract: NAME (notice), status, record, call-off, …"),
    Verb("campaign", "deployments.console.campaign", "Letters to all customers: product-ends, status."),
    Verb("findings", "deployments.console.findings", "What is wrong with servers: list, show, mend, silence."),
    Verb("case", "deployments.console.case", "Matters for a person: list, show, settle."),
    Verb("operator", "deployments.console.operator_access", "Who may look at the board: password, lock, list."),
    Verb("calendar", "deployments.console.service_days", "Days closed or opened for set-ups: close, open, list."),
    Verb("suspend", "deployments.console.suspending", "Close an instance for its users; its data stay.", "suspend"),
    Verb("resume", "deployments.console.suspending", "Open a suspended instance again.", "resume"),
    Verb("rent", "deployments.console.rent", "Rents that are overdue: list, show, hold."),
    Verb("level", "deployments.console.level_agreements", "Service levels: set, list, show, agree, history, …"),
    Verb("backups", "deployments.console.backups", "How the backups of all instances stand.", "backups"),
    Verb("snapshots", "deployments.console.backups", "The points to which instances can be restored.", "snapshots"),
    Verb("backup", "deployments.console.backup", "Back up an instance or a server now.", "backup"),
    Verb("restore", "deployments.console.backup", "Bring an instance back to a point.", "restore"),
    Verb("mend", "deployments.console.mend", "Bring back what was overwritten of backups in the store.", "mend"),
    Verb("rehearse", "deployments.console.backup", "Restore a point on trial, and compare it.", "rehearse"),
    Verb("escrow", "deployments.console.escrow", "When all else is lost: export, restore-control."),
)
"""Every verb; a new one is a line here. One whose module isn't installed (the fleet isn't shipped) is not shown."""


def build(arguments: Sequence[str]) -> typer.Typer:
    """The console for these arguments: the verb that they name is imported, the others are known by their help only."""
    app = typer.Typer(name="phm", help=HELP, no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    named = next((argument for argument in arguments if not argument.startswith("-")), None)
    completing = "_PHM_COMPLETE" in os.environ
    for verb in filter(is_there, VERBS):
        if completing or verb.name == named:
            mount(app, verb)
        else:
            app.command(verb.name, help=verb.help, rich_help_panel=verb.panel)(lambda: None)
    return app


def is_there(verb: Verb) -> bool:
    """Whether the verb is installed; neither it nor the package that it needs is imported for that."""
    try:
        return importlib.util.find_spec(verb.needs or verb.module) is not None
    except ModuleNotFoundError:
        return False


def mount(app: typer.Typer, verb: Verb) -> None:
    """Import a verb and put it into the console."""
    target = getattr(importlib.import_module(verb.module), verb.attribute)
    if isinstance(target, typer.Typer):
        alone = target.info.invoke_without_command is True  # it says something by itself
        app.add_typer(
            target, name=verb.name, help=verb.help, rich_help_panel=verb.panel, no_args_is_help=not alone,
            invoke_without_command=alone,
        )  # fmt: skip
    else:
        app.command(verb.name, rich_help_panel=verb.panel)(target)


def main() -> None:
    """Do what the command line says; Prefect, where a verb imports it, tells its makers nothing of it."""
    os.environ["DO_NOT_TRACK"] = "1"
    try:
        build(sys.argv[1:])(prog_name="phm")
    except ServiceError as error:
        complain(error)
        sys.exit(1)


if __name__ == "__main__":
    main()
