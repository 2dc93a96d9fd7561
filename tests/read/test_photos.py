"""Photos and other files of several pictures: the whole one, all of them, or a reason."""

from __future__ import annotations

import io
import struct
import tracemalloc
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.pipeline.read.metadata import read_words
from echoatlas.pipeline.read.several import parts_of
from echoatlas.pipeline.read.sniff import sniff
from echoatlas.simulate.files.other_formats import write_video
from echoatlas.simulate.pictures.scans import make_cine
from tests.helpers.heif import photo

CINE = make_cine(1, frames=4, size=(512, 384), color=True)
GRAY = make_cine(2, frames=4, size=(160, 120)).pictures
COLOR = CINE.pictures


def pictures(data: bytes) -> NDArray[np.uint8]:
    return np.stack(list(read(data).frames()))


def refused(data: bytes) -> tuple[Reason, str]:
    with pytest.raises(Reject) as caught:
        pictures(data)
    return caught.value.reason, caught.value.detail


def apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", picture)[1].tobytes()


def test_a_photo_of_tiles_is_the_whole_picture_and_not_its_first_tile():
    scan = read(photo(COLOR[0], tile_size=256))

    (shown,) = scan.frames()

    assert (scan.format, scan.declared_frames, scan.height, scan.width) == ("heif", 1, 384, 512)
    assert apart(COLOR[0], shown) < 0.1


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"heix"])
def test_a_photo_is_told_by_its_brand(brand):
    data = photo(COLOR[0], tile_size=256)

    shown = pictures(data[:8] + brand + data[12:])

    assert apart(COLOR[:1], shown) < 0.1


def test_an_avif_photo_is_what_was_saved():
    scan = read(photo(COLOR[0], kind="AVIF"))

    assert scan.format == "avif"
    assert apart(COLOR[0], next(scan.frames())) < 2


def test_an_animated_avif_has_its_frames_and_times():
    scan = read(photo(*COLOR, kind="AVIF", duration=40))

    assert apart(COLOR, np.stack(list(scan.frames()))) < 2
    assert scan.times == (0.0, 40.0, 80.0, 120.0)


def test_several_photos_of_one_file_are_all_read():
    scan = read(photo(*COLOR[:2]))

    assert apart(COLOR[:2], np.stack(list(scan.frames()))) < 0.1
    assert scan.times is None


def test_several_photos_of_different_sizes_are_refused():
    assert Reason.FRAME_MISMATCH is refused(photo(COLOR[0], COLOR[1][:256, :256]))[0]


def test_a_photo_is_turned_by_its_own_property_and_not_once_more_by_exif():
    """ISO/IEC 23008-12 A.2.1: the decoder has done it already; EXIF says what it did."""
    exif = Image.Exif()
    exif[0x0112] = 6

    shown = pictures(photo(COLOR[0], exif=exif))

    assert apart(COLOR[:1], shown) < 0.1


def test_the_words_of_a_photo_are_read_without_its_pixels():
    exif = Image.Exif()
    exif[0x010E] = "kidney"

    assert read_words(photo(COLOR[0], exif=exif), ReadConfig()).format == "heif"


def test_a_video_with_a_brand_of_its_own_stays_a_video():
    assert sniff(write_video(CINE, "mp4", "libx264")) == "mp4"
    assert sniff(write_video(CINE, "mov", "libx264")) == "mov"


@pytest.mark.parametrize("used", [8, 10, 12, 16])
@pytest.mark.parametrize("stated", [12, 16])
@pytest.mark.parametrize("count", [1, 2])
def test_fewer_bits_than_a_codestream_states_are_as_bright_as_all(used, stated, count):
    """Encoders of words say that they are of 16 bits, whatever is in them."""
    if used > stated:
        pytest.skip("more than there is room for")
    shades = [(one.astype(np.uint16) << 8) >> (16 - used) for one in GRAY[:count]]
    coded = [bytes(imagecodecs.ljpeg_encode(one, bitspersample=stated)) for one in shades]

    assert np.array_equal(GRAY[:count], pictures(b"".join(coded)))


@pytest.mark.parametrize("padding", [b"", b"\0\0\0"])
def test_motion_jpeg_without_a_container_has_all_its_frames(padding):
    coded = [jpeg(one) for one in GRAY] * 5

    scan = read(padding.join(coded) + padding)

    expected = [cv2.imdecode(np.frombuffer(one, np.uint8), 0) for one in coded]
    assert (scan.format, scan.declared_frames) == ("mjpeg", 20)
    assert (np.stack(expected) == np.stack(list(scan.frames()))).all()
    assert scan.single is not None
    assert (expected[7] == scan.single(7)).all()


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(0, 3), st.booleans())
@settings(max_examples=40, deadline=None)
def test_pictures_are_cut_where_each_ends(qualities, padding, restarts):
    options = [cv2.IMWRITE_JPEG_RST_INTERVAL, 4 * restarts]
    coded = [
        cv2.imencode(".jpg", GRAY[0], [cv2.IMWRITE_JPEG_QUALITY, q, *options])[1].tobytes()
        for q in qualities
    ]

    parts = parts_of(bytes(padding).join(coded), 100)

    assert [len(one) for one in coded] == [end - start for start, end in parts.places]


def test_a_picture_of_another_size_behind_the_first_is_left_out_and_flagged():
    scan = read(jpeg(GRAY[0]) + jpeg(GRAY[1][:40, :40]))

    assert (scan.format, scan.declared_frames) == ("jpeg", 1)
    assert "pictures_left_out" in scan.flags


def multi_picture(kinds: list[int], *views: bytes) -> bytes:
    """JPEGs as MPO (CIPA DC-007): an index in the first names each by its type."""
    first, *others = views
    count = len(views)
    size = 8 + 2 + 3 * 12 + 4 + 16 * count
    whole = len(first) + 4 + 4 + size
    base = 2 + 4 + 4
    entries, place = b"", whole
    for number, (kind, view) in enumerate(zip(kinds, views, strict=True)):
        length = whole if not number else len(view)
        entries += struct.pack("<IIIHH", kind, length, place - base if number else 0, 0, 0)
        place += len(view) if number else 0
    index = b"II*\0" + struct.pack("<IH", 8, 3)
    index += struct.pack("<HHI4s", 0xB000, 7, 4, b"0100")
    index += struct.pack("<HHII", 0xB001, 4, 1, count)
    index += struct.pack("<HHII", 0xB002, 7, 16 * count, 8 + 2 + 36 + 4)
    index += struct.pack("<I", 0) + entries
    segment = b"\xff\xe2" + struct.pack(">H", 2 + 4 + len(index)) + b"MPF\0" + index
    return first[:2] + segment + first[2:] + b"".join(others)


STEREO, PREVIEW, GAIN_MAP, PRIMARY = 0x020002, 0x010001, 0x000000, 0x030000


def test_the_second_view_of_a_stereo_picture_is_not_lost():
    data = multi_picture([STEREO, STEREO], jpeg(GRAY[0]), jpeg(GRAY[1]))

    scan = read(data)

    expected = [cv2.imdecode(np.frombuffer(jpeg(one), np.uint8), 0) for one in GRAY[:2]]
    assert Image.open(io.BytesIO(data)).n_frames == 2  # as another reader sees it
    assert (np.stack(expected) == np.stack(list(scan.frames()))).all()


@pytest.mark.parametrize("kind", [PREVIEW, GAIN_MAP])
def test_a_preview_or_gain_map_is_no_second_picture(kind):
    scan = read(multi_picture([PRIMARY, kind], jpeg(GRAY[0]), jpeg(GRAY[0])))

    assert scan.declared_frames == 1
    assert "pictures_left_out" in scan.flags


def test_views_of_different_sizes_are_refused():
    data = multi_picture([STEREO, STEREO], jpeg(GRAY[0]), jpeg(GRAY[1][:40, :40]))

    assert Reason.FRAME_MISMATCH is refused(data)[0]


def tiff(*pages: tuple[NDArray[Any], dict[str, Any]]) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        for values, options in pages:
            file.write(values, **{"photometric": "minisblack", "metadata": None, **options})
    return stream.getvalue()


def small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(picture, (40, 30), interpolation=cv2.INTER_AREA), np.uint8)


REDUCED = {"subfiletype": 1}


@pytest.mark.parametrize(
    "pages",
    [
        [(GRAY[0], {}), (small(GRAY[0]), REDUCED)],
        [(small(GRAY[0]), REDUCED), (GRAY[0], {})],
        [(GRAY[0], {}), (small(GRAY[0]), {})],
    ],
    ids=["reduced", "reduced first", "unsaid"],
)
def test_the_thumbnail_of_a_tiff_is_no_page(pages):
    scan = read(tiff(*pages))

    (shown,) = scan.frames()

    assert (GRAY[0] == shown).all()
    assert (scan.declared_frames, scan.height, scan.width) == (1, 120, 160)
    assert "pictures_left_out" in scan.flags


def test_a_small_page_that_shows_something_else_is_not_passed_over():
    other = np.random.default_rng(0).integers(0, 255, (30, 40), np.uint8)

    assert Reason.FRAME_MISMATCH is refused(tiff((GRAY[0], {}), (other, {})))[0]


LEVELS = np.array([1, 2, 4, 1])


@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.int16])
def test_pages_of_a_deep_tiff_keep_their_gray_levels_against_each_other(kind):
    """A page of half the signal is half as bright, whatever is the brightest of each."""
    ramp = np.tile(np.arange(64), (64, 1))
    clip = (ramp[None] * LEVELS[:, None, None]).astype(kind)

    shown = pictures(tiff(*((page, {}) for page in clip))).astype(float)

    bright = shown[:, 0, -1]
    assert np.allclose(bright / bright[0], LEVELS, rtol=0.05)
    assert bright.max() > 120


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_tiff_whose_zero_is_white_is_not_a_negative(kind):
    full = np.iinfo(kind).max
    ramp = np.tile(np.linspace(0, full, 64).astype(kind), (64, 1))
    whole = tiff((full - ramp, {"photometric": "miniswhite"}))

    (shown,) = pictures(whole)

    assert (ramp >> (8 * (ramp.itemsize - 1)) == shown).all()


def animated(kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    first, *rest = (Image.fromarray(one) for one in COLOR)
    first.save(stream, kind, save_all=True, append_images=rest, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "GIF"])
def test_an_animation_has_the_times_that_it_was_saved_with(kind):
    scan = read(animated(kind, duration=[40, 50, 60, 70]))

    assert scan.times == (0.0, 40.0, 90.0, 150.0)
    assert len(list(scan.frames())) == 4


def test_the_poster_of_an_animated_png_is_no_frame():
    stream = io.BytesIO()
    poster, *rest = (Image.fromarray(one) for one in COLOR)
    poster.save(stream, "PNG", save_all=True, append_images=rest, default_image=True, duration=40)

    shown = pictures(stream.getvalue())

    assert (COLOR[1:] == shown).all()


def test_a_tiff_that_claims_millions_of_rows_is_refused_before_they_are_listed():
    """Rows a strip 1, of an image that is said to be two thousand million rows high."""
    data = bytearray(tiff((GRAY[0], {"rowsperstrip": 1})))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tag = file.pages[0].tags["ImageLength"]
        place, form = tag.valueoffset, "<I" if tag.dtype == 4 else "<H"
    assert form == "<I"
    data[place : place + 4] = struct.pack(form, 1 << 31)

    tracemalloc.start()
    reason = refused(bytes(data))[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert Reason.UNREADABLE is reason
    assert peak < 8 << 20


def described(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "left kidney, sagittal"  # ImageDescription
    out = io.BytesIO()
    if kind == "HEIF":
        made = pillow_heif.from_pillow(Image.fromarray(COLOR[0]))
        made.save(out, exif=exif.tobytes())
    else:
        Image.fromarray(COLOR[0]).save(out, kind, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_the_description_of_a_picture_is_read_in_every_format(kind):
    data = described(kind)

    assert "left kidney, sagittal" in read(data).text.values()
    assert read_words(data, ReadConfig()).text == read(data).text


def test_the_comment_of_a_gif_is_read():
    out = io.BytesIO()
    Image.fromarray(GRAY[0]).save(out, "GIF", comment=b"left kidney")

    assert read(out.getvalue()).text["comment"] == "left kidney"


def test_the_description_of_a_tiff_of_pages_is_read():
    out = io.BytesIO()
    tifffile.imwrite(out, GRAY, photometric="minisblack", description="thyroid", metadata=None)

    assert "thyroid" in read(out.getvalue()).text.values()
