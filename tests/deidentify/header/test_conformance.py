"""What is written conforms: dciodvfy (Debian's dicom3tools) finds no error that was not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.header.ps315 import sop_classes
from echoatlas.pipeline.deidentify.header.rebuild import part10, rebuild
from echoatlas.pipeline.deidentify_tool.containers import dicom
from echoatlas.pipeline.read import read
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.simulate import make_cine, make_still, write_dicom
from tests.helpers.conforming import MAKERS, SIDE, US, VOLUME
from tests.helpers.torture import written
from tests.helpers.verified import errors, verified

POLICIES = {
    "default": Policy(),
    "least": Policy(dates="removed", patient_characteristics=False, descriptors=False),
    "most": Policy(dates="full", times=True, uids=True, device_identity=True, institution=True),
}
# Reports have no pixels; of captures of single bits the reader refuses them.
HEADERS = {one for one in MAKERS if ".88." in one} | {"1.2.840.10008.5.1.4.1.1.7.1"}
UNKNOWN_TO_IT = "Information Object Not found"  # of the retired classes


def out_of(data: bytes, policy: Policy, key: SiteKey) -> bytes:
    """A DICOM file as the tool writes it, nothing blacked out."""
    scan = read(data)
    made = rebuild(scan.header, policy, key).dataset
    keep = np.ones((scan.height, scan.width), bool)
    return dicom.instance(made, scan, data, list(scan.frames()), keep)[0]


def test_every_class_that_is_rebuilt_is_tried() -> None:
    assert set(sop_classes()) == set(MAKERS)


@verified
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("sop_class", MAKERS, ids=lambda uid: uid.rpartition("4.1.1.")[2])
def test_an_object_that_conforms_still_does(key, tmp_path, sop_class, policy):
    before, after = tmp_path / "before.dcm", tmp_path / "after.dcm"
    made = MAKERS[sop_class](sop_class)
    before.write_bytes(written(made))
    stood = errors(before)

    if sop_class in HEADERS:
        header = rebuild(made, POLICIES[policy], key).dataset
        if "PixelData" in made:
            header.add(made["PixelData"])
        after.write_bytes(part10(header))
    else:
        after.write_bytes(out_of(before.read_bytes(), POLICIES[policy], key))

    assert [one for one in stood if UNKNOWN_TO_IT not in one] == []
    assert set() == errors(after) - stood


@verified
@pytest.mark.parametrize("syntax", ["1", "1.2", "1.5", "1.4.50", "1.4.80", "1.4.90", "1.4.102"])
def test_a_simulated_scanners_file_gets_no_new_error(key, tmp_path, syntax):
    uid = "1.2.840.10008.1.2" + syntax.removeprefix("1")
    scan = make_still(5, size=(96, 64)) if syntax != "1.4.102" else make_cine(5, size=(96, 64))
    before, after = tmp_path / "before.dcm", tmp_path / "after.dcm"
    before.write_bytes(write_dicom(scan, uid))

    after.write_bytes(out_of(before.read_bytes(), Policy(), key))

    assert set() == errors(after) - errors(before)


@verified
def test_the_headers_of_real_samples_get_no_new_errors(samples, key, tmp_path):
    checked = 0
    for path in sorted((samples / "dicom").iterdir()):
        if not path.is_file() or path.suffix == ".zip":
            continue
        before = dcmread(path, stop_before_pixels=True)
        syntax = before.file_meta.TransferSyntaxUID
        if syntax.endswith(".111") or not syntax.is_compressed:
            continue  # without pixels, only an unchanged syntax lets the photometric stand
        out = tmp_path / "out.dcm"
        out.write_bytes(part10(rebuild(before, Policy(), key).dataset, syntax))
        new = {one for one in errors(out) - errors(path) if "PixelData" not in one}
        assert set() == new, path.name
        checked += 1

    assert checked > 8


@verified
def test_dciodvfy_would_tell_an_error(tmp_path: Path) -> None:
    broken = MAKERS[US](US)
    del broken.StudyInstanceUID
    (tmp_path / "broken.dcm").write_bytes(part10(broken))

    assert errors(tmp_path / "broken.dcm")


def test_a_multi_frame_capture_is_of_the_class_that_its_samples_say(key):
    made = MAKERS["1.2.840.10008.5.1.4.1.1.7.3"]("1.2.840.10008.5.1.4.1.1.7.3")

    out = out_of(written(made), Policy(), key)

    header = read(out).header
    assert header.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7.2"
    assert header.file_meta.MediaStorageSOPClassUID == header.SOPClassUID
    assert (header.Rows, header.BitsAllocated) == (SIDE, 8)


def test_an_enhanced_volume_keeps_where_its_planes_lie(key):
    made = rebuild(MAKERS[VOLUME](VOLUME), Policy(), key).dataset

    planes = [
        group.PlanePositionVolumeSequence[0].ImagePositionVolume
        for group in made.PerFrameFunctionalGroupsSequence
    ]

    assert [list(plane) for plane in planes] == [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    assert made.FrameOfReferenceUID.startswith("2.25.")
