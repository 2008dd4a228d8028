"""An old installation of a customer's own in, a safe draft out (P33 to P39)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from flows.approve_import import go_live, see_through, sentence_of, undo
from hosting.policy.import_conditions import Outcome
from hosting.policy.imports import ImportState
from tasks.application import ensure_application, ensure_release, ensure_sealed
from tasks.drafts import (
    clear_draft,
    drop_draft,
    ensure_place,
    place_of_copy,
    read_other_drafts,
    record_draft_ready,
    record_draft_removed,
    reserve_draft,
)
from tasks.import_building import (
    count_draft,
    ensure_administrators,
    ensure_draft_group,
    fill_draft,
    migrate_draft,
    neutralise,
    write_draft_settings,
)
from tasks.import_fetching import NotTaken, Opener, fetch_archive, record_fetched
from tasks.import_passwords import disguise_mail_passwords
from tasks.import_reading import (
    compare_with_release,
    decide_import,
    ensure_unpacking_folder,
    first_report,
    found_in,
    read_customer,
    read_installation,
    record_case,
    record_checked,
    record_refused,
)
from tasks.import_records import ask_for_import, read_import, wish_of
from tasks.import_reports import record_built, show_report
from tasks.leases import working_on_copy
from tasks.outgoing import ensure_outgoing_network
from tasks.records import read_server, record_operator
from tasks.recovery_points import read_instance
from tasks.storage import ensure_storage
from tasks.system_users import ensure_system_user
from tasks.web import ensure_php_pool, ensure_site

if TYPE_CHECKING:
    from hosting.policy.imports import ImportFacts
    from hosting.policy.values import InstanceFacts, OrderFacts, ServerFacts
    from hosting.product.old_installation import Found
    from tasks.drafts import Draft
    from tasks.import_fetching import Fetched
    from tasks.import_reading import Looked

NAME = r"^([a-z0-9]{1,32})?$"


class ImportRequest(BaseModel):
    """Take an old installation over: fetched, looked through, built as a draft beside the instance, which goes on."""

    model_config = ConfigDict(extra="forbid")
    number: int = Field(0, title="Import", description="Go on with the one of this number; 0: a new one.", ge=0)
    instance: str = Field("", title="Instance", description="That gets it, e.g. k3v9q2.", pattern=NAME)
    url: str = Field(
        "",
        title="URL",
        description="Where the archive lies, by HTTPS or SFTP. It is shown here: with passwords, use phm import.",
        max_length=2000,
    )
    host_key: str = Field("", title="Host key", description="Of an SFTP server: SHA256:… as ssh-keygen -lf shows it.")
    sha256: str = Field("", title="SHA-256", description="Of the archive, if the customer told it.", max_length=100)
    modifications: list[str] = Field(
        default_factory=list, title="Modifications", description="That the customer declared; a person decides then."
    )
    only_check: bool = Field(
        default=False, title="Only look", description="Everything up to the decision; nothing is built or changed."
    )
    operator: str = Field(title="Operator", description="Your name; recorded as stated.", min_length=1, max_length=64)
    reason: str = Field(title="Reason", description="Why; recorded.", min_length=1, max_length=500)


@flow(name="import-installation", flow_run_name="import-installation {request.instance}", persist_result=False)
def import_installation(request: ImportRequest) -> Any:
    """Fetch, look through, decide, build a draft; an approved one goes live.

    Run again after a failure it goes on; what waits for a person is a record, and no run.

    Args:
        request: Which archive for which instance, and who asks.
    """
    order = read_import(request.number) if request.number else asked_for(request)
    record_operator(request.operator, f"instance:{order.instance}", request.reason)
    server, instance = read_server(order.server), read_instance(order.instance)
    customer = read_customer(instance.order_reference)
    if order.state is ImportState.ASKED:
        order = take_in(server, order, instance, customer)
    elif order.state is ImportState.APPROVED:
        order = go_live(server, order, instance, customer)
    elif order.state is ImportState.UNDOING:
        order = undo(order)
    see_through(server, order, instance, customer)
    return Completed(message=sentence_of(order))


def asked_for(request: ImportRequest) -> ImportFacts:
    """A new import by a run's form, on record before anything is done."""
    opener = Opener(request.url, host_key=request.host_key)
    wish = wish_of(
        opener, request.instance, request.reason, only_check=request.only_check, modifications=request.modifications,
        told_sha256=request.sha256,
    )  # fmt: skip
    return ask_for_import(wish, request.operator)


def take_in(server: ServerFacts, order: ImportFacts, instance: InstanceFacts, customer: OrderFacts) -> ImportFacts:
    """From the URL to the draft, or to what stands in the way; the instance is not touched.

    Args:
        server: the instance's.
        order: the import.
        instance: that gets it.
        customer: whose it is.
    """
    if not order.only_check:
        clear_others(server, order)
    draft = reserve_draft(order)
    with working_on_copy(server, draft.copy.name, "import"):
        try:
            fetched = fetch(server, order, instance)
            found = look(server, draft, customer)
            looked = decide_import(draft, customer, fetched, found)
            if looked.decision.outcome is Outcome.GO and not order.only_check:
                return build(server, looked)
            order = decided(looked)
        except NotTaken as error:
            order = not_taken(order, error)
    show_report(server, order)
    return order


def fetch(server: ServerFacts, order: ImportFacts, instance: InstanceFacts) -> Fetched:
    """The archive on the server, its sum on record."""
    ensure_place(server, order)
    fetched = fetch_archive(server, order, instance)
    record_fetched(order, fetched)
    return fetched


def look(server: ServerFacts, draft: Draft, customer: OrderFacts) -> Found:
    """The archive opened by a user without rights, and looked through."""
    clear_draft(server, draft)
    ensure_system_user(server, draft.facts)
    ensure_outgoing_network(server)
    ensure_unpacking_folder(server, draft)
    return compare_with_release(found_in(read_installation(server, draft), customer.language))


def decided(looked: Looked) -> ImportFacts:
    """What is not built: it was only looked at, the customer has to change something, or a person takes it."""
    order, findings, report = looked.order, looked.decision.findings, first_report(looked)
    if order.only_check:
        return record_checked(order, findings, report)
    if looked.decision.outcome is Outcome.CASE:
        return record_case(looked, report)
    return record_refused(order, findings, report)


def not_taken(order: ImportFacts, error: NotTaken) -> ImportFacts:
    """What can't be fetched or opened."""
    report = {"outcome": Outcome.REFUSED.value}
    record = record_checked if order.only_check else record_refused
    return record(order, error.findings, report)


def build(server: ServerFacts, looked: Looked) -> ImportFacts:
    """The draft, safe and counted, open to requests from its server alone; it waits for an approval."""
    draft, found, customer = looked.draft, looked.found, looked.customer
    ensure_storage(server, draft.facts)
    filled = fill_draft(server, draft, found)
    ensure_release(server, draft.facts)
    ensure_application(server, draft.facts)
    write_draft_settings(server, draft, found, customer)
    harmless = neutralise(server, draft)
    ensure_php_pool(server, draft.facts)
    migrate_draft(server, draft)
    for code, count in neutralise(server, draft).items():
        harmless[code] = harmless.get(code, 0) + count
    administrators = ensure_administrators(server, draft, found, customer)
    ensure_draft_group(server, draft)
    told = disguise_mail_passwords(server, draft, found)
    ensure_sealed(server, draft.facts)
    counts = count_draft(server, draft, found)
    ensure_site(server, draft.facts, local_only=True)
    report = first_report(looked)
    report |= {
        "findings": [*report["findings"], *filled["findings"], *told],
        "counts": counts, "files": filled["files"], "tables_left": filled["tables_left"], "neutralised": harmless,
        "administrators": administrators,
    }  # fmt: skip
    record_draft_ready(draft)
    order = record_built(draft, report)
    show_report(server, order, draft)
    return order


def clear_others(server: ServerFacts, order: ImportFacts) -> None:
    """Drafts of the instance that nobody approves any more give their room and their slots back."""
    for copy in read_other_drafts(order):
        with working_on_copy(server, copy.name, "drop"):
            drop_draft(server, copy, place_of_copy(copy))
            record_draft_removed(copy, "A newer import was asked for.")
