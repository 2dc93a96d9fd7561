"""Clean volumes: NIfTI and NRRD with a rebuilt header; no description, intent or extension."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.precision import pitch, rounded

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture

HEADER = 348  # bytes of a NIfTI-1 header
DATA_AT = 352  # header, and four bytes that say there is no extension
UINT8, RGB24 = 2, 128  # NIfTI-1 datatype codes
MM, MS = 2, 16  # NIfTI-1 xyzt_units
EVEN = 0.01  # of a step, that a frame may be early or late
SLICES = 1 | 2 << 2 | 3 << 4  # NIfTI-1 dim_info: the third axis is that of slices
SCANNER = 1  # NIfTI-1 sform_code
USUAL = (-1, -1)  # rows run down and columns to the right of a screen, as DICOM's do


def nifti(
    pictures: Sequence[Picture],
    spacing: tuple[float, float] | None,
    signs: tuple[int, int] | None = None,
    times: Sequence[float] | None = None,
) -> bytes:
    """Pictures as a gzipped NIfTI-1 file, written field by field: as moments (x, y, 1, t) where
    their times are known and even, else as slices (x, y, slice).

    Args:
        spacing: (x, y) in millimeters, None for unknown.
        signs: which way columns and rows run, as of ``Scan``.
        times: milliseconds from the first.
    """
    step = step_of(times)
    height, width = pictures[0].shape[:2]
    color = pictures[0].ndim == 3
    header = bytearray(DATA_AT)
    struct.pack_into("<i", header, 0, HEADER)
    header[39] = SLICES
    count = len(pictures)
    sides = (4, width, height, 1, count) if step else (3, width, height, count, 1)
    struct.pack_into("<8h", header, 40, *sides, 1, 1, 1)
    struct.pack_into("<hh", header, 70, RGB24 if color else UINT8, 24 if color else 8)
    x, y = pitch(spacing) if spacing else (1.0, 1.0)
    struct.pack_into("<8f", header, 76, 1.0, x, y, 1.0, step or 1.0, 1.0, 1.0, 1.0)
    struct.pack_into("<f", header, 108, float(DATA_AT))
    struct.pack_into("<f", header, 112, 1.0)
    header[123] = (MM if spacing else 0) | (MS if step else 0)
    right, front = signs or USUAL
    struct.pack_into("<h", header, 254, SCANNER)
    struct.pack_into("<12f", header, 280, right * x, 0, 0, 0, 0, front * y, 0, 0, 0, 0, 1, 0)
    header[344:348] = b"n+1\0"
    whole = bytes(header) + b"".join(np.ascontiguousarray(one).tobytes() for one in pictures)
    return gzip.compress(whole, mtime=0)


def step_of(times: Sequence[float] | None) -> float | None:
    """Milliseconds from frame to frame, None of uneven ones, of one alone, and of unknown times."""
    if times is None or len(times) < 2:
        return None
    step = (times[-1] - times[0]) / (len(times) - 1)
    late = max(abs(time - times[0] - index * step) for index, time in enumerate(times))
    return rounded(step) if step > 0 and late <= EVEN * step else None


def nrrd(
    pictures: Sequence[Picture],
    spacing: tuple[float, float] | None,
    times: Sequence[float] | None = None,
) -> bytes:
    """Pictures as frames of a NRRD file with the fields that its pixels need.

    Kinds say which axes are the picture: without them other programs take color for an axis of
    space, and three frames may be taken for color.
    """
    height, width = pictures[0].shape[:2]
    color = pictures[0].ndim == 3
    sizes = f"{3 if color else ''} {width} {height} {len(pictures)}".strip()
    x, y = pitch(spacing) if spacing else (float("nan"), float("nan"))
    step = step_of(times)
    units = [*([""] if color else []), *["mm" if spacing else ""] * 2, "ms" if step else ""]
    fields = [
        "NRRD0004",
        "type: uint8",
        f"dimension: {4 if color else 3}",
        f"sizes: {sizes}",
        f"spacings: {'nan ' if color else ''}{x:g} {y:g} {step or float('nan'):g}",
        "units: " + " ".join(f'"{unit}"' for unit in units),
        f"kinds: {'RGB-color ' if color else ''}domain domain time",
        "encoding: gzip",
    ]
    raw = b"".join(np.ascontiguousarray(one).tobytes() for one in pictures)
    return "\n".join(fields).encode() + b"\n\n" + gzip.compress(raw, mtime=0)
