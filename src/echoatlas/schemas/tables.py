"""The lake's tables: name, row type, key, and the Arrow schema derived from the row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from types import UnionType
from typing import Any, get_args, get_type_hints

import pyarrow as pa

from echoatlas.schemas.columns import Column
from echoatlas.schemas.rows import duplicates, frames, labels, log, objects

ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    list[float]: pa.list_(pa.float64()),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the lake.

    Attributes:
        row: the frozen dataclass of its rows.
        key: columns by which a row is told apart.
        scope: "object" rows go when their object is worked on anew; "lake" rows are recomputed
            over the whole lake; "log" rows are only ever added.
    """

    name: str
    row: type
    key: tuple[str, ...]
    scope: str

    @property
    def meaning(self) -> str:
        return (self.row.__doc__ or "").strip()


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table("sightings", objects.SightingRow, ("locator",), "log"),
        Table("objects", objects.ObjectRow, ("locator",), "object"),
        Table("copies", objects.CopyRow, ("locator",), "object"),
        Table("consents", objects.ConsentRow, ("told_by", "patient"), "log"),
        Table("frames", frames.FrameRow, ("frame_id",), "object"),
        Table("details", frames.DetailRow, ("frame_id",), "object"),
        Table("measures", frames.MeasureRow, ("frame_id",), "object"),
        Table("evidence", labels.EvidenceRow, ("object_id", "axis", "node", "rule"), "object"),
        Table("readings", labels.ReadingRow, ("object_id",), "object"),
        Table("annotations", frames.AnnotationRow, ("annotation_id",), "object"),
        Table("measurements", frames.MeasurementRow, ("object_id", "ordinal"), "object"),
        Table("stated", objects.StatedRow, ("told_by", "ordinal"), "log"),
        Table("audit", objects.AuditRow, ("object_id",), "object"),
        Table("quarantine", objects.QuarantineRow, ("locator",), "object"),
        Table("labels", labels.LabelRow, ("frame_id",), "lake"),
        Table(
            "edges", duplicates.EdgeRow, ("object_id", "pane", "other_object", "other_pane"), "lake"
        ),
        Table("clips", duplicates.ClipRow, ("object_id", "pane"), "lake"),
        Table("duplicates", duplicates.DuplicateRow, ("frame_id",), "lake"),
        Table("decisions", labels.DecisionRow, ("object_id", "decided"), "log"),
        Table("findings", log.FindingRow, ("frame_id", "author", "ordinal"), "log"),
        Table("runs", log.RunRow, ("run_id",), "log"),
        Table("releases", log.ReleaseRow, ("name",), "log"),
        Table("erasures", log.ErasureRow, ("request",), "log"),
    )
}
BY_ROW: dict[type, Table] = {table.row: table for table in TABLES.values()}


@cache
def columns(row: type) -> dict[str, tuple[Any, Column, bool]]:
    """Name to (Python type, description, nullable) of each column of a row type, in order."""
    hints = get_type_hints(row, include_extras=True)
    found: dict[str, tuple[Any, Column, bool]] = {}
    for field in fields(row):
        kind, description = get_args(hints[field.name])
        options = get_args(kind) if isinstance(kind, UnionType) else (kind,)
        found[field.name] = (options[0], description, type(None) in options)
    return found


@cache
def schema(name: str) -> pa.Schema:
    """The Arrow schema of a table, each field with its sentence and unit as metadata."""
    return pa.schema(
        [
            pa.field(
                column,
                ARROW[kind],
                nullable=nullable,
                metadata={"comment": description.meaning, "unit": description.unit},
            )
            for column, (kind, description, nullable) in columns(TABLES[name].row).items()
        ]
    )


def subject_columns(name: str) -> frozenset[str]:
    """Columns that speak of one patient: never given file statistics."""
    return frozenset(
        column
        for column, (_, description, _) in columns(TABLES[name].row).items()
        if description.subject
    )


def to_arrow(name: str, records: Iterable[object]) -> pa.Table:
    """Rows of one table as Arrow, in the table's schema and in key order."""
    table = TABLES[name]
    ordered = sorted(records, key=lambda row: tuple(str(getattr(row, part)) for part in table.key))
    names = list(columns(table.row))
    return pa.table(
        {column: [getattr(row, column) for row in ordered] for column in names},
        schema=schema(name),
    )
