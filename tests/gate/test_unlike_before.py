"""What is not like a site's own history is seen by nobody until a person has looked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from echoatlas.simulate import make_still, write_dicom, write_png
from tests.helpers.rehearsal import Rehearsal

FEW = {"min_objects": 4, "min_uploads": 2, "max_times": 3.0}
SITE = "st-change"


def drop(one: Rehearsal, upload: str, number: int, *, dicom: bool = False, seed: int = 0) -> None:
    """Drop an upload of pictures, of a device that writes PNG or of one that writes DICOM."""
    folder = one.uploads / SITE / upload
    folder.mkdir(parents=True)
    for place in range(number):
        still = make_still(seed=100 * seed + place, fan="convex", size=(160, 120))
        name, data = ("dcm", write_dicom(still)) if dicom else ("png", write_png(still))
        (folder / f"{place}.{name}").write_bytes(data)


def limits(one: Rehearsal, **drift: Any) -> None:
    file = one.home / f"sites/{SITE}.yaml"
    known = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(known | {"drift": known.get("drift", {}) | drift}))


def page(one: Rehearsal) -> str:
    newest = max(one.lake_path.glob(f"validation/r*/{SITE}.html"))
    return newest.read_text()


def told(one: Rehearsal, upload: str) -> list[dict[str, Any]]:
    return list(one.run("site", "receipt", SITE, upload))


@pytest.fixture
def made(tmp_path: Path) -> Rehearsal:
    """A site that has sent six pictures of a device, and whose file asks to hold what is new."""
    rehearsal = Rehearsal(tmp_path)
    rehearsal.engine(workers=1, batch=2)
    rehearsal.site(SITE, drift=FEW | {"hold": True})
    drop(rehearsal, "up-1", 6)
    return rehearsal


@pytest.mark.heavy
def test_other_devices_wait_for_a_person_who_then_takes_them(made: Rehearsal) -> None:
    first = made.run("run")
    said_first = page(made)
    drop(made, "up-2", 4, seed=1)
    made.run("run")
    said_second = page(made)
    drop(made, "up-3", 5, dicom=True, seed=2)
    drop(made, "up-4", 4, seed=3)
    lenient = made.elsewhere("lenient", with_lake=True)
    lenient.engine(workers=2, batch=3)

    held = made.here("run", "--json")

    # The first has no history, which is said; the second is like it; of the third nothing is seen
    assert first["objects"] == 6 and "There is no history yet" in said_first
    assert "stability index" in said_second and 'class="bad"' not in said_second
    assert held.returncode == 1
    (failed,) = json.loads(held.stdout)["failed"]
    assert failed.startswith(f"{SITE}: the gate held back 5 objects, which stay due: its ")
    status = made.run("status")
    assert status["sites"][SITE] == {"kept": 14, "pending": 5}
    assert status["conservation"]
    assert len(made.lake.read("frames")) == 14
    assert not [one for one in made.lake.read("objects").to_pylist() if one["format"] == "dicom"]
    files = {p.name for p in made.lake_path.glob("tables/frames/*.parquet")}
    assert files == set(made.lake.files("frames")), "what was held back is left over"
    assert {one["status"] for one in told(made, "up-3")} == {"pending"}
    assert all("a person looks at it" in one["sentence"] for one in told(made, "up-3"))
    assert {one["status"] for one in told(made, "up-4")} == {"kept"}
    outbox = json.loads((made.uploads / SITE / "_receipts/up-3.json").read_text())
    assert all("a person looks at it" in one["sentence"] for one in outbox)

    # It is not worked on again, and still told
    again = made.here("run", "--json")
    assert again.returncode == 1
    assert json.loads(again.stdout)["objects"] == 0
    assert json.loads(again.stdout)["failed"] == [failed]
    where = made.run("status")["held"][SITE]["page"]
    assert "5 objects wait" in (made.lake_path / where).read_text()

    # Whoever finds it right says so in the site's file; later ones may be like it
    note = json.loads((made.lake_path / "_gate.json").read_text())
    limits(made, accept=note[SITE]["unlike"][0]["uploads"])
    taken = made.run("run")
    drop(made, "up-5", 4, dicom=True, seed=4)
    like = made.run("run")
    limits(lenient, hold=False)
    lenient.run("run")

    assert (taken["objects"], like["objects"]) == (5, 4)
    assert made.run("status")["held"] == {}
    assert {one["status"] for one in told(made, "up-3")} == {"kept"}
    assert made.rows() == lenient.rows()


def test_an_upload_that_is_far_larger_waits_and_no_picture_of_it_is_opened(
    made: Rehearsal,
) -> None:
    made.run("run")
    drop(made, "up-2", 5, seed=1)
    made.run("run")
    drop(made, "up-3", 19, seed=2)

    held = made.here("run", "--json")

    assert held.returncode == 1
    assert json.loads(held.stdout)["objects"] == 0
    assert "an upload brings 19 objects, and half of all before up to 6" in held.stdout
    limits(made, max_times=4.0, max_index=99.0)
    assert made.run("run")["objects"] == 19
    assert made.run("status")["held"] == {}


def test_what_is_only_said_is_taken(made: Rehearsal) -> None:
    limits(made, hold=False)
    made.run("run")
    drop(made, "up-2", 5, dicom=True)

    done = made.run("run")

    assert [one for one in done["warnings"] if "formats are not those of before" in one]
    assert made.run("status")["sites"][SITE] == {"kept": 11}
    assert 'class="bad"' in page(made)


@pytest.mark.heavy
def test_what_comes_a_few_at_a_time_is_compared_when_it_is_enough(made: Rehearsal) -> None:
    limits(made, hold=False)
    made.run("run")
    warned = []
    for number in range(4):
        drop(made, f"few-{number}", 1, dicom=True, seed=number)
        warned.append(bool([one for one in made.run("run")["warnings"] if "formats" in one]))

    assert warned == [False, False, False, True]
    assert (
        not (made.lake_path / "_lately.json").exists()
        or json.loads((made.lake_path / "_lately.json").read_text()) == {}
    )


@pytest.mark.heavy
def test_any_number_of_workers_holds_back_the_same(made: Rehearsal) -> None:
    made.run("run")
    drop(made, "up-2", 5, dicom=True)
    drop(made, "up-3", 5, seed=5)
    other = made.elsewhere("other", with_lake=True)
    other.engine(workers=3, batch=1)

    made.here("run")
    other.here("run")

    notes = [json.loads((one.lake_path / "_gate.json").read_text()) for one in (made, other)]
    assert notes[0][SITE]["unlike"] == notes[1][SITE]["unlike"]
    assert made.rows() == other.rows()
