"""Whether instances answer, asked over HTTPS side by side; the same program at a location and outside of it (P11).

    python3 -I probing.py <REQUEST

The request is JSON, `{"within": …, "seconds": …, "at_once": …, "authorities": …, "targets": [{"instance": …,
"host": …, "address": …, "port": …, "path": …}, …]}`. The answer is JSON on the standard output, `{"answers":
[[instance, answer, asked], …]}`: the answer is the HTTP status, or a word where there was none, and `asked` are the
seconds from the beginning of the call at which it was asked. No clock of this machine is told.

Addresses are given, so that no name is resolved here; the certificate is judged by the host's name all the same.

Whoever could not be reached while this machine was itself too late with everything is not in the answer: that says
nothing of him.

Runs on servers: standard library only.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from typing import Any

UNREACHABLE = "unreachable"
UNTRUSTED = "untrusted"
BROKEN = "broken"

BEAT_SECONDS = 0.1
TOO_LATE = 0.5
"""A machine that is late by so much of the time that an answer may take can't tell whether one came in time."""

LINE_MOST = 4096
"""A first line that is longer is none."""

Answered = tuple[str, "int | str", float]


async def ask_all(
    targets: list[dict[str, Any]], trust: ssl.SSLContext, *, within: float, seconds: float, at_once: int
) -> list[Answered]:
    """What each target answers, asked evenly spread over a time.

    Args:
        targets: as a request names them.
        trust: by which certificates are judged.
        within: the seconds over which the questions are spread.
        seconds: how long an answer may take.
        at_once: so many questions are under way at the same time, at most.
    """
    began, turns, pulse = time.monotonic(), asyncio.Semaphore(at_once), Pulse()
    pause = within / max(1, len(targets))

    async def in_turn(place: int, target: dict[str, Any]) -> Answered | None:
        await asyncio.sleep(max(0.0, began + place * pause - time.monotonic()))
        async with turns:
            asked = time.monotonic()
            answer = await ask(target, trust, seconds)
            if answer == UNREACHABLE and pulse.latest_since(asked) > TOO_LATE * seconds:
                return None
            return target["instance"], answer, round(asked - began, 3)

    beating = asyncio.create_task(pulse.beat())
    try:
        told = await asyncio.gather(*(in_turn(place, one) for place, one in enumerate(targets)))
    finally:
        beating.cancel()
    return [one for one in told if one is not None]


class Pulse:
    """How late this machine is with what it wants to do."""

    def __init__(self) -> None:
        """Nothing was late yet."""
        self.last = time.monotonic()
        self.late: list[tuple[float, float]] = []

    async def beat(self) -> None:
        """Want something at each beat, and take note of when it came late."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            at = time.monotonic()
            if at - self.last > 2 * BEAT_SECONDS:
                self.late = [*self.late[-99:], (at, at - self.last - BEAT_SECONDS)]
            self.last = at

    def latest_since(self, moment: float) -> float:
        """By how many seconds it was late at most since a moment, up to now."""
        now = time.monotonic() - self.last - BEAT_SECONDS
        return max([now, *(late for at, late in self.late if at >= moment)])


async def ask(target: dict[str, Any], trust: ssl.SSLContext, seconds: float) -> int | str:
    """What one target answers: its HTTP status, or the word for what there is instead."""
    try:
        async with asyncio.timeout(seconds):
            return _status(await _first_line(target, trust))
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return UNREACHABLE
    except ssl.SSLError:
        return UNTRUSTED
    except (OSError, ValueError, EOFError):  # also what took too long, a line without an end, an address that is none
        return UNREACHABLE


async def _first_line(target: dict[str, Any], trust: ssl.SSLContext) -> bytes:
    """The first line of the answer; the rest is not waited for."""
    reader, writer = await asyncio.open_connection(
        target["address"], target["port"], ssl=trust, server_hostname=target["host"], limit=LINE_MOST
    )
    try:
        asked = f"GET {target['path']} HTTP/1.1\r\nHost: {target['host']}\r\n"
        writer.write(f"{asked}User-Agent: phm-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode())
        return await reader.readline()
    finally:
        writer.transport.abort()


def _status(line: bytes) -> int | str:
    """The status in the first line of an answer."""
    words = line.split(None, 2)
    if not line:
        return UNREACHABLE
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():  # noqa: PLR2004
        return BROKEN
    return int(words[1])


def trust_of(authorities: str) -> ssl.SSLContext:
    """The machine's own trust, with further authorities."""
    context = ssl.create_default_context()
    if authorities:
        context.load_verify_locations(cadata=authorities)
    return context


def main() -> int:
    """Answer the request on the standard input."""
    request = json.load(sys.stdin)
    answers = asyncio.run(
        ask_all(
            request["targets"],
            trust_of(request["authorities"]),
            within=request["within"],
            seconds=request["seconds"],
            at_once=request["at_once"],
        )
    )
    sys.stdout.write(json.dumps({"answers": answers}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
