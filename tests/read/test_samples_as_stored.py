"""Samples as they are stored, whatever a header says: chroma, sampling, range, palette."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.uid import EnhancedUSVolumeStorage

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.codestream import probe
from echoatlas.simulate.files.dicom import write_dicom
from echoatlas.simulate.files.encoding import rle, to_ybr
from echoatlas.simulate.pictures.scans import make_cine

IMPLICIT, LITTLE, BIG = (f"1.2.840.10008.1.2{end}" for end in ("", ".1", ".2"))
J = "1.2.840.10008.1.2.4."
COLOR = make_cine(1, frames=2, size=(160, 120), color=True, mode="color_doppler")
GRAY = make_cine(1, frames=3, size=(160, 120))


def pictures(data: bytes) -> np.ndarray:
    return np.stack(list(read(data).frames()))


def reason(data: bytes) -> tuple[Reason, str]:
    with pytest.raises(Reject) as caught:
        list(read(data).frames())
    return caught.value.reason, caught.value.detail


def near(expected: np.ndarray, found: np.ndarray, most: float) -> bool:
    assert expected.shape == found.shape
    return bool(np.abs(expected.astype(int) - found).mean() <= most)


@pytest.mark.parametrize("syntax", [IMPLICIT, LITTLE, BIG, LITTLE + ".98", "1.2.840.10008.1.2.8.1"])
def test_chroma_is_halved_by_the_values_length_not_by_its_name(syntax):
    whole = write_dicom(
        COLOR, syntax, "YBR_FULL", overrides={"PhotometricInterpretation": "YBR_FULL_422"}
    )
    half = write_dicom(COLOR, syntax, "YBR_FULL_422")

    assert near(COLOR.pictures, pictures(whole), 0.6)
    assert near(COLOR.pictures, pictures(half), 1.6)


@pytest.mark.parametrize("said", [None, 1])
@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_FULL_422"])
def test_length_tells_chroma_and_frames_at_once_or_refuses(photometric, said):
    """Two frames of three bytes a pixel are three of two: only a number would tell."""
    overrides = {"NumberOfFrames": said, "PhotometricInterpretation": "YBR_FULL_422"}

    data = write_dicom(COLOR, LITTLE, photometric, overrides=overrides)

    if photometric == "YBR_FULL":
        assert Reason.FRAME_MISMATCH is reason(data)[0]
    else:
        assert read(data).declared_frames == 2


def halved(picture: np.ndarray, *, rows: bool) -> bytes:
    """An odd width in native YBR_FULL_422: pairs through the picture, or each row filled up."""
    ybr = to_ybr(picture[None])[0]
    if rows:
        ybr = np.concatenate([ybr, ybr[:, -1:]], axis=1)
    flat = ybr.reshape(-1, 3)
    if len(flat) % 2:
        flat = np.concatenate([flat, flat[-1:]])
    pairs = flat.reshape(-1, 2, 3)
    packed = np.stack([pairs[:, 0, 0], pairs[:, 1, 0], pairs[:, 0, 1], pairs[:, 0, 2]], axis=-1)
    return packed.tobytes()


@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("height", [120, 119])
def test_an_odd_width_with_halved_chroma_is_read(rows, height):
    odd = replace(GRAY, pictures=GRAY.pictures[:1, :height, :159])
    shown = np.repeat(odd.pictures[0][..., None], 3, axis=-1)
    overrides: dict[str, Any] = {
        "PixelData": halved(shown, rows=rows), "PhotometricInterpretation": "YBR_FULL_422",
        "SamplesPerPixel": 3, "PlanarConfiguration": 0,
    }  # fmt: skip

    data = write_dicom(odd, LITTLE, overrides=overrides)

    assert near(shown[None], pictures(data), 0.6)


def sampled(*factors: tuple[int, int]) -> bytes:
    """A JPEG of the first colored picture whose components are sampled so."""
    jpeglib = pytest.importorskip("jpeglib")
    image = jpeglib.from_spatial(np.ascontiguousarray(COLOR.pictures[0]))
    image.samp_factor = factors
    from echoatlas.pipeline.deidentify_tool.containers.jpeg import _file

    with _file() as (path, content):
        image.write_spatial(path, qt=92)
        return content()


def with_frames(*frames: bytes, **overrides: Any) -> bytes:
    overrides |= {"NumberOfFrames": len(frames)}
    ds = dcmread(io.BytesIO(write_dicom(COLOR, J + "50", overrides=overrides)))
    ds.PixelData = encapsulate(list(frames))
    out = io.BytesIO()
    dcmwrite(out, ds, implicit_vr=False, little_endian=True, force_encoding=True)
    return out.getvalue()


@pytest.mark.parametrize(
    ("factors", "most"),
    [
        (((1, 2), (1, 1), (1, 1)), 2.5),  # 4:4:0
        (((2, 2), (2, 1), (1, 1)), 2.5),  # mixed
        (((2, 1), (1, 1), (2, 1)), 2.5),
        (((3, 1), (1, 1), (1, 1)), 2.5),
        (((1, 1), (2, 1), (2, 1)), 12),  # inverted: half the luma is lost
    ],
)
def test_a_jpeg_of_any_whole_sampling_is_read(factors, most):
    stream = sampled(*factors)

    assert near(COLOR.pictures[:1], pictures(with_frames(stream)), most)
    assert near(COLOR.pictures[0], next(read(stream).frames()), most)


def unmarked(stream: bytes) -> bytes:
    """A JPEG without its application segments, its components called 1, 2 and 3."""
    found, at = bytearray(stream[:2]), 2
    while stream[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        if stream[at + 1] & 0xF0 != 0xE0:
            found += stream[at:end]
        at = end
    start = found.index(b"\xff\xc0") + 10
    found[start : start + 9 : 3] = b"\1\2\3"
    scan = bytearray(stream[at:])
    scan[5:11:2] = b"\1\2\3"
    return bytes(found + scan)


@pytest.mark.parametrize("stated", ["RGB", "YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize("coded_as", ["RGB", "YCBCR"])
def test_a_jpeg_without_markers_has_its_colors_whatever_the_header_says(coded_as, stated):
    """GDCM codes YCbCr, 4:4:4, without JFIF or Adobe marker, and lets RGB stand in the header."""
    picture = COLOR.pictures[0]
    options = {"colorspace": "RGB", "outcolorspace": coded_as, "subsampling": "444"}
    stream = unmarked(bytes(imagecodecs.jpeg8_encode(picture, level=97, **options)))

    found = pictures(with_frames(stream, PhotometricInterpretation=stated))

    assert near(picture[None], found, 2)


def test_half_a_jpeg_of_rare_sampling_is_no_picture():
    stream = sampled((2, 2), (2, 1), (1, 1))

    assert Reason.UNREADABLE is reason(with_frames(stream[: len(stream) // 2]))[0]
    assert Reason.UNREADABLE is reason(stream[: len(stream) // 2])[0]


def test_a_jpeg_sampled_by_fractions_is_told_as_that():
    stream = bytearray(sampled((2, 2), (2, 1), (1, 1)))
    at = stream.index(b"\xff\xc0")
    stream[at + 11], stream[at + 14] = 0x31, 0x21  # three luma samples to two of chroma

    assert probe(bytes(stream)).fractional
    found, told = reason(with_frames(bytes(stream)))
    assert Reason.UNSUPPORTED_CODEC is found
    assert "fractions" in told


def wide(samples: np.ndarray, syntax: str = LITTLE, **more: Any) -> bytes:
    """A cine of 16-bit cells, in the open or in JPEG 2000, without a window."""
    signed = samples.dtype.kind == "i"
    overrides = {
        "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, "PixelRepresentation": int(signed),
        "NumberOfFrames": len(samples), "WindowCenter": None, "WindowWidth": None, **more,
    }  # fmt: skip
    if syntax == LITTLE:
        return write_dicom(GRAY, LITTLE, overrides={**overrides, "PixelData": samples.tobytes()})
    frames = [bytes(imagecodecs.jpeg2k_encode(one, codecformat="J2K")) for one in samples]
    return coded(frames, syntax, overrides)


def coded(frames: list[bytes], syntax: str, overrides: dict[str, Any]) -> bytes:
    ds = dcmread(io.BytesIO(write_dicom(GRAY, syntax, overrides=overrides)))
    ds.PixelData = encapsulate(frames)
    out = io.BytesIO()
    dcmwrite(out, ds, implicit_vr=False, little_endian=True, force_encoding=True)
    return out.getvalue()


@pytest.mark.parametrize("kind", [np.uint16, np.int16])
@pytest.mark.parametrize("syntax", [LITTLE, J + "90"])
def test_twelve_bits_in_full_words_are_not_dark(syntax, kind):
    """One scale for all frames: the fewest bits that hold the brightest of the clip."""
    samples = GRAY.pictures.astype(kind) << 4
    samples[0] >>= 2
    samples[2, 0, 0] = 4095

    found = pictures(wide(samples, syntax))

    assert (samples >> 4 == found).all()


def test_signed_samples_are_spread_from_their_least_to_their_largest():
    samples = GRAY.pictures.astype(np.int16) * 8 - 1000

    for syntax in (LITTLE, J + "90"):
        found = pictures(wide(samples, syntax))

        low, high = int(samples.min()), int(samples.max())
        assert near(np.rint((samples - low) * 255.0 / (high - low)).astype(np.uint8), found, 0.01)


@pytest.mark.parametrize("syntax", [LITTLE + ".98", "1.2.840.10008.1.2.5", J + "70", J + "80"])
@pytest.mark.parametrize("stored", [12, 16])
def test_a_codec_without_signs_keeps_those_of_the_samples(syntax, stored):
    """Two's complement: the codec gives what is below zero as more than what is above."""
    samples = (GRAY.pictures.astype(np.int16) * 8 - 1000) * (1 if stored == 12 else 16)
    words = samples.view(np.uint16) & ((1 << stored) - 1)
    coders = {
        LITTLE + ".98": lambda one: one.tobytes(),
        "1.2.840.10008.1.2.5": lambda one: rle(np.dstack([one >> 8, one & 255]).astype(np.uint8)),
        J + "70": lambda one: bytes(imagecodecs.jpeg8_encode(one, lossless=True, bitspersample=16)),
        J + "80": lambda one: bytes(imagecodecs.jpegls_encode(one)),
    }

    overrides = {
        "BitsAllocated": 16, "BitsStored": stored, "HighBit": stored - 1, "PixelRepresentation": 1,
        "NumberOfFrames": len(words), "WindowCenter": None, "WindowWidth": None,
    }  # fmt: skip

    found = pictures(coded([coders[syntax](one) for one in words], syntax, overrides))

    low, high = int(samples.min()), int(samples.max())
    assert near(np.rint((samples - low) * 255.0 / (high - low)).astype(np.uint8), found, 0.01)


def test_a_window_is_obeyed_as_ever():
    samples = GRAY.pictures.astype(np.uint16) << 4

    found = pictures(wide(samples, WindowCenter="2048", WindowWidth="4096"))

    assert near(GRAY.pictures, found, 1)


@pytest.mark.parametrize("syntax", [LITTLE, J + "80"])
@pytest.mark.parametrize("window", [{}, {"WindowCenter": "32", "WindowWidth": "64"}])
@pytest.mark.parametrize("scan", [GRAY, COLOR], ids=["gray", "color"])
def test_eight_bits_are_as_bright_as_they_are_stored_whatever_else_is_in_them(scan, window, syntax):
    """Gray levels are the gain that was set; dicom2jpg 0.1.10 stretches each still."""
    dark = replace(scan, pictures=scan.pictures // 4)
    marked = replace(scan, pictures=dark.pictures.copy())
    marked.pictures[:, -1, -1] = 255

    for one in (dark, marked):
        assert (one.pictures == pictures(write_dicom(one, syntax, overrides=window))).all()


@pytest.mark.parametrize("axis", ["X", "Y"])
def test_a_region_with_its_corners_swapped_is_the_same_region(axis):
    swapped = dcmread(io.BytesIO(write_dicom(GRAY, LITTLE)))
    (item,) = swapped.SequenceOfUltrasoundRegions
    names = f"RegionLocationMin{axis}0", f"RegionLocationMax{axis}1"
    low, high = (item[name].value for name in names)
    for name, value in zip(names, (high, low), strict=True):
        item[name].value = value
    out = io.BytesIO()
    swapped.save_as(out)

    assert read(write_dicom(GRAY, LITTLE)).regions == read(out.getvalue()).regions


def test_a_volume_in_time_has_its_spacing_and_its_frames_as_they_lie():
    """``findings/volume_in_time.sh``: other programs give 1 mm, or put times between planes."""
    heart = make_cine(3, frames=8, size=(96, 80), burned_in=())
    volume = dcmread(io.BytesIO(write_dicom(heart, LITTLE)))
    for keyword in ("SequenceOfUltrasoundRegions", "FrameTime", "FrameIncrementPointer"):
        if keyword in volume:
            del volume[keyword]
    volume.SOPClassUID = volume.file_meta.MediaStorageSOPClassUID = EnhancedUSVolumeStorage
    measures, shared = Dataset(), Dataset()
    measures.PixelSpacing, measures.SpacingBetweenSlices = [0.4, 0.3], 0.5
    shared.PixelMeasuresSequence = [measures]
    volume.SharedFunctionalGroupsSequence = [shared]
    volume.PerFrameFunctionalGroupsSequence = []
    for at in (3, 0, 6, 1, 7, 2, 5, 4):
        frame, plane, time, content = (Dataset() for _ in range(4))
        content.DimensionIndexValues = [at // 4 + 1, at % 4 + 1]
        plane.ImagePositionVolume, time.TemporalPositionTimeOffset = (
            [0, 0, at % 4 / 2],
            at // 4 / 25,
        )
        frame.FrameContentSequence, frame.PlanePositionVolumeSequence = [content], [plane]
        frame.TemporalPositionSequence = [time]
        volume.PerFrameFunctionalGroupsSequence.append(frame)
    out = io.BytesIO()
    volume.save_as(out)

    scan = read(out.getvalue())

    assert (scan.spacing, scan.times) == ((0.3, 0.4), None)
    assert np.array_equal(heart.pictures, np.stack(list(scan.frames())))


@pytest.mark.parametrize("reference", [None, (0, 0), (439, 0), (-10, 500)])
def test_a_region_is_where_its_corners_are_wherever_its_units_are_zero(reference):
    """``findings/trace_to_its_reference_pixel.sh``."""
    placed = dcmread(io.BytesIO(write_dicom(GRAY, LITTLE)))
    (item,) = placed.SequenceOfUltrasoundRegions
    for axis, value in zip("XY", reference or (None, None), strict=True):
        if value is None:
            del item[f"ReferencePixel{axis}0"]
        else:
            item[f"ReferencePixel{axis}0"].value = value
    out = io.BytesIO()
    placed.save_as(out)

    (found,) = read(out.getvalue()).regions
    corners = (found.box.x0, found.box.y0, found.box.x1 - 1, found.box.y1 - 1)
    assert corners == tuple(
        item[f"RegionLocation{name}"].value for name in ("MinX0", "MinY0", "MaxX1", "MaxY1")
    )


def segmented(words: list[int], bits: int) -> dict[str, Any]:
    raw = np.array(words, "<u2" if bits == 16 else "u1").tobytes()
    return {
        f"{name}{color}PaletteColorLookupTable{end}": value
        for color in ("Red", "Green", "Blue")
        for name, end, value in (
            ("", "Descriptor", [256, 0, bits]), ("", "Data", None),
            ("Segmented", "Data", raw + b"\0" * (len(raw) % 2)),
        )
    }  # fmt: skip


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("counts", ["bytes", "entries"])
def test_an_indirect_segment_repeats_what_stands_before(bits, counts):
    top = (1 << bits) - 1
    # Two entries, 63 rising, 63 falling; then both again, and the first of them once more.
    lead = [0, 2, 0, top]
    words = [*lead, 0, 1, 0, 1, 62, top, 1, 63, 0]
    place = len(lead)
    again = place * (2 if bits == 16 and counts == "bytes" else 1)
    offset = [again, 0] if bits == 16 else [again, 0, 0, 0]
    words += [2, 3, *offset, 2, 1, *offset]
    once = [0, *np.rint(np.linspace(0, top, 63))[1:], *np.rint(np.linspace(top, 0, 64))[1:]]
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)[None]
    still = replace(GRAY, pictures=ramp)

    data = write_dicom(
        still, LITTLE, "PALETTE COLOR", palette_bits=bits, regions=False,
        overrides={**segmented(words, bits), "PixelData": ramp.tobytes()},
    )  # fmt: skip

    table = np.array([0, top, *once, *once, 0])
    shown = (table.astype(int) >> (bits - 8)).astype(np.uint8)
    found = pictures(data)[0, ..., 0].ravel()
    assert (shown == found[: len(shown)]).all()


def test_an_indirect_segment_that_leads_elsewhere_is_refused():
    words = [0, 2, 0, 60000, 2, 1, 3, 0]
    ramp = np.zeros((1, 16, 16), np.uint8)

    data = write_dicom(
        replace(GRAY, pictures=ramp),
        LITTLE,
        "PALETTE COLOR",
        regions=False,
        overrides=segmented(words, 16),
    )

    assert Reason.UNREADABLE is reason(data)[0]


def test_an_overlay_in_the_spare_bits_is_no_part_of_the_picture():
    """As files of before 2004 have calipers and text: above the bits that are stored."""
    samples = (np.arange(240 * 320).reshape(1, 240, 320) % 4001).astype(np.uint16)
    text = np.zeros_like(samples)
    text[:, 8:24, 20:120] = 1 << 12
    deep = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}
    still = replace(GRAY, pictures=np.zeros(samples.shape, np.uint8))
    plain, laid = (
        write_dicom(still, LITTLE, regions=False, overrides={**deep, "PixelData": values.tobytes()})
        for values in (samples, samples | text)
    )

    assert np.array_equal(pictures(plain), pictures(laid))


def implicit_with(length: int, value: bytes = b"x") -> bytes:
    """An implicit file of more than 4 MiB with a private value of a length of one's choice."""
    ds = dcmread(io.BytesIO(write_dicom(GRAY, IMPLICIT, private=False)))
    block = ds.private_block(0x0009, "SOMEBODY", create=True)
    block.add_new(0x01, "UN", value * length)
    block.add_new(0x02, "UN", b"y" * (5 << 20))
    out = io.BytesIO()
    dcmwrite(out, ds, implicit_vr=True, little_endian=True, force_encoding=True)
    return out.getvalue()


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.sampled_from([a + b for a in "BDFHLPTZ" for b in "ADLMNOSTZ"]))
def test_a_length_that_reads_as_two_capitals_is_a_length_where_no_names_are(letters):
    length = int.from_bytes(letters.encode(), "little")

    assert (GRAY.pictures == pictures(implicit_with(length))).all()


@pytest.mark.parametrize("kind", [np.uint16, np.int16])
def test_samples_at_the_top_of_their_words_are_found_there(kind):
    """HighBit of objects from before it had to be BitsStored less one."""
    samples = GRAY.pictures.astype(kind) << 7  # 11 bits, so that signed ones have room

    found = pictures(wide(samples, BitsStored=12, HighBit=15))

    assert near(GRAY.pictures, found, 1)


def test_a_high_bit_that_the_samples_belie_moves_nothing():
    samples = GRAY.pictures.astype(np.uint16) * 16 + 3

    right, wrong = (pictures(wide(samples, BitsStored=12, HighBit=high)) for high in (11, 15))

    assert (right == wrong).all()


@pytest.mark.parametrize("stored", [7, 8, 9])
def test_eight_bits_in_words_that_pydicom_coded_by_rle_are_read(stored):
    """``findings/eight_bits_in_words.sh``: it codes half of the words, and reads none of it."""
    made = dcmread(io.BytesIO(write_dicom(GRAY, LITTLE)))
    words = (GRAY.pictures.astype("<u2") << stored) >> 8
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, stored, stored - 1
    made.PixelData = words.astype("<u2").tobytes()
    made["PixelData"].VR = "OW"
    plain, packed = io.BytesIO(), io.BytesIO()
    made.save_as(plain)
    made.compress("1.2.840.10008.1.2.5", encoding_plugin="pydicom")
    made.save_as(packed)

    assert np.array_equal(pictures(plain.getvalue()), pictures(packed.getvalue()))
