"""`phm status`: what runs on this machine, and what of the service needs a hand: the board in the console."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from deployments.console.context import now, open_inventory
from deployments.console.output import Json, emit
from deployments.console.wording import heading
from hosting.settings import load_settings

if TYPE_CHECKING:
    from deployments.runtime.embedded import State
    from hosting.policy.board import Board, Line, Section
    from hosting.settings import Settings

PROCESS_COLUMNS = {"title": "process", "state": "state", "pid": "pid", "page": "page", "log": "log"}
LINE_COLUMNS = {"urgency": "", "what": "about", "word": "stands", "told": "what", "do": "next"}
PART_COLUMNS = {"title": "part", "stands": "stands", "note": "", "command": "all"}
SIGNS = {"needs a hand": "!", "watch": "·", "in order": " "}


def status(*, as_json: Json = False) -> None:
    """Show what runs on this machine, and what of the service needs a hand: the board in the console.

    Processes: ready; not answering; old (older than settings or programs: phm up renews it); stopped.
    Exit code 0: all are ready, and nothing needs a hand; 1: something does.
    """
    from deployments.console.up import advise, how_to_log_in  # noqa: PLC0415  # not before it is needed: help is quick
    from deployments.runtime.embedded import Embedded  # noqa: PLC0415  # as above
    from deployments.runtime.environment import places  # noqa: PLC0415  # as above

    at, settings = places(), load_settings()
    states = Embedded(settings, at, lambda _: None).states()
    board = board_of(settings)
    if as_json:
        sys.stdout.write(json.dumps(told(states, board, settings), indent=2, ensure_ascii=False) + "\n")
    else:
        emit([asdict(state) for state in states], PROCESS_COLUMNS, as_json=False)
        typer.echo(how_to_log_in(at))
        advise(settings)
        show(board, settings)
    if board.needs_a_hand or any(state.state != "ready" for state in states):
        raise typer.Exit(1)


def board_of(settings: Settings) -> Board:
    """The board at this moment."""
    from hosting.inventory.board import Asked, read_board  # noqa: PLC0415  # as above

    inventory = open_inventory(settings)
    try:
        return read_board(inventory, Asked(now(), settings.holidays_state, settings.room_ahead_days))
    finally:
        inventory.close()


def show(board: Board, settings: Settings) -> None:
    """The board as people read it: what needs a hand or a look line by line, of the rest how it stands."""
    heading(board.sentence)
    emit([part_row(part) for part in board.sections], PART_COLUMNS, as_json=False)
    for part in board.sections:
        told_lines = [line for line in part.lines if line.urgency.value != "in order"]
        if part.error or told_lines:
            heading(part.title)
            if part.error:
                sys.stdout.write(f"{part.error}\n")
                continue
            rows = [{**asdict(line), "urgency": SIGNS[line.urgency]} for line in told_lines]
            emit(rows, LINE_COLUMNS, as_json=False)
            if part.more:
                sys.stdout.write(f"And {part.more} more: {part.command}\n")
    if settings.board.url:
        sys.stdout.write(f"\nThe same as a page: {settings.board.url}/ (phm operator password NAME lets you in)\n")


def part_row(part: Section) -> dict[str, Any]:
    """A part of the board in a line."""
    stands = "not read" if part.error else "in order"
    if part.hands or part.watched:
        counts = ((part.hands, "needs a hand" if part.hands == 1 else "need a hand"), (part.watched, "to watch"))
        stands = ", ".join(f"{many} {word}" for many, word in counts if many)
    return {"title": part.title, "stands": stands, "note": part.note, "command": part.command}


def told(states: list[State], board: Board, settings: Settings) -> dict[str, Any]:
    """All of it for programs."""
    return {
        "at": board.at.isoformat(),
        "needs_a_hand": board.needs_a_hand,
        "sentence": board.sentence,
        "processes": [asdict(state) for state in states],
        "sections": [
            {
                "key": part.key,
                "title": part.title,
                "urgency": part.urgency.value,
                "needs_a_hand": part.hands,
                "to_watch": part.watched,
                "not_shown": part.more,
                "note": part.note,
                "error": part.error,
                "command": part.command,
                "lines": [line_row(line, settings) for line in part.lines],
            }
            for part in board.sections
        ],
    }


def line_row(line: Line, settings: Settings) -> dict[str, Any]:
    """A line for programs."""
    ui = settings.board.prefect_url or settings.prefect_api_url.removesuffix("/api")
    return {
        "what": line.what,
        "word": line.word,
        "told": line.told,
        "urgency": line.urgency.value,
        "command": line.do,
        "run": f"{ui}/runs/flow-run/{line.run}" if line.run else None,
        "at": line.at.isoformat() if line.at else None,
    }
