"""Clean volumes: NIfTI and NRRD with a rebuilt header; no description, intent or extension."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.precision import pitch

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture

HEADER = 348  # bytes of a NIfTI-1 header
DATA_AT = 352  # header, and four bytes that say there is no extension
UINT8, RGB24 = 2, 128  # NIfTI-1 datatype codes
MM = 2  # NIfTI-1 xyzt_units
SLICES = 1 | 2 << 2 | 3 << 4  # NIfTI-1 dim_info: the third axis is that of slices
SCANNER = 1  # NIfTI-1 sform_code
USUAL = (-1, -1)  # rows run down and columns to the right of a screen, as DICOM's do


def nifti(
    pictures: Sequence[Picture],
    spacing: tuple[float, float] | None,
    signs: tuple[int, int] | None = None,
) -> bytes:
    """Pictures as slices of a gzipped NIfTI-1 file (x, y, slice), written field by field.

    Args:
        spacing: (x, y) in millimeters, None for unknown.
        signs: which way columns and rows run, as of ``Scan``.
    """
    height, width = pictures[0].shape[:2]
    color = pictures[0].ndim == 3
    header = bytearray(DATA_AT)
    struct.pack_into("<i", header, 0, HEADER)
    header[39] = SLICES
    struct.pack_into("<8h", header, 40, 3, width, height, len(pictures), 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, RGB24 if color else UINT8, 24 if color else 8)
    x, y = pitch(spacing) if spacing else (1.0, 1.0)
    struct.pack_into("<8f", header, 76, 1.0, x, y, 1.0, 1.0, 1.0, 1.0, 1.0)
    struct.pack_into("<f", header, 108, float(DATA_AT))
    struct.pack_into("<f", header, 112, 1.0)
    header[123] = MM if spacing else 0
    right, front = signs or USUAL
    struct.pack_into("<h", header, 254, SCANNER)
    struct.pack_into("<12f", header, 280, right * x, 0, 0, 0, 0, front * y, 0, 0, 0, 0, 1, 0)
    header[344:348] = b"n+1\0"
    whole = bytes(header) + b"".join(np.ascontiguousarray(one).tobytes() for one in pictures)
    return gzip.compress(whole, mtime=0)


def nrrd(pictures: Sequence[Picture], spacing: tuple[float, float] | None) -> bytes:
    """Pictures as frames of a NRRD file with the fields that its pixels need.

    Kinds say which axes are the picture: without them other programs take color for an axis of
    space, and three frames may be taken for color.
    """
    height, width = pictures[0].shape[:2]
    color = pictures[0].ndim == 3
    sizes = f"{3 if color else ''} {width} {height} {len(pictures)}".strip()
    x, y = pitch(spacing) if spacing else (float("nan"), float("nan"))
    fields = [
        "NRRD0004",
        "type: uint8",
        f"dimension: {4 if color else 3}",
        f"sizes: {sizes}",
        f"spacings: {'nan ' if color else ''}{x:g} {y:g} nan",
        f"kinds: {'RGB-color ' if color else ''}domain domain time",
        "encoding: gzip",
    ]
    raw = b"".join(np.ascontiguousarray(one).tobytes() for one in pictures)
    return "\n".join(fields).encode() + b"\n\n" + gzip.compress(raw, mtime=0)
