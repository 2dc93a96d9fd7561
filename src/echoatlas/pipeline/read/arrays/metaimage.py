"""MetaImage: its header, and where its values lie.

What every reader of the format does not agree on is refused, so that no byte is taken for a value
that another program takes for something else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.surplus import LAST, check_end, gunzip, unexplained

MOST = 1 << 26  # bytes of a header: tracked sequences tell a dozen fields of each frame
END = re.compile(rb"^[ \t]*ElementDataFile[ \t]*=[ \t]*([^\r\n]*)(?:\r?\n|\Z)", re.MULTILINE)
# Fields that say where values lie, how they are coded, and what they are: all are obeyed.
OBEYED = frozenset(
    {
        "BinaryData", "BinaryDataByteOrderMSB", "CompressedData", "CompressedDataSize",
        "DimSize", "ElementByteOrderMSB", "ElementNumberOfChannels", "ElementSize",
        "ElementSpacing", "ElementType", "HeaderSize", "NDims", "ObjectType",
    }
)  # fmt: skip
# Fields of the same families that change no value.
TOLD = frozenset({"CompressionLevel", "ElementMax", "ElementMin", "ElementOrigin"})
# Fields that change values, and what they say where they change none.
NEUTRAL = {"ElementToIntensityFunctionSlope": 1.0, "ElementToIntensityFunctionOffset": 0.0}
# What a field that moves, orders or scales values begins with, in any spelling. Other fields are
# a writer's own (MetaIO allows any) and speak of the picture, not of its bytes.
FAMILIES = ("binary", "compress", "dim", "element", "header", "ndims")
TRUE, FALSE = ("t", "true", "1"), ("f", "false", "0", "")


@dataclass(frozen=True, slots=True)
class MetaHeader:
    """The fields of a header, as written, and the place of the byte behind it."""

    fields: dict[str, str]
    end: int

    def flag(self, *names: str) -> bool:
        """A field of yes or no, by the first name that is there; no if none is.

        Raises:
            Reject: ``unreadable`` if it is neither.
        """
        for name in names:
            value = self.fields.get(name, "").lower()
            if value in TRUE:
                return True
            if value not in FALSE:
                raise Reject(Reason.UNREADABLE, f"{name} of the header is neither true nor false")
        return False


def meta_header(data: bytes) -> MetaHeader:
    """Read a header up to the line that says where the values are.

    Raises:
        Reject: ``no_pixels`` if they are in another file, ``unreadable`` without such a line, or
            with a field that would move, order or scale values in a way that is not understood.
    """
    last = END.search(data, 0, MOST)
    if last is None:
        raise Reject(Reason.UNREADABLE, "the header does not say where its values are")
    if last.group(1).strip().upper() != b"LOCAL":
        raise Reject(Reason.NO_PIXELS, "the volume's values lie in another file")
    fields: dict[str, str] = {}
    for line in data[: last.start()].decode("latin-1").split("\n"):
        key, _, value = (part.strip() for part in line.partition("="))
        if key in fields and key.lower().startswith(FAMILIES):
            raise Reject(Reason.UNREADABLE, "a field of the header is there twice")
        fields[key] = value
    _check_understood(fields)
    return MetaHeader(fields, last.end())


def _check_understood(fields: dict[str, str]) -> None:
    for key, value in fields.items():
        if key in NEUTRAL:
            if _number(value) != NEUTRAL[key]:
                raise Reject(Reason.UNREADABLE, f"{key} of the header is not applied")
        elif key.lower().startswith(FAMILIES) and key not in OBEYED | TOLD:
            raise Reject(
                Reason.UNREADABLE,
                "a field of the header that may say where or what values are is not understood",
            )
    if fields.get("ObjectType", "Image") != "Image":
        raise Reject(Reason.NO_PIXELS, "the object is no image")
    if fields.get("BinaryData", "True").lower() not in TRUE:
        raise Reject(Reason.UNSUPPORTED_CODEC, "values written as text are not read")
    if len(fields.get("DimSize", "").split()) != int(_number(fields.get("NDims", "nan")) or 0):
        raise Reject(Reason.UNREADABLE, "NDims and DimSize of the header disagree")


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if abs(number) < 1e9 else 0.0


def meta_values(data: bytes, header: MetaHeader, size: int, config: ReadConfig) -> memoryview:
    """The bytes of the values, exactly ``size`` of them.

    ``HeaderSize`` is what is skipped: -1 for all but the last ``size`` bytes, else so many bytes
    of the file with the values. Of a file that holds both, MetaIO counts from its first byte, and
    writers from the end of the header: that one is meant by which nothing is left over.

    Raises:
        Reject: ``truncated``, or ``unreadable`` for bytes that the header does not explain.
        ValueError: a field is not a number.
    """
    view = memoryview(data)
    skip = int(header.fields.get("HeaderSize", "0"))
    if header.flag("CompressedData"):
        if skip:
            raise Reject(Reason.UNREADABLE, "readers disagree on HeaderSize of compressed values")
        return _inflated(view[header.end :], header, size, config)
    if skip == -1:
        start = len(data) - size
        if start < header.end:
            raise Reject(Reason.TRUNCATED, "the volume claims more bytes than are there")
        return view[start:]
    if skip < 0:
        raise Reject(Reason.UNREADABLE, "HeaderSize of the header makes no sense")
    start = header.end + skip
    if skip >= header.end and _fits(view, skip + size):
        start = skip
    check_end(view, start + size)
    return view[start : start + size]


def _fits(view: memoryview, end: int) -> bool:
    return end <= len(view) <= end + 2 and bytes(view[end:]) in LAST


def _inflated(packed: memoryview, header: MetaHeader, size: int, config: ReadConfig) -> memoryview:
    stated = int(header.fields.get("CompressedDataSize") or 0)
    if stated:
        check_end(packed, stated)
        packed = packed[:stated]
    plain = gunzip(packed, config.max_inflated)
    if len(plain) < size:
        raise Reject(Reason.TRUNCATED, "the volume claims more bytes than are there")
    if len(plain) > size:
        raise unexplained(len(plain) - size)
    return memoryview(plain)
