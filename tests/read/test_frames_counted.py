"""How many frames there are: as the header says, unless offset table, codestreams or length do."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.encaps import encapsulate, generate_frames

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.pipeline.read.dicom.transfer_syntaxes import transfer_syntax
from echoatlas.simulate.files.dicom import write_dicom
from echoatlas.simulate.files.encoding import SYNTAXES
from echoatlas.simulate.pictures.scans import make_cine

LITTLE, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"
J = "1.2.840.10008.1.2.4."
CINE = make_cine(1, frames=5, size=(160, 120))


def pictures(data: bytes, config: ReadConfig | None = None) -> np.ndarray:
    return np.stack(list(read(data, config or ReadConfig()).frames()))


def reason(data: bytes) -> Reason:
    with pytest.raises(Reject) as caught:
        list(read(data).frames())
    return caught.value.reason


def repacked(data: bytes, frames: list[bytes], *, table: bool) -> bytes:
    """The file with other frames in its fragments."""
    ds = dcmread(io.BytesIO(data))
    ds.PixelData = encapsulate(frames, has_bot=table)
    out = io.BytesIO()
    dcmwrite(out, ds, implicit_vr=False, little_endian=True, force_encoding=True)
    return out.getvalue()


@pytest.mark.parametrize("said", [None, 0, 1, 3])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_number_that_is_missing_or_too_small_loses_no_frame(syntax, said):
    right = write_dicom(CINE, syntax)

    scan = read(write_dicom(CINE, syntax, overrides={"NumberOfFrames": said}))

    assert (scan.declared_frames, scan.flags) == (5, ("frames_recounted",))
    assert (pictures(right) == np.stack(list(scan.frames()))).all()


@pytest.mark.parametrize("syntax", [J + "50", J + "70", J + "80", J + "90", J + "110"])
@pytest.mark.parametrize("fragments", [1, 3])
@pytest.mark.parametrize("offsets", ["none", "basic"])
def test_frames_are_counted_however_they_are_cut(syntax, fragments, offsets):
    uncounted = {"NumberOfFrames": None}

    data = write_dicom(CINE, syntax, fragments=fragments, offsets=offsets, overrides=uncounted)

    assert read(data).declared_frames == 5


@pytest.mark.parametrize("syntax", [RLE, J + "50", J + "90"])
def test_a_single_frame_in_several_fragments_is_one(syntax):
    still = make_cine(1, frames=1, size=(160, 120))

    for offsets in ("none", "basic"):
        scan = read(write_dicom(still, syntax, fragments=4, offsets=offsets))

        assert (scan.declared_frames, scan.flags) == (1, ())


@pytest.mark.parametrize("table", [True, False])
def test_fragments_that_are_not_pictures_of_the_size_that_is_said_are_no_frames(table):
    """A picture and its thumbnail, as one frame: which is meant cannot be told."""
    data = write_dicom(CINE, J + "50", overrides={"NumberOfFrames": 1})
    (first, *_) = generate_frames(dcmread(io.BytesIO(data)).PixelData, number_of_frames=5)
    small = write_dicom(make_cine(1, frames=1, size=(80, 60)), J + "50")
    (thumbnail,) = generate_frames(dcmread(io.BytesIO(small)).PixelData, number_of_frames=1)

    assert Reason.FRAME_MISMATCH is reason(repacked(data, [first, thumbnail], table=table))


def test_fragments_of_which_one_does_not_decode_are_no_frames():
    data = write_dicom(CINE, J + "50", overrides={"NumberOfFrames": 1})
    frames = list(generate_frames(dcmread(io.BytesIO(data)).PixelData, number_of_frames=5))

    torn = [*frames[:3], frames[3][:200]]

    assert Reason.FRAME_MISMATCH is reason(repacked(data, torn, table=True))


def test_a_number_that_is_too_large_is_refused_as_ever():
    for syntax in (LITTLE, RLE, J + "50", J + "102"):
        data = write_dicom(CINE, syntax, overrides={"NumberOfFrames": 9})

        assert reason(data) in (Reason.FRAME_MISMATCH, Reason.TRUNCATED), syntax


def test_colors_that_are_said_to_be_gray_are_not_three_frames():
    color = make_cine(2, frames=1, size=(160, 120), color=True)
    lie = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}

    data = write_dicom(color, LITTLE, "RGB", overrides=lie)

    assert Reason.FRAME_MISMATCH is reason(data)


def test_words_that_are_said_to_be_bytes_are_not_two_frames():
    words = (CINE.pictures[0].astype(np.uint16) << 4).tobytes()
    still = replace(CINE, pictures=CINE.pictures[:1])

    data = write_dicom(still, LITTLE, overrides={"PixelData": words})

    assert Reason.FRAME_MISMATCH is reason(data)


def test_a_surplus_that_is_no_whole_frame_is_not_taken_for_one():
    raw = CINE.pictures.tobytes() + bytes(160 * 120 + 50)

    data = write_dicom(CINE, LITTLE, overrides={"PixelData": raw})

    assert Reason.FRAME_MISMATCH is reason(data)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.sampled_from([one for one in SYNTAXES if not transfer_syntax(one).video]),
    st.integers(1, 5),
    st.integers(0, 6),
    st.integers(1, 3),
    st.sampled_from(["none", "basic"]),
)
def test_never_fewer_frames_than_there_are(syntax, there, said, fragments, offsets):
    """Whatever the header says: all frames, or a reason."""
    clip = replace(CINE, pictures=CINE.pictures[:there])
    fragments = 1 if transfer_syntax(syntax).bare else fragments  # PS3.5 A.4: one a frame
    data = write_dicom(
        clip, syntax, fragments=fragments, offsets=offsets, overrides={"NumberOfFrames": said}
    )

    try:
        found = read(data).declared_frames
    except Reject as reject:
        assert said > there
        refused = {Reason.FRAME_MISMATCH, Reason.TRUNCATED, Reason.UNREADABLE}
        assert reject.reason in refused
    else:
        assert there == found
