"""Every deployment, schedule and limit of the service, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

POOL = "phm"
"""The one work pool; its command starts runs warm."""

ZONE = "Europe/Berlin"
"""Schedules follow the service's own wall clock; none lies between 02 and 03 o'clock (PREFECT.md section 2)."""


@dataclass(frozen=True)
class Queue:
    """A work queue of the pool; a lower priority number goes first."""

    name: str
    priority: int
    description: str


INTERACTIVE = Queue("interactive", 1, "What a customer or an operator waits for.")
BULK = Queue("bulk", 2, "What the clock starts; it never keeps the others waiting.")
QUEUES = (INTERACTIVE, BULK)


@dataclass(frozen=True)
class Deployment:
    """One deployment of a flow.

    Args:
        entrypoint: module and function, so that it runs from the installed package.
        queue: where its runs wait.
        promises: the ids of what it keeps (docs/promises.md).
        what: what it does, in Markdown, for the page of the deployment.
        runbook: the file that says what to do when it goes wrong.
        crons: its schedules by slug; a slug stays the same for ever.
        most_at_once: how many runs may be at work; further ones are cancelled, since the next does their work too.
    """

    entrypoint: str
    queue: Queue
    promises: tuple[str, ...]
    what: str
    runbook: str
    crons: Mapping[str, str] = field(default_factory=dict)
    most_at_once: int | None = None

    @property
    def module(self) -> str:
        """The module of the flow."""
        return self.entrypoint.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The deployment's name, which is the flow's: `provision-instance`."""
        return self.entrypoint.rpartition(".")[2].replace("_", "-")

    @property
    def description(self) -> str:
        """The page of the deployment."""
        promises = f"Promises: {', '.join(self.promises)}" if self.promises else "Keeps no promise of its own"
        return f"{self.what}\n\n{promises} · runbook: `{self.runbook}`"


DEPLOYMENTS = (
    Deployment(
        entrypoint="flows.provision_instance.provision_instance",
        queue=INTERACTIVE,
        promises=("P01", "P02", "P03", "P04", "P08", "P09", "P10"),
        what=(
            "Turns a paid order into an open instance: place, system user, database, application, HTTPS site, proof, "
            "letter.\n\n"
            "Runs are made by `dispatch-due-work` when an order is paid. Start one by hand to go on after a failure: "
            "what is done already is left as it is. Outside the service hours a run waits for them, unless told "
            "otherwise."
        ),
        runbook="docs/runbooks/provision-instance.md",
    ),
    Deployment(
        entrypoint="flows.back_up_server.back_up_server",
        queue=BULK,
        promises=("P19", "P21", "P22"),
        what=(
            "Backs up every instance of a server for which a backup is due: weekly a full one into a generation of its "
            "own, daily an incremental.\n\n"
            "Runs are made by `dispatch-due-work` in the night. One instance that fails stops none of the others; the "
            "run ends failed then and names it. Harmless to start at any time: what is not due is left alone."
        ),
        runbook="docs/runbooks/backups.md",
    ),
    Deployment(
        entrypoint="flows.back_up_server.back_up_instance",
        queue=INTERACTIVE,
        promises=("P19", "P21", "P22"),
        what="Backs up one instance now, as is due, or full, or incremental.",
        runbook="docs/runbooks/backups.md",
    ),
    Deployment(
        entrypoint="flows.restore_instance.restore_instance",
        queue=INTERACTIVE,
        promises=("P20",),
        what=(
            "Brings an instance back to a recovery point: all of it, or only the database, the files, or one path.\n\n"
            "The point is brought back beside the instance and compared to the last row and byte while the instance "
            "works on; then it is closed for seconds. What is replaced lies aside for some days. A restored state that "
            "does not pass its proof is taken back. With another server it is set up there, and its own is closed "
            "first, or has to be stated as lost. Run again after a failure, it goes on from there."
        ),
        runbook="docs/runbooks/backups.md",
    ),
    Deployment(
        entrypoint="flows.expire_backups.expire_backups",
        queue=BULK,
        promises=("P21",),
        what=(
            "Every morning: generations of backups whose weeks are over leave the store, whole and with all versions; "
            "what restores laid aside goes once its days are over.\n\n"
            "Never the open generation, the last proven one, or the last with a good backup. Harmless to start at any "
            "time: it goes on with what a run before it left."
        ),
        runbook="docs/runbooks/backups.md",
        crons={"daily": "30 6 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.check_generations.check_generations",
        queue=BULK,
        promises=("P20",),
        what=(
            "Every night: the newest generation of a share of the instances is looked through, each once a week: all "
            "of its metadata, and another quarter of its data each time.\n\n"
            "One that is spoilt is marked as damaged, the operators get a letter, and the next run makes a full backup "
            "in its place. Harmless to start at any time."
        ),
        runbook="docs/runbooks/backups.md",
        crons={"nightly": "50 4 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.mend_generation.mend_generation",
        queue=INTERACTIVE,
        promises=("P20",),
        what=(
            "Brings back what was overwritten or hidden of a generation of backups in the store, with the control "
            "machine's own key, and looks all of it through.\n\n"
            "The version that was first written is copied on top; nothing is taken away. A generation that was damaged "
            "can be relied on again after that. See first what it would do: `phm mend GENERATION`. Run again after a "
            "failure, it goes on from there."
        ),
        runbook="docs/runbooks/backups.md",
    ),
    Deployment(
        entrypoint="flows.audit_backups.audit_backups",
        queue=BULK,
        promises=("P19", "P20", "P21", "P22"),
        what=(
            "Every morning: who has no good backup since yesterday and why, whose last proof is too old, and what "
            "records and store don't say alike.\n\n"
            "Tables of all instances and of all findings, one letter to the operators, and a failed run where a "
            "promise is broken. A backup that never ran is noticed as one that failed."
        ),
        runbook="docs/runbooks/backups.md",
        crons={"mornings": "15 7 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.rehearse_restore.rehearse_restores",
        queue=BULK,
        promises=("P20",),
        what=(
            "Every night: some instances' newest recovery points, the oldest proof first, are brought back as copies "
            "on servers with room, compared to the last row and byte, opened as one of their users, and taken away.\n\n"
            "One that does not pass stops none of the others; the run ends failed then and names it. A point that does "
            "not hold is put before a person; what was broken off is tried again the next night."
        ),
        runbook="docs/runbooks/backups.md",
        crons={"nightly": "30 3 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.rehearse_restore.rehearse_restore",
        queue=INTERACTIVE,
        promises=("P20",),
        what="Brings one recovery point back on trial now, on a server with room, and says whether it lives.",
        runbook="docs/runbooks/backups.md",
    ),
    Deployment(
        entrypoint="flows.restore_beside.restore_beside",
        queue=INTERACTIVE,
        promises=("P20",),
        what=(
            "Brings a recovery point back as a copy beside its instance, to look at it or to fetch single things.\n\n"
            "The copy answers requests from its server alone (the run says how to get there), has no cron job and no "
            "way out over the network, and goes after some days by itself, or with `drop-beside`."
        ),
        runbook="docs/runbooks/backups.md",
    ),
    Deployment(
        entrypoint="flows.restore_beside.drop_beside",
        queue=INTERACTIVE,
        promises=(),
        what="Takes a copy away that `restore-beside` made. Run again after a failure, it goes on from there.",
        runbook="docs/runbooks/backups.md",
    ),
    Deployment(
        entrypoint="flows.restore_beside.drop_old_copies",
        queue=BULK,
        promises=(),
        what="Every night: the copies that `restore-beside` made go when their days are over.",
        runbook="docs/runbooks/backups.md",
        crons={"nightly": "50 5 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.move_instance.move_instance",
        queue=INTERACTIVE,
        promises=("P10", "P24"),
        what=(
            "Moves an instance to another server: copied while the customer works, closed for seconds, compared, "
            "switched, proven through its new and its old address.\n\n"
            "Runs are made by `dispatch-due-work` for moves that were agreed on or recorded (`phm move`). "
            "Before the switch every failure is undone, after it a run goes on. Start one by hand for a move that "
            "stands still."
        ),
        runbook="docs/runbooks/move-instance.md",
    ),
    Deployment(
        entrypoint="flows.see_to_former_homes.see_to_former_homes",
        queue=BULK,
        promises=("P10", "P12", "P24"),
        what=(
            "Every quarter of an hour: what moves could not do on servers that were left, since those did not answer, "
            "is tried again; names that servers still pass on are looked at by several resolvers.\n\n"
            "Once everybody who asks for a name has come to the right server for some days, nobody passes it on any "
            "more; long-form addresses are passed on as long as their contracts. Who has not changed the DNS of a "
            "domain of his own is reminded. Harmless to start at any time."
        ),
        runbook="docs/runbooks/move-instance.md",
        crons={"quarterly": "*/15 * * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.move_instance.retire_moved_sources",
        queue=BULK,
        promises=("P24",),
        what=(
            "Every morning: what moves left on their sources goes once its days are over.\n\n"
            "Each source goes on passing requests on (P10). Harmless to start at any time."
        ),
        runbook="docs/runbooks/move-instance.md",
        crons={"mornings": "50 6 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.plan_moves.plan_moves",
        queue=BULK,
        promises=("P24",),
        what=(
            "Every night, after what is stored was measured: which instances need to move, whither and why.\n\n"
            "A server that can't give what is booked, a pool that is full before long with no package left on its "
            "server, a booking that found no room: the fewest and smallest moves that mend it are recorded and put "
            "before a person. None is done by itself. Harmless to start at any time."
        ),
        runbook="docs/runbooks/evacuate-server.md",
        crons={"nightly": "15 1 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.update_server.update_servers",
        queue=BULK,
        promises=("P14", "P15", "P16"),
        what=(
            "Every night: security updates on one server after another, the canary first; in the night to Sunday all "
            "updates.\n\n"
            "What removes packages, changes the series of PHP, database or Apache, or touches what is held waits for a "
            "person. What makes an instance ill is taken back, and keeps the other servers as they are until a person "
            "has looked. Reboots have a turn of their own, told to customers before. By hand: which servers, a dry "
            "run, or urgent with the reason: then customers are told at once. Harmless to start at any time."
        ),
        runbook="docs/runbooks/update-servers.md",
        crons={"nightly": "20 4 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.update_server.update_server",
        queue=INTERACTIVE,
        promises=("P13", "P14", "P16"),
        what=(
            "Updates one server now: looked at, tried on paper, made by a job on the server, proven from outside, or "
            "taken back.\n\n"
            "Off-peak only, unless it is urgent: then customers are told at once. Run again after a failure, it goes "
            "on from there."
        ),
        runbook="docs/runbooks/update-servers.md",
    ),
    Deployment(
        entrypoint="flows.evacuate_server.evacuate_server",
        queue=INTERACTIVE,
        promises=("P10", "P12", "P24"),
        what=(
            "Empties a server: it takes nothing new, its instances move, at the end it is retired and another server "
            "answers under its name.\n\n"
            "Shows the plan unless told otherwise. Customers are offered times; in an emergency the moves begin at "
            "once, so many at the same time as is said. They are runs of their own, which `dispatch-due-work` goes on "
            "with each minute. Harmless to start again: it goes on from there."
        ),
        runbook="docs/runbooks/evacuate-server.md",
    ),
    Deployment(
        entrypoint="flows.decide_subdomain.decide_subdomain",
        queue=INTERACTIVE,
        promises=("P26", "P27", "P28"),
        what=(
            "Hands a customer's wish for a name in, approves or refuses one that waits, or shows all that wait with "
            "what is known of them.\n\n"
            "What is plainly wrong is refused at once, with each reason; all else waits for a person, who sees what "
            "was found. The customer gets a letter each time. An approved name is brought up by `assign-subdomain`."
        ),
        runbook="docs/runbooks/names.md",
    ),
    Deployment(
        entrypoint="flows.decide_subdomain.recheck_names",
        queue=BULK,
        promises=("P28",),
        what=(
            "Every morning: what waits is judged by the lists of that day, and names in use that would not pass any "
            "more are told to the operators.\n\n"
            "Nothing is decided and no name in use is touched. Harmless to start at any time, for example after the "
            "lists were changed."
        ),
        runbook="docs/runbooks/names.md",
        crons={"mornings": "40 6 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.assign_subdomain.assign_subdomain",
        queue=INTERACTIVE,
        promises=("P26", "P29"),
        what=(
            "Gives an instance a name in our zone, live within seconds: site, zone, proof from outside.\n\n"
            "Runs are made by `dispatch-due-work` when a name was approved. The name that the instance had goes once "
            "the new one is proven: an exchange leaves no gap. The long form serves all the time. Started by hand with "
            "your name, you approve the name by that (P28)."
        ),
        runbook="docs/runbooks/names.md",
    ),
    Deployment(
        entrypoint="flows.assign_subdomain.release_subdomain",
        queue=INTERACTIVE,
        promises=("P29",),
        what=(
            "Takes a name away at once: from the server, from the zone; who still comes gets no content.\n\n"
            "The instance goes on in its long form. The name rests for 180 days before anybody else gets it. Run again "
            "after a failure, it goes on from there."
        ),
        runbook="docs/runbooks/names.md",
    ),
    Deployment(
        entrypoint="flows.connect_domain.connect_domain",
        queue=INTERACTIVE,
        promises=("P30", "P31", "P32"),
        what=(
            "Gives an instance a domain of the customer's own, with his certificate (`phm domain connect`).\n\n"
            "The site is prepared at once. While the domain does not lead here the customer is told which record to "
            "set, and it is looked at again, often at first. Once it does, the instance is proven under it from "
            "outside, the served certificate by its fingerprint; what it had as a name goes. The key lies on the "
            "server alone, for root."
        ),
        runbook="docs/runbooks/names.md",
    ),
    Deployment(
        entrypoint="flows.renew_certificate.renew_certificate",
        queue=INTERACTIVE,
        promises=("P31",),
        what=(
            "Gives a domain that is live the certificate that was handed over for it, without a gap.\n\n"
            "The new pair is put beside the old one, tested by Apache, loaded gracefully, and compared from outside by "
            "its fingerprint. If anything of that fails, the old one is back before the run ends, and customer and "
            "operators are told. Run again after a failure, it goes on from there."
        ),
        runbook="docs/runbooks/names.md",
    ),
    Deployment(
        entrypoint="flows.inspect_certificates.inspect_certificates",
        queue=BULK,
        promises=("P30", "P31"),
        what=(
            "Every morning: how long the certificates of customers' domains last, whether the domains still lead here, "
            "whether our own certificate is whole.\n\n"
            "Letters go to the customer 30, 14, 7 and 1 days ahead, each with a link by which he hands the next one "
            "over. What has ended, or leads elsewhere, is told to the customer and put before a person; the long form "
            "serves all the time. Nothing is changed on any server. Harmless to start at any time."
        ),
        runbook="docs/runbooks/names.md",
        crons={"mornings": "20 6 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.inspect_fleet.inspect_fleet",
        queue=BULK,
        promises=("P18",),
        what=(
            "Every night each server is looked at by one command: RAID, SMART, disks, services, database, clock, "
            "packages, certificate, mail queue, and all in which it and the inventory contradict each other.\n\n"
            "What is found is kept with the day on which it was first seen, and closed by a look that does not find it "
            "any more. What is grave and new is told by one letter. A server that can't be looked at is a finding "
            "itself. Nothing is changed on any server. Harmless to start at any time, for some servers or for all."
        ),
        runbook="docs/runbooks/inspect-fleet.md",
        crons={"nightly": "50 5 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.inspect_fleet.watch_fleet",
        queue=BULK,
        promises=("P18",),
        what=(
            "Every hour: RAID, disks and services of each server, which can't wait for the night.\n\n"
            "Findings are kept and told as by inspect-fleet. Harmless to start at any time."
        ),
        runbook="docs/runbooks/inspect-fleet.md",
        crons={"hourly": "10 * * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.inspect_fleet.mend_finding",
        queue=INTERACTIVE,
        promises=("P18",),
        what=(
            "Mends what an inspection has found, by an operator's word (`phm findings mend`): an owner or mode, a unit "
            "that is down, what is left of an instance that has gone, an instance that was left closed.\n\n"
            "The server is looked at before and after; what is gone already is left alone. Run again after a failure, "
            "it goes on from there."
        ),
        runbook="docs/runbooks/inspect-fleet.md",
    ),
    Deployment(
        entrypoint="flows.clear_left_names.clear_left_names",
        queue=BULK,
        promises=("P29", "P31", "P32"),
        what=(
            "Every hour: servers that did not answer when a name was taken away or renewed are put right once they "
            "do.\n\n"
            "Neither site nor key of a name that is gone stays on a server that comes back; one that passes a domain "
            "on gets the certificate of today. The cases (`old state left behind`) settle by it. Harmless to start at "
            "any time."
        ),
        runbook="docs/runbooks/names.md",
        crons={"hourly": "35 * * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.connect_domain.disconnect_domain",
        queue=INTERACTIVE,
        promises=("P32",),
        what=(
            "Takes a customer's domain away at once, with its certificate and key; who still comes gets no content.\n\n"
            "The instance goes on in its long form. Run again after a failure, it goes on from there."
        ),
        runbook="docs/runbooks/names.md",
    ),
    Deployment(
        entrypoint="flows.change_booking.change_booking",
        queue=INTERACTIVE,
        promises=("P05", "P06", "P07", "P23", "P25"),
        what=(
            "Books or cancels accounts and storage of an instance, or shows what that would mean.\n\n"
            "Users and stored bytes are measured first; a refusal says what is missing and from when it would work. "
            "What is cancelled for a later day is asked again on that day, by a run that `dispatch-due-work` makes; if "
            "it is needed after all, it runs on, and customer and operator are told."
        ),
        runbook="docs/runbooks/bookings.md",
    ),
    Deployment(
        entrypoint="flows.export_instance.export_instance",
        queue=INTERACTIVE,
        promises=("P41",),
        what=(
            "Writes everything of an instance in open formats, an archive for each user: mail, contacts, calendars, "
            "tasks, bookmarks, feeds, files, settings. The instance goes on meanwhile.\n\n"
            "Each archive goes straight into the store, and lies on no disk; the customer gets a letter with a link "
            "that ends. Run again after a failure, it goes on with the user at whom it stood."
        ),
        runbook="docs/runbooks/export.md",
    ),
    Deployment(
        entrypoint="flows.export_instance.withdraw_exports",
        queue=BULK,
        promises=("P41",),
        what=(
            "Every morning: exports whose days are over leave the store, whole and with all versions. Their links "
            "opened nothing any more before.\n\nHarmless to start at any time."
        ),
        runbook="docs/runbooks/export.md",
        crons={"daily": "50 6 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.import_installation.import_installation",
        queue=INTERACTIVE,
        promises=("P33", "P34", "P35", "P36", "P37", "P38", "P39"),
        what=(
            "Takes an old installation of a customer's own over: fetched to his server, opened by a user without "
            "rights, recognised, held against his booking, built as a draft beside his instance, which goes on.\n\n"
            "A draft waits for `approve-import` with a report of all that was taken over, converted and left out. What "
            "the customer has to change is told to him at once; what can't be met goes to a person. Passwords are "
            "given by `phm import` alone. Run again after a failure, it goes on from there."
        ),
        runbook="docs/runbooks/import.md",
    ),
    Deployment(
        entrypoint="flows.approve_import.approve_import",
        queue=INTERACTIVE,
        promises=("P33",),
        what=(
            "Lets the draft of an import go live: it takes the place of the instance's state, which lies aside for "
            "some days. A state that does not pass its proof is taken back.\n\n"
            "The customer gets the report as a letter. Run again after a failure, it goes on from there."
        ),
        runbook="docs/runbooks/import.md",
    ),
    Deployment(
        entrypoint="flows.approve_import.finish_imports",
        queue=BULK,
        promises=("P33",),
        what=(
            "Every five minutes: imports whose run died while they went live are brought to their end, since their "
            "instance may be closed.\n\nHarmless to start at any time."
        ),
        runbook="docs/runbooks/import.md",
        crons={"often": "*/5 * * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.approve_import.undo_import",
        queue=INTERACTIVE,
        promises=("P33",),
        what="Puts back the state that an import replaced, while it lies aside; what was written since lies aside.",
        runbook="docs/runbooks/import.md",
    ),
    Deployment(
        entrypoint="flows.approve_import.call_off_import",
        queue=INTERACTIVE,
        promises=("P33",),
        what="Gives an import up that isn't live: its draft and its archive leave the server.",
        runbook="docs/runbooks/import.md",
    ),
    Deployment(
        entrypoint="flows.measure_storage.measure_storage",
        queue=BULK,
        promises=("P04", "P07"),
        what=(
            "Every hour: instances that were not measured since midnight, and those whose pool is nearly full, are "
            "measured by one command a server.\n\n"
            "Each is kept within what it has booked, its customer is warned at 80, 90 and 100 percent, and told of "
            "more users than accounts. Harmless to start at any time, for one instance or for all."
        ),
        runbook="docs/runbooks/bookings.md",
        crons={"hourly": "20 * * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.measure_storage.watch_storage",
        queue=BULK,
        promises=("P04",),
        what=(
            "Every five minutes: one command a server looks at what grew, by the kernel's count and by the sizes of "
            "the databases' files.\n\n"
            "Who is nearly full and has moved since he was measured is measured at once, so that his product stops, or "
            "goes on, and his warning comes, by a figure that is minutes old. Harmless to start at any time."
        ),
        runbook="docs/runbooks/bookings.md",
        crons={"often": "*/5 * * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.suspend_instance.suspend_instance",
        queue=INTERACTIVE,
        promises=("P41",),
        what=(
            "Closes an instance whose suspension is wanted, by a rent that is overdue or by an operator: a page says "
            "so to everybody, no cron job runs; data stay, and backups go on.\n\n"
            "Runs are made by `dispatch-due-work` from the records (`phm suspend`, `phm rent`). Harmless to start at "
            "any time: nothing happens where nobody wants it."
        ),
        runbook="docs/runbooks/suspend-instance.md",
    ),
    Deployment(
        entrypoint="flows.suspend_instance.resume_instance",
        queue=INTERACTIVE,
        promises=("P41",),
        what=(
            "Opens an instance whose suspension is over, at any time of the day, and proves it from outside.\n\n"
            "Runs are made by `dispatch-due-work` once the rent is settled or held, or by `phm resume`. Harmless to "
            "start at any time: it stays closed where another suspension of it stands."
        ),
        runbook="docs/runbooks/suspend-instance.md",
    ),
    Deployment(
        entrypoint="flows.update_application.roll_out_release",
        queue=INTERACTIVE,
        promises=("P15", "P17"),
        what=(
            "Brings a release to the instances that are behind it: canaries first, then server by server.\n\n"
            "Shows the rings unless told otherwise. What it records is gone on with by `dispatch-due-work`, off-peak, "
            "or at once for a grave bug; it halts by itself where too much fails (`phm update`)."
        ),
        runbook="docs/runbooks/update.md",
    ),
    Deployment(
        entrypoint="flows.update_application.update_application",
        queue=BULK,
        promises=("P15", "P17"),
        what=(
            "Updates the instances of a server whose turn it is in a roll-out: each gets a recovery point, the new "
            "code beside the old, its migration tried on a copy; then it is closed for seconds.\n\n"
            "Runs are made by `dispatch-due-work`. One that fails is back at its old release by itself, with its data "
            "as before. Harmless to start at any time: what a killed run left is gone on with, or gone back from."
        ),
        runbook="docs/runbooks/update.md",
    ),
    Deployment(
        entrypoint="flows.end_contract.end_contract",
        queue=INTERACTIVE,
        promises=("P05", "P41"),
        what=(
            "Goes on with the end of a contract: confirms the notice, reminds the customer, takes the last recovery "
            "point, closes the instance at midnight, keeps it for its days, then deletes it everywhere, with its "
            "backups and keys.\n\n"
            "Runs are made by `dispatch-due-work` for each step's moment. Harmless to start at any time: what is not "
            "due by the record is left alone, and what a killed run left is gone on with. To call an end off: "
            "`phm end call-off`."
        ),
        runbook="docs/runbooks/end-contract.md",
    ),
    Deployment(
        entrypoint="flows.report_availability.watch_availability",
        queue=BULK,
        promises=("P11", "P40"),
        what=(
            "Every morning: the availability of the running year as tables, and one letter to the operators where a "
            "budget is used up or will be, or where too much of a month was not measured; again when something else is "
            "found.\n\n"
            "Nothing is changed. Harmless to start at any time."
        ),
        runbook="docs/runbooks/availability.md",
        crons={"mornings": "45 7 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.report_availability.report_availability",
        queue=BULK,
        promises=("P11", "P40"),
        what=(
            "On the first of each month: the availability of the year, of every instance and service level, with its "
            "outages and their causes, what is left of the budget and until when at this rate.\n\n"
            "Tables of all, a page for each customer, a curve for each instance. Start it by hand for one customer or "
            "another year. Nothing is changed and nobody is written to; harmless to start at any time."
        ),
        runbook="docs/runbooks/availability.md",
        crons={"monthly": "30 7 1 * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.measure_availability.measure_availability",
        queue=INTERACTIVE,
        promises=("P11",),
        what=(
            "From what the prober saw: who is down since when and why, one letter to the operators for an alarm and "
            "one when it is over, and each day counted for good.\n\n"
            "Started by the prober's event when somebody fails or is back, and every five minutes. The probes "
            "themselves are made by the prober, a process of its own. Harmless to start at any time."
        ),
        runbook="docs/runbooks/outages.md",
        crons={"every-five-minutes": "*/5 * * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.tell_customers.tell_product_ends",
        queue=INTERACTIVE,
        promises=("P41",),
        what=(
            "Writes to every customer who is served that the product ends, and what he can do.\n\n"
            "Each is told once: run again after a failure, it goes on with those who are left. Who is how far on his "
            "way: `phm campaign status`."
        ),
        runbook="docs/runbooks/end-contract.md",
    ),
    Deployment(
        entrypoint="flows.dispatch_due_work.dispatch_due_work",
        queue=BULK,
        promises=("P08", "P24"),
        what=(
            "Every minute: work that is recorded as due becomes a run, and work whose run was killed, lost or went "
            "silent is tried again, or put before a person. Customers get the letters about times for moves.\n\n"
            "Harmless to start at any time: a piece of work gets one run, however often it is asked for."
        ),
        runbook="docs/runbooks/due-work.md",
        crons={"every-minute": "* * * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.keep_outgoing_rules.keep_outgoing_rules",
        queue=BULK,
        promises=(),
        what=(
            "Every night: on each server the rules for what instances may reach are made anew from the addresses that "
            "the mail relay and the resolvers have that day.\n\n"
            "Fails closed: a server whose rules can't be renewed keeps those it has, and is put before a person. "
            "Harmless to start at any time, for example after the relay has moved."
        ),
        runbook="docs/runbooks/outgoing-rules.md",
        crons={"nightly": "40 4 * * *"},
        most_at_once=1,
    ),
    Deployment(
        entrypoint="flows.back_up_control.back_up_control",
        queue=BULK,
        promises=("P20",),
        what=(
            "Every hour: settings, inventory and the way to every backup go to the store of backups, encrypted to the "
            "escrow certificate; those older than 14 days are dropped.\n\n"
            "Harmless to start at any time, for example before a risky change."
        ),
        runbook="docs/runbooks/escrow.md",
        crons={"hourly": "17 * * * *"},
        most_at_once=1,
    ),
)


def flow_modules() -> list[str]:
    """The modules of all flows, for the warm parent to import."""
    return sorted({deployment.module for deployment in DEPLOYMENTS})
