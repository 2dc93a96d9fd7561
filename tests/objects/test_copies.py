"""Copies of one picture know different things, and the poorer copy does not win."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest

from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.manifest import index_table, manifest_of
from echoatlas.pipeline.release.verify import verify
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.simulate import make_cine, make_still, write_dicom, write_png
from tests.helpers.rehearsal import Rehearsal

PATIENTS = 14
NATIVE, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"


def still(seed: int) -> bytes:
    return write_png(make_still(seed=seed, fan="convex", size=(320, 240)))


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def nameless(data: bytes) -> bytes:
    """A DICOM file whose header says of nobody whose it is."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    for name in ("PatientID", "PatientName", "PatientBirthDate", "IssuerOfPatientID"):
        if name in dataset:
            del dataset[name]
    dataset.StudyInstanceUID = dataset.SeriesInstanceUID = "2.25.7"
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Fourteen patients of two pictures each, and a copy of one of them that no table lists.

    Half of the copies lie at the same site, where they come first; half at another. Besides, a
    copy lies in an archive, a still is cut from a clip, and a scan comes again in another coding
    and without a patient.
    """
    made = Rehearsal(tmp_path_factory.mktemp("copies"))
    made.engine(batch=8, workers=2)
    names = [(n, side) for n in range(PATIENTS) for side in "ab"]
    pictures = {f"m/{n}{side}.png": still(2 * n + (side == "b")) for n, side in names}
    lines = [f"{name[2:]},P{name[2:-5]}" for name in pictures]
    clip = make_cine(seed=99, frames=4, size=(320, 240))
    scan = make_still(seed=98, size=(320, 240))
    cut = replace(clip, pictures=clip.pictures[2:3])
    here = {
        "m/list.csv": "\n".join(["file,patient", *lines, ""]).encode(),
        **pictures,
        **{f"a/copy{n}.png": pictures[f"m/{n}b.png"] for n in range(0, PATIENTS, 2)},
        "m/scan.dcm": write_dicom(scan, NATIVE),
        "m/clip.dcm": write_dicom(clip, RLE),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("deep/copy.png", pictures["m/0a.png"])
    there = {f"b/copy{n}.png": pictures[f"m/{n}b.png"] for n in range(1, PATIENTS, 2)}
    there |= {"b/cut.png": write_png(cut), "b/again.dcm": nameless(write_dicom(scan, RLE))}
    put(made.site("here", labels={"organ": "abdomen/liver"}), here | {"a/a.zip": packed.getvalue()})
    put(made.site("elsewhere"), there)
    made.run("run")
    return made


def meant(name: str) -> str:
    """Whom a file shows, whatever is known of it."""
    stem = Path(name.rpartition("!")[2]).stem
    if stem == "copy":
        return "P0"
    if stem in ("scan", "again"):
        return "scan"
    if stem in ("clip", "cut"):
        return "clip"
    return f"P{stem.removeprefix('copy').rstrip('ab')}"


def objects(made: Rehearsal) -> dict[str, set[str]]:
    """Object to whom it shows."""
    found: dict[str, set[str]] = defaultdict(set)
    for site in ("here", "elsewhere"):
        for one in made.run("site", "receipt", site):
            if one["object_id"]:
                found[one["object_id"]].add(meant(one["file"]))
    return found


@pytest.mark.parametrize(
    ("duplicates", "seeds"),
    [
        ("drop", range(2)),
        pytest.param("drop", range(2, 4), marks=pytest.mark.heavy),
        pytest.param("keep", range(4), marks=pytest.mark.heavy),
    ],
)
def test_no_patient_is_in_two_splits_however_poorly_a_copy_knows_them(
    made: Rehearsal, duplicates: Any, seeds: range
) -> None:
    lake, releases = made.lake, made.deployment.releases
    shares = {"train": 0.5, "val": 0.5}
    shown = objects(made)

    for seed in seeds:
        name = f"{duplicates}{seed}"
        config = ReleaseConfig(name=name, splits=shares, seed=seed, duplicates=duplicates)
        create(lake, releases, config)

        splits: dict[str, set[str]] = defaultdict(set)
        for row in index_table(releases, manifest_of(releases, name)).to_pylist():
            (who,) = shown[row["object_id"]]
            splits[who].add(row["split"])
        assert len(splits) == PATIENTS + 2
        assert {who for who, found in splits.items() if len(found) > 1} == set()
    assert all(check.ok for check in verify(releases, name))


def test_what_lies_at_one_site_is_known_by_the_best_of_its_copies(made: Rehearsal) -> None:
    columns = ["site", "object_id", "patient", "patient_source"]

    frames = [row for row in made.lake.read("frames", columns).to_pylist() if row["site"] == "here"]

    patients: dict[str, set[str]] = defaultdict(set)
    shown = objects(made)
    for row in frames:
        assert row["patient_source"] in ("sidecar", "header")
        patients[next(iter(shown[row["object_id"]]))].add(row["patient"])
    assert {len(found) for found in patients.values()} == {1}
    assert len(patients) == PATIENTS + 2
    flags = made.lake.read("objects", ["flags"]).column(0).to_pylist()
    assert not [one for one in flags if "patients_differ" in one]


def test_another_run_finds_nothing_to_do(made: Rehearsal) -> None:
    assert (made.run("run")["objects"], made.run("plan")["sites"][0]["renewed"]) == (0, 0)


def known(made: Rehearsal) -> list[tuple[str, str]]:
    rows = made.lake.read("frames", ["patient", "patient_source"]).to_pylist()
    return [(row["patient"], row["patient_source"]) for row in rows]


def test_what_is_learned_later_holds_and_is_not_forgotten(rehearsal: Rehearsal) -> None:
    """A copy in a table comes after its picture, is confused with another, and goes again."""
    made = rehearsal
    folder = made.site("here")
    put(folder, {"a/1.png": still(1)})
    made.run("run")
    alone = known(made)

    put(folder, {"b/1.png": still(1), "b/list.csv": b"file,PID\n1.png,7\n"})
    first = made.run("run")
    plan = made.run("plan")["sites"][0]
    told = known(made)
    (folder / "b/list.csv").write_text("file,PID\n1.png,8\n")
    why = made.run("plan")["sites"][0]["why"]
    made.run("run")
    corrected = known(made)
    put(folder, {"c/1.png": still(1), "c/list.csv": b"file,PID\n1.png,9\n"})
    (folder / "b/1.png").unlink()
    made.run("run")
    both = made.lake.read("copies", ["patient", "patient_source"]).to_pylist()
    (folder / "c/1.png").unlink()
    last = made.run("run")

    assert [source for _, source in alone] == ["object"]
    assert (first["objects"], plan["renewed"]) == (1, 0)
    assert [source for _, source in told] == ["sidecar"]
    assert why == ["what tables say, or copies: changed"]
    assert corrected != told
    assert corrected[0][0] in {row["patient"] for row in both}
    assert sorted(row["patient_source"] for row in both) == ["object", "sidecar", "sidecar"]
    assert made.lake.read("objects", ["flags"]).column(0).to_pylist().count("patients_differ") == 1
    assert made.run("status")["patients_differ"] == 1
    assert last["objects"] == 0
    assert [source for _, source in known(made)] == ["sidecar"]
