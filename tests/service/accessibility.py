"""What axe-core finds of a page in a browser; the library is fetched by `make vectors`, and run in a world of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / ".make" / "axe" / "axe.min.js"
GRAVE = ("serious", "critical")


def findings(page: Page, *, without: tuple[str, ...] = ()) -> list[str]:
    """The serious and critical findings of a page as it stands, each with where it is.

    Args:
        page: of a browser that runs JavaScript; the page's own policy has to let ours in (`bypass_csp`).
        without: rules that are left out; who calls says why.
    """
    assert AXE.exists(), "axe-core is not there. Fetch it: make vectors."
    page.evaluate(AXE.read_text(encoding="utf-8"))
    rules = {rule: {"enabled": False} for rule in without}
    found: dict[str, Any] = page.evaluate("options => axe.run(document, options)", {"rules": rules})
    assert found["passes"], "axe looked at nothing"
    return [
        f"{one['id']} ({one['impact']}): {node['target']}: {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]
