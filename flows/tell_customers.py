"""All customers are told that the product ends, by an operator's word, once each (P41)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from tasks.campaigns import read_untold, tell_one
from tasks.failures import check_all_done, kept_for_the_end
from tasks.records import record_operator

if TYPE_CHECKING:
    from hosting.errors import ServiceError


class CampaignRequest(BaseModel):
    """Write to every customer who is served and was never written to about it."""

    model_config = ConfigDict(extra="forbid")
    language: Literal["", "de", "en"] = Field("", title="Language", description="Only who reads it; empty: all.")
    operator: str = Field(title="Operator", description="Your name; recorded as stated.", min_length=1, max_length=64)
    reason: str = Field(title="Reason", description="Why now; recorded.", min_length=1, max_length=500)


@flow(name="tell-product-ends", persist_result=False)
def tell_product_ends(request: CampaignRequest) -> Any:
    """A letter to each; one that can't be sent stops none of the others, and the next run goes on with it.

    Args:
        request: To whom, and who asks.
    """
    record_operator(request.operator, "campaign:product-ends", request.reason)
    failures: list[ServiceError] = []
    untold = read_untold(request.language)
    for one in untold:
        with kept_for_the_end(failures, one.customer):
            tell_one(one)
    check_all_done(failures, "Run it again: who was told is not told twice.")
    return Completed(message=f"{len(untold)} customers were told that the product ends.")
