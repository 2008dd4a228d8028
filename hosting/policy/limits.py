"""How much of its server one instance may take at once, so that its neighbours go on.

Templates, PHP's settings and the scratch folder are made from these numbers; they stand nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InstanceLimits:
    """What the web, the cron job and the scratch folder of one instance may take."""

    # PHP for the web: further requests wait for a free process
    web_processes: int = 8
    web_requests_most: int = 500  # then a process is made anew
    web_seconds: int = 300  # a request that takes longer is ended
    script_seconds: int = 120  # of PHP's own work within a request
    memory_mib: int = 256  # of one PHP process, by PHP's own count
    upload_mib: int = 120
    post_mib: int = 128  # the upload with the form around it
    # The cron job: one at a time, the next minute's is left out while one runs
    cron_seconds: int = 3600
    cron_grace_seconds: int = 10  # from being asked to end to being ended
    cron_memory_mib: int = 1024  # address space, by the kernel's count
    processes: int = 64  # of the instance's user when its cron job starts one
    # Sessions, caches, uploads on their way: eight of the largest uploads at once just fit
    scratch_gib: int = 1


LIMITS = InstanceLimits()
"""The same for every instance: what is booked is accounts and storage (P04, P06)."""
