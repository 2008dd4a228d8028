"""What the clock finds of exports: those whose days are over, and those that nobody brought to their end (P41)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hosting.inventory import exports, work
from hosting.inventory.session import in_transaction
from hosting.policy.exports import ExportState
from hosting.policy.states import WorkState
from hosting.policy.terms import STANDARD
from tasks import exports as steps
from tasks.records import now
from tests.service.records import opened, provided

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session


def test_an_export_that_nobody_brought_to_its_end_is_called_off_and_withdrawn(tmp_path: Path) -> None:
    with provided(tmp_path) as inventory:
        begun = now() - timedelta(days=STANDARD.export_days, hours=1)
        name = opened(inventory, "A-1", begun)

        def ask(session: Session) -> list[int]:
            old = exports.order(session, exports.ExportWish(name, "", "old"), "shop", begun)
            new = exports.order(session, exports.ExportWish(name, "anna", "new"), "shop", now())
            return [old.id, new.id]

        old, new = in_transaction(inventory, ask)
        assert [(one.id, one.state) for one in steps.read_ended_exports.fn()] == [(old, ExportState.CALLED_OFF)]
        with inventory.reading() as session:
            assert exports.export_facts(session, new).state is ExportState.ASKED
            left = work.work_of(session, work.EXPORT, str(old))
        assert left is not None
        assert left.state is WorkState.CANCELLED
