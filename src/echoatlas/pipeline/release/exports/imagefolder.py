"""A folder a class: SPLIT/CLASS/FRAME_ID.png, as torchvision's ImageFolder and its kin read it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pydantic import Field

from echoatlas.pipeline.errors import UsageError, nearest
from echoatlas.pipeline.release.exports.drawn import drawn_files, write_drawn
from echoatlas.pipeline.release.exports.job import FormatSettings, Hub, Pull, marks
from echoatlas.pipeline.release.exports.words import class_folder
from echoatlas.taxonomy.tree import UNKNOWN

SHOWN = 10  # classes that a message names


class Settings(FormatSettings):
    """What the classes are."""

    label: str = Field(
        "organ", description="A column of the index, or the name of a class annotation."
    )


def write_imagefolder(job: Pull[Settings]) -> Hub:
    """Write it.

    Readers number the classes of each folder by itself: a class that is not in every split would
    give the others another number there. So such classes are left out.
    """
    labels = _labels(job)
    splits = job.index.column("split").to_pylist()
    where: dict[str, set[str]] = {}
    for label, split in zip(labels, splits, strict=True):
        if label:
            where.setdefault(label, set()).add(split)
    everywhere = {label for label, found in where.items() if found == set(job.splits)}
    rows = [at for at, label in enumerate(labels) if label in everywhere]
    partial = sorted(set(where) - everywhere)
    named = ", ".join(partial[:SHOWN])
    named += f" and {len(partial) - SHOWN} more" if len(partial) > SHOWN else ""
    why = "their class is unknown" + (f", or is not in every split ({named})" if partial else "")
    folders = {job.index.column("frame_id")[at].as_py(): labels[at] for at in rows}
    job.chosen(rows, why)
    for sample in job.lacking(
        job.index, lambda row: [_path(row, folders, job.ending), *drawn_files(job, row)]
    ):
        write_drawn(job, sample)
        job.target.write(_path(sample.row, folders, job.ending), sample.file)
    classes = sorted(everywhere)
    job.target.write("classes.txt", "".join(f"{one}\n" for one in classes).encode())
    job.notes.append("Classes are numbered in order of their names: `classes.txt`.")
    names = {"class_label": {"names": {str(n): one for n, one in enumerate(classes)}}}
    files = {split: [f"{split}/**"] for split in job.splits}
    known: Any = [{"name": "image", "dtype": "image"}, {"name": "label", "dtype": names}]
    return Hub(files, known)


def _path(row: dict[str, Any], folders: dict[str, str], ending: str) -> str:
    return f"{row['split']}/{folders[row['frame_id']]}/{row['frame_id']}.{ending}"


def _labels(job: Pull[Settings]) -> list[str]:
    """The class of each row as a folder's name; empty if it is not known."""
    name = job.settings.label
    if name in job.index.column_names:
        column = job.index.column(name)
        if not (pa.types.is_string(column.type) or pa.types.is_integer(column.type)):
            raise UsageError(
                f"--set label={name}: its values ({column.type}) are no classes; name a column of "
                "words, as organ or view, or a class annotation"
            )
        values = column.to_pylist()
    else:
        rows = job.index.to_pylist()
        values = [
            next((m["value"] for m in marks(row) if (m["kind"], m["name"]) == ("class", name)), "")
            for row in rows
        ]
        if not any(values):
            known = {m["name"] for row in rows for m in marks(row) if m["kind"] == "class"}
            near = nearest(name, [*known, *job.index.column_names])
            raise UsageError(f"no column and no class annotation is called '{name}'{near}")
    return ["" if one in (None, "", UNKNOWN) else class_folder(str(one)) for one in values]
