"""An answer key as MIDI-B's validation reads it, and a grader that counts a missing file as wrong.

The key is SQLite: a row of ``answer_data`` an instance, its checks as JSON in ``AnswerData``.
Texts stand in angle brackets, and so does each step of an element's place:
``<(0008,1140)>[<0000>]<(0008,1155)>``, private ones as ``<(0029,"ACME 1.0",10)>``.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.helpers.torture import Trap

COLUMNS = (
    "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "Modality",
    "SOPClassUID", "AnswerData",
)  # fmt: skip
RETAINED = ("SOPClassUID", "Modality", "Rows", "Columns", "PhotometricInterpretation")
NOT_NULL = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID")
KEPT_TEXT = ("Modality", "PatientAge")
MAPPED = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


def places(dataset: Dataset, before: str = "") -> Iterator[tuple[str, Any]]:
    """Each element with its place, at every depth."""
    for element in dataset:
        label = str(element.tag).replace(", ", ",").lower()
        if element.tag.is_private and element.private_creator:
            group, number = element.tag.group, element.tag.element & 0xFF
            label = f'({group:04x},"{element.private_creator.upper()}",{number:02x})'
        place = f"{before}<{label}>"
        yield place, element
        if element.VR == "SQ":
            for number, item in enumerate(element.value or ()):
                yield from places(item, f"{place}[<{number:04d}>]")


def checks(trap: Trap, boxes: Iterable[tuple[int, int, int, int]] = ()) -> list[dict[str, Any]]:
    """What is to be true of the output of one file."""
    dataset = dcmread(BytesIO(trap.data))
    found = []
    for one in trap.planted:
        for place, element in places(dataset):
            if element.VR != "SQ" and one.value in str(element.value):
                found.append(_check(one.action, place, element, one.value))
    at_top = {element.keyword: (p, element) for p, element in places(dataset) if "[" not in p}
    for action, keywords in (
        ("tag_retained", RETAINED),
        ("text_notnull", NOT_NULL),
        ("text_retained", KEPT_TEXT),
        ("uid_changed", MAPPED),
        ("uid_consistent", MAPPED),
        ("patid_consistent", ("PatientID",)),
    ):
        for keyword in keywords:
            if keyword in at_top and at_top[keyword][1].value:
                place, element = at_top[keyword]
                found.append(_check(action, place, element, str(element.value)))
    if "PixelData" in dataset:
        place, element = at_top["PixelData"]
        digest = hashlib.md5(element.value).hexdigest()
        hidden = list(boxes)
        found += [_check("pixels_hidden", place, element, json.dumps(box)) for box in hidden]
        found += [] if hidden else [_check("pixels_retained", place, element, digest)]
    return found


def _check(action: str, place: str, element: Any, text: str) -> dict[str, Any]:
    return {
        "action": f"<{action}>",
        "action_text": f"<{text}>",
        "answer_category_v2": [],
        "tag": f"<{str(element.tag).replace(', ', ',').lower()}>",
        "tag_ds": place,
        "tag_name": f"<{element.name}>",
        "value": "<>" if element.keyword == "PixelData" else f"<{str(element.value).strip()}>",
    }


def export(path: Path, traps: Iterable[Trap]) -> Counter[str]:
    """Write the key of some files; returns the number of checks by action."""
    counts: Counter[str] = Counter()
    with sqlite3.connect(path) as database:
        database.execute(
            f"CREATE TABLE answer_data ({', '.join(f'{name} TEXT' for name in COLUMNS)})"
        )
        for trap in traps:
            told = checks(trap)
            counts.update(one["action"].strip("<>") for one in told)
            header = dcmread(BytesIO(trap.data))
            row = [str(header.get(name, "")) for name in COLUMNS[:-1]]
            row.append(json.dumps({str(n): one for n, one in enumerate(told)}))
            database.execute(f"INSERT INTO answer_data VALUES ({', '.join('?' * 7)})", row)
    database.close()
    return counts


def mappings(folder: Path, uids: Mapping[str, str], patients: Mapping[str, str]) -> None:
    """Write ``uid_mapping.csv`` and ``patid_mapping.csv``, old to new, as a contestant would."""
    for name, told in (("uid", uids), ("patid", patients)):
        lines = ["id_old,id_new", *(f"{old},{new}" for old, new in sorted(told.items()))]
        (folder / f"{name}_mapping.csv").write_text("\n".join(lines) + "\n")


def graded(
    key: Path, outputs: Mapping[str, bytes], uids: Mapping[str, str], patients: Mapping[str, str]
) -> dict[str, Counter[bool]]:
    """Grade outputs against a key: action to checks that passed and failed.

    Args:
        outputs: by their new SOPInstanceUID. uids, patients: old to new.
    """
    found: dict[str, Counter[bool]] = {}
    with sqlite3.connect(key) as database:
        rows = database.execute("SELECT SOPInstanceUID, AnswerData FROM answer_data").fetchall()
    database.close()
    for instance, told in rows:
        data = outputs.get(uids.get(instance, ""))
        said = dict(places(dcmread(BytesIO(data)))) if data is not None else None
        for check in json.loads(told).values():
            action = check["action"].strip("<>")
            passed = said is not None and passes(action, check, said, uids, patients)
            found.setdefault(action, Counter())[passed] += 1
    return found


def passes(
    action: str,
    check: Mapping[str, str],
    said: Mapping[str, Any],
    uids: Mapping[str, str],
    patients: Mapping[str, str],
) -> bool:
    """Whether an output's elements, by place, are as one check demands."""
    element = said.get(check["tag_ds"])
    value = "" if element is None or element.value is None else str(element.value).strip()
    text, old = check["action_text"][1:-1], check["value"][1:-1]
    if action == "tag_retained":
        return element is not None
    if action == "text_notnull":
        return bool(value)
    if action == "text_retained":
        return text == value
    if action in ("text_removed", "date_shifted", "uid_changed"):
        return text not in value
    if action == "uid_consistent":
        return value == uids.get(old)
    if action == "patid_consistent":
        return value == patients.get(old)
    if action == "pixels_retained":
        return element is not None and hashlib.md5(element.value).hexdigest() == text
    assert action == "pixels_hidden", action
    return element is not None and _hidden(said, element.value, json.loads(text))


def _hidden(said: Mapping[str, Any], pixels: bytes, box: list[int]) -> bool:
    """Whether nothing is to be seen in a box (x0, y0, x1, y1) of native 8-bit pixels."""
    width = int(said["<(0028,0011)>"].value) * int(said["<(0028,0002)>"].value)
    step = int(said["<(0028,0002)>"].value)
    rows = [
        pixels[y * width + box[0] * step : y * width + box[2] * step] for y in range(*box[1::2])
    ]
    return len({byte for row in rows for byte in row}) <= 1
