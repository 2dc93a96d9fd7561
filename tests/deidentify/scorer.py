"""Search everything that was written for what was planted: all bytes, and all decoded values.

Other scorers look in the element where a value stood; a leak that moved is then a pass. This one
asks one question: does the planted value occur anywhere, in any encoding a DICOM file can hold?
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import dcmread

from echoatlas.pipeline.deidentify.check import walk

ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030", "shift_jis", "euc_kr", "iso2022_jp")


@dataclass(frozen=True, slots=True)
class Planted:
    """A value that must not come out, and where it was put.

    Attributes:
        place: of the element, for people ("0008,0080 thrice nested").
        action: MIDI-B's action: text_removed, uid_changed, date_shifted, patid_consistent.
    """

    value: str
    place: str
    action: str = "text_removed"


def leaked(written: Iterable[bytes | Path], planted: Iterable[Planted]) -> list[Planted]:
    """Those of the planted values that occur in what was written, folders searched whole.

    File and folder names count as written.
    """
    haystacks: list[bytes] = []
    for one in written:
        if isinstance(one, bytes):
            haystacks += [one, _decoded(one)]
            continue
        for path in [one, *(sorted(one.rglob("*")) if one.is_dir() else [])]:
            haystacks.append(str(path.relative_to(one.parent)).encode())
            if path.is_file():
                data = path.read_bytes()
                haystacks += [data, _decoded(data)]
    everything = b"\0".join(haystacks)
    folded = everything.lower()
    return [one for one in planted if _occurs(one.value, everything, folded)]


def _occurs(value: str, everything: bytes, folded: bytes) -> bool:
    if value.encode().lower() in folded:
        return True
    if value.isascii():  # one byte a sign in all of them but UTF-16
        return value.encode("utf-16-le") in everything or value.encode("utf-16-be") in everything
    return any(form in everything for form in _forms(value))


def _forms(value: str) -> set[bytes]:
    found = set()
    for encoding in ENCODINGS:
        try:
            found.add(value.encode(encoding))
        except UnicodeEncodeError:
            continue
    return found


def _decoded(data: bytes) -> bytes:
    """All values of a DICOM file as UTF-8, nested ones too; nothing of other files."""
    if data[128:132] != b"DICM":
        return b""
    dataset = dcmread(BytesIO(data))
    values = [str(element.value) for _, element in walk(dataset)]
    values += [str(element.value) for element in dataset.file_meta]
    return "\0".join(values).encode()


def export_answer_key(path: Path, planted: Iterable[tuple[str, Planted]]) -> None:
    """Write an answer key as MIDI-B's validation reads it: SQLite, one row a check.

    Args:
        planted: each with the SOPInstanceUID that it was planted in.
    """
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE answer_data (SOPInstanceUID TEXT, AnswerTag TEXT, Action TEXT, "
            "AnswerValue TEXT)"
        )
        database.executemany(
            "INSERT INTO answer_data VALUES (?, ?, ?, ?)",
            [(uid, one.place, one.action, one.value) for uid, one in planted],
        )
    database.close()
