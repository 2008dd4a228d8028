"""`phm import`: an old installation of a customer's own, looked at, built as a draft, approved, undone (P33 to P39)."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.console.backup import run
from deployments.console.context import Reason, acting, reading, reason_given, who
from deployments.console.output import Json, emit, emit_one
from deployments.console.wording import heading
from hosting.errors import Refused
from hosting.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.policy.imports import ImportFacts
    from hosting.settings import Settings

app = typer.Typer(help="Old installations: check, start, status, report, approve, undo, call-off.")

Instance = Annotated[str, typer.Argument(help="The instance that gets it, e.g. k3v9q2.")]
Url = Annotated[str, typer.Argument(help="Where the archive lies: https, sftp; http or ftp with a password.")]
Password = Annotated[
    str, typer.Option("--password-file", help="A file with the archive's password; - is the standard input.")
]
Login = Annotated[str, typer.Option("--login-file", help="A file with the password of the user in the URL.")]
HostKey = Annotated[str, typer.Option("--host-key", help="Of an SFTP server: SHA256:… as ssh-keygen -lf shows it.")]
Sha256 = Annotated[str, typer.Option("--sha256", help="Of the archive, if the customer told it.")]
Modification = Annotated[
    list[str] | None, typer.Option("--modification", help="One that the customer declared; may be given again.")
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Start the run and don't wait for its end.")]
MOST = 2**31 - 1
Number = Annotated[int, typer.Argument(help="The import's number, as phm import status shows it.", min=1, max=MOST)]
COLUMNS = {
    "id": "import", "instance": "instance", "state": "state", "recognised": "is", "users": "users",
    "asked_at": "asked", "by": "by", "finding": "finding",
}  # fmt: skip
TITLES = {
    "id": "import", "instance": "instance", "server": "server", "state": "state", "shown_url": "from",
    "sha256": "SHA-256", "bytes": "bytes", "recognised": "is", "by": "asked by", "why": "why", "asked_at": "asked",
    "approved_by": "approved by", "live_at": "live since", "finding": "finding",
}  # fmt: skip


@app.command("check")
def check(
    instance: Instance, url: Url, *, password_file: Password = "", login_file: Login = "", host_key: HostKey = "",
    sha256: Sha256 = "", modification: Modification = None, reason: Reason = "a look", as_json: Json = False,
) -> None:  # fmt: skip
    """Look at an archive: fetched, opened, recognised, held against the booking; nothing is built or changed."""
    opener = {"url": url, "password": secret_of(password_file), "login": secret_of(login_file), "host_key": host_key}
    wish = {"only_check": True, "modifications": modification or [], "told_sha256": sha256}
    settings, order = load_settings(), asked(instance, opener, reason, wish)
    followed(settings, order, as_json=True, quiet=as_json)
    show(order.id, as_json=as_json)


@app.command("start")
def start(
    instance: Annotated[str, typer.Argument(help="The instance that gets it.")] = "",
    url: Annotated[str, typer.Argument(help="Where the archive lies, unless it was checked.")] = "",
    *,
    checked: Annotated[int, typer.Option("--checked", help="What this check saw: of the same sum.", max=MOST)] = 0,
    number: Annotated[int, typer.Option("--number", help="Go on with this import, whose run failed.", max=MOST)] = 0,
    password_file: Password = "",
    login_file: Login = "",
    host_key: HostKey = "",
    sha256: Sha256 = "",
    modification: Modification = None,
    reason: Reason = "",
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Build an old installation as a draft beside the instance, which goes on; approve it then."""
    settings = load_settings()
    anew = {
        "--password-file": password_file, "--login-file": login_file, "--host-key": host_key, "--sha256": sha256,
        "--modification": modification,
    }  # fmt: skip
    check_one_start(instance, url, checked, number, tuple(option for option, value in anew.items() if value))
    if number:
        order = known(number)
    elif checked:
        order = asked_again(checked, reason_given(reason))
    else:
        opener = {
            "url": url, "password": secret_of(password_file), "login": secret_of(login_file), "host_key": host_key,
        }  # fmt: skip
        wish = {"modifications": modification or [], "told_sha256": sha256}
        order = asked(instance, opener, reason_given(reason), wish)
    request = {"number": order.id, "operator": who(), "reason": reason or order.why}
    run(settings, "import-installation", request, about=order.instance, wait=not no_wait, as_json=as_json)


@app.command("status")
def status(
    number: Annotated[int, typer.Argument(help="Of this import.", max=MOST)] = 0, *, as_json: Json = False
) -> None:  # fmt: skip
    """List the imports, or show one."""
    from hosting.inventory import imports  # noqa: PLC0415  # not before it is needed: help is quick

    if number:
        show(number, as_json=as_json)
        return
    with reading() as session:
        rows = [row_of(one) for one in reversed(imports.all_imports(session))]
    emit(rows, COLUMNS, as_json=as_json, empty="Nothing was imported.")


@app.command("report")
def report(
    number: Number,
    *,
    language: Annotated[str, typer.Option("--language", help="de or en.")] = "en",
    html: Annotated[str, typer.Option("--html", help="Write it to this file, as a page.")] = "",
    as_json: Json = False,
) -> None:
    """What was taken over, converted and left out, in a customer's language."""
    from hosting.policy.terms import LANGUAGES  # noqa: PLC0415  # as above
    from hosting.templates.letters import compose  # noqa: PLC0415  # as above
    from tasks.import_reports import told_in  # noqa: PLC0415  # as above

    if language not in LANGUAGES:
        raise Refused(f"There are no reports in {language!r}.", f"Name one of: {', '.join(LANGUAGES)}.")
    facts = known(number)
    told = told_in(facts.report, language)
    if as_json:
        emit_one({**row_of(facts), "report": told}, {}, as_json=True)
        return
    values = {"order": f"import {facts.id}", "instance": facts.instance, "url": facts.shown_url, "report": told}
    letter = compose("import_report", language, values)
    if not html:
        typer.echo(letter.text)
        return
    try:
        Path(html).write_text(letter.html, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{html} can't be written ({type(error).__name__}).", "Name a file in another folder.") from None
    typer.echo(f"It is in {html}.")


@app.command("approve")
def approve(number: Number, reason: Reason = "", *, no_wait: NoWait = False, as_json: Json = False) -> None:
    """Let a draft go live: the instance is closed for seconds, its old state lies aside for some days."""
    begin("approve-import", number, reason, no_wait=no_wait, as_json=as_json)


@app.command("undo")
def undo(number: Number, reason: Reason = "", *, no_wait: NoWait = False, as_json: Json = False) -> None:
    """Put back the state that an import replaced; what was written since then lies aside."""
    begin("undo-import", number, reason, no_wait=no_wait, as_json=as_json)


@app.command("call-off")
def call_off(number: Number, reason: Reason = "", *, no_wait: NoWait = False, as_json: Json = False) -> None:
    """Give an import up that isn't live: its draft and its archive go."""
    begin("call-off-import", number, reason, no_wait=no_wait, as_json=as_json)


def check_one_start(instance: str, url: str, checked: int, number: int, given: Sequence[str]) -> None:
    """See that one import is named, and nothing with it that would not count.

    Args:
        instance: that gets it.
        url: of its archive.
        checked: the check that it goes by.
        number: of one that is gone on with.
        given: options that tell of an archive named anew.

    Raises:
        Refused: none is named, or several, or what was told before is told again.
    """
    if bool(instance) != bool(url) or sum(map(bool, (checked, number, url))) != 1:
        raise Refused("Start what?", "Name instance and URL, or --checked, or --number.")
    if given and not url:
        message = f"{', '.join(given)} would not count: the archive goes by what was told of it at first."
        raise Refused(message, "Leave it out, or name instance and URL in place of the number.")


def begin(deployment: str, number: int, reason: str, *, no_wait: bool, as_json: bool) -> None:
    """Start a run on an import that is there."""
    settings, facts = load_settings(), known(number)
    request = {"number": number, "operator": who(), "reason": reason_given(reason)}
    run(settings, deployment, request, about=facts.instance, wait=not no_wait, as_json=as_json)


def asked(instance: str, opener: dict[str, str], why: str, wish: dict[str, Any]) -> ImportFacts:
    """An import on record, its source sealed; raises as `wish_of` and `imports.ask`."""
    from deployments.connections import provide_all  # noqa: PLC0415  # as above
    from hosting.inventory import imports  # noqa: PLC0415  # as above
    from tasks.import_fetching import Opener  # noqa: PLC0415  # as above
    from tasks.import_records import wish_of  # noqa: PLC0415  # as above

    provide_all(load_settings())
    wanted = wish_of(Opener(**opener), instance, why, **wish)

    def record(session: Session, by: str, at: datetime) -> ImportFacts:
        return imports.ask(session, wanted, by, at)

    return acting(record)


def asked_again(checked: int, why: str) -> ImportFacts:
    """What was checked is built now: the same source, and an archive of the same sum.

    Raises:
        UnknownImport: no import has this number.
        Refused: it is no check, one that a newer one has replaced, or one that said that it would not go on.
    """
    from hosting.inventory import imports  # noqa: PLC0415  # as above
    from hosting.policy.import_conditions import Outcome  # noqa: PLC0415  # as above
    from hosting.policy.imports import ImportState  # noqa: PLC0415  # as above

    facts = known(checked)
    if facts.state is not ImportState.CHECKED:
        do = f"Look (phm import status {checked}), or check the archive anew: phm import check {facts.instance} URL."
        raise Refused(f"The import {checked} is {facts.state.said}, no check to start by.", do)
    if facts.report.get("outcome") == Outcome.REFUSED:
        raise Refused(f"The check {checked} said: {facts.finding}", "Check it again once that is right.")

    def record(session: Session, by: str, at: datetime) -> ImportFacts:
        sealed = imports.sealed_source(session, checked)
        wish = imports.ImportWish(
            facts.instance, facts.shown_url, sealed, modifications=facts.modifications, told_sha256=facts.sha256,
            why=why,
        )  # fmt: skip
        return imports.ask(session, wish, by, at)

    return acting(record)


def followed(settings: Settings, order: ImportFacts, *, as_json: bool, quiet: bool) -> None:
    """The run of a check to its end."""
    from deployments.console.runs import started_run  # noqa: PLC0415  # as above

    request = {"number": order.id, "operator": who(), "reason": order.why}
    started = started_run(settings, "import-installation", request, about=order.instance, wait=as_json)
    if not quiet:
        typer.echo(started.said)


def known(number: int) -> ImportFacts:
    """An import; raises as `imports.import_facts`."""
    from hosting.inventory import imports  # noqa: PLC0415  # as above

    with reading() as session:
        return imports.import_facts(session, number)


def show(number: int, *, as_json: bool) -> None:
    """One import, with what is to be told of it."""
    from hosting.policy.imports import UNDER_WAY, run_goes_on  # noqa: PLC0415  # as above

    facts = known(number)
    if as_json:
        emit_one({**asdict(facts), **row_of(facts)}, {}, as_json=True)
        return
    emit_one(row_of(facts), TITLES, as_json=False)
    if facts.state in UNDER_WAY:
        typer.echo(run_goes_on(number))
    findings = [finding["en"] for finding in facts.report.get("findings", [])]
    if findings:
        heading("Found")
        for sentence in findings:
            typer.echo(f"- {sentence}")


def row_of(facts: ImportFacts) -> dict[str, Any]:
    """An import in a row."""
    told = {name: value for name, value in asdict(facts).items() if name not in {"report", "evidence"}}
    report = facts.report
    return {
        **told, "state": facts.state.value, "recognised": report.get("recognised", ""),
        "users": report.get("users"), "outcome": report.get("outcome"),
        "missing_accounts": report.get("missing_accounts"), "missing_packages": report.get("missing_packages"),
    }  # fmt: skip


def secret_of(file: str) -> str:
    """A password from a file's first line, or from the standard input; no argument and no variable holds one.

    Raises:
        Refused: the file can't be read, or is empty.
    """
    if not file:
        return ""
    try:
        text = sys.stdin.readline() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file} can't be read ({type(error).__name__}).", "Name a file with the password.") from None
    found = text.splitlines()[0] if text else ""
    if not found:
        named = "The standard input" if file == "-" else file
        raise Refused(f"{named} holds no password.", "Write it into the first line.")
    return found
