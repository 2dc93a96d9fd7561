"""One small file of each format and coding, and ways to damage it: what fuzzing starts from."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
import zipfile

import h5py
import numpy as np
import openpyxl
import pillow_heif
import scipy.io
from PIL import Image

from echoatlas.simulate.files.dicom import write_dicom
from echoatlas.simulate.files.encoding import SYNTAXES
from echoatlas.simulate.files.other_formats import (
    write_gif,
    write_jpeg,
    write_nifti,
    write_png,
    write_video,
)
from echoatlas.simulate.files.video import encode_video
from echoatlas.simulate.pictures.scans import make_cine

pillow_heif.register_heif_opener()


def corpus() -> dict[str, bytes]:
    """Name to bytes; pictures are of 160 x 120 pixels."""
    scan = make_cine(1, frames=2, size=(160, 120))
    color = make_cine(2, frames=2, size=(160, 120), color=True)
    gray = scan.pictures
    found = {f"dicom {syntax[17:]}": write_dicom(scan, syntax) for syntax in SYNTAXES}
    found |= {
        "palette": write_dicom(color, "1.2.840.10008.1.2.1", "PALETTE COLOR"),
        "ybr": write_dicom(color, "1.2.840.10008.1.2.1", "YBR_FULL_422"),
        "png": write_png(color),
        "jpeg": write_jpeg(color),
        "gif": write_gif(color),
        "nifti": gzip.decompress(write_nifti(scan)),
        "nifti.gz": write_nifti(scan),
        "mp4": write_video(scan, "mp4", "libx264"),
        "avi": write_video(scan, "avi", "mjpeg"),
    }
    found["mjpeg"] = write_jpeg(color) * 3
    found["h264"] = encode_video(scan.pictures, "libx264", "h264")
    for name in ("tiff", "bmp", "webp", "avif", "heif"):
        out = io.BytesIO()
        Image.fromarray(color.pictures[0]).save(out, name)
        found[name] = out.getvalue()
    header = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 160 120 2\nencoding: gzip\n\n"
    found["nrrd"] = header.encode() + gzip.compress(gray.tobytes(), mtime=0)
    found["mha"] = (
        b"ObjectType = Image\nNDims = 3\nDimSize = 160 120 2\nElementType = MET_UCHAR\n"
        b"ElementDataFile = LOCAL\n" + gray.tobytes()
    )
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        file["x"] = gray
    found["hdf5"] = out.getvalue()
    out = io.BytesIO()
    scipy.io.savemat(out, {"x": gray.transpose(1, 2, 0)}, do_compression=True)
    return found | {"mat": out.getvalue()}


def archives() -> dict[str, bytes]:
    """A picture in each kind of archive."""
    picture = write_png(make_cine(1, frames=1, size=(160, 120)))
    packed, taped = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/one.png", picture)
    with tarfile.open(fileobj=taped, mode="w:gz") as tape:
        entry = tarfile.TarInfo("a/one.png")
        entry.size = len(picture)
        tape.addfile(entry, io.BytesIO(picture))
    return {"zip": packed.getvalue(), "tar.gz": taped.getvalue()}


def tables() -> dict[str, bytes]:
    """A sidecar of each kind."""
    rows = [{"file": f"{n}.png", "organ": "liver", "age": n} for n in range(5)]
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in ([*rows[0]], *([*row.values()] for row in rows)):
        book.active.append(row)
    book.save(out)
    lines = ["file;organ;age", *(";".join(map(str, row.values())) for row in rows)]
    return {
        "csv": "\n".join(lines).encode("utf-8-sig"),
        "json": json.dumps(rows).encode(),
        "xlsx": out.getvalue(),
    }


def mutated(data: bytes, seed: int) -> bytes:
    """Truncate, overwrite, remove or repeat, mostly near the start where the claims are."""
    rng = random.Random(seed)
    if rng.random() < 0.3:
        return data[: rng.randrange(len(data))]
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 5, 20))):
        place = rng.randrange(min(len(changed), rng.choice((600, 3000, len(changed)))))
        kind = rng.randrange(4)
        if kind == 0:
            changed[place] = rng.choice((0, 127, 128, 255, rng.randrange(256)))
        elif kind == 1:
            changed[place : place + 4] = rng.choice((b"\xff" * 4, bytes(4), b"\xff\xff\xff\x7f"))
        elif kind == 2:
            del changed[place : place + rng.choice((1, 4, 100))]
        else:
            changed[place:place] = changed[place : place + rng.choice((1, 8, 100))]
        if not changed:
            break
    return bytes(changed)


def noise(seed: int) -> bytes:
    """Bytes of no meaning."""
    return np.random.default_rng(seed).bytes(seed % 3000)
