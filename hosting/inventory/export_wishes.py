"""Exports that customers order in the shop: one begins at once, where their instance is there (P41)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hosting.errors import Refused
from hosting.inventory import exports, instances
from hosting.inventory.deeds import SHOP
from hosting.policy.exports import ExportState
from hosting.policy.states import EventState

if TYPE_CHECKING:
    from hosting.inventory.notices import ExportNotice
    from hosting.inventory.taking import Taking

NEXT_AFTER = timedelta(days=1)
"""A further export of the same is no more than one a day by itself: each reads everything of an instance."""


class ExportedLately(Refused):
    """The same was exported not long ago."""


def take_wish(taking: Taking, data: ExportNotice) -> EventState:
    """An export on its way, or a matter for a person: no instance, or one export after the other."""
    taking.record("export ordered", "", {"whole": not data.user})
    try:
        _begin(taking, data)
    except Refused as refused:
        summary = f"The shop ordered an export for order {data.order}, which can't be begun. {refused}"
        taking.put_before_a_person("export_not_begun", taking.notice.id, summary, {"whole": not data.user})
        return EventState.FOR_A_PERSON
    return EventState.APPLIED


def _begin(taking: Taking, data: ExportNotice) -> None:
    """The export with its work.

    Raises:
        Refused: the order has no instance that has something in it, or the same was exported not long ago.
    """
    instance = instances.instance_of_order(taking.session, data.order)
    if instance is None:
        raise exports.NothingToExport(f"Order {data.order} has no instance.", "Look: phm order show.")
    for one in exports.all_exports(taking.session, instance.name):
        lately = one.state is not ExportState.ASKED and taking.now - one.asked_at < NEXT_AFTER
        if one.only_user == data.user and one.by == SHOP and lately:
            message = f"The export {one.id} of {instance.name} was ordered less than a day before."
            raise ExportedLately(message, f"phm export start {instance.name}, if the customer needs another one.")
    why = f"ordered in the shop (event {taking.notice.id})"
    exports.order(taking.session, exports.ExportWish(instance.name, data.user, why), SHOP, taking.now)
