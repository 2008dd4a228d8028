"""What a server's site of an instance does with requests, as its file tells (`templates/apache/`)."""

from __future__ import annotations

import re

_PASSED_ON = re.compile(r'ProxyPass "https://([^/"%]+)')


def serves(site: str) -> bool:
    """Whether the product itself answers behind a site."""
    return 'SetHandler "proxy:unix:' in site


def passed_on_to(site: str) -> str:
    """The name of the server that a site passes requests on to; empty where it does not."""
    found = None if serves(site) else _PASSED_ON.search(site)
    return found[1] if found else ""
