"""Bad input is quarantined with a reason; the rest of its batch is unharmed."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

from echoatlas.pipeline.errors import Reason
from echoatlas.simulate import make_still, write_dicom, write_png

GOOD = "good.dcm"


def deep(levels: int) -> bytes:
    """A DICOM file of sequences in sequences, of undefined length."""
    good = write_dicom(make_still(size=(64, 64)), "1.2.840.10008.1.2.1")
    head = good[: 132 + 12 + struct.unpack("<I", good[140:144])[0]]
    opening = b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    return head + opening * levels


def claiming(good: bytes) -> bytes:
    """1 kB that claims 4 GB of pixels."""
    tag = good.rfind(b"\xe0\x7f\x10\x00")
    return good[:tag] + b"\xe0\x7f\x10\x00OW\0\0\x00\x00\x00\xf0" + b"\0" * 64


def zipped(*members: tuple[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return sink.getvalue()


def bad_files() -> dict[str, tuple[bytes, set[str]]]:
    good = write_dicom(make_still(seed=5, size=(320, 240)), "1.2.840.10008.1.2.1")
    png = write_png(make_still(seed=6, size=(320, 240)))
    return {
        "empty.dcm": (b"", {"empty"}),
        "truncated.dcm": (good[: len(good) // 2], {"truncated", "unreadable"}),
        "cut.png": (png[:400], {"truncated", "unreadable"}),
        "deep.dcm": (deep(10_000), {"too_deep", "unreadable", "truncated"}),
        "claims.dcm": (claiming(good), {"truncated", "too_large", "unreadable"}),
        "bomb.zip": (zipped(("zeros.dcm", b"\0" * (600 << 20))), {"unsafe_archive"}),
        "slip.zip!../../outside.dcm": (zipped(("../../outside.dcm", good)), {"unsafe_archive"}),
        "words.dcm": (b"these are words" * 99, {"unsupported_format", "unreadable"}),
    }


def test_bad_files_are_quarantined_and_good_ones_are_kept(rehearsal: Any) -> None:
    folder = rehearsal.site("st-elsewhere") / "upload"
    folder.mkdir()
    wanted = bad_files()
    for name, (data, _) in wanted.items():
        (folder / name.partition("!")[0]).write_bytes(data)
    renamed = write_png(make_still(seed=7, size=(400, 300)))
    (folder / "a-png-in-truth.dcm").write_bytes(renamed)
    (folder / GOOD).write_bytes(
        write_dicom(make_still(seed=8, size=(400, 300)), "1.2.840.10008.1.2.1")
    )

    rehearsal.run("run")
    told = {one["file"]: one for one in rehearsal.run("site", "receipt", "st-elsewhere")}

    assert "kept" == told[f"upload/{GOOD}"]["status"] == told["upload/a-png-in-truth.dcm"]["status"]
    for name, (_, reasons) in wanted.items():
        assert told[f"upload/{name}"]["status"] == "rejected", name
        assert told[f"upload/{name}"]["reason"] in reasons, name
    assert rehearsal.run("status")["conservation"]
    assert not (folder.parent.parent / "outside.dcm").exists()


def test_each_malformed_sample_is_quarantined_with_a_reason(rehearsal: Any, samples: Path) -> None:
    folder = rehearsal.site("odd-files") / "upload"
    folder.mkdir()
    for file in sorted((samples / "malformed").iterdir()):
        (folder / file.name).write_bytes(file.read_bytes())

    rehearsal.run("run")
    told = rehearsal.run("site", "receipt", "odd-files")

    assert {"rejected"} == {one["status"] for one in told}
    assert {one["reason"] for one in told} <= {one.value for one in Reason} - {"crashed"}


def test_a_volume_in_two_files_is_what_its_values_are(rehearsal: Any) -> None:
    """Headers are alike to the last byte: another patient's, and that of values sent anew."""
    folder = rehearsal.site("two-files")

    def send(seed: int, patient: str) -> None:
        picture = make_still(seed=seed, size=(400, 300), screen="none").pictures[0]
        gray = picture if picture.ndim == 2 else picture[..., 1]
        (folder / patient).mkdir(exist_ok=True)
        (folder / patient / "scan.mhd").write_bytes(
            b"ObjectType = Image\nNDims = 2\nDimSize = 400 300\nElementType = MET_UCHAR\n"
            b"ElementDataFile = scan.raw\n"
        )
        (folder / patient / "scan.raw").write_bytes(gray.tobytes())

    def pictures() -> set[str]:
        rehearsal.run("run")
        told = {one["file"]: one["status"] for one in rehearsal.run("site", "receipt", "two-files")}
        assert {told[f"{patient}/scan.mhd"] for patient in ("jan", "anna")} == {"kept"}
        assert {told[f"{patient}/scan.raw"] for patient in ("jan", "anna")} == {"sidecar"}
        assert rehearsal.run("status")["conservation"]
        return {frame["frame_id"] for frame in rehearsal.rows()["frames"]}

    send(11, "jan")
    send(12, "anna")
    both = pictures()
    send(13, "anna")
    now = pictures()

    assert len(both) == 2
    assert len(now) == 3 and both < now
