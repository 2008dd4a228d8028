"""What enrolling a server would set on it, asked before anything is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.enrolment_state import parse_enrolment, read_enrolment
from hosting.policy.enrolling import preview
from tasks.servers import enrolment_files

if TYPE_CHECKING:
    from hosting.policy.values import ServerFacts


def preview_enrolment(server: ServerFacts, number: int) -> tuple[str, ...]:
    """What `ensure_server_ready` would set, one sentence each.

    Raises:
        Unreachable: the server does not answer.
        CertificateMissing: the settings hold no certificate.
    """
    files = enrolment_files(server, number)
    database = server.flavours.database
    answer = load(SshHost).connection(server).run(read_enrolment(files, database))
    return preview(parse_enrolment(answer.out), files, number, has_btrfs=server.has_btrfs, database=database)
