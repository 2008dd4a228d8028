"""What people see of an import: the record's report, an artifact of the run, the customer's letter (P33 to P35)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from hosting.inventory import imports
from hosting.inventory.session import in_transaction
from hosting.product.conversion_table import REASONS
from hosting.product.layout import CUSTOMER_ADMIN
from hosting.product.poison import RULES
from hosting.templates.letters import compose
from tasks.letters import send_letter
from tasks.probes import url_of
from tasks.records import inventory, make_access_link, now
from tasks.step import reading, step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hosting.policy.imports import ImportFacts
    from hosting.policy.values import InstanceFacts, OrderFacts, ServerFacts
    from tasks.drafts import Draft

ROWS = {
    "user": ("Nutzer", "users"), "profiles": ("Mailkonten", "mail accounts"),
    "email_folders": ("Mailordner", "mail folders"), "email_index": ("E-Mails", "mails"),
    "calendar_events": ("Termine", "events"), "calendar_tasks": ("Aufgaben", "tasks"),
    "adb_adr": ("Kontakte", "contacts"), "bookmarks_item": ("Lesezeichen", "bookmarks"), "rss_feed": ("Feeds", "feeds"),
    "files_index": ("Dateien", "files"),
}  # fmt: skip
"""What the rows of a table are called."""

LANGUAGES = ("de", "en")
NOT_COMPARED = "looked through by name alone: no release of its build is registered"


@reading
def record_built(draft: Draft, report: Mapping[str, Any]) -> ImportFacts:
    """The draft stands, was counted, and waits for an approval."""
    release = draft.origin.release.id
    return in_transaction(
        inventory(), lambda session: imports.record_built(session, draft.order.id, report, release, now())
    )


def told_in(report: Mapping[str, Any], language: str) -> dict[str, Any]:
    """A report in a language: counts, settings that changed, what was neutralised, left out, or needs a word."""
    at = LANGUAGES.index(language)
    counts, files = report.get("counts", {}), report.get("files", {})
    return {
        "recognised": report.get("recognised", ""),
        "rows": [
            {"what": ROWS[row["what"]][at], "before": row["before"], "after": row["after"]}
            for row in counts.get("rows", [])
            if row["before"] or row["after"]
        ],
        "files": files.get("files", 0),
        "programs": files.get("left", {}).get("program", 0),
        "missing": sum(one["missing"] for one in counts.get("files", {}).get("named", {}).values()),
        "settings": [
            {"key": row["key"], "old": row["old"], "new": row["new"], "why": _why(row["why"], language)}
            for row in report.get("settings", [])
            if row["why"] != "kept"
        ],
        "neutralised": [
            RULES[code].found(count=count).told(language) for code, count in report.get("neutralised", {}).items()
        ],
        "findings": [finding[language] for finding in report.get("findings", [])],
        "modifications": report.get("modifications", []),
        "tables_left": report.get("tables_left", []),
        "reset": counts.get("reset", []),
        "unsure": counts.get("unsure", []),
        "administrators": report.get("administrators", {}).get("names", []),
    }


def _why(code: str, language: str) -> str:
    """The reason for what became of a setting."""
    rule = REASONS[code]
    return {"de": rule.de, "en": rule.en}[language]


@reading
def show_report(server: ServerFacts, order: ImportFacts, draft: Draft | None = None) -> None:
    """The report as an artifact of the run, with the way to look at the draft."""
    told = told_in(order.report, "en")
    lines = head_of(order, str(told["recognised"]))
    compared = "held against those of the registered release" if order.report.get("compared") else NOT_COMPARED
    lines += [f"Its program's files were {compared}.", ""] if told["recognised"] else []
    if told["rows"]:
        lines += ["| | in the export | in the draft |", "| --- | --- | --- |"]
        lines += [f"| {row['what']} | {row['before']} | {row['after']} |" for row in told["rows"]]
        lines += ["", f"{told['files']} files laid out; {told['missing']} that the database names are not there.", ""]
    for title, texts in (
        ("To be told", told["findings"]), ("Made harmless", told["neutralised"]),
        ("Not taken over", [*told["modifications"], *told["tables_left"]]), ("Administrators", told["administrators"]),
        ("Passwords to be set anew", told["reset"]), ("Passwords that may not fit", told["unsure"]),
    ):  # fmt: skip
        lines += [f"## {title}", "", *(f"- {_plain(text)}" for text in texts), ""] if texts else []
    if told["settings"]:
        lines += ["## Settings", "", "| key | was | is | why |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {_plain(r['key'])} | {_plain(r['old'])} | {_plain(r['new'])} | {r['why']} |" for r in told["settings"]
        ]
    if draft:
        url = url_of(server, draft.facts)
        ssh = f"ssh -N -D 127.0.0.1:1080 -p {server.ssh_port} {load(SshHost).user}@{server.address}"
        look = ["```sh", ssh, f"chromium --proxy-server=socks5://127.0.0.1:1080 {url}", "```", ""]
        lines += ["## To look at it", "", *look, f"Then: phm import approve {order.id} --reason …"]
    create_markdown_artifact(
        key=f"import-{order.instance}-{order.id}",
        description=f"Import {order.id} into {order.instance}",
        markdown="\n".join(lines),
    )


def head_of(order: ImportFacts, recognised: str) -> list[str]:
    """How the report begins: what it is about, how it stands, from where it came; names in it are strangers' own."""
    lines = [f"# Import {order.id} into {order.instance}: {order.state}", ""]
    lines += [_plain(order.finding), ""] if order.finding else []
    return [*lines, f"{_plain(recognised)} from {_plain(order.shown_url)}, SHA-256 {order.sha256 or '-'}", ""]


def _plain(text: str) -> str:
    """A foreign text as Markdown shows it: as it is."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]<>()#+-!|~" else sign for sign in text)


@step
def tell_customer_imported(
    server: ServerFacts, order: ImportFacts, instance: InstanceFacts, customer: OrderFacts
) -> bool:
    """The report as a letter, in the customer's language; with a link for his administrator's password if need be."""
    kept = bool(order.report.get("administrators", {}).get("password_kept"))
    values = {
        "name": customer.customer_name,
        "order": customer.reference,
        "url": url_of(server, instance),
        "administrator": CUSTOMER_ADMIN,
        "password_kept": kept,
        "access_url": "" if kept else make_access_link.fn(instance),
        "access_days": load(ServiceSettings).access_link_days,
        "report": told_in(order.report, customer.language),
    }
    letter = compose("imported", customer.language, values)
    return send_letter(f"imported:{order.id}", letter, customer.email, customer.language, load(MailRelay).sender)


@step
def tell_customer_refused(order: ImportFacts, customer: OrderFacts) -> bool:
    """All that the customer has to change, at once (P38)."""
    values = {
        "name": customer.customer_name,
        "order": customer.reference,
        "url": order.shown_url,
        "findings": told_in(order.report, customer.language)["findings"],
    }
    letter = compose("import_refused", customer.language, values)
    return send_letter(f"import-refused:{order.id}", letter, customer.email, customer.language, load(MailRelay).sender)
