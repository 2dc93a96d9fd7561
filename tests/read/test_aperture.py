"""A video's edges that its container says are not shown: clean apertures and Matroska's crops."""

from __future__ import annotations

import io
import struct

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.aperture import WHOLE, Crop, crop_of
from echoatlas.simulate.pictures.scans import make_cine

CINE = make_cine(1, frames=4, size=(160, 120), burned_in=()).pictures
PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1")
CLEAN = (100, 1, 80, 1, 10, 1, -5, 1)  # 100 x 80, 10 to the right of the middle, 5 above it
SHOWN = CINE[:, 15:95, 40:140]


def video(clean: tuple[int, ...] | None = None) -> bytes:
    """H.264 without loss as MP4, its boxes behind its pictures."""
    out = io.BytesIO()
    with av.open(out, "w", "mp4") as file:
        stream = file.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.height, stream.width = CINE.shape[1:]
        stream.pix_fmt, stream.codec_context.color_range = "yuvj420p", 2
        for picture in CINE:
            planes = np.full((180, 160), 128, np.uint8)
            planes[:120] = picture
            file.mux(stream.encode(av.VideoFrame.from_ndarray(planes, "yuvj420p")))
        file.mux(stream.encode(None))
    made = bytearray(out.getvalue())
    if clean is None:
        return bytes(made)
    box = struct.pack(">I4s8i", 40, b"clap", *clean)
    places = [made.rindex(name) - 4 for name in PARENTS]
    entry = places[-1]
    end = entry + struct.unpack_from(">I", made, entry)[0]
    made[end:end] = box
    for place in places:
        struct.pack_into(">I", made, place, struct.unpack_from(">I", made, place)[0] + len(box))
    return bytes(made)


def matroska(data: bytes) -> bytes:
    """The same stream, whose crop FFmpeg writes as Matroska has it."""
    out = io.BytesIO()
    with av.open(io.BytesIO(data)) as source, av.open(out, "w", "matroska") as file:
        track = file.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = track
                file.mux(packet)
    return out.getvalue()


def shown(data: bytes) -> NDArray[np.uint8]:
    return np.stack(list(read(data).frames()))[..., 0]


@pytest.mark.parametrize("write", [bytes, matroska], ids=["mp4", "matroska"])
def test_what_a_video_says_is_not_shown_is_not(write):
    """``findings/clean_aperture.sh``: OpenCV, PyAV and FFmpeg's program disagree."""
    whole, clean = (write(video(said)) for said in (None, CLEAN))

    assert np.array_equal(CINE, shown(whole))
    assert np.array_equal(SHOWN, shown(clean))
    assert (read(clean).height, read(clean).width) == (80, 100)


def test_pictures_of_which_less_is_shown_are_no_others_in_disguise():
    """The same stream elsewhere shows all of it: their coded pictures make no duplicates."""
    assert read(video()).codestream
    assert not read(video(CLEAN)).codestream


@pytest.mark.parametrize(
    "clean",
    [
        (160, 1, 120, 1, 0, 1, 0, 1),
        (320, 1, 120, 1, 0, 1, 0, 1),
        (100, 0, 80, 1, 0, 1, 0, 1),
        (100, 1, 80, 1, 90, 1, 0, 1),
        (-100, 1, 80, 1, 0, 1, 0, 1),
    ],
)
def test_an_aperture_that_says_nothing_or_is_none_changes_nothing(clean):
    assert np.array_equal(CINE, shown(video(clean)))


def test_a_pixel_that_is_shown_in_part_is_shown():
    data = video((199, 2, 80, 1, 0, 1, 0, 1))

    assert Crop(20, 20, 30, 30) == crop_of(data, 1, 120, 160)


@pytest.mark.parametrize("cut", range(0, 600, 7))
def test_damaged_boxes_say_nothing(cut):
    data = video(CLEAN)
    place = data.rindex(b"moov") - 4

    found = crop_of(data[: place + cut], 1, 120, 160)

    assert found in (WHOLE, Crop(15, 25, 40, 20))
