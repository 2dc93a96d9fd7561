"""Damaged, lying and hostile bytes: a scan or a reason, in bounded time and memory."""

from __future__ import annotations

import io
import resource
import struct
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.simulate.files.dicom import write_dicom
from echoatlas.simulate.files.other_formats import write_video
from echoatlas.simulate.pictures.scans import make_cine
from tests.helpers.corpus import corpus, mutated

J = "1.2.840.10008.1.2.4."
LITTLE = "1.2.840.10008.1.2.1"
PARTIAL = ReadConfig(partial=True)
CINE = make_cine(1, frames=4, size=(160, 120))


def reason(data: bytes, config: ReadConfig | None = None) -> Reason:
    with pytest.raises(Reject) as caught:
        list(read(data, config or ReadConfig()).frames())
    return caught.value.reason


def element(group: int, number: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    if vr in (b"OB", b"OW", b"SQ", b"UN"):
        return struct.pack("<HH2sHI", group, number, vr, 0, size) + value
    return struct.pack("<HH2sH", group, number, vr, size) + value


def us_file(body: bytes, syntax: bytes = b"1.2.840.10008.1.2.1\0") -> bytes:
    meta = element(2, 0x10, b"UI", syntax)
    group_length = element(2, 0, b"UL", struct.pack("<I", len(meta)))
    return bytes(128) + b"DICM" + group_length + meta + body


SOP = element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.6.1\0")


def picture_module(rows: int, columns: int, frames: bytes = b"1 ") -> bytes:
    short = struct.Struct("<H").pack
    return (
        element(0x28, 2, b"US", short(1))
        + element(0x28, 4, b"CS", b"MONOCHROME2 ")
        + element(0x28, 8, b"IS", frames)
        + element(0x28, 0x10, b"US", short(rows))
        + element(0x28, 0x11, b"US", short(columns))
        + element(0x28, 0x100, b"US", short(8))
        + element(0x28, 0x101, b"US", short(8))
    )


def test_nothing_is_empty():
    assert Reason.EMPTY is reason(b"")


def test_text_is_no_format():
    assert Reason.UNSUPPORTED_FORMAT is reason(b"Dear radiologist, enclosed please find " * 9)


@pytest.mark.parametrize("undefined", [True, False])
def test_sequences_ten_thousand_deep_are_too_deep(undefined):
    body = b""
    if undefined:
        opening = element(0x40, 0x100, b"SQ", b"", 0xFFFFFFFF)
        body = (opening + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)) * 10_000
    else:
        for _ in range(10_000):
            body = struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body
            body = element(0x40, 0x100, b"SQ", body)
    start = time.monotonic()

    assert Reason.TOO_DEEP is reason(us_file(SOP + body))
    assert time.monotonic() - start < 2


def test_a_header_of_a_million_elements_is_too_large():
    body = b"".join(
        struct.pack("<HH2sH", 9 + 2 * (i >> 16), i & 0xFFFF, b"LO", 0) for i in range(1_000_000)
    )

    assert Reason.TOO_LARGE is reason(us_file(SOP + body))


def test_a_kilobyte_that_claims_four_gigabytes_is_refused_at_once():
    claims = us_file(
        SOP
        + picture_module(4000, 4000, b"250 ")
        + element(0x7FE0, 0x10, b"OW", bytes(500), 1 << 31)
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    found = reason(claims)

    assert Reason.TRUNCATED is found
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_pictures_beyond_the_bounds_are_too_large():
    claims = us_file(SOP + picture_module(65535, 65535) + element(0x7FE0, 0x10, b"OW", bytes(500)))

    assert Reason.TOO_LARGE is reason(claims)


def test_a_deflated_bomb_does_not_unfold():
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(engine.compress(bytes(1 << 20)) for _ in range(64)) + engine.flush()
    data = us_file(bomb, b"1.2.840.10008.1.2.1.99")

    assert Reason.TOO_LARGE is reason(data, replace(ReadConfig(), max_inflated=1 << 24))


def test_a_png_bomb_is_refused_by_its_header():
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    data += struct.pack(">I", zlib.crc32(chunk))
    data += struct.pack(">I", 1000) + b"IDAT" + bytes(1000)

    assert Reason.TOO_LARGE is reason(data)


def test_a_jpeg_that_outgrows_its_header_is_refused():
    data = bytearray(write_dicom(CINE, J + "50"))
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", 60_000, 60_000)

    assert reason(bytes(data)) in (Reason.TOO_LARGE, Reason.UNREADABLE)


def test_half_a_cine_is_refused_or_kept_and_flagged():
    data = write_dicom(CINE, LITTLE)
    half = data[: -2 * 160 * 120 - 100]

    scan = read(half, PARTIAL)

    assert Reason.TRUNCATED is reason(half)
    assert len(list(scan.frames())) == scan.declared_frames == 1
    assert "early_end" in scan.flags


def test_fewer_frames_than_declared_are_refused_or_kept_and_flagged():
    data = write_dicom(CINE, J + "50", overrides={"NumberOfFrames": 9})

    scan = read(data, PARTIAL)

    assert Reason.FRAME_MISMATCH is reason(data)
    assert len(list(scan.frames())) == 4
    assert "frame_mismatch" in scan.flags


@pytest.mark.parametrize("syntax", [J + "50", J + "70", J + "80", J + "90", J + "201", J + "110"])
def test_one_damaged_frame_is_left_out_and_told(syntax):
    data = bytearray(write_dicom(CINE, syntax, offsets="basic"))
    whole = read(bytes(data))
    good = list(whole.frames())
    third = _fragment(data, 3)
    data[third : third + 40] = bytes(40)

    scan = read(bytes(data), PARTIAL)
    kept = list(scan.frames())

    assert {2} == scan.damage.lost
    assert {"decode_error"} == scan.damage.flags
    assert len(kept) == 3
    assert all((a == b).all() for a, b in zip([good[0], good[1], good[3]], kept, strict=True))
    assert Reason.UNREADABLE is reason(bytes(data))


def _fragment(data: bytearray, number: int) -> int:
    """Where the value of a fragment begins, the offset table being number 0."""
    place = data.index(struct.pack("<HH", 0x7FE0, 0x10)) + 12
    for _ in range(number):
        place += 8 + struct.unpack_from("<I", data, place + 4)[0]
    return place + 8


def test_a_video_that_ends_early_is_never_silent():
    data = write_video(make_cine(1, frames=30, size=(160, 120)), "avi", "mjpeg")
    cut = data[: len(data) * 2 // 3]

    scan = read(cut, PARTIAL)
    frames = list(scan.frames())

    assert 0 < len(frames) < 30
    assert scan.declared_frames == 30 or scan.flags or scan.damage.flags


def test_a_wrong_offset_table_is_passed_over_and_flagged():
    data = bytearray(write_dicom(CINE, J + "70", offsets="basic"))
    table = _fragment(data, 0)
    data[table + 4 : table + 8] = struct.pack("<I", 12345)

    scan = read(bytes(data))

    assert len(list(scan.frames())) == 4
    assert scan.flags == ("wrong_offset_table",)


@pytest.mark.parametrize(
    ("sop", "modality", "expected"),
    [
        ("1.2.840.10008.5.1.4.1.1.4", "MR", Reason.NOT_ULTRASOUND),
        ("1.2.840.10008.5.1.4.1.1.7", "CT", Reason.NOT_ULTRASOUND),
        ("1.2.840.10008.5.1.4.1.1.88.33", "SR", Reason.NO_PIXELS),
        ("1.2.840.10008.5.1.4.1.1.104.1", "DOC", Reason.NO_PIXELS),
    ],
)
def test_what_is_no_ultrasound_picture_is_told_apart(sop, modality, expected):
    data = write_dicom(CINE, LITTLE, overrides={"SOPClassUID": sop, "Modality": modality})

    assert expected is reason(data)


def test_a_captured_screen_of_an_ultrasound_scanner_is_read():
    data = write_dicom(
        CINE, LITTLE, overrides={"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "Modality": "US"}
    )

    assert len(list(read(data).frames())) == 4


def test_a_reject_says_nothing_of_the_record():
    data = write_dicom(
        CINE, J + "50", overrides={"NumberOfFrames": 9, "PatientName": "Zimmermann^Ada"}
    )

    with pytest.raises(Reject) as caught:
        read(data)

    assert "Zimmermann" not in str(caught.value)


SEEDS = list(corpus().values())


@settings(
    max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(st.integers(0, len(SEEDS) - 1), st.integers(0, 1 << 32), st.booleans())
def test_any_bytes_end_in_a_scan_or_a_reason(which, seed, partial):
    data = mutated(SEEDS[which], seed)

    try:
        scan = read(data, ReadConfig(partial=partial))
        for picture in scan.frames():
            assert picture.dtype == np.uint8
            assert (scan.height, scan.width) == picture.shape[:2]
            assert picture.ndim == 2 or picture.shape[2] == 3
    except Reject as reject:
        assert reject.reason in Reason


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.binary(max_size=2000), st.sampled_from([b"", bytes(128) + b"DICM", b"NRRD0004\n", b"GIF89a"])
)
def test_noise_ends_in_a_scan_or_a_reason(noise, head):
    try:
        list(read(head + noise).frames())
    except Reject as reject:
        assert reject.reason in Reason


# VmHWM and not ru_maxrss, which a child inherits from its parent.
MEMORY = """
import re, sys
from echoatlas.pipeline.read import read
data = open(sys.argv[1], "rb").read()
count = sum(1 for _ in read(data).frames())
peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1)
print(count, peak, len(data) // 1024)
"""


@pytest.mark.parametrize("syntax", [J + "50", LITTLE])
def test_a_cine_of_twelve_hundred_frames_stays_below_300_mb(syntax, tmp_path):
    """A file that is larger than that by itself is left out of the figure."""
    if not Path("/proc/self/status").is_file():
        pytest.skip("this system has no /proc to read a process's peak memory from")
    cine = make_cine(1, frames=8, size=(640, 480))
    long = replace(cine, pictures=np.tile(cine.pictures, (150, 1, 1)))
    path = tmp_path / "cine.dcm"
    path.write_bytes(write_dicom(long, syntax))

    run = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True
    )

    count, peak, size = (int(part) for part in run.stdout.split())
    assert count == 1200
    assert peak - (size if size > 200_000 else 0) < 300_000  # kB


@pytest.mark.parametrize("tag", [0x00291010, 0x00189999, 0x00281201])
def test_long_bytes_of_no_known_kind_are_no_damage(tag):
    """They stand as UN: those of private, unknown and bulky elements say enough as they are."""
    made = pydicom.dcmread(io.BytesIO(write_dicom(CINE, LITTLE)))
    made.add_new(tag, "UN", bytes(70_000))
    stream = io.BytesIO()
    made.save_as(stream)

    scan = read(stream.getvalue())

    assert "bad_elements" not in scan.flags
    assert (scan.header[tag].VR, len(scan.header[tag].value)) == ("UN", 70_000)
