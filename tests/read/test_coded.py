"""The same coded pictures are told as such in whatever container they lie, and no others are."""

from __future__ import annotations

import io
import struct

import av
import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.encaps import encapsulate

from echoatlas.pipeline.read import read
from echoatlas.simulate import make_cine, make_still, write_dicom, write_jpeg, write_png
from echoatlas.simulate.files.video import encode_video

JPEG = "1.2.840.10008.1.2.4.50"
H264, HEVC = "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.107"
CINE = make_cine(3, frames=6, size=(160, 120))
PICTURES = np.stack(list(CINE.pictures))


def told(data: bytes) -> str:
    return read(data).codestream


def remuxed(data: bytes, container: str) -> bytes:
    """The packets of a video in another container, as they are."""
    buffer = io.BytesIO()
    with av.open(io.BytesIO(data)) as source, av.open(buffer, "w", format=container) as sink:
        track = source.streams.video[0]
        copy = sink.add_stream_from_template(track)
        for packet in source.demux(track):
            if packet.dts is not None:
                packet.stream = copy
                sink.mux(packet)
    return buffer.getvalue()


def in_dicom(frames: list[bytes], syntax: str) -> bytes:
    """Coded pictures in a DICOM file."""
    dataset = dcmread(io.BytesIO(write_dicom(CINE, JPEG)))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.NumberOfFrames = len(frames) if syntax == JPEG else len(PICTURES)
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].is_undefined_length = True
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True, force_encoding=True)
    return buffer.getvalue()


@pytest.mark.parametrize("container", ["matroska", "mpegts", "mov"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_video_is_the_same_in_another_container(codec: str, container: str) -> None:
    data = encode_video(PICTURES, codec)

    again = remuxed(data, container)

    assert told(data) == told(again) != ""
    assert told(encode_video(PICTURES[::-1], codec)) != told(data)


@pytest.mark.parametrize(("codec", "syntax"), [("libx264", H264), ("libx265", HEVC)])
def test_a_video_is_the_same_in_a_dicom_file(codec: str, syntax: str) -> None:
    data = encode_video(PICTURES, codec)

    assert told(data) == told(in_dicom([remuxed(data, "mpegts")], syntax))


def test_a_motion_jpeg_is_the_same_in_a_dicom_file() -> None:
    data = encode_video(PICTURES, "mjpeg", "avi")
    with av.open(io.BytesIO(data)) as source:
        frames = [bytes(packet) for packet in source.demux(video=0) if packet.size]

    assert len(frames) == len(PICTURES)
    assert told(data) == told(in_dicom(frames, JPEG)) == told(b"".join(frames))
    assert told(in_dicom(frames[::-1], JPEG)) != told(data)


def test_a_jpeg_is_the_same_with_other_words_in_it_and_in_a_dicom_file() -> None:
    data = write_jpeg(make_still(4, size=(160, 120)))
    comment = b"\xff\xfe" + struct.pack(">H", 14) + b"another word"

    assert told(data) == told(data[:2] + comment + data[2:]) == told(in_dicom([data], JPEG)) != ""
    assert told(write_jpeg(make_still(5, size=(160, 120)))) != told(data)


def test_what_has_no_codec_of_other_containers_is_not_told() -> None:
    assert told(write_png(make_still(4, size=(160, 120)))) == told(write_dicom(CINE)) == ""
