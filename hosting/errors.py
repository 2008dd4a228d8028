"""The tree of errors: what is wrong, and what to do about it (DESIGN.md section 4)."""

from __future__ import annotations


class ServiceError(Exception):
    """Something is wrong that a person may have to read: one sentence what, one what to do."""

    def __init__(self, what: str, do: str = "") -> None:
        """Keep both sentences apart, so that a screen can show them apart."""
        super().__init__(what, do)
        self.what = what
        self.do = do

    def __str__(self) -> str:
        """One line: what is wrong, then what to do."""
        return f"{self.what} {self.do}".strip()


class Refused(ServiceError):
    """A wish against the terms: told to whoever wished, never tried again."""


class Unreachable(ServiceError):
    """A host, database or store does not answer: the only family that is tried again."""


class DriftFound(ServiceError):
    """The facts contradict the inventory: stop, and ask the operator."""


class StepFailed(ServiceError):
    """A command on a server failed; carries its name, exit code and masked last lines.

    Args:
        what: one sentence naming the step and the server.
        do: the way out.
        exit_code: the program's own, or None where it is not known (the connection was lost).
        last_lines: the end of its output, already masked.
    """

    def __init__(self, what: str, do: str = "", *, exit_code: int | None = None, last_lines: str = "") -> None:
        """Keep the facts beside the sentences."""
        super().__init__(what, do)
        self.exit_code = exit_code
        self.last_lines = last_lines

    def __str__(self) -> str:
        """One line, with the last lines of the command's output in brackets."""
        tail = f" [{self.last_lines}]" if self.last_lines else ""
        return f"{self.what}{tail} {self.do}".strip()
