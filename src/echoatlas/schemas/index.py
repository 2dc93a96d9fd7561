"""The index of a release: its columns in order, where each comes from, and what it is used for.

Most columns are those of the lake's tables, with their type and sentence; a release adds the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a column of the index is used for."""

    META = "meta"  # told in the JSON beside each sample
    COUNTED = "counted"  # counted on the card
    FIRST = "first"  # comes first in tables for people
    PLACE = "place"  # where the sample lies in the shards
    TIE = "tie"  # rows that share it stay in one split
    QUASI = "quasi"  # an outsider may know it of a patient


# Each in its own order, in which it is written or shown
ROLES: Mapping[Role, tuple[str, ...]] = {
    Role.META: (
        "frame_id", "site", "patient", "study", "region", "organ", "paths", "confidence",
        "laterality", "view", "application", "mode", "split", "device", "license", "subject_type",
        "mm_per_px_x", "mm_per_px_y", "fan_shape", "frame_index",
    ),
    Role.COUNTED: (
        "split", "site", "region", "organ", "device", "mode", "license", "subject_type",
        "fan_shape", "consent",
    ),
    Role.FIRST: (
        "frame_id", "site", "patient", "region", "organ", "split", "device", "license",
    ),
    Role.PLACE: ("shard", "offset", "length"),
    Role.TIE: ("patient", "study", "cluster", "pixel_hash"),
    Role.QUASI: ("site", "age", "sex", "maker", "model"),
}  # fmt: skip
FROM: Mapping[str, tuple[str, ...]] = {
    "frames": (
        "frame_id", "object_id", "site", "patient", "study", "series", "patient_source",
        "frame_index", "pane", "time_ms", "width", "height", "channels", "native_width",
        "native_height", "scale", "offset_x", "offset_y", "mm_per_px_x", "mm_per_px_y",
        "spacing_source", "fan_shape", "fan", "fan_score", "fan_verdict", "mode", "maker", "model",
        "subject_type", "native_split", "age", "sex", "license", "consent", "flags",
    ),
    "labels": (
        "region", "organ", "region_index", "organ_index", "paths", "confidence", "laterality",
        "view", "application", "conflict", "decided_by",
    ),
    "measures": (
        "pixel_hash", "blur", "entropy", "mean", "saturation", "dark", "fan_fill", "speckle_snr",
        "text_share", "color_share", "motion",
    ),
}  # fmt: skip
OWN: Mapping[str, tuple[str, str, str]] = {  # type, unit, meaning
    "device": ("string", "", "Maker and model, as one text."),
    "cluster": ("string", "", "Id of the cluster of frames that show the same; else its own id."),
    "representative": ("string", "", "The frame that stands for the cluster; else its own id."),
    "annotated": ("string", "", "Kinds of its annotations, separated by blanks."),
    "kin": ("string", "", "Other patients whom copies of the frame name, separated by blanks."),
    "split_group": ("string", "", "Smallest patient of all who have to stay in one split."),
    "quality": ("double", "", "How good the picture is, 0 to 1; see the format of releases."),
    "split": ("string", "", "Of the release's splits."),
    "moved_from": (
        "string",
        "",
        "Split that the newest earlier release with its patient had it in, if another.",
    ),
    "weight": ("double", "", "How often a trainer should draw it, as configured; 1 if not."),
    "measurements": ("list of struct", "", "What a structured report of its study states."),
    "payload": ("binary", "", "Hash of all that its shard holds of it."),
    "annotations": ("list of struct", "", "What came with it, and where in the shard masks lie."),
    "digest": (
        "fixed_size_binary[16] or null",
        "",
        "Of its tar records in the shard; null where that was cut before there were any.",
    ),
    "shard": ("string", "", "Key of the tar file that holds it."),
    "offset": ("int64", "bytes", "Where its image begins in the shard."),
    "length": ("int64", "bytes", "Size of its image."),
}


@dataclass(frozen=True, slots=True)
class IndexColumn:
    """A column of the index, as the data dictionary shows it.

    Attributes:
        table: of the lake that it comes from; empty if the release makes it.
    """

    name: str
    table: str
    type: str
    unit: str
    meaning: str

    @property
    def roles(self) -> tuple[Role, ...]:
        """What it is used for."""
        return tuple(role for role, names in ROLES.items() if self.name in names)


def index_columns() -> Iterator[IndexColumn]:
    """All columns, in their order."""
    from echoatlas.schemas.tables import ARROW, TABLES, columns  # trainers need the names alone

    for table, names in FROM.items():
        known = columns(TABLES[table].row)
        for name in names:
            kind, column, nullable = known[name]
            shown = f"{ARROW[kind]}{' or null' if nullable else ''}"
            yield IndexColumn(name, table, shown, column.unit, column.meaning)
    for name, (shown, unit, meaning) in OWN.items():
        yield IndexColumn(name, "", shown, unit, meaning)
