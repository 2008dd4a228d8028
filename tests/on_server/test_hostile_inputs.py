"""The page of hostile inputs tells what is tried, and that each has a sentence of its own."""

from __future__ import annotations

from pathlib import Path

from tests.on_server import hostile_inputs
from tests.on_server.test_dump_reader import HOSTILE as DUMPS
from tests.on_server.test_opening import HOSTILE as ARCHIVES

PAGE = Path(__file__).parents[2] / "docs/hostile-inputs.md"
LEAST = 60


def test_the_page_is_what_the_tests_try() -> None:
    """Written anew by `python -m tests.on_server.hostile_inputs >docs/hostile-inputs.md`."""
    assert PAGE.read_text(encoding="utf-8") == hostile_inputs.page()


def test_there_are_more_than_the_sixty_that_were_asked_for() -> None:
    assert len(ARCHIVES) + len(DUMPS) >= LEAST
    codes = {code for code, _ in (*ARCHIVES.values(), *DUMPS.values())}
    sentences = {hostile_inputs.REFUSALS[code].en for code in codes}
    assert len(sentences) == len(codes)


def test_what_a_table_shows_is_one_line() -> None:
    shown = hostile_inputs.cell("https://a\r\nb|c" + "x" * 99)
    assert shown.isprintable()
    assert shown.startswith("`https://a\\\\x0d\\\\x0ab\\|c")
    assert shown.endswith("…`")
