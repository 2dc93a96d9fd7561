"""What was erased is sent again: by the same file, under another name, by a new scan."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.site_bucket import SiteFolder
from echoatlas.simulate import make_still, write_dicom
from tests.helpers.adversary import traces
from tests.helpers.rehearsal import Rehearsal

PLAIN = "1.2.840.10008.1.2.1"


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rehearsal, Path, Any, list[bytes]]:
    """A patient with a scan in the lake and one in quarantine, who has left; another stays."""
    there = Rehearsal(tmp_path_factory.mktemp("left"))
    folder = there.site("st-elsewhere", labels={"organ": "abdomen/liver"})
    first = make_still(seed=1, fan="convex", size=(400, 300))
    other = make_still(seed=2, fan="convex", size=(400, 300))
    upload = folder / "upload-1"
    upload.mkdir()
    (upload / "first.dcm").write_bytes(write_dicom(first, PLAIN))
    (upload / "other.dcm").write_bytes(write_dicom(other, PLAIN))
    (upload / "dark.dcm").write_bytes(dark(write_dicom(first, PLAIN)))
    there.run("run")
    header = pydicom.dcmread(upload / "first.dcm")
    issuer = header.get("IssuerOfPatientID", "")
    (there.root / "ids.csv").write_text(f"patient_id,issuer\n{header.PatientID},{issuer}\n")
    rows = there.lake.read("objects").to_pylist()
    kept = {row["patient"]: row["object_id"] for row in rows if row["status"] == "kept"}
    dropped = {row["object_id"] for row in rows if row["status"] == "rejected"}
    words = ("--patient-ids", str(there.root / "ids.csv"), "--request", "dsr-1")
    done = there.run("erase", "st-elsewhere", *words, "--report", str(there.root))[0]
    left = {row["object_id"] for row in there.lake.read("frames", ["object_id"]).to_pylist()}
    gone = [(patient, one) for patient, one in kept.items() if one not in left]
    texts = {text for pair in gone for text in pair} | dropped
    return there, folder, done, [text.encode() for text in texts]


def dark(data: bytes) -> bytes:
    """The same scan of the same patient, in which nothing is to be seen."""
    scan = pydicom.dcmread(io.BytesIO(data))
    scan.SOPInstanceUID += ".1"
    scan.file_meta.MediaStorageSOPInstanceUID = scan.SOPInstanceUID
    scan.PixelData = np.zeros_like(scan.pixel_array).tobytes()
    sink = io.BytesIO()
    scan.save_as(sink)
    return sink.getvalue()


def test_what_lay_in_quarantine_goes_by_the_header_of_its_file(left: Any) -> None:
    there, _, done, needles = left

    assert (done["objects"], done["quarantined"], done["unread"]) == (2, 1, 0)
    assert done["unknown"] == [] and done["receipts"] and done["books"]
    assert len(needles) == 3
    assert traces(needles, there.lake_path) == []


def test_nothing_comes_back_by_itself_by_a_new_name_or_by_a_new_scan(left: Any) -> None:
    there, folder, _, needles = left
    header = pydicom.dcmread(folder / "upload-1" / "first.dcm")
    new = pydicom.dcmread(
        io.BytesIO(write_dicom(make_still(seed=9, fan="convex", size=(400, 300)), PLAIN))
    )
    for tag in ("PatientID", "IssuerOfPatientID"):
        if tag in header:
            setattr(new, tag, header.get(tag))
    (folder / "upload-2").mkdir()
    (folder / "upload-2" / "renamed.dcm").write_bytes(
        (folder / "upload-1" / "first.dcm").read_bytes()
    )
    new.save_as(folder / "upload-2" / "new.dcm")
    strange = pydicom.dcmread(folder / "upload-1" / "first.dcm")
    strange.PatientID, strange.PatientName = "Z-99", "ELSE^SOMEBODY"
    strange.save_as(folder / "upload-2" / "another-name.dcm")  # the same picture, another header

    there.run("run")
    status = there.run("status")
    again = there.run("run")

    assert status["conservation"] and status["objects"] == {"erased": 5, "kept": 1}
    assert traces(needles, there.lake_path) == []
    assert len(there.lake.read("frames")) == 1
    assert again["objects"] == again["named"] == 0
    receipts = there.run("site", "receipt", "st-elsewhere")
    assert {one["file"]: one["status"] for one in receipts}["upload-2/new.dcm"] == "erased"


@pytest.mark.heavy
def test_a_site_that_was_withdrawn_sends_nothing_any_more(left: Any, tmp_path: Path) -> None:
    there = left[0].elsewhere("withdrawn", with_lake=True)
    there.run("erase", "st-elsewhere", "--whole", "--request", "x", "--report", str(tmp_path))

    done = there.here("run")

    assert "site 'st-elsewhere' was withdrawn, and is left out" in done.stderr + done.stdout
    assert there.run("status")["frames"] == 0


def test_files_that_may_be_listed_and_not_be_read_stop_no_erasure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hospital takes back its leave to read: nothing at all was erased."""
    there = Rehearsal(tmp_path)
    folder = there.site("st-elsewhere")
    scan = write_dicom(make_still(seed=1, size=(320, 240)), PLAIN)
    (folder / "one.dcm").write_bytes(scan)
    (folder / "two.dcm").write_bytes(dark(scan))
    there.run("run")
    (tmp_path / "ids.txt").write_text(f"{pydicom.dcmread(folder / 'one.dcm').PatientID}\n")
    read = SiteFolder.read

    def refused(self: SiteFolder, key: str, *part: Any) -> bytes:
        if key.endswith(".dcm"):
            raise UsageError(f"access denied to {self.uri}")
        return read(self, key, *part)

    words = ("--patient-ids", str(tmp_path / "ids.txt"), "--request", "r1")
    monkeypatch.setattr(SiteFolder, "read", refused)

    done = there.run("erase", "st-elsewhere", *words, "--report", str(tmp_path))[0]

    assert (done["objects"], done["unread"]) == (1, 1)


def test_who_left_comes_back_into_quarantine_as_little_and_others_do(
    left: Any, tmp_path: Path
) -> None:
    there = left[0].copied(tmp_path)
    folder = there.uploads / "st-elsewhere" / "upload-1"
    (folder / "again.dcm").write_bytes((folder / "first.dcm").read_bytes()[:-40_000])
    (folder / "others.dcm").write_bytes((folder / "other.dcm").read_bytes()[:-40_000])
    before = there.run("status")["objects"]

    there.run("run")

    after = there.run("status")
    assert after["objects"] == {**before, "erased": before["erased"] + 1, "rejected": 1}
    assert after["quarantine"] == {"truncated": 1} and after["conservation"]
    assert len(there.lake.read("quarantine")) == 1
