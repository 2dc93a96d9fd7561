"""Every transfer syntax and format, made with known pictures, gives these pictures back."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from typing import Any

import av
import cv2
import h5py
import imagecodecs
import nibabel
import numpy as np
import pytest
import scipy.io
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.pipeline.read.codecs import decode
from echoatlas.pipeline.read.codestream import probe
from echoatlas.pipeline.read.sniff import sniff
from echoatlas.simulate.files.dicom import write_dicom
from echoatlas.simulate.files.encoding import CODED, LOSSLESS, NATIVE, SYNTAXES, VIDEO
from echoatlas.simulate.files.other_formats import write_gif, write_video
from echoatlas.simulate.pictures.scans import SimulatedScan, make_cine
from tests.helpers.indexed_avi import indexed_avi

LITTLE = "1.2.840.10008.1.2.1"
J = "1.2.840.10008.1.2.4."


@pytest.fixture(scope="module")
def gray() -> SimulatedScan:
    return make_cine(1, frames=3, size=(320, 240))


@pytest.fixture(scope="module")
def colored() -> SimulatedScan:
    return make_cine(1, frames=3, size=(320, 240), color=True, mode="color_doppler")


def pictures(data: bytes, config: ReadConfig | None = None) -> NDArray[np.uint8]:
    return np.stack(list(read(data, config or ReadConfig()).frames()))


def difference(truth: NDArray[Any], found: NDArray[Any]) -> NDArray[Any]:
    if found.ndim > truth.ndim:
        truth = np.repeat(truth[..., None], 3, axis=-1)
    assert truth.shape == found.shape
    return np.abs(truth.astype(np.int16) - found)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("photometric", [None, "PALETTE COLOR"])
def test_gray_in_every_transfer_syntax_is_what_was_written(syntax, photometric, gray):
    found = pictures(write_dicom(gray, syntax, photometric))

    apart = difference(gray.pictures, found)
    assert apart.mean() <= (0 if syntax in LOSSLESS else 1.5)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422"])
def test_color_in_every_transfer_syntax_is_what_was_written(syntax, photometric, colored):
    """Simulated JPEG-LS says YBR_FULL over RGB samples: the samples are believed."""
    found = pictures(write_dicom(colored, syntax, photometric))

    assert difference(colored.pictures, found).mean() <= 1.6


@pytest.mark.parametrize("syntax", sorted(LOSSLESS))
def test_inverted_gray_is_turned_back(syntax, gray):
    found = pictures(write_dicom(gray, syntax, "MONOCHROME1"))

    assert difference(gray.pictures, found).max() == 0


@pytest.mark.parametrize("syntax", [J + "50", J + "70", J + "80", J + "90", J + "201", J + "110"])
@pytest.mark.parametrize("fragments", [1, 3])
@pytest.mark.parametrize("offsets", ["none", "basic", "extended"])
def test_frames_are_found_however_they_are_cut(syntax, fragments, offsets, gray):
    if offsets == "extended" and fragments > 1:
        pytest.skip("an extended offset table allows one fragment a frame (PS3.3 C.7.6.3.1.8)")

    found = pictures(write_dicom(gray, syntax, fragments=fragments, offsets=offsets))

    assert len(gray.pictures) == len(found)
    assert difference(gray.pictures, found).mean() < 1.5


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("syntax", sorted(NATIVE))
def test_palettes_of_either_width_and_byte_order_give_the_same_colors(bits, syntax, gray):
    found = pictures(write_dicom(gray, syntax, "PALETTE COLOR", palette_bits=bits))

    assert difference(gray.pictures, found).max() == 0


def test_planes_of_color_are_put_together(colored):
    found = pictures(write_dicom(colored, LITTLE, "RGB", planar=1))

    assert difference(colored.pictures, found).max() == 0


def test_frames_start_anew_each_time(gray):
    scan = read(write_dicom(gray, J + "70"))

    once, twice = (np.stack(list(scan.frames())) for _ in range(2))

    assert (once == twice).all()


def test_the_header_holds_no_pixels(gray):
    scan = read(write_dicom(gray, J + "50"))

    assert "PixelData" not in scan.header
    assert scan.header.Rows == 240


@pytest.mark.parametrize(
    ("overrides", "times"),
    [
        ({"FrameTime": 40, "CineRate": None}, (0.0, 40.0, 80.0)),
        ({"FrameTime": None, "FrameTimeVector": [0, 10, 30], "CineRate": None}, (0.0, 10.0, 40.0)),
        *(
            (
                {"FrameTime": 40, "FrameTimeVector": [0, 10, 30], "FrameIncrementPointer": said},
                expected,
            )
            for said, expected in (
                (0x00181063, (0.0, 40.0, 80.0)),
                (0x00181065, (0.0, 10.0, 40.0)),
                (None, (0.0, 10.0, 40.0)),
            )
        ),
        ({"FrameTime": None, "RecommendedDisplayFrameRate": 50, "CineRate": None}, (0, 20.0, 40.0)),
        (
            {
                "FrameTime": None, "FrameTimeVector": None, "CineRate": None,
                "RecommendedDisplayFrameRate": None, "ActualFrameDuration": None,
            },
            None,
        ),
    ],
)  # fmt: skip
def test_time_is_what_the_header_says_and_else_unknown(overrides, times, gray):
    scan = read(write_dicom(gray, LITTLE, overrides=overrides))

    assert times == scan.times


def test_sixteen_bits_become_eight_by_the_stored_bits():
    ramp = np.arange(64 * 64, dtype=np.uint16).reshape(1, 64, 64)
    cine = make_cine(1, frames=1, size=(320, 240))
    plain = write_dicom(cine, LITTLE)
    wide = {
        "Rows": 64, "Columns": 64, "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11,
        "PixelData": ramp.tobytes(), "WindowCenter": None, "WindowWidth": None,
        "NumberOfFrames": None,
    }  # fmt: skip

    found = pictures(write_dicom(cine, LITTLE, overrides=wide))

    assert plain
    assert (ramp[0] >> 4 == found[0]).all()


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_a_loose_picture_is_what_was_saved(kind, colored):
    options = {"lossless": True} if kind == "WEBP" else {}

    scan = read(encoded(Image.fromarray(colored.pictures[0]), kind, **options))

    assert kind.lower() == scan.format
    assert (colored.pictures[0] == next(scan.frames())).all()


def test_what_is_transparent_is_black():
    image = np.full((32, 32, 4), 200, np.uint8)
    image[:16, :, 3] = 0

    shown = pictures(encoded(Image.fromarray(image, "RGBA"), "PNG"))[0]

    assert shown[:16].max() == 0
    assert shown[16:].max() == round(200 * 200 / 255)


@pytest.mark.parametrize("turn", [1, 3])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_level_of_gray_that_a_png_says_is_transparent_is_black(bits, turn):
    """PNG 3rd ed., 11.3.1.1: the level is one of the file's samples, of as many bits as they."""
    levels = (1 << bits) - 1
    shown = np.random.default_rng(bits).integers(levels + 1, size=(32, 64))
    shown[0] = levels
    sides = np.unpackbits(shown.astype(">u4").view(np.uint8).reshape(*shown.shape, 4), axis=-1)
    rows = [np.packbits(row[:, -bits:]).tobytes() for row in sides]
    head = struct.pack(">IIBBBBB", shown.shape[1], len(shown), bits, 0, 0, 0, 0)
    side = struct.pack("<4sIHHHII", b"II*\0", 8, 1, 0x0112, 3, 1, turn) + bytes(4)
    parts = {
        b"IHDR": head,
        b"eXIf": side,
        b"tRNS": struct.pack(">H", levels),
        b"IDAT": zlib.compress(b"".join(b"\0" + row for row in rows)),
        b"IEND": b"",
    }

    found = pictures(packed_png(parts.items()))[0]

    opaque = np.where(shown == levels, 0, shown) * 255 // levels
    assert opaque.any() == (bits > 1)
    assert np.abs(found[:: 2 - turn, :: 2 - turn].astype(int) - opaque).max() <= 1


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_color_of_a_palette_that_a_png_says_is_transparent_is_black(bits):
    levels = np.arange(1 << bits, dtype=np.uint8)
    row = np.packbits(np.unpackbits(levels[:, None], axis=1)[:, -bits:]).tobytes()
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", len(levels), 8, bits, 3, 0, 0, 0),
        b"PLTE": bytes(200 + i % 50 for i in levels for _ in range(3)),
        b"tRNS": b"\xff\xff\0",
        b"IDAT": zlib.compress((b"\0" + row) * 8),
        b"IEND": b"",
    }

    found = pictures(packed_png(parts.items()))[0]

    assert (found.max(axis=-1) == 0).all(axis=0).nonzero()[0].tolist() == [2]


@pytest.mark.parametrize("kind", ["bmp", "png", "tiff"])
def test_a_picture_whose_alpha_nobody_set_is_not_black(kind, colored):
    """Windows gives a screen's pixels with a fourth byte of 0, and OpenCV saves it."""
    shown = colored.pictures[0]
    grabbed = np.dstack([shown[..., ::-1], np.zeros_like(shown[..., 0])])
    data = cv2.imencode(f".{kind}", grabbed)[1].tobytes()

    (picture,) = read(data).frames()

    assert np.array_equal(colored.pictures[0], picture)


def test_colors_of_lab_are_not_transparent(colored):
    """Pillow calls one of the three A, as it does what is clear (TIFF 6.0, section 23)."""
    profiles = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
    lab = ImageCms.profileToProfile(
        Image.fromarray(colored.pictures[0]), *profiles, outputMode="LAB"
    )

    found = read(encoded(lab, "tiff"))

    assert found.flags == ()
    assert np.abs(next(found.frames()).astype(int) - colored.pictures[0]).mean() < 1


def test_a_png_of_sixteen_bits_keeps_its_contrast():
    ramp = (np.arange(64 * 64, dtype=np.uint16) * 16).reshape(64, 64)

    shown = pictures(encoded(Image.fromarray(ramp), "PNG"))[0]

    assert (ramp >> 8 == shown).all()


def test_a_png_with_a_palette_is_painted():
    image = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8), (64, 1)), "P")
    image.putpalette([value for i in range(256) for value in (i, 255 - i, 7)])

    shown = pictures(encoded(image, "PNG"))[0]

    assert tuple(shown[0, 63]) == (63, 192, 7)


@pytest.mark.parametrize("shade", [(1, 1), (3, 7)])
def test_an_avi_with_a_palette_is_painted(shade, gray):
    ramp = np.arange(256)
    palette = np.stack([ramp, *(ramp * factor for factor in shade)], axis=1).astype(np.uint8)

    scan = read(indexed_avi(gray.pictures, palette))

    found = np.stack(list(scan.frames()))
    expected = palette[gray.pictures]
    assert scan.times == tuple(40.0 * number for number in range(len(gray.pictures)))
    assert np.array_equal(expected if found.ndim == 4 else expected[..., 0], found)


def test_a_picture_that_lies_on_its_side_is_turned():
    image = Image.fromarray(np.arange(64 * 32, dtype=np.uint8).reshape(32, 64))
    exif = Image.Exif()
    exif[0x0112] = 6

    scan = read(encoded(image, "JPEG", exif=exif, quality=100))

    assert (scan.height, scan.width) == (64, 32)


@pytest.mark.parametrize("kind", [*"BHIQhiq", np.float16, np.float32, np.float64])
def test_a_picture_of_8_bits_is_the_same_in_a_tiff_of_any_type(gray, kind):
    shown = gray.pictures[0] // 2 + 40  # neither black nor white: no stretching is right
    stream = io.BytesIO()
    tifffile.imwrite(stream, shown.astype(kind))

    (picture,) = read(stream.getvalue()).frames()

    assert np.array_equal(shown, picture)


@pytest.mark.parametrize("kind", ["int64", "long long int", "uint64", "unsigned long long int"])
def test_numbers_of_64_bits_are_read_as_numpy_and_itk_write_them(gray, kind):
    shown = gray.pictures[0]
    stored = shown.astype("<u8" if "u" in kind else "<i8").tobytes()
    height, width = shown.shape
    head = f"NRRD0004\ntype: {kind}\ndimension: 2\nsizes: {width} {height}\nendian: little\n"
    called = "MET_ULONG_LONG" if "u" in kind else "MET_LONG_LONG"
    meta = f"ObjectType = Image\nNDims = 2\nBinaryData = True\nDimSize = {width} {height}\n"

    for data in (
        f"{head}encoding: raw\n\n".encode() + stored,
        f"{meta}ElementType = {called}\nElementDataFile = LOCAL\n".encode() + stored,
    ):
        assert np.array_equal(shown, next(iter(read(data).frames())))


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("alpha", [False, True])
def test_color_of_few_bits_in_a_png_of_16_is_as_bright_as_in_one_of_8(bits, alpha):
    """Pillow gives the high byte, which of 8 bits is black."""
    shown = make_cine(1, frames=1, color=True, mode="color_doppler").pictures[0]
    wide = shown.astype(np.uint16) << (bits - 8)
    if alpha:
        wide = np.dstack([wide, np.full(shown.shape[:2], 65535, np.uint16)])
        wide[:20, :, 3] = 0

    (picture,) = read(bytes(imagecodecs.png_encode(wide))).frames()

    expected = shown.copy()
    expected[: 20 if alpha else 0] = 0
    assert np.abs(expected.astype(int) - picture).max() <= (1 if alpha else 0)


def png_chunks(data):
    place = 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        place += 12 + length


def packed_png(chunks):
    parts = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def rows_of(picture):
    coded = bytes(imagecodecs.png_encode(picture))
    return b"".join(body for name, body in png_chunks(coded) if name == b"IDAT")


def apng(pictures, poster=None):
    """Of 16 bits, the second and later frames in two chunks each and only where they differ."""
    head = next(png_chunks(bytes(imagecodecs.png_encode(pictures[0]))))
    height, width = pictures[0].shape[:2]
    chunks = [head, (b"acTL", struct.pack(">II", len(pictures), 0))]
    if poster is not None:
        chunks.append((b"IDAT", rows_of(poster)))
    sequence = 0
    for number, one in enumerate(pictures):
        top = 0 if number == 0 else height // 4
        place = struct.pack(">4IHHBB", width, height - top, 0, top, 1, 20, 0, 0)
        chunks.append((b"fcTL", struct.pack(">I", sequence) + place))
        sequence += 1
        rows = rows_of(np.ascontiguousarray(one[top:]))
        if number == 0 and poster is None:
            chunks.append((b"IDAT", rows))
            continue
        for part in (rows[:99], rows[99:]):
            chunks.append((b"fdAT", struct.pack(">I", sequence) + part))
            sequence += 1
    return packed_png([*chunks, (b"IEND", b"")])


def in_16_bits(picture, bits, alpha=False):
    wide = picture.astype(np.uint16) << (bits - 8)
    opaque = np.full(picture.shape[:2], 65535, np.uint16)
    return np.dstack([wide, opaque]) if alpha else wide


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("turn", range(2, 9))
def test_color_of_few_bits_in_a_png_of_16_that_is_turned_is_as_bright_too(bits, turn):
    shown = make_cine(1, frames=1, color=True, mode="color_doppler").pictures[0]
    exif = Image.Exif()
    exif[0x0112] = turn
    narrow = io.BytesIO()
    Image.fromarray(shown).save(narrow, "png", exif=exif)
    head, *rest = png_chunks(bytes(imagecodecs.png_encode(in_16_bits(shown, bits))))

    (picture,) = read(packed_png([head, (b"eXIf", exif.tobytes()[6:]), *rest])).frames()

    assert np.array_equal(next(iter(read(narrow.getvalue()).frames())), picture)
    assert not np.array_equal(shown, picture)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("poster", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_color_of_few_bits_in_an_animated_png_of_16_is_as_bright_too(bits, poster, alpha):
    """All frames by one scale, also where the last is the brightest."""
    cine = make_cine(1, frames=4, color=True, mode="color_doppler").pictures.copy()
    cine[:3] //= 2
    cine[3, -9:] = 255
    cine[1:, : cine.shape[1] // 4] = cine[0, : cine.shape[1] // 4]
    deep = [in_16_bits(one, bits, alpha) for one in cine]

    scan = read(apng(deep, in_16_bits(cine[0] * 0 + 255, 16, alpha) if poster else None))

    assert np.array_equal(cine, np.stack(list(scan.frames())))
    assert scan.times == (0.0, 50.0, 100.0, 150.0)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_gray_of_few_bits_with_alpha_in_a_png_of_16_is_as_bright_too(gray, bits):
    shown = gray.pictures[0]

    (picture,) = read(bytes(imagecodecs.png_encode(in_16_bits(shown, bits, alpha=True)))).frames()

    assert np.array_equal(shown if picture.ndim == 2 else np.dstack([shown] * 3), picture)


def test_a_gif_has_its_frames_and_times(gray):
    scan = read(write_gif(gray))

    assert len(gray.pictures) == len(list(scan.frames())) == scan.declared_frames
    assert scan.times is not None
    assert scan.times[0] == 0


def test_a_gif_without_durations_has_no_times():
    frames = [Image.fromarray(np.full((32, 32), 40 * i, np.uint8)) for i in range(3)]

    scan = read(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))

    assert scan.declared_frames == 3
    assert scan.times is None


@pytest.mark.parametrize(
    ("container", "codec"), [("mp4", "libx264"), ("mov", "libx264"), ("avi", "mjpeg")]
)
def test_a_video_has_its_frames_and_times(container, codec, gray):
    scan = read(write_video(gray, container, codec))

    found = np.stack(list(scan.frames()))

    assert difference(gray.pictures, found).mean() < 2.5
    assert scan.declared_frames == len(scan.times or ()) == len(found)
    assert not scan.damage.flags


def matroska(frames: NDArray[np.uint8], **color: int) -> bytes:
    """A lossless video whose matrix and range are stated as told."""
    stream = io.BytesIO()
    with av.open(stream, "w", format="matroska") as container:
        track = container.add_stream("ffv1", rate=25)
        track.height, track.width = frames.shape[1:3]
        track.pix_fmt = "yuv444p"
        for key, value in color.items():
            setattr(track.codec_context, key, value)
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(picture, "yuv444p", channel_last=True)
            for packet in track.encode(frame):
                container.mux(packet)
        for packet in track.encode():
            container.mux(packet)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"colorspace": 1, "color_range": 1}, (255, 24, 0)),  # BT.709, limited
        ({"color_range": 1}, (254, 0, 0)),  # unstated is BT.601
        ({"color_range": 2}, (238, 14, 14)),  # full range
    ],
)
def test_a_video_is_shown_by_its_own_matrix_and_range(stated, expected):
    """Expected values by the formulas of H.273 for Y, Cb, Cr = 81, 90, 240."""
    yuv = np.tile(np.array([81, 90, 240], np.uint8), (2, 64, 64, 1))

    shown = pictures(matroska(yuv, **stated))[0]

    assert np.abs(shown[32, 32].astype(int) - np.array(expected)).max() <= 3


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), lambda one: one),
        ((-1, 0, 0, -1), lambda one: one[::-1, ::-1]),
        ((0, 1, -1, 0), lambda one: np.rot90(one, -1)),
        ((0, -1, 1, 0), lambda one: np.rot90(one)),
        ((-1, 0, 0, 1), lambda one: one[:, ::-1]),
        ((1, 0, 0, -1), lambda one: one[::-1]),
        ((0, 1, 1, 0), lambda one: one.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda one: np.rot90(one.swapaxes(0, 1), 2)),
    ],
)
def test_a_video_is_turned_and_mirrored_as_its_track_says(matrix, shown, gray):
    """Of a mirrored one the angle is that of half a turn, or none (ISO/IEC 14496-12, 8.3.2)."""
    plain = write_video(gray)
    at = plain.index(b"tkhd") + 44
    a, b, c, d = (side << 16 for side in matrix)
    said = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    turned = plain[:at] + said + plain[at + 36 :]

    found = pictures(turned)

    assert np.array_equal(np.stack([shown(one) for one in pictures(plain)]), found)
    assert (read(turned).codestream == read(plain).codestream) == (matrix == (1, 0, 0, 1))


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "gray", "yuv420p10le"])
@pytest.mark.parametrize("left", [2, 16, 32])
def test_what_a_stream_cuts_off_at_its_left_is_not_shown(left, pixels, gray):
    """A site may hide a column of names so (H.264 7.4.2.1.1), and not code its clip anew."""

    def coded(**options: str) -> NDArray[np.uint8]:
        out = io.BytesIO()
        with av.open(out, "w", format="matroska") as container:
            track = container.add_stream("libx264", rate=25, options={"qp": "8", **options})
            track.height, track.width = gray.pictures.shape[1:3]
            track.pix_fmt = pixels
            for picture in gray.pictures:
                container.mux(track.encode(av.VideoFrame.from_ndarray(picture, "gray")))
            container.mux(track.encode())
        return pictures(out.getvalue())

    cut = coded(**{"x264-params": f"crop-rect={left},8,4,0"})

    assert np.array_equal(cut, coded()[:, 8:, left:-4])


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("kind", ["gray16le", "gbrp16le"])
def test_a_video_of_few_bits_in_16_is_as_bright_as_one_of_8(bits, kind, gray, colored):
    """The brightest of all frames says how many; the first may be darker."""
    shown = (gray if "gray" in kind else colored).pictures[:2].copy()
    shown[0] >>= 1
    stream = io.BytesIO()
    with av.open(stream, "w", format="matroska") as container:
        track = container.add_stream("ffv1", rate=25)
        track.height, track.width = shown.shape[1:3]
        track.pix_fmt = kind
        for picture in shown.astype(np.uint16) << (bits - 8):
            form = "gray16le" if picture.ndim == 2 else "rgb48le"
            frame = av.VideoFrame.from_ndarray(picture, form).reformat(format=kind)
            for packet in track.encode(frame):
                container.mux(packet)
        for packet in track.encode():
            container.mux(packet)

    assert np.array_equal(shown, pictures(stream.getvalue()))


def test_a_nifti_sequence_runs_along_its_last_axis(gray):
    image = nibabel.Nifti1Image(gray.pictures.transpose(2, 1, 0)[:, :, None], np.eye(4))
    image.header.set_zooms((0.5, 0.25, 1, 0.04))
    image.header.set_xyzt_units("mm", "sec")

    scan = read(image.to_bytes())

    assert (gray.pictures == np.stack(list(scan.frames()))).all()
    assert scan.spacing == (0.5, 0.25)
    assert scan.times == (0.0, 40.0, 80.0)


def meta_image(values: NDArray[np.uint8], *, compressed: bool) -> bytes:
    body = zlib.compress(values.tobytes()) if compressed else values.tobytes()
    sides = " ".join(str(side) for side in values.shape[::-1])
    head = (
        f"ObjectType = Image\nNDims = {values.ndim}\nDimSize = {sides}\n"
        f"ElementType = MET_UCHAR\nElementSpacing = 0.5 0.25 1\nCompressedData = {compressed}\n"
        "ElementDataFile = LOCAL\n"
    )
    return head.encode() + body


@pytest.mark.parametrize("compressed", [False, True])
def test_a_meta_image_is_what_was_written(compressed, gray):
    scan = read(meta_image(gray.pictures, compressed=compressed))

    assert (gray.pictures == np.stack(list(scan.frames()))).all()
    assert scan.spacing == (0.5, 0.25)


def test_a_volume_without_its_values_has_no_pixels(gray):
    data = meta_image(gray.pictures, compressed=False).replace(b"LOCAL", b"other.raw")

    with pytest.raises(Reject) as caught:
        read(data)

    assert Reason.NO_PIXELS is caught.value.reason


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
def test_an_nrrd_is_what_was_written(encoding, gray):
    values = gray.pictures
    body = zlib.compress(values.tobytes()) if encoding == "gzip" else values.tobytes()
    sides = " ".join(str(side) for side in values.shape[::-1])
    head = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: {sides}\nencoding: {encoding}\n\n"

    scan = read(head.encode() + body)

    assert (values == np.stack(list(scan.frames()))).all()


def test_an_hdf5_file_gives_its_pictures(gray):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["labels"] = np.arange(3)
        file["scan/pictures"] = gray.pictures

    found = pictures(stream.getvalue())

    assert (gray.pictures == found).all()


def test_an_hdf5_file_does_not_lead_to_others(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(256)) * 16)
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_dataset("x", (64, 64), "u1", external=[(str(secret), 0, 4096)])
        file["y"] = h5py.ExternalLink(str(secret), "/x")

    with pytest.raises(Reject, match="send a file that holds them itself") as caught:
        read(stream.getvalue())

    assert Reason.NO_PIXELS is caught.value.reason


def test_a_virtual_dataset_says_that_its_values_lie_elsewhere():
    layout = h5py.VirtualLayout((6, 64, 64), "u1")
    layout[...] = h5py.VirtualSource("pictures.h5", "x", (6, 64, 64))
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_virtual_dataset("images", layout)

    with pytest.raises(Reject, match="virtual datasets"):
        read(stream.getvalue())


def test_a_matlab_file_gives_its_pictures_frames_last(gray):
    five = np.concatenate([gray.pictures, gray.pictures[:2]])
    stream = io.BytesIO()
    scipy.io.savemat(stream, {"x": five.transpose(1, 2, 0)}, do_compression=True)

    found = pictures(stream.getvalue())

    assert (five == found).all()


def test_a_tiff_of_many_pages_gives_each(gray):
    stream = io.BytesIO()
    tifffile.imwrite(stream, gray.pictures, photometric="minisblack")

    assert (gray.pictures == pictures(stream.getvalue())).all()


def test_the_format_is_told_by_content_alone(gray):
    assert sniff(write_dicom(gray, LITTLE)) == "dicom"
    assert sniff(b"just a letter that ends in .dcm") == ""


@pytest.mark.parametrize("syntax", sorted(CODED))
def test_a_codestream_tells_its_size_before_it_is_decoded(syntax, colored):
    encode, _ = CODED[syntax]
    stream = encode(colored.pictures[0], 90, "RGB")

    head = probe(memoryview(stream))

    assert (head.height, head.width) == (240, 320)
    assert decode(memoryview(stream), "RGB", ReadConfig()).samples.shape == (240, 320, 3)


def test_a_picture_beyond_the_bounds_is_refused_before_it_is_decoded(gray):
    tight = replace(ReadConfig(), max_pixels=1000)

    for data in (write_dicom(gray, J + "50"), encoded(Image.fromarray(gray.pictures[0]), "PNG")):
        with pytest.raises(Reject) as caught:
            read(data, tight)
        assert Reason.TOO_LARGE is caught.value.reason


def test_no_video_syntax_is_forgotten():
    """PS3.5 8.2.5 to 8.2.9, each but HEVC also in any number of fragments."""
    both = {f"{J}{number}{end}" for number in range(100, 107) for end in ("", ".1")}

    assert both | {J + "107", J + "108"} == set(VIDEO)
