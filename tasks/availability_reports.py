"""The year of every customer as people see it in Prefect: a table of all, a page and a curve for each (P11)."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import TYPE_CHECKING

from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from hosting.inventory import availability_views
from hosting.policy.availability_year import gathered, levels_told, shown_percent
from hosting.policy.backup_times import ONE_DAY
from hosting.policy.months import day_of
from hosting.policy.service_levels import STANDARD_NAME
from hosting.templates.availability_report import availability_picture
from hosting.templates.availability_wording import duration, short_moment
from tasks.letters import local, tell_findings
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from hosting.inventory.availability_views import CustomerYear, InstanceYear
    from hosting.policy.backup_audit import Finding


def yesterday() -> date:
    """The day before this one in Berlin: at the beginning of a year the one that is over is told."""
    return day_of(now()) - ONE_DAY


@reading
def read_years(year: int, customer: str = "") -> list[CustomerYear]:
    """The year of one customer, or of all.

    Args:
        year: the calendar year.
        customer: his reference; all, if it is empty.

    Raises:
        YearNotTold: nothing can be told of the year, or he had nothing in it.
    """
    seconds = load(ServiceSettings).probes.seconds
    with inventory().reading() as session:
        if customer:
            return [availability_views.year_of_customer(session, customer, year, now(), seconds)]
        return availability_views.years_of_customers(session, year, now(), seconds)


@reading
def report_years(years: Sequence[CustomerYear]) -> None:
    """All instances as a table, the least left of their budgets first; all service levels as another."""
    told = sorted((one for customer in years for one in customer.instances), key=lambda one: one.told.left)
    if not told:
        return
    year = told[0].told.year
    rows = [{"customer": one.customer, "instance": one.instance.name, **_figures(one)} for one in told]
    create_table_artifact(
        key=f"availability-{year}", table=rows, description=f"Availability {year}, as of {local(now())} (P11)"
    )
    levels = [
        {
            "level": one.level or STANDARD_NAME,
            "instances": one.instances,
            "up %": shown_percent(one.tally.percent),
            "down": duration(one.tally.down),
            "budget left": duration(one.left),
            "not measured %": f"{one.tally.unmeasured_percent:.2f}",
        }
        for one in levels_told(one.told for one in told)
    ]
    create_table_artifact(
        key=f"availability-levels-{year}", table=levels, description=f"Availability {year} by service level (P11, P40)"
    )


@reading
def report_customer(customer: CustomerYear) -> None:
    """The page of a customer and the curve of each of his instances, under the name of his first one."""
    for one in customer.instances:
        picture = base64.b64encode(availability_picture(one.instance.name, one.told).encode()).decode()
        create_image_artifact(
            image_url=f"data:image/svg+xml;base64,{picture}",
            key=f"availability-curve-{customer.year}-{one.instance.name}",
            description=f"Downtime of {one.instance.name} in {customer.year}",
        )
    first = customer.instances[0].instance.name
    create_markdown_artifact(
        key=f"availability-{customer.year}-{first}",
        markdown=page_of(customer),
        description=f"Availability {customer.year} of customer {customer.reference}",
    )


def found_in(years: Sequence[CustomerYear]) -> list[Finding]:
    """What the operators are told of these years."""
    return gathered(finding for customer in years for one in customer.instances for finding in one.findings)


@reading
def tell_findings_of_year(findings: Sequence[Finding]) -> bool:
    """One letter with all that was found, again only when something else is found: figures change each day."""
    if not findings:
        return False
    kinds = sorted(f"{one.subject} {one.code}" for one in findings)
    said = sha256("\n".join(kinds).encode()).hexdigest()[:16]
    key = f"availability:{said}"
    title = f"Availability: {len(findings)} finding{'s' * (len(findings) > 1)} as of {local(now())[:10]}"
    told = [{"subject": one.subject.replace(":", " "), "sentence": one.sentence, "do": one.do} for one in findings]
    return tell_findings(key, title, told)


def page_of(customer: CustomerYear) -> str:
    """A customer's year in Markdown."""
    parts = [f"# Availability {customer.year}, customer {cell(customer.reference)}\n\nAs of {local(now())}."]
    for one in customer.instances:
        parts.append(f"## {one.instance.name}\n\n{table(['', ''], _figures(one).items())}")
        months = [
            (f"{month.day:%Y-%m}", shown_percent(month.tally.percent), duration(month.tally.down),
             f"{month.tally.unmeasured_percent:.2f}")
            for month in one.told.months
        ]  # fmt: skip
        parts.append(table(["month", "up %", "down", "not measured %"], months))
        outages = [
            (short_moment(outage.since, "en"), "still going on" if outage.ongoing else short_moment(outage.until, "en"),
             duration(outage.length), outage.cause, outage.leading.note)
            for outage in one.told.outages
        ]  # fmt: skip
        parts.append(table(["began", "ended", "length", "cause", "what"], outages) if outages else "No outage.")
        parts += [f"- **{finding.severity}**: {finding.sentence} {finding.do}" for finding in one.findings]
    first = customer.instances[0].instance.name
    command = f"phm availability {first} --year {customer.year} --html report.html"
    parts.append(f"The report for the customer, to print or to send: `{command}`")
    return "\n\n".join(parts) + "\n"


def table(titles: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown; what a cell holds can't end it."""
    cells = [[cell(str(one)) for one in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [[*titles], ["---"] * len(titles), *cells])


def cell(text: str) -> str:
    """A text of somebody else's in a line of Markdown."""
    plain = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return plain.replace("<", "&lt;").replace("`", "'").replace("[", "\\[")


def _figures(one: InstanceYear) -> dict[str, str]:
    """The figures of an instance's year."""
    told, tally = one.told, one.told.tally
    return {
        "level": one.level or STANDARD_NAME,
        "up %": shown_percent(tally.percent),
        "owed %": "-" if told.percent_owed is None else f"{round(told.percent_owed, 6):g}",
        "kept": "yes" if told.kept else "no",
        "down": duration(tally.down),
        "budget left": duration(told.left),
        "used up on": "-" if told.used_up_at is None else f"{day_of(told.used_up_at)}",
        "not measured %": f"{tally.unmeasured_percent:.2f}",
        "outages": str(len(told.outages)),
    }
