"""How long uploads wait is told by site, also while no run takes them."""

from __future__ import annotations

import os
from pathlib import Path

from echoatlas.pipeline.run.metrics import samples_of
from echoatlas.pipeline.run.queue import LOOKED, OBJECTS, OLDEST, QUEUE
from echoatlas.pipeline.run.watch import look_at
from tests.helpers.rehearsal import Rehearsal
from tests.sites.test_events import scan


def told(made: Rehearsal) -> dict[str, dict[tuple[str, ...], float]]:
    return samples_of(made.lake.storage.read(QUEUE))


def put(file: Path, seed: int, came: float) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(scan(seed))
    os.utime(file, (came, came))


def test_the_age_of_what_waits_grows_until_a_run_takes_it(rehearsal: Rehearsal) -> None:
    folder, other = rehearsal.site("st", uploads={"marked_only": True}), rehearsal.site("other")
    put(folder / "up" / "a.png", 1, 1_000_000.0)
    put(folder / "up" / "_COMPLETE", 1, 2_000_000.0)
    put(folder / "half" / "b.png", 2, 3_000_000.0)
    put(other / "up" / "c.png", 3, 4_000_000.0)

    look_at(rehearsal.deployment, ["st"])
    first = told(rehearsal)
    look_at(rehearsal.deployment, ["other"])
    looked = told(rehearsal)
    rehearsal.run("run", "--site", "st")
    after = told(rehearsal)

    assert first[OBJECTS] == {("st",): 2}
    assert first[OLDEST] == {("st",): 1_000_000}
    assert looked[OBJECTS] == {("st",): 2, ("other",): 1}
    assert looked[OLDEST] == {("st",): 1_000_000, ("other",): 4_000_000}
    assert after[OBJECTS] == {("st",): 1, ("other",): 1}
    assert after[OLDEST] == {("st",): 3_000_000, ("other",): 4_000_000}
    assert looked[LOOKED][()] > first[LOOKED][()]


def test_nothing_waits_where_all_was_taken(rehearsal: Rehearsal) -> None:
    put(rehearsal.site("st") / "up" / "a.png", 1, 1_000_000.0)

    rehearsal.run("run")

    assert told(rehearsal)[OBJECTS] == {("st",): 0}
    assert told(rehearsal)[OLDEST] == {}


def test_a_list_of_patients_alone_is_due_until_a_run_has_heeded_it(rehearsal: Rehearsal) -> None:
    folder = rehearsal.site("st")
    put(folder / "up" / "a.png", 1, 1_000_000.0)
    rehearsal.run("run")
    (folder / "up" / "withdrawn.csv").write_text("PatientID\nA1\n")

    found = look_at(rehearsal.deployment, ["st"])
    rehearsal.run("run")
    heeded = look_at(rehearsal.deployment, ["st"])

    assert (found.due, found.lists) == ({"st": 1}, {"st"})
    assert (heeded.due, heeded.lists) == ({}, frozenset())
    assert rehearsal.rows()["consents"]
