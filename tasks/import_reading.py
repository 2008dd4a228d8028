"""A fetched archive opened and looked through on its server, and what becomes of it (P33 to P36, P38, P39)."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.mail_relay import MailRelay
from blocks.object_store import ObjectStore
from blocks.ssh_host import SshHost
from hosting.commands import importing
from hosting.commands.storage import parse_free, read_free
from hosting.inventory import cases, imports, orders, releases
from hosting.inventory.cases import IMPORT_WAITS
from hosting.inventory.session import in_transaction
from hosting.policy.import_conditions import Booked, Request, case_facts, decide, opening_bounds
from hosting.policy.import_rules import refused
from hosting.policy.imports import ImportState
from hosting.policy.quota import FREE_MIB_LEAST, MIB
from hosting.product.conversion import rows_as_json, settings_of
from hosting.product.layout import SERVICE_ROOT
from hosting.product.old_installation import beside, put_together
from hosting.product.releases import file_sums, object_key
from hosting.product.settings import Relay, instance_choices
from hosting.templates.letters import compose
from tasks.application import PROVIDER
from tasks.import_fetching import NotTaken, opener_of
from tasks.import_readers import JOB_MEMORY, readers
from tasks.jobs import end_job, run_job
from tasks.progress import progress_of
from tasks.records import inventory, now, read_terms
from tasks.step import reading, step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from hosting.policy.findings import Finding
    from hosting.policy.import_conditions import Decision
    from hosting.policy.imports import ImportFacts
    from hosting.policy.terms import Terms
    from hosting.policy.values import OrderFacts, ReleaseFacts, ServerFacts
    from hosting.product.old_installation import Found
    from tasks.drafts import Draft
    from tasks.import_fetching import Fetched

READ_SECONDS = 4 * 3600.0
"""The longest archive that is booked for is opened and looked through within."""


@step
def ensure_unpacking_folder(server: ServerFacts, draft: Draft) -> bool:
    """An empty folder to unpack into, no larger than is booked for or there is room for; the readers beside it."""
    ssh, path = load(SshHost).connection(server), str(SERVICE_ROOT)
    free = parse_free((path,), ssh.run(read_free(path)).out)[path]
    most = max(MIB, min(opening_bounds(draft.origin.storage_gib).bytes, free - FREE_MIB_LEAST * MIB))
    ssh.run(importing.ensure_tree(draft.place, draft.layout.user, most, readers(), btrfs=server.has_btrfs))
    return True


@reading
def read_installation(server: ServerFacts, draft: Draft) -> Mapping[str, Any]:
    """What lies in the archive, as the readers tell it; a dump that can't be read is told beside all else.

    Raises:
        NotTaken: it can't be opened; says what and where.
        JobComplained: the server could not do it.
    """
    bounds = opening_bounds(draft.origin.storage_gib)
    request = {
        "folder": str(draft.place),
        "user": draft.layout.user,
        "name": draft.order.shown_url.rpartition("/")[2] or "archive",
        "password": opener_of(draft.order).password,
        "entries": bounds.entries,
        "bytes": bounds.bytes,
    }
    end_job(server, draft.job)
    with progress_of(f"import-{draft.order.instance}", draft.order.instance) as told:
        found = run_job(
            server, draft.job, "read-installation", request, seconds=READ_SECONDS, told=told, memory=JOB_MEMORY
        )
    if why := found.get("refused"):
        raise NotTaken((refused(why["code"], why["facts"]),))
    return found


def found_in(told: Mapping[str, Any], language: str) -> Found:
    """What was read, put together; settings are held against those of a new instance."""
    return put_together(told, settings_of(choices_of_new(language)))


@reading
def compare_with_release(found: Found) -> Found:
    """Its program's files held against those of the registered releases of its build (P35).

    Raises:
        Unreachable: the object store does not answer.
    """
    with inventory().reading() as session:
        known = [one for one in releases.all_releases(session) if one.build == found.recognised.build]
    return beside(found, [_sums_of(release) for release in known])


def _sums_of(release: ReleaseFacts) -> Mapping[str, str]:
    """Sums of a registered release's files, by path."""
    with tempfile.TemporaryDirectory(prefix="phm-release-") as folder:
        file = Path(folder) / "release.zip"
        load(ObjectStore).get(object_key(release), file)
        return file_sums(file)


def choices_of_new(language: str) -> str:
    """The settings file that a new instance of the service gets, with its own relay, closed."""
    mail = load(MailRelay)
    relay = Relay(mail.host, mail.port, mail.user, mail.password.get_secret_value(), mail.security)
    return instance_choices(language, relay, PROVIDER, online=False)


@dataclass(frozen=True)
class Looked:
    """What is known of an old installation once it was looked through, and what becomes of it.

    Args:
        draft: for which there is a place.
        customer: whose it is.
        fetched: the archive.
        found: what is in it.
        decision: it goes on, the customer is told what to change, or a person takes it.
    """

    draft: Draft
    customer: OrderFacts
    fetched: Fetched
    found: Found
    decision: Decision

    @property
    def order(self) -> ImportFacts:
        """The import."""
        return self.draft.order


def decide_import(draft: Draft, customer: OrderFacts, fetched: Fetched, found: Found) -> Looked:
    """What becomes of it."""
    request = request_of(draft.order, fetched)
    decision = decide(request, found.old, booked_for(draft), terms_of(draft.order))
    return Looked(draft, customer, fetched, found, decision)


def booked_for(draft: Draft) -> Booked:
    """What is booked for the instance."""
    return Booked(draft.origin.accounts, draft.origin.storage_gib)


def request_of(order: ImportFacts, fetched: Fetched) -> Request:
    """What was asked for, as the policy decides on it."""
    return Request(order.instance, order.shown_url, fetched.is_secured, order.modifications)


def terms_of(order: ImportFacts) -> Terms:
    """The terms of the instance's contract."""
    return read_terms.fn(order.instance)


@reading
def read_customer(order_reference: str) -> OrderFacts:
    """Whom an import is for."""
    with inventory().reading() as session:
        return orders.order_facts(session, order_reference)


def told_of(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Findings as reports keep them."""
    return [{"code": one.code, "de": one.told("de"), "en": one.told("en")} for one in findings]


def first_report(looked: Looked) -> dict[str, Any]:
    """What is known before anything is built."""
    found, decision, old = looked.found, looked.decision, looked.found.old
    return {
        "url": looked.order.shown_url,
        "sha256": looked.fetched.sha256,
        "archive_bytes": looked.fetched.bytes,
        "recognised": old.recognised or "unknown",
        "signs": [sign.what for sign in found.recognised.signs],
        "users": old.users,
        "files_bytes": old.files_bytes,
        "database_bytes": old.database_bytes,
        "encrypted": old.encrypted,
        "modifications": list(old.modifications),
        "compared": found.is_compared,
        "settings": rows_as_json(found.rows),
        "findings": told_of(decision.findings),
        "outcome": decision.outcome.value,
        "missing_accounts": decision.missing.accounts,
        "missing_packages": decision.missing.packages,
    }


@reading
def record_refused(order: ImportFacts, findings: Sequence[Finding], report: Mapping[str, Any]) -> ImportFacts:
    """The customer has to change something; every reason is on record."""
    said = " ".join(str(finding) for finding in findings)
    return _decided(order, ImportState.REFUSED, {**report, "findings": told_of(findings)}, said)


@reading
def record_checked(order: ImportFacts, findings: Sequence[Finding], report: Mapping[str, Any]) -> ImportFacts:
    """It was only looked at; the report tells whether it would go on, and all that speaks against it."""
    said = " ".join(str(finding) for finding in findings)
    return _decided(order, ImportState.CHECKED, {**report, "findings": told_of(findings)}, said)


@reading
def record_case(looked: Looked, report: Mapping[str, Any]) -> ImportFacts:
    """A person takes it, with everything that is known and a draft of the letter that offers a way (P39)."""
    order, customer, decision = looked.order, looked.customer, looked.decision
    request = request_of(order, looked.fetched)
    facts = case_facts(request, looked.found.old, booked_for(looked.draft), decision)
    values = {
        "name": customer.customer_name, "order": customer.reference, "instance": order.instance,
        "findings": decision.told(customer.language), "accounts": decision.missing.accounts,
        "packages": decision.missing.packages, "step_gib": terms_of(order).storage_step_gib,
    }  # fmt: skip
    letter = compose("import_offer", customer.language, values)
    facts |= {"import": order.id, "letter_to": customer.email, "letter_subject": letter.subject, "letter": letter.text}
    summary = " ".join(str(finding) for finding in decision.findings)

    def record(session: Session) -> ImportFacts:
        key, subject = f"import:{order.id}", f"instance:{order.instance}"
        cases.raise_case(session, key, IMPORT_WAITS, subject, summary, facts=facts, now=now())
        return imports.record_decided(session, order.id, ImportState.CASE, report, finding=summary, now=now())

    return in_transaction(inventory(), record)


def _decided(order: ImportFacts, state: ImportState, report: Mapping[str, Any], finding: str) -> ImportFacts:
    return in_transaction(
        inventory(),
        lambda session: imports.record_decided(session, order.id, state, report, finding=finding, now=now()),
    )
