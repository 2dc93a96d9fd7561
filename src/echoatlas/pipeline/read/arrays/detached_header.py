"""Volumes in two files: a header of text (.mhd, .nhdr) that names the file with its values, or one
of NIfTI (.hdr), whose values have its name (.img).

The two are joined to the one file that the format has for it as well (.mha, .nrrd, .nii) before
anything else is done with them, so that an object is what its pixels are: headers of many
patients' scans may be alike to the last byte.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable

from echoatlas.pipeline.read.arrays import metaimage, nrrd

HEADERS = (".mhd", ".nhdr", ".hdr")
VALUES = (".raw", ".zraw", ".raw.gz", ".bin", ".img")
# NIfTI-1: bytes of a header, the place and the magic of those in two files and in one, the place of
# the float that says where values begin, and where they do in one file
SIZE, MAGIC_AT, TWO, ONE, BEGIN_AT, BEGIN = 348, 344, b"ni1\0", b"n+1\0", 108, 352
NRRD = re.compile(rb"^data ?file:[ \t]*([^\r\n]*)\r?\n?", re.MULTILINE | re.IGNORECASE)


def is_header(name: str, size: int) -> bool:
    """Whether a file may be half a volume, by its name and size."""
    return name.lower().endswith(HEADERS) and size <= metaimage.MOST


def values_of(name: str, header: bytes) -> str:
    """The path of the file with a header's values, beside it; "" if it names none there.

    Lists of files, patterns and paths that lead elsewhere are not followed.

    Args:
        name: the header's path.
    """
    if _is_nifti(header):
        return name[:-4] + (".IMG" if name.endswith(".HDR") else ".img")
    found = _entry(header)
    place = found.group(1).strip().decode("utf-8", "replace") if found else ""
    if (
        not place
        or place.upper().startswith(("LOCAL", "LIST"))
        or re.search(r'[/\\:%*?"\0]', place)
    ):
        return ""
    folder = max(name.rfind("/"), name.rfind("!")) + 1  # or the archive that it lies in
    return "" if place in (".", "..") else name[:folder] + place


def joined(header: bytes, values: bytes) -> bytes:
    """Header and values as one file that says that its values are in it."""
    if _is_nifti(header):
        return _one_nifti(header, values)
    found = _entry(header)
    if found is None:
        return header
    before = header[: found.start()]
    if not header.startswith(b"NRRD"):
        return before + b"ElementDataFile = LOCAL\n" + values
    last = nrrd.END.search(header)
    rest = header[found.end() : last.start() if last else None]
    return (before + rest).rstrip(b"\r\n") + b"\n\n" + values


def read_whole(name: str, read: Callable[[str], bytes]) -> bytes:
    """A file, with the values that lie beside it if it is half a volume.

    Args:
        read: gives the bytes of a path; where it finds no values the header is left as it is, and
            reading it says what is missing.

    Raises:
        FileNotFoundError: by ``read``, of the file itself.
    """
    data = read(name)
    beside = values_of(name, data) if is_header(name, len(data)) else ""
    try:
        return joined(data, read(beside)) if beside else data
    except FileNotFoundError:
        return data


def beside_headers(names: Iterable[str]) -> dict[str, str]:
    """The files that hold the values of headers, by their names alone, each with its header."""
    every = list(names)
    headers = {
        one[: -len(suffix)]: one
        for one in every
        if one.lower().endswith(HEADERS)
        for suffix in HEADERS
        if one.lower().endswith(suffix)
    }
    if not headers:
        return {}
    return {
        one: headers[one[: -len(suffix)]]
        for one in every
        if one.lower().endswith(VALUES)
        for suffix in VALUES
        if one.lower().endswith(suffix) and one[: -len(suffix)] in headers
    }


def _is_nifti(header: bytes) -> bool:
    return header[MAGIC_AT:SIZE] == TWO


def _one_nifti(header: bytes, values: bytes) -> bytes:
    """Header and values as one file, without extensions; values begin where the header says."""
    order = "<" if struct.unpack_from("<i", header)[0] == SIZE else ">"
    (skipped,) = struct.unpack_from(f"{order}f", header, BEGIN_AT)
    begin = int(skipped) if 0 <= skipped <= len(values) else 0
    before = header[:BEGIN_AT] + struct.pack(f"{order}f", BEGIN) + header[BEGIN_AT + 4 : MAGIC_AT]
    return before + ONE + bytes(BEGIN - SIZE) + values[begin:]


def _entry(header: bytes) -> re.Match[bytes] | None:
    if not header.startswith(b"NRRD"):
        return metaimage.END.search(header, 0, metaimage.MOST)
    last = nrrd.END.search(header, 0, nrrd.MOST)  # behind an empty line there is no header
    return NRRD.search(header, 0, last.start() if last else nrrd.MOST)
