"""The event log tells what was done and when, and nothing of what a record says."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from echoatlas.pipeline.errors import CheckFailed, Reason, Retry, UsageError
from echoatlas.pipeline.event_log import FOLDER, PAUSE, EventLog, run_name
from echoatlas.pipeline.storage.storage import LocalStorage, Storage
from echoatlas.schemas.events import Ending, Event, Stage
from echoatlas.simulate import make_still, write_dicom, write_png
from tests.helpers.scorer import Planted, leaked

NAME = "Kowalczyk-Wisniewska^Malgorzata"
WORDS = [Planted(word, "upload") for word in ("Kowalczyk", "Wisniewska", "Malgorzata")]


def lines(storage: Storage) -> list[dict[str, Any]]:
    found = [storage.read(entry.key).decode() for entry in storage.list(FOLDER)]
    return [json.loads(line) for text in found for line in text.splitlines()]


def told(storage: Storage) -> list[tuple[Any, ...]]:
    return [
        (one["event"], *(one[k] for k in ("site", "step", "reason", "count") if k in one))
        for one in lines(storage)
    ]


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.open(tmp_path / "lake")


@pytest.mark.parametrize("place", ["local", "s3"])
def test_a_command_is_told_from_start_to_end(place, request, tmp_path):
    storage = request.getfixturevalue("bucket") if place == "s3" else Storage.open(tmp_path / "l")

    with EventLog(storage, run_name("r"), ["qilu"]) as log:
        log.begin(Stage.LISTING)
        log.say(Event.SITE_LISTED, site="qilu", count=3)
        log.begin(Stage.OBJECTS)
        log.rejected("qilu", {"no_fan": 1, "empty": 0})
        log.counted(3)

    assert told(storage) == [
        ("started",),
        ("stage_begun", "listing"),
        ("site_listed", "qilu", 3),
        ("stage_ended", "listing", "done", 0),
        ("stage_begun", "objects"),
        ("rejected", "qilu", "no_fan", 1),
        ("stage_ended", "objects", "done", 3),
        ("ended", "done"),
    ]
    assert len({one["run"] for one in lines(storage)}) == 1
    assert all(one["time"].endswith("Z") for one in lines(storage))


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (UsageError(NAME), "wrong_usage"),
        (CheckFailed(NAME), "failed"),
        (Retry(NAME), "out_of_reach"),
        (ValueError(NAME), "broken"),
        (KeyboardInterrupt(), "stopped"),
    ],
)
def test_an_error_ends_the_log_by_its_kind_and_nothing_that_it_says(storage, error, ending):
    with pytest.raises(type(error)), EventLog(storage, run_name("r")) as log:
        log.begin(Stage.LABELS)
        raise error

    assert told(storage)[-2:] == [("stage_ended", "labels", ending, 0), ("ended", ending)]
    assert leaked([LocalStorage(Path(storage.uri)).root], WORDS) == []


@pytest.mark.parametrize(
    "facts",
    [
        {"patient": 1},
        {"detail": "no_fan"},
        {"site": "nobody-knows-it"},
        {"step": "labels"},
        {"reason": "done"},
        {"reason": Stage.LABELS},
        {"step": Reason.NO_FAN},
        {"count": "3"},
        {"count": True},
        {"seconds": NAME},
        {"seconds": None},
    ],
)
@pytest.mark.parametrize("kept", [True, False])
def test_an_unknown_key_or_a_free_text_is_refused_at_the_call(storage, facts, kept):
    with EventLog(storage if kept else None, run_name("r"), ["qilu"]) as log:
        with pytest.raises(ValueError, match="event log") as refusal:
            log.say(Event.REJECTED, **facts)

        log.say(Event.SITE_LISTED, site="qilu", count=1)

    assert NAME not in str(refusal.value)
    assert [one["event"] for one in lines(storage)] == (
        ["started", "site_listed", "ended"] if kept else []
    )


@given(st.text(max_size=30), st.sampled_from(["event", "site", "step", "reason", "count"]))
def test_no_text_of_any_kind_passes(text, key):
    log = EventLog(None, run_name("r"), ["qilu"])
    facts: dict[str, Any] = {"event": Event.STARTED, key: text}

    with pytest.raises(ValueError, match="event log"):
        log.say(**facts)


@pytest.mark.parametrize("run", ["", NAME, "r20261129T014933-abcdeg", "r20261129T014933-abc123\n"])
def test_a_run_has_a_made_name(storage, run):
    with pytest.raises(ValueError):
        EventLog(storage, run)


def test_whoever_had_nothing_to_do_leaves_nothing(storage):
    with EventLog(storage, run_name("r"), ["qilu"]) as log:
        log.begin(Stage.LISTING)
        log.say(Event.SITE_LISTED, site="qilu", count=0)

    assert list(storage.list()) == []


def test_a_long_run_writes_bounded_segments_and_loses_no_line(storage, monkeypatch):
    monkeypatch.setattr("echoatlas.pipeline.event_log.SEGMENT", 2_000)
    seconds: Iterator[float] = (number * PAUSE for number in count())

    with EventLog(storage, run_name("r"), ["qilu"], clock=lambda: next(seconds)) as log:
        for number in range(100):
            log.say(Event.GROUP_COMMITTED, site="qilu", count=number)

    committed = [one[-1] for one in told(storage) if one[0] == "group_committed"]
    sizes = [entry.size for entry in storage.list(FOLDER)]
    assert committed == list(range(100))
    assert len(sizes) > 5 and max(sizes) < 2_400


def test_a_run_a_release_and_its_verification_are_told_and_nobody_is_named(rehearsal):
    folder = rehearsal.site("st-elsewhere") / "kowalczyk"
    folder.mkdir()
    scan = make_still(seed=1, size=(320, 240), name=NAME)
    (folder / "malgorzata.dcm").write_bytes(write_dicom(scan, "1.2.840.10008.1.2.1"))
    (folder / "wisniewska.png").write_bytes(write_png(scan))
    (folder / "patients.csv").write_text(f"file,name\nwisniewska.png,{NAME}\n")
    blank = io.BytesIO()
    Image.new("L", (300, 200)).save(blank, "PNG")
    (folder / "kowalczyk.png").write_bytes(blank.getvalue())
    storage = rehearsal.lake.storage

    rehearsal.run("run")
    rehearsal.run("release", "create", "2026.11")
    rehearsal.run("verify", "2026.11")
    before = {entry.key for entry in storage.list(FOLDER)}
    rehearsal.run("run")

    found = told(storage)
    written = rehearsal.lake_path / "events"
    assert [one for one in found if one[0] == "site_listed" and one[-1] >= 3]
    assert [one for one in found if one[:2] == ("rejected", "st-elsewhere")]
    assert [one for one in found if one[0] == "group_committed"]
    assert {one[1] for one in found if one[0] == "stage_ended"} >= {
        "listing", "objects", "labels", "duplicates", "gate", "select", "shard", "verify",
    }  # fmt: skip
    assert [one for one in found if one[0] == "ended"] == [("ended", "done")] * 3
    assert before == {entry.key for entry in storage.list(FOLDER)}, "it did nothing"
    assert leaked([written], WORDS) == []
    assert leaked([written], [Planted("st-elsewhere", "line")])
    assert leaked([rehearsal.uploads], WORDS) == WORDS, "nobody was in the uploads"
    assert set().union(*lines(storage)) == {
        "event", "time", "run", "site", "step", "reason", "count", "seconds",
    }  # fmt: skip
    assert Ending.DONE in {one.get("reason") for one in lines(storage)}
