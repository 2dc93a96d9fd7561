"""Search everything that was written for what was planted: all bytes, and all decoded values.

Other scorers look in the element where a value stood; a leak that moved is then a pass, and so is
a file that was not written. This one asks: does the planted value occur anywhere, in any form that
a reader could turn back, and was there anything to look at?
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import ahocorasick
import pyarrow.parquet as pq
from pydicom import dcmread

from echoatlas.pipeline.deidentify.header.checker import walk

ENCODINGS = (
    "utf-8", "utf-16-le", "utf-16-be", "gb18030", "shift_jis", "euc_jp", "euc_kr", "iso2022_jp",
    "iso8859-1", "iso8859-5", "iso8859-7",
)  # fmt: skip
LONG_ENOUGH = 6  # shorter values, turned around, coded or in either case, occur by chance
DEEPEST = 4  # archives in archives


@dataclass(frozen=True, slots=True)
class Planted:
    """A value that must not come out, and where it was put.

    Attributes:
        place: of the element, for people ("(0008,0080) thrice").
        action: MIDI-B's action: text_removed, uid_changed, date_shifted.
        nested: whether it lies below a sequence.
    """

    value: str
    place: str
    action: str = "text_removed"
    nested: bool = False


def leaked(written: Iterable[bytes | Path], planted: Iterable[Planted]) -> list[Planted]:
    """Those of the planted values that occur in what was written, folders searched whole.

    File and folder names count as written.

    Raises:
        AssertionError: nothing was written: that would be no proof.
    """
    wanted = list(planted)
    exact, folded = ahocorasick.Automaton(), ahocorasick.Automaton()
    for number, one in enumerate(wanted):
        search = folded if len(one.value) >= LONG_ENOUGH else exact
        for form in forms(one):
            text = (form.lower() if search is folded else form).decode("latin-1")
            search.add_word(text, (*search.get(text, ()), number))
    for search in (exact, folded):
        search.make_automaton()
    found: set[int] = set()
    looked = 0
    for place in written:
        for data in readings(place):
            looked += 1
            for search, seen in ((exact, data), (folded, data.lower())):
                if len(search):
                    for _, numbers in search.iter(seen.decode("latin-1")):
                        found.update(numbers)
    assert looked, "there is nothing to search"
    return [wanted[number] for number in sorted(found)]


def forms(planted: Planted) -> set[bytes]:
    """How a value may stand in bytes."""
    value = planted.value
    texts = {value}
    if planted.action == "date_shifted" and len(value) >= 8 and value[:8].isdigit():
        y, m, d = value[:4], value[4:6], value[6:8]
        texts |= {f"{y}{s}{m}{s}{d}" for s in "-./"} | {f"{d}{s}{m}{s}{y}" for s in "-./"}
        texts |= {f"{m}{s}{d}{s}{y}" for s in "-/"} | {d + m + y, m + d + y}
    found = set()
    for text in texts:
        for encoding in ENCODINGS:
            try:
                found.add(text.encode(encoding))
            except UnicodeEncodeError:
                continue
    plain = value.encode()
    if len(plain) >= LONG_ENOUGH:
        found |= {plain.hex().encode(), value[::-1].encode(), quote(value, safe="").encode()}
        found.add(json.dumps(value).strip('"').encode())
        for ahead in range(3):  # base64 has three alignments; its ends depend on what is beside
            coded = base64.b64encode(b"\0" * ahead + plain)
            core = coded[[0, 2, 3][ahead] : (ahead + len(plain)) // 3 * 4]
            found |= {core} if len(core) >= 8 else set()
    return {form for form in found if len(form) >= min(len(plain), 4)}


def readings(one: bytes | Path) -> Iterator[bytes]:
    """A file's or folder's bytes and names, and all that a reader would make of them."""
    if isinstance(one, bytes):
        yield from _read(one, 0)
        return
    for path in [one, *(sorted(one.rglob("*")) if one.is_dir() else [])]:
        yield str(path.relative_to(one.parent)).encode()
        if path.is_file():
            yield from _read(path.read_bytes(), 0)


def _read(data: bytes, depth: int) -> Iterator[bytes]:
    yield data
    if depth > DEEPEST:
        return
    if data[128:132] == b"DICM":
        yield _dicom(data)
        yield from (data[::2], data[1::2])  # high bits of 16-bit cells
    elif data[:4] == b"PAR1":
        yield from _parquet(data)
    elif data[:4] == b"PK\3\4":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                yield info.filename.encode() + b"\0" + info.comment + b"\0" + info.extra
                yield from _read(archive.read(info), depth + 1)
    elif data[:2] == b"\x1f\x8b":
        yield from _read(gzip.decompress(data), depth + 1)
    elif data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                said = (member.name, member.uname, member.gname, member.linkname)
                yield repr((said, member.pax_headers)).encode()
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield from _read(content.read(), depth + 1)
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        yield from _png(data)


def _dicom(data: bytes) -> bytes:
    """All values of a DICOM file as UTF-8, nested ones too, and what follows a NUL in them."""
    dataset = dcmread(io.BytesIO(data))
    values = [str(element.value) for _, element in walk(dataset)]
    values += [str(element.value) for element in dataset.file_meta]
    return "\0".join(values).encode(errors="replace")


def _parquet(data: bytes) -> Iterator[bytes]:
    """Values, whatever their coding; statistics, key-value metadata and schema."""
    file = pq.ParquetFile(io.BytesIO(data))
    yield repr((file.metadata.metadata, file.schema_arrow)).encode()
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        yield repr([group.column(at).to_dict() for at in range(group.num_columns)]).encode()
    for batch in file.iter_batches(batch_size=256):
        for row in batch.to_pylist():
            yield json.dumps(row, default=_hidden, ensure_ascii=False).encode()
            for value in row.values():
                if isinstance(value, bytes):
                    yield from _read(value, DEEPEST)
                elif isinstance(value, float):
                    yield struct.pack("<d", value)


def _hidden(value: object) -> str:
    return "" if isinstance(value, bytes) else str(value)


def _png(data: bytes) -> Iterator[bytes]:
    at, rows = 8, b""
    while at + 12 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + size]
        rows += body if kind == b"IDAT" else b""
        if kind in (b"zTXt", b"iTXt", b"iCCP"):
            for start in range(len(body)):  # wherever the compressed text begins
                if body[start : start + 1] == b"\x78":
                    try:
                        yield zlib.decompressobj().decompress(body[start:])
                    except zlib.error:
                        continue
        at += size + 12
    try:
        yield zlib.decompressobj().decompress(rows)
    except zlib.error:
        return
