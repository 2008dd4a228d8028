"""Pack the stand-in application into a release archive, the way an operator packs the real product.

The archive is the same, byte for byte, for the same source: names in order, one time, fixed modes. Its entries lie at
the top (`index.php`, not `phlymail/index.php`). A later build is the application with the folder of that build in
`fleet/standin/updates` laid over it; a build without one differs in its version marker only.

    python -m fleet.release OUT.zip [--build 40471]
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

from fleet.errors import FleetError

STANDIN = Path(__file__).parent / "standin"
APPLICATION = STANDIN / "application"
UPDATES = STANDIN / "updates"

FIRST_BUILD = "40470"
BUILD_MARKER = "storage/config/current.build"
BUILD_DIGITS = 5
MODE = 0o644 << 16
MOMENT = (2016, 11, 8, 0, 0, 0)
"""The date of every entry: the product's last one, so that no clock is in the archive."""


def release_files(build: str = FIRST_BUILD) -> dict[str, bytes]:
    """Path in the release → content, with the version marker of the build.

    Raises:
        FleetError: the build is not five digits, or older than the first one.
    """
    if not (build.isdecimal() and len(build) == BUILD_DIGITS and build >= FIRST_BUILD):
        raise FleetError(f"{build} is no build of the stand-in.", f"Name {FIRST_BUILD} or a later one of five digits.")
    files = {}
    for tree in (APPLICATION, UPDATES / build):
        for path in tree.rglob("*"):
            if path.is_file():
                files[path.relative_to(tree).as_posix()] = path.read_bytes()
    files[BUILD_MARKER] = build.encode()
    return dict(sorted(files.items()))


def pack_release(archive: Path, build: str = FIRST_BUILD) -> Path:
    """Write the release as a zip; an archive of this name is replaced.

    Raises:
        FleetError: there is no such build.
    """
    files = release_files(build)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix: the modes below count wherever it was packed
            entry.external_attr = MODE
            target.writestr(entry, content)
    return archive


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code: 0, or 1 with one line on what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m fleet.release", description="Pack the stand-in as a release.")
    parser.add_argument("archive", type=Path, help="the zip to write")
    parser.add_argument("--build", default=FIRST_BUILD, help=f"its version marker, {FIRST_BUILD} by default")
    wanted = parser.parse_args(argv)
    try:
        print(pack_release(wanted.archive, wanted.build))
    except (FleetError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
