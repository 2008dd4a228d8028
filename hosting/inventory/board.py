"""The board as the inventory tells it: its parts one by one, so that one that can't be read leaves the others standing.

Each part asks a fixed number of questions, however large the fleet is, and shows a bounded number of lines.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from hosting.errors import ServiceError, Unreachable
from hosting.inventory import board_care, board_matters, board_watch, board_work
from hosting.inventory.forecasts import Forecasts
from hosting.policy.board import Board, unread
from hosting.policy.terms import STANDARD

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory
    from hosting.policy.board import Section

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What the parts are read by.

    Args:
        at: the moment.
        holidays_state: whose public holidays count (P09).
        room_ahead_days: a server that is full within so long is watched.
        forecasts: kept by who asks often.
    """

    at: datetime
    holidays_state: str | None = None
    room_ahead_days: int = STANDARD.room_ahead_days
    forecasts: Forecasts = field(default_factory=Forecasts)


class Part(NamedTuple):
    """A part of the board: where it stands, what lists all of it, and how it is read."""

    key: str
    title: str
    command: str
    read: Callable[[Session, Asked], Section]


PARTS = (
    Part("cases", "Cases", "phm case list", board_matters.cases),
    Part("availability", "Availability", "phm availability", board_watch.availability),
    Part("orders", "Open orders", "phm promises", board_work.orders),
    Part("names", "Names", "phm name queue", board_matters.names),
    Part("imports", "Imports", "phm import status", board_matters.imports),
    Part("moves", "Moves", "phm move status", board_work.moves),
    Part("updates", "Updates", "phm update status", board_work.updates),
    Part("work", "Work that does not get on", "phm status", board_matters.work),
    Part("backups", "Backups and rehearsals of last night", "phm backups", board_care.backups),
    Part("findings", "Findings on servers", "phm findings", board_watch.findings),
    Part("capacity", "Servers and room", "phm capacity", board_care.capacity),
    Part("leaving", "Ends, exports and rents", "phm end status", board_watch.leaving),
)
"""Every part, in the order of the page; a new one is a line here."""


def read_board(inventory: Inventory, asked: Asked) -> Board:
    """All parts as they stand; one that can't be read says why.

    Where the inventory is silent, nothing more is asked of it.
    """
    found: list[Section] = []
    silent = ""
    for part in PARTS:
        if silent:
            found.append(unread(part.key, part.title, part.command, silent))
            continue
        try:
            with inventory.reading() as session:
                found.append(part.read(session, asked))
        except ServiceError as error:
            silent = str(error) if isinstance(error, Unreachable) else ""
            found.append(unread(part.key, part.title, part.command, str(error)))
        except Exception as error:  # noqa: BLE001  # the others stand
            logger.error("the board's part %s: %s", part.key, type(error).__name__)  # noqa: TRY400  # its words may hold secrets
            sentence = f"It could not be read ({type(error).__name__}); tell whoever cares for the program."
            found.append(unread(part.key, part.title, part.command, sentence))
    return Board(asked.at, tuple(found))
