"""Every sample that is read, beside decoders that share no code with ours: dcmtk, gdcm, FFmpeg.

``apt-get install dcmtk libgdcm-tools ffmpeg libjxl-tools`` brings them. A JPEG that was packed
into JPEG XL is unpacked by djxl, to the very JPEG that it was, which libjpeg then decodes.

Gray is compared in every pixel; but decoders spread halved chroma over pixels in different ways,
which shows at colored edges, and where it clips also in gray: of YCbCr, gray is compared in all of
10,000 pixels but one, and color in 99 of 100.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_fragments, generate_frames

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.dicom.transfer_syntaxes import transfer_syntax
from echoatlas.schemas.records import Scan

Picture = NDArray[np.uint8]
LOOKED_AT = 12  # frames of a clip
PACKED = "1.2.840.10008.1.2.4.111"  # a JPEG in JPEG XL: Debian's dcmtk and gdcm are older than it


def luma(picture: Picture) -> NDArray[np.float32]:
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return picture @ weights if picture.ndim == 3 else picture.astype(np.float32)


def by_dcmtk(path: Path, folder: Path) -> list[Picture]:
    for tool in ("dcmj2pnm", "dcml2pnm"):
        call = [tool, "--all-frames", "--write-raw-pnm", str(path), str(folder / "frame")]
        subprocess.run(call, capture_output=True, check=False)
    files = sorted(
        folder.glob("frame*"), key=lambda f: [int(n) for n in re.findall(r"\d+", f.name)]
    )
    return [np.asarray(Image.open(file)) for file in files]


def by_gdcm(path: Path, folder: Path) -> list[Picture]:
    raw = folder / "raw.dcm"
    subprocess.run(["gdcmconv", "--raw", str(path), str(raw)], capture_output=True, check=False)
    return by_dcmtk(raw, folder) if raw.exists() else []


def by_ffmpeg(path: Path, scan: Scan) -> Iterator[Picture]:
    call = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough"]
    call += ["-frames:v", str(LOOKED_AT), "-sws_flags", "bilinear+accurate_rnd+full_chroma_int"]
    call += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    out = subprocess.run(call, capture_output=True, check=False).stdout
    size = scan.height * scan.width * 3
    for start in range(0, len(out) - size + 1, size):
        flat = np.frombuffer(out, np.uint8, size, start)
        yield flat.reshape(scan.height, scan.width, 3)


def by_djxl(path: Path, folder: Path) -> list[Picture]:
    dataset, found = dcmread(path), []
    count = int(dataset.get("NumberOfFrames", 1))
    for frame in islice(generate_frames(dataset.PixelData, number_of_frames=count), LOOKED_AT):
        packed, jpeg = folder / "frame.jxl", folder / "frame.jpg"
        packed.write_bytes(frame)
        done = subprocess.run(["djxl", str(packed), str(jpeg)], capture_output=True, check=True)
        assert b"Reconstructed to JPEG" in done.stderr  # else djxl has decoded the pixels itself
        found.append(np.asarray(Image.open(jpeg)))
    return found


def theirs(path: Path, scan: Scan, folder: Path) -> list[Picture]:
    """The first pictures by the first of the other decoders that reads the file."""
    if scan.format != "dicom":
        return list(by_ffmpeg(path, scan))
    if transfer_syntax(scan.codec).video:
        stream = folder / "stream"
        stream.write_bytes(b"".join(generate_fragments(dcmread(path).PixelData)))
        return list(by_ffmpeg(stream, scan))
    if scan.codec == PACKED and shutil.which("djxl"):
        return by_djxl(path, folder)
    return by_dcmtk(path, folder) or by_gdcm(path, folder)


@pytest.mark.heavy
def test_decoders_of_other_code_see_the_same_pixels_in_every_sample(samples, tmp_path):
    missing = [tool for tool in ("dcmj2pnm", "gdcmconv", "ffmpeg") if not shutil.which(tool)]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    apart: dict[str, str] = {}
    compared = set()

    for number, path in enumerate(sorted(samples.rglob("*"))):
        if not path.is_file() or path.stat().st_size > 40 << 20:
            continue
        try:
            scan = read(path.read_bytes())
            ours = list(islice(scan.frames(), LOOKED_AT))
        except Reject:
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        others = theirs(path, scan, folder)
        name = path.relative_to(samples).as_posix()
        if not others:
            told = scan.codec != PACKED or shutil.which("djxl")  # which not every machine has
            if told and scan.format in ("dicom", "mp4", "avi", "png"):
                apart[name] = "no other decoder reads it"
            continue
        compared.add((scan.format, scan.codec))
        for one, other in zip(ours, others, strict=False):
            gray = np.abs(luma(one) - luma(other))
            color = np.abs(one.astype(int) - other) if one.shape == other.shape else gray
            halved = scan.color.startswith("ycc") or scan.codec == PACKED
            most = (np.percentile(gray, 99.99 if halved else 100),)
            most += (np.percentile(color, 99),)
            if max(most) > 3:
                apart[name] = f"{scan.codec}: gray {most[0]:.1f}, color {most[1]:.1f}"

    assert apart == {}
    assert len({codec for kind, codec in compared if kind == "dicom"}) >= 9
    assert {"dicom", "png", "jpeg", "mp4"} <= {kind for kind, _ in compared}


def test_a_file_that_is_no_scan_is_told_why(samples):
    refused = 0

    for path in sorted(samples.rglob("*")):
        if not path.is_file() or path.suffix in (".dcm", ".png", ".jpg", ".mp4"):
            continue
        try:
            read(path.read_bytes())
        except Reject as reject:
            refused += 1
            assert reject.reason.value
            assert path.name not in str(reject)

    assert refused >= 5
