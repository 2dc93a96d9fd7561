"""Hand uncertain labels to a person as a CSV with thumbnails, and take the decisions back."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import pyarrow as pa

from echoatlas.pipeline.errors import UsageError, unreadable
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.label.relabel import decisions, evidence_of
from echoatlas.pipeline.lake.join import among, flags
from echoatlas.pipeline.lake.picked import picked
from echoatlas.pipeline.spreadsheet import told_lines
from echoatlas.schemas.rows.labels import DecisionRow
from echoatlas.schemas.tables import to_arrow
from echoatlas.taxonomy.tree import UNKNOWN, tree

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.schemas.records import Hint

COLUMNS = (
    "object_id", "thumbnail", "proposal", "confidence", "conflict", "evidence", "copies",
    "decision", "laterality",
)  # fmt: skip
AT_ONCE = 256  # images in memory
AUTHOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SIDES = ("", "left", "right", "bilateral", "unpaired", "unknown")


def export(
    lake: Lake, dest: Path, most: int | None = None, copies: Mapping[str, str] | None = None
) -> int:
    """Write what a person should look at: ``dest/review.csv`` and ``dest/thumbnails/``.

    The CSV has a row an object. ``evidence`` holds codes only; the thumbnail is a de-identified
    frame of the lake. The reviewer fills in ``decision``: a path of the tree, several separated
    by blanks, "unknown", or "ok" for the proposal; and ``laterality`` if it is wrong.

    Args:
        most: at most this many objects, the least certain first.
        copies: objects that others show as well, under labels that contradict theirs: to what
            these are called. They are asked about first, whatever they are sure of.

    Returns:
        How many objects were written; those already decided are not among them.

    Raises:
        UsageError: what somebody decided in a sheet that is there would be lost, or it can't be
            written.
    """
    copies = copies or {}
    every = _waiting(lake, copies)
    _demand_none_lost(dest / "review.csv", {row["object_id"] for row in every})
    waiting = every[:most]
    try:
        _written(lake, dest, waiting, copies)
    except OSError as error:
        raise UsageError(f"cannot write to {dest} ({error.strerror})") from None
    return len(waiting)


def _written(
    lake: Lake, dest: Path, waiting: Sequence[dict[str, Any]], copies: Mapping[str, str]
) -> None:
    hints = evidence_of(lake)
    thumbnails = dest / "thumbnails"
    thumbnails.mkdir(parents=True, exist_ok=True)
    wanted = {row["frame_id"]: row["object_id"] for row in waiting}
    for frame_id, image in _images(lake, wanted):
        picture = decode(image)
        shown = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(thumbnails / f"{wanted[frame_id]}.png"), shown)
    with (dest / "review.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        for row in waiting:
            writer.writerow(
                {
                    "object_id": row["object_id"],
                    "thumbnail": f"thumbnails/{row['object_id']}.png",
                    "proposal": row["paths"] or UNKNOWN,
                    "confidence": f"{row['confidence']:.2f}",
                    "conflict": "yes" if row["conflict"] else "no",
                    "evidence": in_codes(hints.get(row["object_id"], ())),
                    "copies": copies.get(row["object_id"], ""),
                }
            )


def _demand_none_lost(sheet: Path, waiting: Collection[str]) -> None:
    """Refuse to write over what somebody decided and nobody has taken in yet."""
    rows = _lines(sheet) if sheet.exists() else ()
    if any(row["decision"].strip() and row["object_id"] in waiting for _, row in rows):
        raise UsageError(
            f"{sheet} holds decisions that were not taken in and would be lost: `echoatlas label "
            "review import` takes them, or name another folder"
        )


def in_codes(hints: Iterable[Hint]) -> str:
    """Both sides of the evidence for anatomy: "rule > node (weight)", strongest first."""
    anatomy = [hint for hint in hints if hint.axis in ("anatomy", "also")]
    anatomy.sort(key=lambda hint: (-hint.weight, hint.node, hint.rule))
    return "; ".join(f"{hint.rule} > {hint.node} ({hint.weight:.2f})" for hint in anatomy)


def import_(lake: Lake, source: Path, author: str, day: date) -> int:
    """Take decisions back from a filled-in CSV; the same file twice is one import.

    Args:
        author: id of the reviewer: letters, digits and ".-_", so that it is no name.
        day: when it was decided.

    Returns:
        How many objects were decided; rows without a decision are passed over.

    Raises:
        UsageError: the file is no CSV, a column is missing, an object is not in the lake, or a
            decision is no path of the tree; names the line.
    """
    if not AUTHOR.fullmatch(author):
        raise UsageError("--by is an id of letters, digits and .-_, such as reviewer-1")
    rows, told = [], [one for one in _lines(source) if one[1]["decision"].strip()]
    named = pa.array(sorted({row["object_id"].strip() for _, row in told}), pa.string())
    labeled = named.filter(pa.array(among(named, lake.read("labels", ["object_id"]).column(0))))
    there = set(labeled.to_pylist())
    for line, row in told:
        where = f"{source}, line {line}"
        if row["object_id"].strip() not in there:
            raise UsageError(f"{where}: there is no such object in the lake")
        rows.append(_decision(row, author, day, where))
    table = to_arrow("decisions", rows)
    content = repr([(row.object_id, row.paths, row.laterality, author, day) for row in rows])
    lake.append("decisions", table, f"review-{hashlib.sha256(content.encode()).hexdigest()[:16]}")
    return len(rows)


def _lines(source: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each row; spreadsheets write commas, semicolons or tabs."""
    try:
        text = source.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(unreadable(source, error)) from None
    head = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    with told_lines(reader, source):
        missing = {"object_id", "proposal", "decision"} - set(reader.fieldnames or ())
        if missing:
            raise UsageError(f"{source}: column '{min(missing)}' is missing")
        for row in reader:
            yield reader.line_num, {name: cell or "" for name, cell in row.items() if name}


def _decision(row: dict[str, str], author: str, day: date, where: str) -> DecisionRow:
    said = row["decision"].strip().lower()
    proposed = row["proposal"].strip()
    paths = proposed.split() if said == "ok" else said.split()
    paths = [path for path in paths if path != UNKNOWN]
    for path in paths:
        if path not in tree():
            # It may be a note in the wrong column, and quote the picture: it is not repeated
            raise UsageError(f"{where}: the decision is no path of the tree{tree().hint(path)}")
    side = (row.get("laterality") or "").strip().lower()
    if side not in SIDES:
        raise UsageError(f"{where}: laterality is one of {', '.join(SIDES[1:])}")
    known = "" if proposed == UNKNOWN else proposed
    return DecisionRow(
        row["object_id"].strip(), " ".join(paths), side, author, day.isoformat(), known, tree().hash
    )


def _waiting(lake: Lake, copies: Collection[str]) -> list[dict[str, Any]]:
    """Labels that ask for a person, one frame an object: what copies contradict, then the least
    certain first."""
    columns = ["frame_id", "object_id", "paths", "confidence", "conflict", "review"]
    done, named = (pa.array(sorted(some), pa.string()) for some in (decisions(lake), copies))
    first: dict[str, dict[str, Any]] = {}
    for _, labels in lake.by_file("labels", columns):
        owners = labels.column("object_id")
        asked = flags(labels.column("review")) | among(owners, named)
        asked &= ~among(owners, done)
        for row in labels.filter(pa.array(asked)).to_pylist():
            known = first.setdefault(row["object_id"], row)
            if row["frame_id"] < known["frame_id"]:
                first[row["object_id"]] = row
    return sorted(
        first.values(),
        key=lambda row: (row["object_id"] not in copies, row["confidence"], row["object_id"]),
    )


def _images(lake: Lake, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    for rows in picked(lake, "frames", ["frame_id", "image"], "frame_id", wanted):
        for batch in rows.to_batches(AT_ONCE):
            yield from zip(*batch.to_pydict().values(), strict=True)
