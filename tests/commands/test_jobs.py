"""Jobs on servers as commands: what is told, what is read back."""

from __future__ import annotations

import json

import pytest

from hosting.commands.jobs import JobState, clear_job, follow_job, parse_job, parse_jobs, start_job


def test_a_jobs_secrets_travel_by_its_standard_input_alone() -> None:
    command = start_job("point-a1", b"PROGRAM", "take-point", {"password": "s3cret"}, 90)
    assert "s3cret" not in command.line
    assert command.stdin == b"PROGRAM" + json.dumps({"password": "s3cret"}).encode()
    assert command.argv[-6:] == ("point-a1", "7", "take-point", "90", str(len(command.stdin) - 7), "infinity")


def test_a_job_may_be_held_to_so_much_memory() -> None:
    command = start_job("point-a1", b"PROGRAM", "take-point", {}, 90, memory="2G")
    assert command.argv[-1] == "2G"
    assert '-p MemoryMax="$memory" -p LimitDATA="$memory"' in command.line


@pytest.mark.parametrize("id_", ["", "A", "a b", "../x", "a" * 101, ".a"])
def test_an_id_that_could_be_more_than_a_name_is_refused(id_: str) -> None:
    for make in (clear_job, lambda one: follow_job(one, 1), lambda one: start_job(one, b"", "x", {}, 1)):
        with pytest.raises(ValueError, match="is no id of a job"):
            make(id_)


@pytest.mark.parametrize(
    ("out", "state"),
    [
        ("running\n", JobState(running=True)),
        (
            'running\nprogress {"phase": "storing files", "done": 3, "whole": 9}\n',
            JobState(running=True, progress={"phase": "storing files", "done": 3, "whole": 9}),
        ),
        ('exit 0\nresult {"seconds": 1}\n', JobState(running=False, exit_code="0", result={"seconds": 1})),
        (
            'exit 1\ncomplaint {"kind": "dump", "what": "it is empty"}\n',
            JobState(running=False, exit_code="1", complaint={"kind": "dump", "what": "it is empty"}),
        ),
        (
            "exit 1\nsaid Traceback KeyError: 'x' \n",
            JobState(running=False, exit_code="1", said="Traceback KeyError: 'x' "),
        ),
        ("gone\n", JobState(running=False, gone=True)),
    ],
)
def test_what_a_job_says_is_read(out: str, state: JobState) -> None:
    assert parse_job(out) == state


def test_jobs_are_listed_with_whether_they_run() -> None:
    assert parse_jobs("point-a running\nrestore-b ended\n") == {"point-a": True, "restore-b": False}
