"""What names left on servers that did not answer: put right by itself once they do (P29, P31, P32)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blocks.loading import load
from blocks.ssh_host import SshHost
from hosting.commands.command import Command
from hosting.errors import Unreachable
from hosting.inventory import cases, deeds, servers
from hosting.inventory.name_rows import HOLDING, name_facts, name_row
from hosting.inventory.session import in_transaction
from hosting.policy.states import NameState, ServerState
from tasks.name_records import naming_of
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from hosting.policy.values import ServerFacts
    from tasks.name_records import Naming


@dataclass(frozen=True)
class LeftName:
    """A name and the servers that did not answer when something of it was to be changed there.

    Args:
        case: that is open about it.
        naming: as it is now.
        servers: those of them that are still there.
    """

    case: int
    naming: Naming
    servers: tuple[ServerFacts, ...]

    @property
    def is_held(self) -> bool:
        """Whether an instance has the name, or is about to lose it."""
        return self.naming.name.state in HOLDING

    def is_passed_on_by(self, server: ServerFacts) -> bool:
        """Whether a server has to know the name, since it passes it on."""
        live = self.naming.name.state is NameState.LIVE
        return live and server.name in {one.name for one in self.naming.passing_on}

    def is_served_by(self, server: ServerFacts) -> bool:
        """Whether a server serves the name's instance by now: what is there was made anew."""
        return self.is_held and server.name == self.naming.server.name


@reading
def read_left_names() -> list[LeftName]:
    """The names about which such a case is open, the oldest first; retired servers took theirs along."""
    with inventory().reading() as session:
        found = []
        for case in cases.open_cases(session):
            if case.kind == cases.LEFT_BEHIND and case.key.startswith(cases.LEFT_NAME):
                naming = naming_of(session, name_facts(name_row(session, int(case.facts["number"]))))
                known = [servers.server_facts(session, str(name)) for name in case.facts["servers"]]
                there = tuple(one for one in known if one.state is not ServerState.RETIRED)
                found.append(LeftName(case.id, naming, there))
        return found


@reading
def answers(server: ServerFacts) -> bool:
    """Whether a server answers again."""
    try:
        load(SshHost).connection(server).run(Command("look", ("true",)))
    except Unreachable:
        return False
    return True


@reading
def record_put_right(left: LeftName) -> None:
    """Nothing is left to be done about a name: the case is settled."""
    where = ", ".join(str(one.name) for one in left.servers) or "its servers, which are retired"
    decision = f"Put right on {where} once it answered." if left.servers else f"It went with {where}."
    in_transaction(
        inventory(), lambda session: cases.settle_case(session, left.case, deeds.SERVICE, decision, now())
    )  # fmt: skip
