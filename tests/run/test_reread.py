"""Other words or rules: headers are read anew, and no pixel is touched."""

from __future__ import annotations

import io
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.objects import fingerprints
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.fingerprints import fingerprints_of
from echoatlas.pipeline.read import ReadConfig, read, read_words
from echoatlas.pipeline.read.metadata import HEAD, is_whole_header
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.simulate import (
    make_cine,
    make_still,
    write_dicom,
    write_gif,
    write_jpeg,
    write_nifti,
    write_png,
    write_video,
)
from tests.helpers.rehearsal import Rehearsal, fill
from tests.helpers.waiting import wait_until

NATIVE, JPEG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
OTHER_RULES = "steps: {evidence: {image_type: 0.5, name: 0.6, study: 0.7}}\n"
UNTOUCHED = ("frames", "measures", "annotations", "audit", "objects", "quarantine", "duplicates")
SITE = SiteConfig(site="st-elsewhere", bucket="uploads")


def kinds() -> dict[str, bytes]:
    """A scan in each format that an upload may hold."""
    still, clip = make_still(seed=1, size=(400, 300)), make_cine(seed=2, frames=3, size=(400, 300))
    return {
        "still.dcm": write_dicom(still, NATIVE),
        "clip.dcm": write_dicom(clip, JPEG),
        "still.png": write_png(still),
        "still.jpg": write_jpeg(still),
        "clip.gif": write_gif(clip),
        "clip.mp4": write_video(clip),
        "clip.nii.gz": write_nifti(clip),
    }


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A lake of all formats, loose and in an archive, with a table beside them and one within."""
    made = Rehearsal(tmp_path_factory.mktemp("before"))
    made.engine(batch=3, group=1, workers=2)
    folder = made.site("st-elsewhere", labels={"organ": "abdomen/liver"})
    fill(folder, stills=2, cine=False)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in kinds().items():
            (folder / f"loose-thyroid-{name}").write_bytes(data)
            if name.startswith("still"):
                archive.writestr(f"kidney/{name}", data + b"\0")
        archive.writestr("kidney/table.csv", "file,organ\nstill.png,kidney left\n")
    (folder / "packed.zip").write_bytes(packed.getvalue())
    (folder / "labels.csv").write_text("file,organ\nloose-thyroid-still.png,spleen\n")
    made.run("run")
    return made


@pytest.fixture(scope="module")
def fresh(before: Rehearsal) -> Rehearsal:
    """The same uploads, run from nothing by other rules."""
    made = before.elsewhere("fresh")
    by_other_rules(made)
    made.run("run")
    return made


def by_other_rules(made: Rehearsal) -> None:
    config = made.home / "echoatlas.yaml"
    config.write_text(config.read_text() + OTHER_RULES)


def renewed(before: Rehearsal, name: str) -> Rehearsal:
    """The lake as it was, and other rules."""
    made = before.elsewhere(name, with_lake=True)
    by_other_rules(made)
    return made


def versions(made: Rehearsal) -> dict[str, int]:
    return {name: made.lake.version(name) for name in UNTOUCHED}


@pytest.mark.parametrize(
    ("workers", "batch"), [(1, 50), pytest.param(3, 2, marks=pytest.mark.heavy)]
)
def test_the_lake_is_what_a_fresh_run_makes_and_no_pixels_are_touched(
    before: Rehearsal, fresh: Rehearsal, workers: int, batch: int
) -> None:
    changed = renewed(before, f"changed-{workers}")
    changed.engine(workers=workers, batch=batch, group=1)
    then = versions(changed)

    plan = changed.run("plan")
    planned = plan["sites"][0]
    done = changed.run("run")

    whole = changed.run("status")["objects"]
    assert planned["reread"] == done["reread"] == whole["kept"] + whole["rejected"]
    assert planned["reread"] == plan["forecast"]["of"] > plan["forecast"]["read"] > 0
    assert 0 == planned["renewed"] == planned["pending"] == planned["up_to_date"]
    assert "steps.evidence.set.image_type: 0.88 -> 0.5" in planned["why"]
    assert fresh.rows() == changed.rows()
    assert then == versions(changed)
    assert changed.run("run")["reread"] == 0 == changed.run("plan")["sites"][0]["reread"]


@pytest.mark.heavy
def test_killed_as_it_reads_anew_and_run_again_equals_a_fresh_run(
    before: Rehearsal, fresh: Rehearsal
) -> None:
    killed = renewed(before, "killed")
    run = subprocess.Popen(
        killed.command("run"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(
        lambda: run.poll() is not None or list(killed.lake_path.glob("_intents/*.json")),
        "a commit",
        pause=0.002,
    )

    run.send_signal(signal.SIGKILL)
    run.wait()
    killed.run("run")

    assert fresh.rows() == killed.rows()
    assert not list(killed.lake_path.glob("_intents/*"))


def test_words_organs_and_adapters_of_a_site_change_the_mark_of_evidence_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, config = fingerprints_of(JourneyConfig(), SITE), JourneyConfig()

    of_kidneys = SITE.model_copy(
        update={"labels": SITE.labels.model_copy(update={"organ": "abdomen/kidney"})}
    )
    of_phantoms = SITE.model_copy(
        update={"labels": SITE.labels.model_copy(update={"subject": "phantom"})}
    )
    others = fingerprints_of(config, of_kidneys)
    phantoms = fingerprints_of(config, of_phantoms)
    monkeypatch.setattr(fingerprints, "vocabulary_digests", lambda: {"vocabulary.terms": "0"})
    worded = fingerprints_of(config, SITE)

    assert now.frames == others.frames == worded.frames != phantoms.frames
    assert len({now.evidence, others.evidence, worded.evidence, phantoms.evidence}) == 4


def test_a_scan_says_the_same_words_with_and_without_its_pixels(samples: Path) -> None:
    scans = list(kinds().values())
    scans += [file.read_bytes() for file in sorted(samples.rglob("*")) if _ends(file)]
    compared = 0
    for data in scans:
        try:
            whole = read(data)
        except Reject:
            continue
        words = read_words(data, ReadConfig())
        head = data[:HEAD]
        if is_whole_header(head, ReadConfig()):
            assert whole.header == read_words(head, ReadConfig()).header

        assert whole.header == words.header
        assert (whole.text, whole.regions) == (words.text, words.regions)
        compared += 1
    assert compared > 40


def _ends(file: Path) -> bool:
    return file.is_file() and file.suffix not in (".md", ".csv", ".json", ".zip")
