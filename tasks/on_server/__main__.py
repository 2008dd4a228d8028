"""`python3 -I bundle.pyz WORK FOLDER <request`: what a job on a server does, by name."""

from __future__ import annotations

import sys

from tasks.on_server import (
    check_generation,
    counting,
    fetching,
    giving_out,
    job,
    move_in,
    packages,
    recovery_point,
    restore_point,
    taking_in,
)

WORK = {
    "take-point": recovery_point.take,
    "restore-point": restore_point.restore,
    "check-generation": check_generation.check,
    "move-files": move_in.files,
    "move-tree": move_in.tree,
    "move-database": move_in.database,
    "move-sums": move_in.sums,
    "apply-packages": packages.apply,
    "put-back-packages": packages.put_back,
    "fetch-archive": fetching.fetch,
    "read-installation": taking_in.read,
    "fill-draft": taking_in.fill,
    "count-installation": counting.count,
    "give-out": giving_out.give_out,
}

if __name__ == "__main__":
    sys.exit(job.main(WORK[sys.argv[1]], sys.argv[2]))
