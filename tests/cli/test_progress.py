"""How far a command is: at once, object by object, with a rate and a time left, never silent."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.cli import call
from echoatlas.cli.progress import ERASE, LATE, SOON, Progress, lasting


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told(clock: Clock) -> Iterator[Progress]:
    progress = Progress(quiet=False, now=clock)
    yield progress
    progress.close()


def test_a_log_says_at_once_what_begins(told: Progress, capsys: pytest.CaptureFixture[str]) -> None:
    told("starting workers", 0, 1)
    told("objects", 0, 93)

    assert capsys.readouterr().err == "starting workers\nobjects: 0 of 93\n"


def test_what_was_told_once_is_not_taken_back_when_a_task_ends(
    told: Progress, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    for done in (0, 23, 19, 27):  # 8 of a task that ends, 15 of others that go on
        told("objects", done, 94)
        clock.time += SOON

    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        f"objects: {done} of 94" for done in (0, 23, 23, 27)
    ]


def test_a_log_gets_a_line_every_so_often_with_rate_and_time_left(
    told: Progress, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    for done in range(94):
        told("objects", done, 93)
        clock.time += 2.0

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "objects: 0 of 93"
    assert lines[1] == "objects: 3 of 93, 0.5/s, 3 min left"
    assert lines[-1] == "objects: 93 of 93, 3 min"
    assert 15 < len(lines) < 40  # not one an object, and fewer as time goes on


def test_what_was_done_before_it_began_makes_it_no_faster(
    told: Progress, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    told("files of st", 5000, 10_000)
    clock.time += 10
    told("files of st", 5100, 10_000)

    assert capsys.readouterr().err.splitlines()[-1] == (
        "files of st: 5100 of 10000, 10.0/s, 8 min left"
    )


def test_what_tells_nothing_of_itself_is_not_silent_either(
    told: Progress, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    told("duplicates", 0, 1)
    clock.time += 7
    time.sleep(1.2)  # the time that the thread's own clock takes to look

    assert capsys.readouterr().err == "duplicates\nduplicates: 7 s so far\n"


def test_what_may_fail_at_once_leaves_no_line_before_its_error(
    told: Progress, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    told.begin("status")
    time.sleep(0.7)
    before = capsys.readouterr().err
    clock.time += SOON
    time.sleep(0.7)

    assert before == ""
    assert capsys.readouterr().err == "status: 5 s so far\n"


def test_a_terminal_has_one_line_that_goes_away(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    progress = Progress(quiet=False, now=clock)

    progress("objects", 0, 93)
    time.sleep(0.7)
    clock.time += 10
    progress("objects", 31, 93)
    progress.close()

    shown = screen.getvalue()
    assert "31/93" in shown and "3.10/s" in shown and "00:20" in shown
    assert "\n" not in shown and shown.endswith(ERASE)


def test_json_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(quiet=True)

    progress("objects", 1, 2)
    progress.close()

    assert capsys.readouterr().err == ""


def test_a_command_that_fails_at_once_takes_its_line_away_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.chdir(str(tmp_path))

    code = call(["status"])

    assert code == 2
    last = screen.getvalue().rpartition(ERASE)[2]
    assert last.startswith("echoatlas: no deployment at") and last.count("\n") == 1


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 60), st.floats(0, 1000)), max_size=30))
def test_whatever_is_told_whenever_is_lines_of_text(
    steps: list[tuple[int, int, float]],
) -> None:
    clock = Clock()
    out, before = io.StringIO(), sys.stderr
    sys.stderr = out
    try:
        progress = Progress(quiet=False, now=clock)
        for done, of, seconds in steps:
            progress("objects", done, of)
            clock.time += seconds
        progress.close()
    finally:
        sys.stderr = before

    assert all(line.startswith("objects") for line in out.getvalue().splitlines())
    assert bool(out.getvalue()) == bool(steps)


def test_times_are_told_in_the_unit_that_fits() -> None:
    assert [lasting(seconds) for seconds in (0, 48, 180, 9000)] == ["0 s", "48 s", "3 min", "2.5 h"]
    assert SOON <= 5 < LATE
