"""What restic keeps on a server beside the store (restic-cache(1), 0.14)."""

from __future__ import annotations

from hosting.commands.command import Command, script

CACHE = "/var/cache/phm/restic"

# restic knows by a cache folder's time when it was last used; it asks no repository for that.
_CACHES = """
[ -d "$1" ] || { echo unchanged; exit; }
had=$(ls -A "$1")
restic --cache-dir "$1" cache --cleanup --max-age "$2" >/dev/null
if [ "$had" = "$(ls -A "$1")" ]; then echo unchanged; else echo changed; fi
"""


def drop_unused_caches(days: int) -> Command:
    """Caches of repositories that were not used for so many days are gone."""
    return script("restic caches", _CACHES, CACHE, str(days), seconds=300)
