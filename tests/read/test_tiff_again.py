"""TIFF pages of which Pillow makes something else: color of 16 bits, signed bytes, palettes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.simulate.pictures.scans import make_cine

DOPPLER = make_cine(1, frames=1, color=True, mode="color_doppler").pictures[0]
GRAY = make_cine(2, frames=3, size=(160, 120)).pictures
SIDEWAYS, UPSIDE_DOWN = 6, 4  # TIFF 6.0, Orientation


def tiff(*pages: NDArray[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    more = {key: options.pop(key) for key in ("byteorder", "bigtiff") if key in options}
    with tifffile.TiffWriter(stream, **more) as file:
        for page in pages:
            file.write(page, **{"metadata": None, **options})
    return stream.getvalue()


def turned(orientation: int) -> dict[str, Any]:
    return {"extratags": [(274, "H", 1, orientation, True)]}


def shown(data: bytes, **config: Any) -> NDArray[np.uint8]:
    return np.stack(list(read(data, ReadConfig(**config)).frames()))


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("file", [{}, {"byteorder": ">"}, {"bigtiff": True}])
def test_color_of_16_bits_has_its_colors_however_it_lies(bits, compression, planar, file):
    """Pillow gives the high byte, which of 8 bits is black, and of planes no picture at all."""
    wide = DOPPLER.astype(np.uint16) << (bits - 8)
    stored = np.moveaxis(wide, -1, 0) if planar == "separate" else wide
    options = {"photometric": "rgb", "planarconfig": planar, "compression": compression}

    (picture,) = shown(tiff(stored, **options, **file))

    assert np.array_equal(DOPPLER, picture)


def test_pages_of_12_bit_color_are_as_bright_against_each_other_and_turned():
    wide = DOPPLER.astype(np.uint16)

    pictures = shown(tiff(wide << 4, wide << 3, photometric="rgb", **turned(SIDEWAYS)))

    assert np.array_equal(DOPPLER, np.rot90(pictures[0]))
    assert np.array_equal(DOPPLER >> 1, np.rot90(pictures[1]))


def test_what_is_transparent_in_color_of_16_bits_is_black():
    alpha = np.full(DOPPLER.shape[:2], 65535, np.uint16)
    alpha[:20] = 0
    wide = np.dstack([DOPPLER.astype(np.uint16), alpha])

    (picture,) = shown(tiff(wide, photometric="rgb", extrasamples=["unassalpha"]))

    assert not picture[:20].any()
    assert np.array_equal(DOPPLER[20:], picture[20:])


def test_half_a_file_of_deep_color_is_no_picture():
    wide = DOPPLER.astype(np.uint16) << 4
    whole = tiff(wide, photometric="rgb", compression="zlib")
    with tifffile.TiffFile(io.BytesIO(whole)) as file:
        start, length = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    damaged = whole[: start + length // 2] + bytes(length - length // 2) + whole[start + length :]

    with pytest.raises(Reject) as caught:
        shown(damaged)

    assert caught.value.reason is Reason.UNREADABLE


def test_bytes_with_a_sign_keep_their_order():
    """-60 to 0 decibels: Pillow takes 0 for less than -1."""
    decibels = np.rint(GRAY[0] * (60 / 255) - 60).astype(np.int8)

    (picture,) = shown(tiff(decibels, photometric="minisblack"))

    low, high = int(decibels.min()), int(decibels.max())
    assert np.allclose((decibels.astype(int) - low) * (255 / (high - low)), picture, atol=1)


@pytest.mark.parametrize("numbers", [False, True])
def test_a_palette_of_8_bits_in_words_is_not_black(numbers):
    """As old programs wrote them; the format has 16 bits."""
    palette = np.tile(np.arange(256, dtype=np.uint16), (3, 1))
    palette[0] = palette[0, ::-1]
    picture = tiff(GRAY[0], photometric="palette", colormap=palette)

    (found,) = shown(picture, masks=numbers, numbers=numbers)

    colors = palette.astype(np.uint8).T
    assert np.array_equal(GRAY[0] if numbers else colors[GRAY[0]], found)


def test_indexes_of_16_bits_are_not_taken_for_gray():
    palette = np.tile(np.arange(1 << 16, dtype=np.uint16), (3, 1))
    data = tiff(GRAY[0].astype(np.uint16), photometric="palette", colormap=palette)

    with pytest.raises(Reject) as caught:
        shown(data)

    assert caught.value.reason is Reason.UNSUPPORTED_CODEC


@pytest.mark.parametrize("kind", ["u1", "u2", "u8", "f4", "f8"])
def test_a_tiff_of_any_type_is_turned_and_has_its_white_where_it_is_stated(kind):
    stored = (255 - GRAY[0][::-1]).astype(kind)

    (picture,) = shown(tiff(stored, photometric="miniswhite", **turned(UPSIDE_DOWN)))

    assert np.array_equal(GRAY[0], picture)


@pytest.mark.parametrize("kind", ["u1", "f4", "f8"])
def test_a_tiff_of_any_type_has_the_scale_and_times_that_it_states(kind):
    stream = io.BytesIO()
    said = {"PhysicalSizeX": 0.3, "PhysicalSizeXUnit": "mm", "PhysicalSizeY": 0.2}
    said |= {"PhysicalSizeYUnit": "mm", "TimeIncrement": 0.05, "TimeIncrementUnit": "s"}
    tifffile.imwrite(stream, GRAY.astype(kind), ome=True, metadata={"axes": "TYX", **said})

    scan = read(stream.getvalue())

    assert scan.spacing == (0.3, 0.2)
    assert scan.times == (0.0, 50.0, 100.0)


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_decibels_of_single_precision_are_shown_as_those_of_double_are(kind):
    """One pixel of -300 is no reason to show the others in a fifth of the range."""
    decibels = (GRAY[0] * (60 / 255) - 60).astype(kind)
    decibels[0, 0] = -300

    (picture,) = shown(tiff(decibels, photometric="minisblack"))

    highest = float(decibels.max())
    expected = np.clip((decibels - highest + 60) * (255 / 60), 0, 255)
    assert np.allclose(expected, picture, atol=1)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "u4", "i8"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_color_of_other_types_has_its_colors_too(kind, planar):
    """As scikit-image saves what was computed."""
    stored = DOPPLER.astype(kind)
    stored = np.moveaxis(stored, -1, 0) if planar == "separate" else stored

    (picture,) = shown(tiff(stored, photometric="rgb", planarconfig=planar))

    assert np.array_equal(DOPPLER, picture)


def test_three_moments_in_reals_are_no_colors():
    moments = make_cine(2, frames=3, size=(160, 120)).pictures.astype("f4")

    with pytest.raises(Reject) as caught:
        shown(tiff(moments, photometric="rgb", planarconfig="separate"))

    assert caught.value.reason is Reason.AXES_UNCLEAR


BEYOND = {"byteorder": ">", "bigtiff": True}  # Bio-Formats', which Pillow does not open


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "zstd"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("layout", [{}, {"tile": (64, 64)}, {"rowsperstrip": 7}])
def test_a_large_file_with_high_bytes_first_is_read_however_it_is_packed(compression, bits, layout):
    options = {"compression": compression, **layout, **BEYOND}
    kind = f"u{bits // 8}"

    gray = tiff(*(GRAY.astype(kind) << (bits - 8)), photometric="minisblack", **options)
    color = tiff(DOPPLER, photometric="rgb", **options)

    assert np.array_equal(GRAY, shown(gray))
    assert np.array_equal(DOPPLER, shown(color)[0])


@pytest.mark.parametrize("compression", ["lzw", "zlib", "packbits", "zstd"])
@pytest.mark.parametrize("tag", [273, 279])
def test_a_strip_that_is_not_there_is_not_black(compression, tag):
    """Where it would lie, or how long it is, is zero: tifffile gives zeros."""
    data = tiff(GRAY[0], compression=compression, rowsperstrip=40, **BEYOND)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        told = file.pages[0].tags[tag]
        size = told.valuebytecount // told.count
        place = told.valueoffset + size

    with pytest.raises(Reject) as caught:
        shown(data[:place] + bytes(size) + data[place + size :])

    assert caught.value.reason in (Reason.TRUNCATED, Reason.UNREADABLE)


@pytest.mark.parametrize("compression", ["lzw", "zlib", "packbits", "zstd"])
def test_a_damaged_strip_of_a_large_file_is_no_picture(compression):
    data = bytearray(tiff(GRAY[0], compression=compression, rowsperstrip=40, **BEYOND))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        start, length = file.pages[0].dataoffsets[1], file.pages[0].databytecounts[1]
    data[start + length // 2 : start + length] = bytes(length - length // 2)

    with pytest.raises(Reject) as caught:
        shown(bytes(data))

    assert caught.value.reason is Reason.UNREADABLE
