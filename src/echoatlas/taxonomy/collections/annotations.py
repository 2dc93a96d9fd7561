"""What a collection's masks and tables mean, as data: the vocabulary of its adapter's YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from echoatlas.schemas.strict import Strict

Pattern = Annotated[str, StringConstraints(min_length=2)]
Color = re.compile(r"#[0-9a-f]{6}|\d{1,3}")
SPLITS = {"train": "train", "training": "train", "trainval": "train", "val": "val",
          "valid": "val", "validation": "val", "dev": "val", "test": "test",
          "testing": "test"}  # fmt: skip
FACTS = ("patient", "class", "split", "view", "laterality", "mm_per_px")


class Mask(Strict):
    """What the values of a mask's pixels mean."""

    name: str = Field("lesion", description="What is marked where it is not black.")
    labels: dict[str, str] = Field(
        default_factory=dict,
        description="Value ('1', also of a palette) or color ('#ff0000') to what it marks; empty: "
        "all is `name`.",
    )
    outline: bool = Field(False, description="Only the edge is drawn; its inside is meant.")

    @field_validator("labels")
    @classmethod
    def values_or_colors(cls, labels: dict[str, str]) -> dict[str, str]:
        wrong = [key for key in labels if not Color.fullmatch(key)]
        if wrong:
            raise ValueError(f"'{wrong[0]}' is neither a value of a pixel nor a color")
        return labels


class Column(Strict):
    """What a column of a table says of a picture."""

    means: Literal[
        "patient", "class", "split", "view", "laterality", "mm_per_px", "scalar", "finding", "text"
    ] = Field(description="What it says of a picture.")
    name: str = Field("", description="What a scalar, finding or text is about, a code.")
    unit: str = Field("", description="Of a scalar, UCUM; px is scaled with the picture.")
    values: dict[str, str] = Field(
        default_factory=dict, description="As written, to a code; a finding has no others."
    )


class Shapes(Strict):
    """Boxes, points or outlines whose coordinates stand in columns, in pixels of the picture.

    Outlines become masks; each row's is a JSON list of [x, y].
    """

    kind: Literal["box", "keypoints", "polygon"] = Field(description="What the numbers draw.")
    name: str = Field(description="What is marked, a code.")
    columns: tuple[str, ...] = Field(
        min_length=1, description="Their numbers, in order: x y x y ..., four a box."
    )
    size: bool = Field(False, description="Boxes are given as x, y, width, height.")
    frame: str = Field("", description="Column of the frame's number, from 0; all if not given.")


class Table(Strict):
    """A table that speaks of a collection's pictures, a row or several a picture."""

    path: Pattern = Field(
        description="Of the table, searched in its path; its named groups are columns."
    )
    format: Literal["table", "lines", "keys", "cases"] = Field(
        "table",
        description="table: CSV, JSON, XLSX; lines: no headings; keys: 'key: value'; "
        "cases: DDTI's XML.",
    )
    headings: tuple[str, ...] = Field((), description="Of lines, in order.")
    beside: bool = Field(False, description="It speaks of all pictures in its own folder.")
    file: str | None = Field(None, description="Column that names the picture; found if not given.")
    images: Pattern | None = Field(None, description="It speaks of pictures in whose path this is.")
    columns: dict[str, Column] = Field(default_factory=dict)
    shapes: tuple[Shapes, ...] = ()

    def matches(self, path: str) -> bool:
        """Whether the rule is about the table at a path."""
        return re.search(self.path, path.replace("!", "/")) is not None

    def speaks_of(self, path: str) -> bool:
        """Whether it may have a row for the picture at a path."""
        return self.images is None or re.search(self.images, path) is not None

    def facts(self, row: Mapping[str, str]) -> dict[str, str]:
        """What a row says that a path could have said too; values as the adapter maps them."""
        told: dict[str, str] = {}
        for heading, column in self.columns.items():
            written = row.get(heading, "").strip()
            if written and column.means in FACTS:
                told[column.means] = column.values.get(written, written)
        return told


def split_code(written: str) -> str:
    """A split as one word of few: train, val, test, fold-3; "" if it is none of them."""
    plain = written.strip().lower()
    fold = re.fullmatch(r"(?:fold|split)?[-_ ]?(\d{1,2})", plain)
    return SPLITS.get(plain, f"fold-{int(fold[1])}" if fold else "")
