"""A dry run over a site's first uploads says what they are, and writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from echoatlas.schemas.config.file import parse
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.simulate import make_still, write_dicom, write_png
from tests.helpers.rehearsal import Rehearsal

UNDERSTOOD, FOREIGN = "LIVER SURVEY", "Protocol Q7"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Six patients whose headers share a word that nobody knows, a file that is none, a table."""
    made = Rehearsal(tmp_path_factory.mktemp("profile"))
    folder = made.site("st", uploads={"quiet_minutes": 10})
    (folder / "up").mkdir()
    for seed in range(6):
        scan = make_still(seed=seed, fan="convex", size=(400, 300), burned_in=("NOBODY, JANE",))
        said = {
            "StudyDescription": UNDERSTOOD,
            "ProtocolName": FOREIGN,
            "SeriesDescription": f"seen by Dr. Nobody{seed}",
            "PatientID": f"P{seed}",
            "Manufacturer": "ACME",
            "ManufacturerModelName": "Echo 9",
            "BurnedInAnnotation": "NO",
        }
        (folder / "up" / f"{seed}.dcm").write_bytes(write_dicom(scan, overrides=said))
    (folder / "up" / "notes.txt").write_text("nothing to see")
    bare = make_still(seed=9, fan="convex", size=(400, 300), screen="none")
    (folder / "up" / "bare.png").write_bytes(write_png(bare))
    return made


@pytest.fixture(scope="module")
def told(made: Rehearsal) -> Any:
    return made.run("site", "check", "st")["profile"]


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(one): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


def test_it_counts_what_would_be_accepted_and_why_not(told: Any) -> None:
    share, least, most = told["rate"]

    assert (told["files"], told["looked"], told["patients"], told["nameless"]) == (8, 8, 6, 1)
    assert (told["accepted"], told["rejected"]) == (7, {"unsupported_format": 1})
    assert share == 7 / 8
    assert least < share < most <= 1
    assert told["formats"] == {"dicom": 6, "png": 1}


def test_it_sees_text_outside_the_scanned_area_whatever_headers_admit(told: Any) -> None:
    assert (told["outside"], told["stated"]) == (6, 0)


def test_it_tells_what_nobody_understands_if_several_patients_have_it(told: Any) -> None:
    assert told["unmapped"] == {"ProtocolName": {FOREIGN: 6}}
    assert told["rare"] >= 6  # what a doctor was called is nobody's business
    assert "Nobody" not in str(told)
    assert told["unknown_devices"] == {"ACME, Echo 9": 6}
    assert told["organs"] == {"abdomen/liver": 6, "unknown": 1}


def test_its_suggestions_are_right_as_they_stand(made: Rehearsal, told: Any) -> None:
    file = made.home / "sites" / "st.yaml"

    lines = [*file.read_text().splitlines(), *told["suggestions"]]

    site = parse(SiteConfig, yaml.safe_load("\n".join(lines)), "st.yaml")
    assert site.labels.organ == "abdomen/liver"


def test_it_writes_nothing_and_a_run_agrees_with_it(made: Rehearsal, told: Any) -> None:
    before = everything_in(made.root)
    again = made.here("site", "check", "st", "--objects", "3")
    after = everything_in(made.root)

    ran = made.run("run")

    assert before == after
    assert "3 objects looked at" in again.stdout
    assert ran["objects"] == 0  # its upload is not quiet yet
    (made.uploads / "st" / "up" / "_COMPLETE").write_bytes(b"")
    ran = made.run("run")
    assert ran["rejected"] == told["rejected"]
    assert ran["objects"] - 1 == told["accepted"]


def test_a_name_that_is_no_site_is_told(made: Rehearsal) -> None:
    said = made.here("site", "check", "ts")

    assert (said.returncode, "no site 'ts'" in said.stderr) == (2, True)


def test_no_heading_of_a_table_is_told(tmp_path: Path) -> None:
    """Who lists raters or patients in columns writes names over them."""
    made = Rehearsal(tmp_path)
    folder = made.site("st")
    (folder / "up").mkdir()
    scan = make_still(seed=1, fan="convex", size=(400, 300), screen="none", burned_in=())
    rows = ["file,Nobody^Jane,label of Dr Nobody,7340019"]
    for number in range(3):
        (folder / "up" / f"{number}.png").write_bytes(write_png(scan, identify=False))
        rows.append(f"{number}.png,x,zzqq,y")
    (folder / "up" / "table.csv").write_text("\n".join(rows))

    said = made.here("site", "check", "st")
    told = made.run("site", "check", "st")

    assert told["profile"]["ignored_columns"] == 2
    assert "no column is sure to name the patient" in said.stdout
    for text in (said.stdout, said.stderr, str(told)):
        assert "Nobody" not in text and "7340019" not in text
