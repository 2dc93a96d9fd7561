"""One table says what every transfer syntax is, and pixels are read as what they are."""

from __future__ import annotations

import io
import struct

import imagecodecs
import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.uid import EnhancedUSVolumeStorage, UID_dictionary

from echoatlas.pipeline.deduplicate.ranking import is_lossy
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.dicom.transfer_syntaxes import (
    BY_KEYWORD,
    BY_UID,
    TRANSFER_SYNTAXES,
    transfer_syntax,
)
from echoatlas.simulate.files.dicom import write_dicom
from echoatlas.simulate.files.encoding import SYNTAXES, VIDEO
from echoatlas.simulate.pictures.scans import make_cine

LITTLE = "1.2.840.10008.1.2.1"
J = "1.2.840.10008.1.2.4."
GRAY = make_cine(1, frames=3, size=(160, 120))
COLOR = make_cine(1, frames=3, size=(160, 120), color=True, mode="color_doppler")
META_AT = 0x00020010


def stated(data: bytes, syntax: str) -> bytes:
    """The same file under another transfer syntax UID; the meta header's length is put right."""
    at = data.index(struct.pack("<HH2s", 2, 0x10, b"UI"))
    length = struct.unpack_from("<H", data, at + 6)[0]
    value = syntax.encode() + b"\0" * (len(syntax) % 2)
    changed = data[: at + 6] + struct.pack("<H", len(value)) + value + data[at + 8 + length :]
    group = struct.unpack_from("<I", data, 140)[0] + len(value) - length
    return changed[:140] + struct.pack("<I", group) + changed[144:]


def pictures(data: bytes) -> np.ndarray:
    return np.stack(list(read(data).frames()))


def reason(data: bytes) -> tuple[Reason, str]:
    with pytest.raises(Reject) as caught:
        list(read(data).frames())
    return caught.value.reason, caught.value.detail


def test_every_syntax_of_the_standard_is_in_the_table_by_its_keyword():
    listed = {uid: row[4] for uid, row in UID_dictionary.items() if row[1] == "Transfer Syntax"}
    del listed["1.2.840.10008.1.20"]  # of Papyrus files, which are no DICOM files

    assert listed == {uid: BY_UID[uid].keyword for uid in listed if uid in BY_UID}
    assert len(BY_UID) == len(BY_KEYWORD) == len(TRANSFER_SYNTAXES)


def test_a_syntax_is_read_or_says_why_not():
    for one in TRANSFER_SYNTAXES:
        assert bool(one.codec) != bool(one.why), one.keyword


def test_the_simulator_writes_what_is_read_but_privately_and_in_parts_of_a_standard():
    unwritten = {one.uid for one in TRANSFER_SYNTAXES if one.codec} - set(SYNTAXES)

    assert {"1.2.840.113619.5.2", J + "92", J + "93"} == unwritten


@pytest.mark.parametrize("end", ["93", "111", "102.1", "100.1", "53", "55"])
def test_a_lossy_syntax_never_ranks_as_lossless(end):
    assert is_lossy("dicom", J + end)


@pytest.mark.parametrize(
    ("kind", "codec", "lossy"),
    [
        ("dicom", LITTLE, False), ("dicom", J + "90", False), ("dicom", "1.2.3", True),
        ("jpeg", "jpeg", True), ("png", "png", False), ("nifti", "uint8", False),
        ("mkv", "libvpx-vp9", True), ("mkv", "ffv1", False), ("asf", "wmv2", True),
        ("mp4", "libdav1d", True), ("avi", "rawvideo", False),
    ],
)  # fmt: skip
def test_a_codec_is_lossy_unless_it_is_known_not_to_be(kind, codec, lossy):
    assert lossy == is_lossy(kind, codec)


@pytest.mark.parametrize("syntax", sorted(VIDEO))
def test_video_is_read_in_one_fragment_or_in_many(syntax):
    whole, cut = (write_dicom(GRAY, syntax, fragments=count) for count in (1, 3))

    assert syntax == read(cut).codec
    assert (pictures(whole) == pictures(cut)).all()


# Deflated samples, bare streams and transport streams begin with nothing that could be told.
TOLD = [
    one for one in SYNTAXES
    if not transfer_syntax(one).native and not transfer_syntax(one).video
    and transfer_syntax(one).codec != "deflated"
]  # fmt: skip


@pytest.mark.parametrize("syntax", [*TOLD, J + "103", J + "103.1"])
def test_pixels_in_fragments_are_found_where_the_header_says_that_they_are_native(syntax):
    data = write_dicom(GRAY, syntax)

    scan = read(stated(data, LITTLE))

    assert "wrong_transfer_syntax" in scan.flags
    assert transfer_syntax(syntax).codec == transfer_syntax(scan.codec).codec
    assert (pictures(data) == pictures(stated(data, LITTLE))).all()


def test_fragments_of_no_known_codec_under_a_native_syntax_are_told():
    ds = dcmread(io.BytesIO(write_dicom(GRAY, J + "50")))
    ds.PixelData = encapsulate([b"of no known kind" * 20])
    out = io.BytesIO()
    dcmwrite(out, ds)

    found, told = reason(stated(out.getvalue(), LITTLE))

    assert Reason.UNSUPPORTED_CODEC is found
    assert "not compressed" in told


@pytest.mark.parametrize("claimed", [J + "50", J + "90", "1.2.840.10008.1.2.5"])
def test_pixels_in_the_open_under_a_coded_syntax_are_told_as_native(claimed):
    data = write_dicom(GRAY, LITTLE)

    scan = read(stated(data, claimed))

    assert (scan.codec, scan.flags) == (LITTLE, ("wrong_transfer_syntax",))
    assert (GRAY.pictures == pictures(stated(data, claimed))).all()


@pytest.mark.parametrize(
    ("written", "claimed", "found"),
    [("50", "90", "50"), ("50", "70", "50"), ("70", "50", "57"), ("80", "70", "81")],
)
def test_a_codestream_is_told_as_what_it_is_not_as_what_the_header_says(written, claimed, found):
    data = stated(write_dicom(GRAY, J + written), J + claimed)

    assert J + found == read(data).codec


@pytest.mark.parametrize(
    ("end", "word"),
    [("4.94", "JPIP"), ("4.52", "arithmetic"), ("4.59", "hierarchical"), ("7.1", "real time")],
)
def test_a_syntax_that_is_not_read_is_told_by_name(end, word):
    data = stated(write_dicom(GRAY, J + "50"), f"1.2.840.10008.1.2.{end}")

    found, told = reason(data)

    assert Reason.UNSUPPORTED_CODEC is found
    assert word in told


def test_a_jpeg_and_its_jpeg_xl_are_the_same_picture():
    for scan in (GRAY, COLOR):
        jpeg, packed = (pictures(write_dicom(scan, J + end)) for end in ("50", "111"))

        assert (jpeg == packed).all()


def test_a_bare_jpeg_xl_is_not_mistaken_for_a_packed_jpeg():
    stream = imagecodecs.jpegxl_encode(GRAY.pictures[0], lossless=True, usecontainer=True)
    ds = dcmread(io.BytesIO(write_dicom(GRAY, J + "110", overrides={"NumberOfFrames": None})))
    ds.PixelData = encapsulate([bytes(stream)])
    out = io.BytesIO()
    dcmwrite(out, ds, implicit_vr=False, little_endian=True, force_encoding=True)

    assert (GRAY.pictures[:1] == pictures(out.getvalue())).all()


def test_a_photoacoustic_image_is_told_as_that():
    kind = "1.2.840.10008.5.1.4.1.1.6.3"

    found, told = reason(write_dicom(GRAY, LITTLE, overrides={"SOPClassUID": kind}))

    assert Reason.NOT_ULTRASOUND is found
    assert "photoacoustic" in told


@pytest.mark.parametrize("end", ["66.4", "66.7"])
def test_a_segmentation_is_told_as_masks(end):
    overrides = {"SOPClassUID": f"1.2.840.10008.5.1.4.1.1.{end}", "Modality": "SEG"}

    told = reason(write_dicom(GRAY, LITTLE, overrides=overrides))

    assert told[0] is Reason.NOT_AN_IMAGE
    assert "masks" in told[1]


@pytest.mark.parametrize("kind", ["", "TISSUE_INTENSITY", "FLOW_VELOCITY", "ELASTICITY"])
@pytest.mark.parametrize("groups", ["Shared", "PerFrame"])
def test_velocities_of_a_volume_are_no_echoes(kind, groups):
    """As gray they look like them (PS3.3 C.8.24.5.2)."""
    volume = dcmread(io.BytesIO(write_dicom(GRAY, LITTLE)))
    volume.SOPClassUID, typed, frame = EnhancedUSVolumeStorage, Dataset(), Dataset()
    typed.DataType = kind
    frame.ImageDataTypeSequence = [typed]
    setattr(volume, f"{groups}FunctionalGroupsSequence", [frame])
    out = io.BytesIO()
    volume.save_as(out)

    if kind in ("", "TISSUE_INTENSITY"):
        assert read(out.getvalue()).declared_frames == len(GRAY.pictures)
    else:
        assert reason(out.getvalue())[0] is Reason.NOT_AN_IMAGE
