"""What samples of gray stand for and how they are shown, as a header's tables and windows say."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import EnhancedUSVolumeStorage

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import read
from echoatlas.simulate.files.dicom import write_dicom
from echoatlas.simulate.pictures.scans import make_still

IMPLICIT, LITTLE, BIG = (f"1.2.840.10008.1.2{end}" for end in ("", ".1", ".2"))
STILL = make_still(1, size=(160, 120))
CURVE = np.rint(np.sqrt(np.arange(4096) / 4095) * 255).astype(np.uint16)  # of 12 bits to 8


def scan(syntax: str = LITTLE, *, deep: bool = True, **told: Any) -> bytes:
    """A still in gray, of 12 bits if ``deep``, whose header says this besides."""
    made = dcmread(io.BytesIO(write_dicom(STILL, LITTLE)))
    little = syntax != BIG
    if deep:
        made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
        samples = STILL.pictures.astype(np.uint16) << 4
        made.PixelData = samples.astype("<u2" if little else ">u2").tobytes()
        made["PixelData"].VR = "OW"
    for keyword, value in told.items():
        setattr(made, keyword, value)
    made.file_meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    dcmwrite(out, made, implicit_vr=syntax == IMPLICIT, little_endian=little, force_encoding=True)
    return out.getvalue()


def table(entries: np.ndarray, bits: int, *, words: bool = False, little: bool = True) -> Dataset:
    """An item of a sequence of tables, its entries as numbers or as words."""
    item = Dataset()
    item.add_new(0x00283002, "US", [len(entries) % 65536, 0, bits])
    if words:
        pairs = entries.astype("<u2" if bits > 8 else "u1").view("<u2")
        item.add_new(0x00283006, "OW", pairs.astype("<u2" if little else ">u2").tobytes())
    else:
        item.add_new(0x00283006, "US", entries.tolist())
    item.ModalityLUTType = "US"
    return item


def shown(data: bytes) -> np.ndarray:
    (picture,) = read(data).frames()
    return picture


@pytest.mark.parametrize("syntax", [IMPLICIT, LITTLE, BIG])
@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("sequence", ["ModalityLUTSequence", "VOILUTSequence"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_table_of_gray_is_looked_up(syntax, words, sequence, bits):
    """dcmtk 3.6.7 shows the same; samples as they are stored are up to 63 levels darker."""
    one = table(CURVE, bits, words=words, little=syntax != BIG)

    found = shown(scan(syntax, **{sequence: [one]}))

    assert np.array_equal(CURVE[STILL.pictures[0].astype(int) << 4], found)


def test_a_window_is_of_what_samples_stand_for():
    """Of 12 bits that a table makes 8: samples themselves are nearly all above the window."""
    data = scan(
        ModalityLUTSequence=[table(CURVE * 16, 12)], WindowCenter="2048", WindowWidth="4096"
    )

    found = shown(data)

    want = CURVE[STILL.pictures[0].astype(int) << 4].astype(int)
    assert np.abs(want - found).max() <= 1


@pytest.mark.parametrize("deep", [True, False])
@pytest.mark.parametrize(
    "told",
    [
        {"RescaleSlope": "-1", "RescaleIntercept": "4095"},
        {"PresentationLUTShape": "INVERSE"},
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
        {"VOILUTSequence": [table(np.arange(4095, -1, -1), 12)]},
    ],
)
def test_what_a_header_turns_round_is_no_negative(told, deep):
    """INVERSE is what MONOCHROME1 means: it turns nothing round twice."""
    if "VOILUTSequence" in told and not deep:
        told = {"VOILUTSequence": [table(np.arange(255, -1, -1), 8)]}

    found = shown(scan(deep=deep, **told))

    assert np.abs((255 - STILL.pictures[0].astype(int)) - found).max() <= 1


@pytest.mark.parametrize(
    ("function", "levels"),
    [("LINEAR", (0, 128, 255)), ("LINEAR_EXACT", (0, 128, 255)), ("SIGMOID", (30, 128, 225))],
)
def test_a_window_has_the_function_that_is_stated(function, levels):
    """At its lower end, in the middle and at its upper end (PS3.3 C.11.2.1.2, C.11.2.1.3)."""
    picture = shown(scan(WindowCenter="2048", WindowWidth="2048", VOILUTFunction=function))

    for stored, level in zip((64, 128, 192), levels, strict=True):
        there = STILL.pictures[0] == stored
        assert there.any()
        assert np.abs(picture[there].astype(int) - level).max() <= 1


def test_an_enhanced_object_says_so_in_its_functional_groups():
    view, transformed, shared = Dataset(), Dataset(), Dataset()
    transformed.RescaleSlope, transformed.RescaleIntercept = "1", "-1000"
    view.WindowCenter, view.WindowWidth = "1048", "2048"
    shared.FrameVOILUTSequence, shared.PixelValueTransformationSequence = [view], [transformed]

    data = scan(SOPClassUID=EnhancedUSVolumeStorage, SharedFunctionalGroupsSequence=[shared])

    flat = scan(WindowCenter="2048", WindowWidth="2048")
    assert np.array_equal(shown(flat), shown(data))


def test_a_damaged_table_of_gray_is_refused():
    short = table(CURVE[:100], 8)
    short[0x00283002].value = [4096, 0, 8]

    with pytest.raises(Reject) as caught:
        read(scan(ModalityLUTSequence=[short]))

    assert caught.value.reason is Reason.UNREADABLE


def test_a_color_that_is_next_to_nothing_in_a_palette_of_16_bits_is_not_bright():
    """Blue of 200 in 65,535 under red and green in full; dcmtk 3.6.7 shows none of it."""
    ramp, faint = np.arange(256, dtype="<u2") * 257, np.full(256, 200, "<u2")
    told: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, entries in (("Red", ramp), ("Green", ramp), ("Blue", faint)):
        told[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        told[f"{name}PaletteColorLookupTableData"] = entries.tobytes()

    found = shown(scan(IMPLICIT, deep=False, **told))

    gray = STILL.pictures[0]
    assert np.array_equal(np.stack([gray, gray, np.zeros_like(gray)], axis=-1), found)


@pytest.mark.parametrize("window", [{}, {"WindowCenter": "2048", "WindowWidth": "4096"}])
@pytest.mark.parametrize("white", [False, True])
@pytest.mark.parametrize("limit", [None, 60000])
def test_what_fills_a_picture_up_is_black_and_takes_no_brightness(window, white, limit):
    """65535 around 12 bits of echo left them a sixteenth of it; dcmtk 3.6.7 does so, too."""
    made = dcmread(io.BytesIO(scan(**window)))
    samples = np.frombuffer(made.PixelData, "<u2").reshape(STILL.pictures[0].shape).copy()
    samples[:10] = 65535
    samples[5:10] = limit or 65535
    made.BitsStored, made.HighBit, made.PixelData = 16, 15, samples.tobytes()
    made.add_new(0x00280120, "US", 65535)
    if limit:
        made.add_new(0x00280121, "US", limit)
    if white:
        made.PhotometricInterpretation = "MONOCHROME1"
        made.PixelData = np.where(samples < 4096, 4095 - samples, samples).tobytes()
    out = io.BytesIO()
    made.save_as(out)

    found = shown(out.getvalue())

    assert not found[:10].any()
    assert np.abs(found[10:].astype(int) - STILL.pictures[0, 10:]).max() <= 1
