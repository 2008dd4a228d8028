"""Many things done one after another: what fails stops none of the others, and is told at the end."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from hosting.errors import ServiceError
from tasks.step import run_logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class NotAllDone(ServiceError):
    """Some of many things could not be done."""


class DefectMet(ServiceError):
    """Something happened that nobody foresaw: the program is at fault."""


@contextlib.contextmanager
def kept_for_the_end(failures: list[ServiceError], what: str) -> Iterator[None]:
    """What fails inside is told in the run's log and kept."""
    try:
        yield
    except ServiceError as error:
        run_logger().error("%s: %s", what, error)  # one sentence is what helps here
        failures.append(error)


@contextlib.contextmanager
def standing_alone(failures: list[ServiceError], what: str) -> Iterator[None]:
    """As `kept_for_the_end`, also where the program itself is at fault: its log has where, and the others go on."""
    with kept_for_the_end(failures, what):
        try:
            yield
        except ServiceError:
            raise
        except Exception as error:
            run_logger().exception("%s", what)
            message = f"It met a defect of the program ({type(error).__name__})."
            raise DefectMet(message, "The log of the run shows where.") from error


def check_all_done(failures: Sequence[ServiceError], do: str) -> None:
    """See that nothing failed.

    Raises:
        NotAllDone: something did; tells how much, and the first reason.
    """
    if failures:
        one = "One thing was" if len(failures) == 1 else f"{len(failures)} things were"
        raise NotAllDone(f"{one} not done. The first reason: {failures[0]}", do)
