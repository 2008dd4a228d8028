"""The availability of a year, told of every customer: what was promised, what was kept, what is left (P11)."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from tasks.availability_reports import (
    found_in,
    read_years,
    report_customer,
    report_years,
    tell_findings_of_year,
    yesterday,
)


class ReportRequest(BaseModel):
    """Whose year is told, and which."""

    model_config = ConfigDict(extra="forbid")
    customer: str = Field("", title="Customer", description="His reference, e.g. C-1001; empty: all.", max_length=191)
    year: int = Field(0, title="Year", description="The calendar year; 0: that of yesterday.", ge=0, le=9999)


ALL = ReportRequest()
"""What the clock asks for."""


@flow(name="report-availability", persist_result=False)
def report_availability(request: ReportRequest = ALL) -> Any:
    """Reckon a year anew from what probes saw, and show it: a table of all, a page and a curve for each.

    Nothing is changed and nobody is written to; a customer's own report is made by `phm availability NAME --html FILE`.

    Args:
        request: One customer, or all; which year.
    """
    year = request.year or yesterday().year
    years = read_years(year, request.customer)
    if not request.customer:
        report_years(years)
    for customer in years:
        report_customer(customer)
    found = [one for customer in years for one in customer.instances]
    broken = [one.instance.name for one in found if not one.told.kept]
    told = f"{len(found)} instances of {len(years)} customers in {year}"
    return Completed(message=f"{told}; budget used up: {', '.join(broken) or 'of none'}.")


@flow(name="watch-availability", persist_result=False)
def watch_availability() -> Any:
    """Reckon the running year, show it as tables, and tell the operators what they should know of it.

    A budget that is used up or will be, and a month of which too much was not measured, are told by one letter; again
    when something else is found. On New Year's Day it is the year that is over.
    """
    years = read_years(yesterday().year)
    report_years(years)
    findings = found_in(years)
    tell_findings_of_year(findings)
    return Completed(message=f"{sum(len(one.instances) for one in years)} instances, {len(findings)} findings.")
