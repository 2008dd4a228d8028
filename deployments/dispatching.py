"""The dispatcher of whoever records work outside of a run: the receiver, the console."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deployments.runtime.environment import known_api_login, places
from hosting.errors import ServiceError
from hosting.inventory import name_wishes
from hosting.inventory.session import in_transaction
from hosting.name_lists import load_lists
from hosting.policy.listed_names import NameLists

if TYPE_CHECKING:
    from collections.abc import Callable

    from hosting.inventory.session import Inventory
    from hosting.settings import Settings

logger = logging.getLogger(__name__)


def dispatcher(settings: Settings) -> Callable[[], None]:
    """A function that creates a run for all open work, at the Prefect server that the settings name.

    Names that were ordered or cancelled in the shop are seen to first: one that is cancelled is gone at once (P29).
    It raises what `tasks.runs.dispatch` raises; the clock's own dispatcher does later what it could not.
    """
    from prefect.client.orchestration import SyncPrefectClient  # noqa: PLC0415  # two seconds, not for reading verbs

    from hosting.inventory.session import Inventory  # noqa: PLC0415  # likewise
    from tasks.runs import dispatch  # noqa: PLC0415  # likewise

    inventory = Inventory(settings.inventory_url.get_secret_value())

    def dispatch_now() -> None:
        see_to_wishes(inventory, settings)
        with SyncPrefectClient(settings.prefect_api_url, auth_string=known_api_login(places())) as client:
            dispatch(inventory, datetime.now(UTC), client)

    return dispatch_now


def see_to_wishes(inventory: Inventory, settings: Settings) -> None:
    """Names that customers ordered or cancelled in the shop; what fails here, the clock does later, and tells."""
    with inventory.reading() as session:
        waiting = name_wishes.waiting_wishes(session)
    for wish in waiting:
        try:
            see_to_wish(inventory, settings, wish)
        except ServiceError as error:
            logger.warning("event %s waits for the clock: %s", wish.event, error)
        except Exception as error:  # noqa: BLE001  # a defect that one wish meets must not keep the others, nor other work
            logger.warning("event %s waits for the clock (%s)", wish.event, type(error).__name__)


def see_to_wish(inventory: Inventory, settings: Settings, wish: name_wishes.Wish) -> None:
    """One of them, in a transaction of its own; a name is taken away whether the lists can be read or not."""
    lists = NameLists(()) if wish.is_cancelled else load_lists(settings.name_lists)
    zone, now = settings.zone, datetime.now(UTC)
    in_transaction(inventory, lambda session: name_wishes.judge_wish(session, wish, lists, zone=zone, now=now))
