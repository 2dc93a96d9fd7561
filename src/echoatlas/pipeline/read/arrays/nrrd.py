"""NRRD: its header, and where its values lie (teem.sourceforge.net/nrrd/format.html)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.surplus import bunzip, check_end, gunzip

MOST = 1 << 26  # bytes of a header: sequences tell of each frame
END = re.compile(rb"\r?\n\r?\n")
# Fields that say where values lie, how they are coded, and what they are: all are obeyed.
OBEYED = frozenset(
    {
        "byte skip", "data file", "dimension", "encoding", "endian", "kinds", "line skip",
        "sizes", "space directions", "spacings", "type",
    }
)  # fmt: skip
# Fields that describe, and change no value. "old min", "old max" and "block size" are of those
# that do.
TOLD = frozenset(
    {
        "axis maxs", "axis mins", "centers", "content", "labels", "max", "measurement frame", "min",
        "number", "sample units", "space", "space dimension", "space origin", "space units",
        "thicknesses", "units",
    }
)  # fmt: skip
SPELLED = {
    "axismaxs": "axis maxs", "axismins": "axis mins", "byteskip": "byte skip",
    "centerings": "centers", "datafile": "data file", "lineskip": "line skip",
    "sampleunits": "sample units",
}  # fmt: skip
PACKED = {"gzip": gunzip, "gz": gunzip, "bzip2": bunzip, "bz2": bunzip}
TEXT = frozenset({"ascii", "text", "txt"})


@dataclass(frozen=True, slots=True)
class NrrdHeader:
    """A header.

    Attributes:
        fields: by name, in lower case, as the format spells them first.
        notes: keys and values of the writer's own.
        end: the place of the byte behind the header.
    """

    fields: dict[str, str]
    notes: dict[str, str]
    end: int

    @property
    def encoding(self) -> str:
        return self.fields.get("encoding", "raw").lower()


def nrrd_header(data: bytes) -> NrrdHeader:
    """Read a header up to the empty line behind it.

    Raises:
        Reject: ``no_pixels`` if the values lie in another file, ``truncated`` without an end,
            ``unreadable`` with a field that is not understood, or is there twice.
    """
    last = END.search(data, 0, MOST)
    head = data[: last.start() if last else 1 << 16].decode("latin-1")
    fields: dict[str, str] = {}
    notes: dict[str, str] = {}
    for line in head.split("\n")[1:]:
        key, colon, value = line.partition(":")
        if not colon or line.startswith("#"):
            continue
        if value.startswith("="):
            notes[key] = value[1:].strip()
            continue
        name = key.strip().lower()
        name = SPELLED.get(name, name)
        if name in fields:
            raise Reject(Reason.UNREADABLE, "a field of the header is there twice")
        fields[name] = value.strip()
    if "data file" in fields:
        raise Reject(Reason.NO_PIXELS, "the volume's values lie in another file")
    if last is None:
        raise Reject(Reason.TRUNCATED, "the header has no end")
    if not fields.keys() <= OBEYED | TOLD:
        raise Reject(
            Reason.UNREADABLE,
            "a field of the header that may say where or what values are is not understood",
        )
    if fields.get("dimension") != str(len(fields.get("sizes", "").split())):
        raise Reject(Reason.UNREADABLE, "dimension and sizes of the header disagree")
    return NrrdHeader(fields, notes, last.end())


def nrrd_values(
    data: bytes, header: NrrdHeader, dtype: np.dtype[Any], size: int, config: ReadConfig
) -> memoryview:
    """The bytes of the values, exactly ``size`` of them.

    Lines are skipped first, before anything is unpacked; bytes then, of what is unpacked. A byte
    skip of -1 means the last ``size`` bytes, whatever is before; the format has it for raw values
    alone, and readers agree that others are unpacked first.

    Raises:
        Reject: ``truncated``, ``unsupported_codec``, or ``unreadable`` for bytes that the header
            does not explain.
        ValueError, OSError: a field is not a number, or the data are damaged.
    """
    encoding = header.encoding
    lines = int(header.fields.get("line skip", "0"))
    skip = int(header.fields.get("byte skip", "0"))
    if lines < 0 or skip < -1 or (skip == -1 and encoding in TEXT):
        raise Reject(Reason.UNREADABLE, "a line or byte skip of the header makes no sense")
    if dtype.itemsize > 1 and encoding not in TEXT and "endian" not in header.fields:
        raise Reject(Reason.UNREADABLE, "the header does not say in which order bytes are")
    view = memoryview(data)
    body = view[_behind_lines(data, header.end, lines) :]
    if encoding in PACKED:
        body = memoryview(PACKED[encoding](body, config.max_inflated))
    elif encoding in TEXT:
        return _from_text(body[skip:], dtype, size)
    elif encoding != "raw":
        raise Reject(Reason.UNSUPPORTED_CODEC, "the encoding of the values is not read")
    if skip == -1:
        skip = len(body) - size
        if skip < 0:
            raise Reject(Reason.TRUNCATED, "the volume claims more bytes than are there")
    check_end(body, skip + size)
    return body[skip : skip + size]


def _behind_lines(data: bytes, place: int, lines: int) -> int:
    for _ in range(lines):
        place = data.find(b"\n", place) + 1
        if not place:
            raise Reject(Reason.TRUNCATED, "the volume claims more lines than are there")
    return place


def _from_text(body: memoryview, dtype: np.dtype[Any], size: int) -> memoryview:
    words = bytes(body).split()
    if len(words) * dtype.itemsize < size:
        raise Reject(Reason.TRUNCATED, "the volume claims more values than are there")
    if len(words) * dtype.itemsize > size:
        raise Reject(Reason.UNREADABLE, "there are more values than the header explains")
    if max(map(len, words)) > 64:
        raise Reject(Reason.UNREADABLE, "a value is longer than numbers are")
    values: NDArray[np.float64] = np.array(words).astype(np.float64)
    with np.errstate(invalid="ignore"):  # what does not fit is told below
        fitting = values.astype(dtype)
    if dtype.kind in "iu" and (fitting != values).any():
        raise Reject(Reason.UNREADABLE, "a value does not fit the type that the header states")
    return memoryview(fitting.tobytes())
