"""The shop's events as JSON: each type's form, and the notice that the inventory takes.

Only the form is checked here: types, lengths, signs that do harm. Whether an order can be kept and money counts is
the policy's to say, so that it is put before a person and not lost (docs/shop-events.md).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from deployments.web.declined import Declined
from hosting.inventory.models import TEXT_MOST
from hosting.inventory.notices import (
    EndNotice,
    ExportNotice,
    MoneyMoved,
    NameNotice,
    Notice,
    NoticeType,
    OrderPlaced,
    RentNotice,
)

if TYPE_CHECKING:
    from deployments.web.signatures import Delivery

REFERENCE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
CURRENCY = r"^[A-Z]{3}$"
LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})?$"
EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
    r"[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)
"""An address as relays take it without extensions: no quotes, no comments, no blanks, a domain in its A-label form."""

COUNT_MOST = 10**6
CENTS_MOST = 10**12
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)

HARMFUL = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control signs, half signs, line and paragraph separators: they break headers, logs and files."""

TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Signs that turn the direction of writing: what is read is not what is there."""


def _readable(text: str) -> str:
    """A text of one line that shows what it is."""
    if any(unicodedata.category(sign) in HARMFUL or sign in TURNING for sign in text):
        raise ValueError("holds control characters")
    if not text.strip():
        raise ValueError("is blank")
    return text


def _mailable(text: str) -> str:
    """An e-mail address."""
    if not EMAIL.fullmatch(text):
        raise ValueError("is not an e-mail address")
    return text


def _in_our_times(moment: datetime) -> datetime:
    """A moment that every database can keep, as UTC."""
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("lies outside the years 2000 to 2200")
    return moment.astimezone(UTC)


def _day_in_our_times(day: date) -> date:
    """A day that every database can keep."""
    if not EARLIEST.date() <= day <= LATEST.date():
        raise ValueError("lies outside the years 2000 to 2200")
    return day


Text = Annotated[str, Field(max_length=TEXT_MOST), AfterValidator(_readable)]
Email = Annotated[str, Field(max_length=TEXT_MOST), AfterValidator(_mailable)]
Reference = Annotated[str, Field(pattern=REFERENCE)]
Count = Annotated[int, Field(ge=-COUNT_MOST, le=COUNT_MOST)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_our_times)]
Day = Annotated[date, AfterValidator(_day_in_our_times)]


class _Form(BaseModel):
    """Known fields are taken strictly, unknown ones are passed over: the shop may tell more one day."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Money(_Form):
    """An amount in whole cents of a currency."""

    cents: int = Field(ge=-CENTS_MOST, le=CENTS_MOST)
    currency: str = Field(pattern=CURRENCY)


class CustomerForm(_Form):
    """Who ordered."""

    reference: Reference
    name: Text
    email: Email
    language: str = Field(pattern=LANGUAGE)


class OrderForm(_Form):
    """`data` of `order.placed`; storage in GB beyond the accounts' own; due: setup fee and first rent."""

    order: Reference
    customer: CustomerForm
    accounts: Count
    storage_gb: Count = 0
    due: Money
    service_level: Text | None = None

    def told(self) -> OrderPlaced:
        """What the inventory takes."""
        customer = self.customer
        return OrderPlaced(
            order=self.order,
            customer=customer.reference,
            name=customer.name,
            email=customer.email,
            language=customer.language,
            accounts=self.accounts,
            storage_gib=self.storage_gb,
            due_cents=self.due.cents,
            currency=self.due.currency,
            service_level=self.service_level,
        )


class PaymentForm(_Form):
    """`data` of `payment.received` and `payment.refunded`."""

    order: Reference
    amount: Money
    received_at: Moment

    def told(self) -> MoneyMoved:
        """What the inventory takes."""
        return MoneyMoved(self.order, self.amount.cents, self.amount.currency, self.received_at)


class RentForm(_Form):
    """`data` of `rent.overdue` and `rent.settled`."""

    order: Reference
    amount: Money
    due_on: Day

    def told(self) -> RentNotice:
        """What the inventory takes."""
        return RentNotice(self.order, self.amount.cents, self.amount.currency, self.due_on)


class NameForm(_Form):
    """`data` of `name.ordered` and `name.cancelled`: the name as the customer wrote it, with the zone or without."""

    order: Reference
    name: Text

    def told(self) -> NameNotice:
        """What the inventory takes."""
        return NameNotice(self.order, self.name)


class ExportForm(_Form):
    """`data` of `export.ordered`: everything of the order's instance, or of one user of it."""

    order: Reference
    user: Text | None = None

    def told(self) -> ExportNotice:
        """What the inventory takes."""
        return ExportNotice(self.order, self.user or "")


class OrderEvent(_Form):
    """A customer ordered."""

    type: Literal["order.placed"]
    data: OrderForm


class PaymentEvent(_Form):
    """Money came or went."""

    type: Literal["payment.received", "payment.refunded"]
    data: PaymentForm


class RentEvent(_Form):
    """A rent is late, or is paid after all."""

    type: Literal["rent.overdue", "rent.settled"]
    data: RentForm


class NameEvent(_Form):
    """A customer wishes for a subdomain, or wants his name no longer."""

    type: Literal["name.ordered", "name.cancelled"]
    data: NameForm


class EndForm(_Form):
    """`data` of `contract.cancelled` and `contract.runs_on`: the first day without it; none for the earliest one."""

    order: Reference
    ends_on: Day | None = None

    def told(self) -> EndNotice:
        """What the inventory takes."""
        return EndNotice(self.order, self.ends_on)


class EndEvent(_Form):
    """A customer gives notice of his contract, or takes it back."""

    type: Literal["contract.cancelled", "contract.runs_on"]
    data: EndForm


class ExportEvent(_Form):
    """A customer wants his data."""

    type: Literal["export.ordered"]
    data: ExportForm


class _Head(_Form):
    """What every event has."""

    type: str


Event = OrderEvent | PaymentEvent | RentEvent | NameEvent | ExportEvent | EndEvent
HEAD = TypeAdapter(_Head)
EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
TYPES = tuple(NoticeType)


def read_notice(delivery: Delivery) -> Notice:
    """The notice that a delivery brings.

    Raises:
        Declined: 422 not JSON, an unknown type, or fields missing or of another kind; names each.
    """
    try:
        kind = HEAD.validate_json(delivery.body).type
        if kind not in TYPES:
            raise Declined(422, f"Events of type {kind[:40]!a} are not known; known are {', '.join(TYPES)}.")
        event = EVENT.validate_json(delivery.body)
    except ValidationError as error:
        raise Declined(422, _sentence(error)) from error
    return Notice(delivery.event_id, NoticeType(event.type), delivery.at, delivery.body, event.data.told())


def _sentence(error: ValidationError) -> str:
    """What is wrong with each field; no value of the sender's is repeated."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    if any(one["type"] == "json_invalid" for one in found):
        return "The body is not JSON."
    tags = set(TYPES)
    return "; ".join(
        f"{'.'.join(str(part) for part in one['loc'] if part not in tags) or 'body'}: {one['msg']}" for one in found
    )
