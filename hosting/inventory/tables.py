"""All tables of the inventory: whoever wants them whole takes `Base` from here."""

from __future__ import annotations

from hosting.inventory import (
    announcement_rows,
    ending_rows,
    export_rows,
    finding_rows,
    home_rows,
    import_rows,
    level_rows,
    login_rows,
    probe_rows,
    rent_rows,
    roll_out_rows,
)
from hosting.inventory.models import Base

__all__ = [
    "Base",
    "announcement_rows",
    "ending_rows",
    "export_rows",
    "finding_rows",
    "home_rows",
    "import_rows",
    "level_rows",
    "login_rows",
    "probe_rows",
    "rent_rows",
    "roll_out_rows",
]
