"""One open SSH connection: run a command, keep a lock, speak to the database; paramiko ends here."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import paramiko

from hosting.commands.command import Answer, Command, answers_in_a_row, fail, in_a_row
from hosting.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hosting.policy.values import ServerFacts

UNKNOWN = -1
"""Paramiko's exit status for a connection that was lost: the command may or may not have run."""

NOTHING_TO_READ = "({}) < /dev/null; exit $?"
READ_TO_THE_END = "({}); code=$?; cat > /dev/null; exit $code"
"""How a command is called: a command never ends before the end of its input was sent.

Else paramiko may send that end after the channel was closed (it lets go of the channel's lock in between), and sshd
answers a message to a channel that is no more by ending the whole connection, with every other command on it.
The shell around it also tells a command that was killed (128 and the signal) from a connection that was lost.
"""


class SshConnection:
    """A connection to one server; its channels may be used from several threads."""

    def __init__(self, client: paramiko.SSHClient, server: ServerFacts) -> None:
        """Wrap a client that has just connected to the server."""
        self.client = client
        self.server = server

    @property
    def alive(self) -> bool:
        """Whether the connection is believed to be up."""
        transport = self.client.get_transport()
        return transport is not None and transport.is_active()

    def close(self) -> None:
        """Close it; what it holds on the host is released there."""
        self.client.close()

    def ask(self, command: Command) -> Answer:
        """Run a command and give its answer, whatever the exit code.

        Raises:
            Unreachable: the connection was lost or the time was up; the command may or may not have run.
        """
        try:
            channel = self._open(command, READ_TO_THE_END if command.stdin else NOTHING_TO_READ)
            with contextlib.closing(channel):
                if command.stdin:
                    channel.sendall(command.stdin)
                    channel.shutdown_write()
                out, err = _both_outputs(channel)
                code = channel.recv_exit_status()
                if not channel.eof_received:  # the exit code travels before the last of the output
                    code = UNKNOWN
        except TimeoutError as error:
            self.close()
            message = f"{command.name} on {self.server.name} took longer than {command.seconds:.0f} s."
            raise Unreachable(message, "Look at the load of the server; the step is repeated.") from error
        except (OSError, EOFError, paramiko.SSHException) as error:
            self.close()
            message = f"The connection to {self.server.name} was lost during {command.name} ({type(error).__name__})."
            raise Unreachable(message, "The step is repeated when the server answers again.") from error
        return Answer(code, out.decode(errors="replace"), err.decode(errors="replace"))

    def run(self, command: Command, do: str = "") -> Answer:
        """Run a command that has to succeed.

        Raises:
            Unreachable: as `ask`, or the connection was lost before the exit code came.
            StepFailed: an exit code other than 0; `do` is the way out that the message names.
        """
        answer = self.ask(command)
        if answer.exit_code == UNKNOWN:
            self.close()
        if answer.exit_code != 0:
            fail(command, answer, self.server.name, do)
        return answer

    def run_in_a_row(self, *commands: Command, do: str = "") -> list[Answer]:
        """Commands that have to succeed, one after another in one call; what follows one that fails is not run.

        Raises:
            Unreachable: as `run`.
            StepFailed: of the command that failed, as `run`.
        """
        answers = answers_in_a_row(self.run(in_a_row(*commands)))
        failed = answers[-1]
        if failed.exit_code != 0:
            fail(commands[len(answers) - 1], failed, self.server.name, do)
        return answers

    @contextlib.contextmanager
    def holding(self, command: Command, sign: str) -> Iterator[None]:
        """Hold what a command holds for as long as it runs: it says `sign` once it has it, and ends when we hang up.

        Raises:
            Unreachable: the connection was lost.
            StepFailed: the command ended without the sign.
        """
        try:
            channel = self._open(command)
            said = channel.makefile("r").readline().strip()
            complaint = "" if said == sign else channel.makefile_stderr("rb").read().decode(errors="replace")
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise Unreachable(
                f"The connection to {self.server.name} was lost during {command.name}.", "Run again."
            ) from error
        if said != sign:
            fail(command, Answer(channel.recv_exit_status(), said, complaint), self.server.name)
        try:
            yield
        finally:
            channel.close()

    def stream(self, command: Command) -> paramiko.Channel:
        """A channel to a program that is spoken to both ways; the caller closes it.

        Raises:
            Unreachable: the connection is gone.
        """
        try:
            return self._open(command)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise Unreachable(
                f"The connection to {self.server.name} was lost during {command.name}.", "Run again."
            ) from error

    def _open(self, command: Command, called: str = "{}") -> paramiko.Channel:
        """A channel on which the command runs, called in this way."""
        transport = self.client.get_transport()
        if transport is None or not transport.is_active():
            raise OSError("not connected")
        channel = transport.open_session(timeout=command.seconds)
        channel.settimeout(command.seconds)
        channel.exec_command(called.format(command.line))
        return channel


def _both_outputs(channel: paramiko.Channel) -> tuple[bytes, bytes]:
    """What a command writes to both its outputs; read side by side, since both share one window."""
    kept: list[bytes] = []

    def keep() -> None:
        with contextlib.suppress(OSError):  # the other output tells of it
            kept.append(channel.makefile_stderr("rb").read())

    reader = threading.Thread(target=keep, name="stderr", daemon=True)
    reader.start()
    try:
        out = channel.makefile("rb").read()
    finally:
        reader.join(channel.gettimeout())
    return out, b"".join(kept)
