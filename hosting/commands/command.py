"""A command on a server as a value: argv, what it reads, how long it may take, what must not be shown of it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import NoReturn

from hosting.errors import StepFailed, Unreachable

LINES_SHOWN = 5
CHARACTERS_SHOWN = 600
TRY_LATER = 75
"""A script's word for "what I need from elsewhere does not answer" (EX_TEMPFAIL of sysexits.h)."""

DISK_FULL = ("No space left on device", "Disk quota exceeded")


@dataclass(frozen=True)
class Command:
    """One program call.

    Args:
        name: what it is called in messages, e.g. "useradd".
        argv: program and arguments; never a secret (they show in the process list).
        stdin: what it reads; secrets travel here.
        seconds: how long it may take.
        secrets: texts that are masked wherever its output is shown.
    """

    name: str
    argv: tuple[str, ...]
    stdin: bytes = b""
    seconds: float = 60.0
    secrets: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The command line as a remote shell reads it, each argument quoted."""
        return shlex.join(self.argv)


def script(
    name: str, text: str, *arguments: str, stdin: bytes = b"", seconds: float = 60.0, secrets: tuple[str, ...] = ()
) -> Command:
    """A constant shell script as a command; its values are arguments, so that nothing is ever pasted into code."""
    return Command(name, ("/bin/sh", "-euc", text, f"phm-{name}", *arguments), stdin, seconds, secrets)


def as_user(command: Command, user: str) -> Command:
    """The command with no more rights than a user and group of this name have (setpriv(1)).

    For everything that is done in folders that an instance may write to: root would follow the links laid there.
    """
    return replace(command, argv=("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command.argv))


# What they are to read comes in a row on the one standard input: the length of each is told, and `head` takes no more.
_IN_A_ROW = """
while [ $# -gt 0 ]; do
  out=$(head -c "$2" | eval "$1") && code=0 || code=$?
  printf '%s %s\\036' "$code" "$out"
  [ "$code" = 0 ] || exit 0
  shift 2
done
"""
BETWEEN = "\x1e"


def in_a_row(*commands: Command) -> Command:
    """Commands one after another in one call, up to the first that fails: each call takes a dozen milliseconds.

    For commands that read all they are given, and write text alone.
    """
    words = (word for command in commands for word in (command.line, str(len(command.stdin))))
    return script(
        " and ".join(dict.fromkeys(command.name for command in commands)),
        _IN_A_ROW,
        *words,
        stdin=b"".join(command.stdin for command in commands),
        seconds=sum(command.seconds for command in commands),
        secrets=tuple(secret for command in commands for secret in command.secrets),
    )


@dataclass(frozen=True)
class Answer:
    """What a command answered; the exit code is -1 where the connection was lost, which means unknown."""

    exit_code: int
    out: str
    err: str = ""

    @property
    def changed(self) -> bool:
        """Whether an ensuring script said that it changed something (its last line is `changed`)."""
        return self.out.rstrip().endswith("changed") and not self.out.rstrip().endswith("unchanged")


def answers_in_a_row(answer: Answer) -> list[Answer]:
    """What each of the commands in a row answered; what they wrote as errors is told of the last one."""
    told = [part.partition(" ") for part in answer.out.split(BETWEEN)[:-1]]
    errors = [""] * (len(told) - 1) + [answer.err]
    return [Answer(int(code), out, err) for (code, _, out), err in zip(told, errors, strict=True)]


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """The text without the secrets in it."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "****")
    return text


def fail(command: Command, answer: Answer, server: str, do: str = "") -> NoReturn:
    """Raise what the answer means.

    Raises:
        Unreachable: the connection was lost, so that the command may or may not have run; or what it needs from
            elsewhere does not answer.
        StepFailed: the command itself failed; carries its masked last lines.
    """
    if answer.exit_code < 0:
        message = f"The connection to {server} was lost during {command.name}."
        raise Unreachable(message, "The step is repeated when the server answers again.")
    lines = [line.strip() for line in (answer.err + "\n" + answer.out).splitlines() if line.strip()]
    tail = masked(" | ".join(lines[-LINES_SHOWN:]), command.secrets)[-CHARACTERS_SHOWN:]
    if answer.exit_code == TRY_LATER:
        message = f"{command.name} on {server} could not go on: {tail or 'what it needs does not answer'}."
        raise Unreachable(message, "The step is repeated.")
    full = "; a disk is full" if any(sign in tail for sign in DISK_FULL) else ""
    raise StepFailed(
        f"{command.name} failed on {server} with exit code {answer.exit_code}{full}.",
        do or "Look at the server, then run again: it goes on from there.",
        exit_code=answer.exit_code,
        last_lines=tail,
    )
