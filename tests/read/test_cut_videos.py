"""Frame grabbers' clips, and clips cut out of longer ones: what can be seen keeps its number."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.schemas.records import Scan
from echoatlas.simulate.pictures.scans import make_cine
from tests.helpers.frame_grabber import avi

SIZE = (160, 120)
GRAY = make_cine(1, frames=24, size=SIZE).pictures
CODED = [cv2.imencode(".jpg", one, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes() for one in GRAY]
NOTHING = b""
GROUP = 8  # pictures from one random access point to the next
OPEN_GOP = {
    "libx264": {
        "x264-params": "open-gop=1:keyint=8:min-keyint=8:scenecut=0:bframes=2:b-adapt=0",
        "crf": "12",
        "threads": "1",
    },
    "libx265": {
        "x265-params": "open-gop=1:keyint=8:min-keyint=8:scenecut=0:bframes=2:b-adapt=0:"
        "log-level=none:pools=none:frame-threads=1",
        "crf": "10",
    },
    "mpeg2video": {"g": "8", "bf": "2", "b": "12M", "threads": "1", "sc_threshold": "1000000000"},
}


def pictures(scan: Scan) -> NDArray[np.uint8]:
    shown = np.stack(list(scan.frames()))
    return shown if shown.ndim == 3 else shown[..., 1]


def refused(data: bytes, config: ReadConfig | None = None) -> Reason:
    with pytest.raises(Reject) as caught:
        list(read(data, config or ReadConfig()).frames())
    return caught.value.reason


def encoded(codec: str, container: str, options: dict[str, str], fps: int = 25) -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format=container) as output:
        track = output.add_stream(codec, rate=fps)
        (track.width, track.height), track.pix_fmt, track.options = SIZE, "yuv420p", options
        for one in GRAY:
            output.mux(track.encode(av.VideoFrame.from_ndarray(one, format="gray")))
        output.mux(track.encode(None))
    return stream.getvalue()


def cut(transport: bytes, packets: int) -> bytes:
    """A transport stream without its first coded pictures, its tables kept."""
    kept, seen = [], 0
    for place in range(0, len(transport), 188):
        packet = transport[place : place + 188]
        if (packet[1] & 0x1F) << 8 | packet[2] == 0x100:
            seen += bool(packet[1] & 0x40)  # a picture starts
            if seen <= packets:
                continue
        kept.append(packet)
    return b"".join(kept)


def test_an_empty_chunk_shows_the_last_picture_once_more():
    grabbed = [CODED[0], NOTHING, NOTHING, CODED[1], CODED[2], NOTHING]

    scan = read(avi(grabbed, SIZE))

    shown = pictures(scan)
    plain = pictures(read(avi(CODED[:3], SIZE)))
    assert (plain[[0, 0, 0, 1, 2, 2]] == shown).all()
    assert scan.times == (0.0, 40.0, 80.0, 120.0, 160.0, 200.0)
    assert scan.declared_frames == 6
    assert "repeats" in scan.flags
    assert not scan.damage.flags


def test_without_its_index_such_a_clip_is_the_same():
    grabbed = [CODED[0], NOTHING, CODED[1], NOTHING]

    with_index, without = (read(avi(grabbed, SIZE, index=index)) for index in (True, False))

    assert with_index.times == without.times
    assert (pictures(with_index) == pictures(without)).all()


def test_what_comes_before_the_first_picture_is_left_out_and_flagged():
    scan = read(avi([NOTHING, NOTHING, CODED[0], CODED[1]], SIZE))

    shown = pictures(scan)

    assert (len(shown), scan.declared_frames) == (2, 4)
    assert ({"late_start"}, {0, 1}) == (scan.damage.flags, scan.damage.lost)


@pytest.mark.parametrize("index", [True, False])
def test_an_end_that_is_missing_is_not_taken_for_empty_chunks(index):
    data = avi([*CODED[:6], NOTHING], SIZE, index=index)

    assert Reason.TRUNCATED is refused(data[: len(data) // 2])


STREAMS: dict[str, bytes] = {}


def stream(codec: str) -> bytes:
    if codec not in STREAMS:
        STREAMS[codec] = encoded(codec, "mpegts", OPEN_GOP[codec])
    return STREAMS[codec]


@pytest.mark.parametrize("codec", OPEN_GOP)
@pytest.mark.parametrize("packets", [1, 5, 7, 8])
def test_a_clip_that_begins_in_the_middle_starts_at_its_first_whole_picture(codec, packets):
    """The others keep their numbers, and the time that has passed since the clip began."""
    whole = pictures(read(stream(codec)))

    scan = read(cut(stream(codec), packets))
    shown = pictures(scan)

    lost = len(GRAY) - packets - len(shown)
    assert len(GRAY) - packets == scan.declared_frames
    assert 0 < lost <= GROUP + 2
    assert (whole[-len(shown) :] == shown).all()
    assert set(range(lost)) == scan.damage.lost
    assert {"late_start"} == scan.damage.flags
    assert scan.times is not None and len(scan.times) == scan.declared_frames


@pytest.mark.parametrize("codec", OPEN_GOP)
def test_a_whole_clip_of_open_groups_loses_nothing(codec):
    scan = read(stream(codec))

    shown = pictures(scan)

    assert len(GRAY) == len(shown) == scan.declared_frames
    assert float(np.abs(shown.astype(int) - GRAY).mean()) < 2.5
    assert not scan.damage.flags and not scan.damage.lost


def test_a_bare_stream_that_begins_at_an_open_group_leaves_its_leading_pictures_out():
    bare = encoded("mpeg2video", "mpeg2video", OPEN_GOP["mpeg2video"])
    second = bare.index(b"\0\0\1\xb3", 10)

    scan = read(bare[second:])
    shown = pictures(scan)

    assert {0, 1} == scan.damage.lost
    assert scan.declared_frames - 2 == len(shown)


def test_a_picture_that_is_damaged_in_the_middle_still_refuses_the_clip():
    data = bytearray(stream("mpeg2video"))
    middle = len(data) // 2 // 188 * 188
    data[middle : middle + 188 * 8] = b""

    assert refused(bytes(data)) in (Reason.UNREADABLE, Reason.FRAME_MISMATCH, Reason.TRUNCATED)


BARE = {"libx264": "h264", "libx265": "hevc", "mpeg4": "m4v"}


@pytest.mark.parametrize("codec", BARE)
def test_a_bare_stream_is_read(codec):
    plain = {**OPEN_GOP, "mpeg4": {"b": "8M", "g": "8", "threads": "1"}}[codec]

    scan = read(encoded(codec, BARE[codec], plain))
    shown = pictures(scan)

    assert (BARE[codec], len(GRAY)) == (scan.format, len(shown))
    assert float(np.abs(shown.astype(int) - GRAY).mean()) < 2.5


def test_a_bare_h264_stream_has_no_times_of_its_own():
    assert read(encoded("libx264", "h264", OPEN_GOP["libx264"])).times is None


def two_tracks(disposition: Disposition | None, first: bool) -> bytes:
    """A clip with another video track of a small picture, before or after it."""
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as output:

        def clip() -> Any:
            track = output.add_stream("mjpeg", rate=25)
            (track.width, track.height), track.pix_fmt = SIZE, "yuvj420p"
            return track

        def cover() -> Any:
            track = output.add_stream("mjpeg", rate=1)
            track.width = track.height = 64
            track.pix_fmt = "yuvj420p"
            if disposition is not None:
                track.disposition = disposition
            return track

        makers = (cover, clip) if first else (clip, cover)
        made = {maker.__name__: maker() for maker in makers}
        small = np.full((64, 64, 3), 90, np.uint8)
        frames = {"cover": [small], "clip": [np.repeat(one[..., None], 3, 2) for one in GRAY[:5]]}
        for name in made:
            for one in frames[name]:
                output.mux(made[name].encode(av.VideoFrame.from_ndarray(one, format="rgb24")))
            output.mux(made[name].encode(None))
    return stream.getvalue()


@pytest.mark.parametrize("first", [True, False])
def test_cover_art_is_not_the_clip(first):
    scan = read(two_tracks(Disposition.attached_pic, first))

    assert (scan.height, scan.width) == (120, 160)
    assert len(list(scan.frames())) == 5


@pytest.mark.parametrize("first", [True, False])
def test_of_two_videos_in_a_file_neither_is_taken_for_the_scan(first):
    assert Reason.UNSUPPORTED_FORMAT is refused(two_tracks(None, first))


def test_repeats_are_bounded_as_frames_are():
    tight = replace(ReadConfig(), max_frames=10)

    assert Reason.TOO_LARGE is refused(avi([CODED[0], *[NOTHING] * 20], SIZE), tight)
