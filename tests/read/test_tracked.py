"""Tracked sequences: a header of a dozen lines a frame, and what it says of the frames."""

from __future__ import annotations

import numpy as np
import pytest

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.arrays.detached_header import read_whole
from echoatlas.simulate import make_cine

CINE = np.tile(make_cine(31, frames=5, size=(64, 48)).pictures, (80, 1, 1))
POSE = " ".join(["0.123456789"] * 16)


def told(mark: str, more: str = "") -> str:
    """What PLUS writes of each frame; ``mark`` stands between a name and its value."""
    lines = [
        f"Seq_Frame{index:04}_{name}{mark}{value}"
        for index in range(len(CINE))
        for name, value in (
            ("ProbeToTrackerTransform", POSE),
            ("ProbeToTrackerTransformStatus", "OK"),
            ("ReferenceToTrackerTransform", POSE),
            ("Timestamp", 100 + index / 20 + (index % 2) / 100),
            ("ImageStatus", "OK"),
        )
    ]
    return "\n".join([*lines, *([more] if more else [])]) + "\n"


def mha(more: str = "", values: str = "LOCAL") -> bytes:
    return (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"CompressedData = False\nDimSize = 64 48 {len(CINE)}\nElementNumberOfChannels = 1\n"
        "ElementType = MET_UCHAR\nKinds = domain domain list\n"
        f"{told(' = ', more)}ElementDataFile = {values}\n"
    ).encode()


def nrrd(more: str = "") -> bytes:
    return (
        "NRRD0005\ntype: uint8\ndimension: 3\nspace dimension: 3\n"
        f"sizes: 64 48 {len(CINE)}\nkinds: domain domain list\nencoding: raw\n"
        f"{told(':=', more)}\n"
    ).encode()


@pytest.mark.parametrize("header", [mha, nrrd])
def test_a_long_header_is_read_to_its_end_with_the_times_of_its_frames(header):
    scan = read(header() + CINE.tobytes())

    assert len(header()) > 1 << 16
    assert np.array_equal(CINE, np.stack(list(scan.frames())))
    assert scan.times is not None
    assert (len(CINE), (0.0, 60.0, 100.0)) == (len(scan.times), scan.times[:3])


def test_so_it_is_where_the_values_lie_beside_it():
    folder = {"a/x.mhd": mha(values="x.raw"), "a/x.raw": CINE.tobytes()}

    scan = read(read_whole("a/x.mhd", folder.__getitem__))

    assert len(CINE) == scan.declared_frames == len(scan.times or ())


@pytest.mark.parametrize("header", [lambda more: mha(f"{more[0]} = {more[1]}"),
                                    lambda more: nrrd(f"{more[0]}:={more[1]}")])  # fmt: skip
@pytest.mark.parametrize(
    ("toward", "turned"),
    [("MF", CINE), ("MFA", CINE), ("MN", CINE[:, ::-1]), ("UF", CINE[:, :, ::-1]),
     ("UND", CINE[:, ::-1, ::-1]), ("?", CINE)],
)  # fmt: skip
def test_pictures_are_turned_so_that_the_probe_is_above(header, toward, turned):
    scan = read(header(("UltrasoundImageOrientation", toward)) + turned.tobytes())

    assert np.array_equal(CINE, np.stack(list(scan.frames())))


@pytest.mark.parametrize("kind", ["RF_REAL", "RF_IQ_LINE", "RF_I_LINE_Q_LINE"])
def test_radio_frequency_is_no_picture(kind):
    data = mha(f"UltrasoundImageType = {kind}") + CINE.tobytes()

    with pytest.raises(Reject) as caught:
        read(data)

    assert Reason.NOT_AN_IMAGE is caught.value.reason


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"Timestamp = 100.06\n", b"Timestamp = 99\n"), (b"Frame0007_Timestamp", b"Frame0007_Other")],
)
def test_times_that_do_not_grow_or_are_too_few_are_unknown(old, new):
    data = mha().replace(old, new, 1) + CINE.tobytes()

    assert data != mha() + CINE.tobytes()
    assert read(data).times is None


def test_a_sequence_of_poses_alone_has_no_picture_and_is_not_damaged():
    """PLUS writes what its tracker saw without a picture as one of no extent and no type."""
    poses = mha().partition(b"ElementDataFile")[0] + b"ElementDataFile = LOCAL\n"
    poses = poses.replace(b"DimSize = 64 48", b"DimSize = 0 0")
    poses = poses.replace(b"ElementType = MET_UCHAR", b"ElementType = MET_OTHER")

    with pytest.raises(Reject) as caught:
        read(poses)

    assert caught.value.reason is Reason.NO_PIXELS
