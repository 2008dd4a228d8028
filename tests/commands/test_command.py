"""Commands as values: what is quoted, what is masked, what an answer means."""

from __future__ import annotations

import subprocess

import pytest

from hosting.commands.command import (
    CHARACTERS_SHOWN,
    Answer,
    Command,
    answers_in_a_row,
    fail,
    in_a_row,
    masked,
    script,
)
from hosting.errors import StepFailed, Unreachable

HOSTILE = ["; rm -rf /", "$(id)", "`id`", "a b", "'", '"', "\\", "\n", "*", "-n", "", "ä€"]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_shell_reads_each_argument_as_it_was_given(value: str) -> None:
    command = script("echo", 'printf "%s" "$1"', value)
    said = subprocess.run(["/bin/sh", "-c", command.line], capture_output=True, text=True, check=True, timeout=10)
    assert said.stdout == value


def test_a_script_ends_at_its_first_error() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", script("x", "false; echo on").line], capture_output=True, check=False, timeout=10
    )
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize(
    ("out", "changed"),
    [
        ("changed\n", True),
        ("unchanged\n", False),
        ("noise\nchanged", True),
        ("", False),
        ("unchanged\nchanged\n", True),
        ("changed\nunchanged\n", False),
    ],
)
def test_the_last_line_says_whether_anything_changed(out: str, changed: bool) -> None:
    assert Answer(0, out).changed is changed


def test_secrets_are_masked_and_empty_ones_mask_nothing() -> None:
    assert masked("pw=geheim, salt=xy", ("geheim", "", "xy")) == "pw=****, salt=****"


def test_a_failed_command_is_told_in_one_line_without_its_secrets() -> None:
    command = Command("mysqldump", ("x",), secrets=("geheim",))
    answer = Answer(2, "out\n", "1\n2\n3\n4\n5\npassword geheim is wrong\n")
    with pytest.raises(StepFailed) as caught:
        fail(command, answer, "app1")
    assert str(caught.value) == (
        "mysqldump failed on app1 with exit code 2. [3 | 4 | 5 | password **** is wrong | out] "
        "Look at the server, then run again: it goes on from there."
    )
    assert caught.value.exit_code == 2


def test_a_secret_that_straddles_the_shown_end_is_masked_before_it_is_cut() -> None:
    secret = "s" * 50
    with pytest.raises(StepFailed) as caught:
        fail(
            Command("x", ("x",), secrets=(secret,)),
            Answer(1, "", "y" * (CHARACTERS_SHOWN - 20) + secret + "z" * 15),
            "app1",
        )
    assert "sss" not in str(caught.value)


def test_a_lost_connection_is_not_a_failed_command() -> None:
    with pytest.raises(Unreachable, match="The connection to app1 was lost during useradd"):
        fail(Command("useradd", ("x",)), Answer(-1, ""), "app1")


def test_a_full_disk_is_told() -> None:
    with pytest.raises(StepFailed, match="subvolume failed on app1 with exit code 1; a disk is full"):
        fail(Command("subvolume", ("x",)), Answer(1, "", "ERROR: cannot create: No space left on device"), "app1")


def test_what_does_not_answer_from_elsewhere_is_tried_again() -> None:
    with pytest.raises(Unreachable) as caught:
        fail(Command("release", ("x",)), Answer(75, "", "curl: (7) Failed to connect"), "app1")
    assert str(caught.value) == "release on app1 could not go on: curl: (7) Failed to connect. The step is repeated."


def done_in_a_row(*commands: Command) -> list[Answer]:
    """What a shell makes of them."""
    row = in_a_row(*commands)
    done = subprocess.run(["/bin/sh", "-c", row.line], input=row.stdin, capture_output=True, check=True, timeout=10)
    return answers_in_a_row(Answer(done.returncode, done.stdout.decode(), done.stderr.decode()))


@pytest.mark.parametrize("value", HOSTILE)
def test_commands_in_a_row_have_their_own_arguments_and_their_own_input(value: str) -> None:
    echo = script("echo", 'printf "%s|" "$1"; cat', value, stdin=value.encode() * 3)
    silent = Command("true", ("true",))
    assert [answer.out for answer in done_in_a_row(echo, silent, echo)] == [
        said := (f"{value}|" + value * 3).rstrip("\n"),
        "",
        said,
    ]


def test_much_input_in_a_row_is_parted_to_the_byte() -> None:
    sizes = (0, 1, 65_536, 300_001)
    counts = [Command("wc", ("wc", "-c"), stdin=b"x" * size) for size in sizes]
    assert [int(answer.out) for answer in done_in_a_row(*counts)] == list(sizes)


def test_what_follows_a_failed_command_in_a_row_is_not_run() -> None:
    first, bad = script("first", "echo on >&2; echo changed"), script("bad", "echo why >&2; echo half; exit 7")
    answers = done_in_a_row(first, bad, first)
    assert [(answer.exit_code, answer.out) for answer in answers] == [(0, "changed"), (7, "half")]
    assert answers[0].changed
    assert answers[1].err == "on\nwhy\n"


def test_a_row_is_called_by_its_commands_and_hides_what_they_hide() -> None:
    row = in_a_row(
        Command("a", ("x",), secrets=("s",), seconds=5), Command("b", ("x",), secrets=("t",)), script("a", "")
    )
    assert (row.name, row.seconds, row.secrets) == ("a and b", 125, ("s", "t"))
