"""No byte of a file is taken for a pixel that its header does not call one."""

from __future__ import annotations

import gzip
import io
import random
import struct

import nrrd as pynrrd
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify_tool.rewrite import rewritten
from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.arrays.detached_header import joined, read_whole
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Origin
from echoatlas.simulate import write_dicom
from tests.helpers.planted_arrays import CINE, PLACES, RAW, TRUTH, dicom, mha, nrrd

NAME = b"KOWALSKI^ANNA 19470311 MRN 4711-0815"
TEXTS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ^ 0123456789", min_size=8, max_size=300).map(str.encode)


def shown(data: bytes) -> np.ndarray | None:
    """The pictures of a file; None if it is refused."""
    try:
        return np.stack(list(read(data).frames()))
    except Reject:
        return None


@pytest.mark.parametrize("place", PLACES)
def test_a_name_beside_the_pixels_is_passed_over_or_the_file_is_refused(place):
    found = shown(PLACES[place].plant(NAME))

    assert PLACES[place].honored == (found is not None)
    assert found is None or np.array_equal(TRUTH[: len(found)], found)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(st.sampled_from(sorted(PLACES)), TEXTS)
def test_no_text_in_any_skip_or_surplus_comes_out(place, text):
    found = shown(PLACES[place].plant(text))

    assert found is None or np.array_equal(TRUTH[: len(found)], found)


@pytest.mark.parametrize(
    "place",
    [
        "mha HeaderSize", "mha HeaderSize -1", "mha HeaderSize of the file", "nrrd both skips",
        "nrrd gzip, byte skip -1", "nifti vox_offset", "nifti header", "matlab 7.3 char",
        "dicom before", "tiff short rows",
    ],
)  # fmt: skip
def test_a_site_that_says_its_pictures_are_cropped_lets_no_name_out_either(place):
    """With all of a picture kept, nothing but the reader stands between a byte and the world."""
    site = SiteConfig(site="st-elsewhere", bucket=".", cropped=True)
    data = PLACES[place].plant(NAME * 4)
    origin, key = (
        Origin("st-elsewhere", "", "a"),
        SiteKey.of("st-elsewhere", random.Random(1).randbytes(32)),
    )

    try:
        done = rewritten(data, origin, site, key, Policy(), RedactConfig())
    except Reject:
        assert not PLACES[place].honored
        return

    values = np.stack(list(read(done.data).frames()))
    assert NAME[:8] not in values.tobytes()
    assert values.shape[1:3] == TRUTH.shape[1:]


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        (f"HeaderSize = {len(NAME)}\n", NAME + RAW),
        ("HeaderSize = -1\n", NAME + RAW),
    ],
)
def test_what_a_header_skips_of_another_file_is_skipped(fields, values):
    header = mha(fields, b"").replace(b"LOCAL", b"scan.raw")

    assert np.array_equal(TRUTH, shown(joined(header, values)))


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        (f"byte skip: {len(NAME)}", NAME + RAW),
        ("byte skip: -1", NAME + RAW),
        ("line skip: 1", NAME + b"\n" + RAW),
        (f"line skip: 1\nbyte skip: {len(NAME)}", NAME + b"\n" + NAME + RAW),
    ],
)
def test_so_it_is_with_nrrd_and_as_its_own_library_reads_it(fields, values, tmp_path):
    header = nrrd(f"encoding: raw\n{fields}\ndata file: scan.raw\n", b"")
    (tmp_path / "scan.nhdr").write_bytes(header)
    (tmp_path / "scan.raw").write_bytes(values)

    ours = shown(joined(header, values))
    theirs, _ = pynrrd.read(str(tmp_path / "scan.nhdr"), index_order="C")

    assert np.array_equal(TRUTH, ours)
    assert np.array_equal(theirs, ours)


def test_what_stands_behind_the_header_of_values_elsewhere_is_no_value():
    header = nrrd("encoding: raw\nbyte skip: 0\ndata file: scan.raw\n", NAME)

    assert np.array_equal(TRUTH, shown(joined(header, RAW)))


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_final_newline_is_no_surplus(end):
    for data in (mha("", RAW + end), nrrd("encoding: raw\n", RAW + end)):
        assert np.array_equal(TRUTH, shown(data))


@pytest.mark.parametrize("padding", [b"", b"\0\0"])
def test_padding_of_a_dicom_value_is_no_surplus(padding):
    assert np.array_equal(TRUTH, shown(dicom(padding)))


@pytest.mark.parametrize("surplus", [b"ANNA", bytes(96), NAME * 3])
def test_native_pixels_of_which_some_are_left_over_are_sheared_and_refused(surplus):
    assert shown(dicom(surplus)) is None


def test_dicom_pixels_of_floating_point_are_not_read_as_whole_numbers():
    data = bytearray(write_dicom(CINE, "1.2.840.10008.1.2.1"))
    place = data.index(struct.pack("<HH2s", 0x7FE0, 0x10, b"OB"))
    data[place : place + 6] = struct.pack("<HH2s", 0x7FE0, 0x8, b"OF")

    assert shown(bytes(data)) is None


@pytest.mark.parametrize(
    "field", ["HeaderSize = 0\nHeaderSize = 36\n", "headersize = 36\n", "CompressedData = maybe\n"]
)
def test_a_field_that_readers_take_differently_is_refused(field):
    assert shown(mha(field, RAW)) is None


def test_several_members_of_gzip_are_one_content():
    half = len(RAW) // 2
    parts = gzip.compress(RAW[:half]) + gzip.compress(RAW[half:])

    assert np.array_equal(TRUTH, shown(nrrd("encoding: gzip\n", parts)))


def test_numpy_arrays_one_behind_the_other_are_not_one():
    out = io.BytesIO()
    np.save(out, TRUTH)
    np.save(out, TRUTH)

    assert shown(out.getvalue()) is None


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("suffix", ["mha", "mhd", "nrrd", "nhdr", "nii", "nii.gz"])
@pytest.mark.parametrize("kind", ["uint8", "int16", "float32"])
def test_what_other_programs_write_is_explained_to_the_last_byte(suffix, kind, packed, tmp_path):
    image = SimpleITK.GetImageFromArray(TRUTH.astype(kind))
    image.SetMetaData("PatientName", NAME.decode())
    SimpleITK.WriteImage(image, str(tmp_path / f"a.{suffix}"), packed)

    data = read_whole(f"a.{suffix}", lambda name: (tmp_path / name).read_bytes())

    assert np.array_equal(TRUTH, shown(data))
