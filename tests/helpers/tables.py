"""A factory of rows and of small lakes: what a test does not care about has a plain value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import numpy as np

from echoatlas.pipeline.frames.codec import encode
from echoatlas.pipeline.frames.identity import pixel_hash
from echoatlas.pipeline.gate.suites import suite_at
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.expectation import Expectation
from echoatlas.schemas.rows.duplicates import DuplicateRow
from echoatlas.schemas.rows.frames import FrameRow, MeasureRow
from echoatlas.schemas.rows.labels import LabelRow
from echoatlas.schemas.rows.objects import ObjectRow
from echoatlas.schemas.tables import columns, to_arrow
from echoatlas.taxonomy.tree import tree

Row = TypeVar("Row")
PLAIN: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False, bytes: b"", list[float]: []}


def made(row: type[Row], **values: Any) -> Row:
    """A row with the given values, and a plain one in every other column."""
    plain = {
        name: None if nullable else column.values[0] if column.values else PLAIN[kind]
        for name, (kind, column, nullable) in columns(row).items()
    }
    return row(**plain | values)


@contextmanager
def no_label_passes() -> Iterator[None]:
    """A gate that lets no label pass, for as long as the block lasts."""
    none = Expectation(
        expect="ExpectColumnValuesToBeInSet", column="region", value_set=("nowhere",)
    )

    def stricter(table: str, site: SiteConfig | None) -> tuple[Expectation, ...]:
        return (*suite_at(table, site), *([none] if table == "labels" else []))

    with patch("echoatlas.pipeline.gate.checked.suite_at", stricter):
        yield


def picture(number: int, side: int = 16) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A small gray picture; another one for each number."""
    return np.random.default_rng(number).integers(0, 256, (side, side), dtype=np.uint8)


def quick_lake(root: Path, frames: Iterable[Mapping[str, Any]]) -> Lake:
    """A lake of frames, each given by what is special about it.

    Args:
        frames: columns of ``frames``, ``labels``, ``measures`` and ``objects``; ``path`` is the
            label's path of the tree, ``like`` the number of the frame whose picture it repeats.
    """
    lake = Lake(Storage.open(root))
    rows: dict[str, list[Any]] = {"frames": [], "labels": [], "measures": [], "objects": []}
    duplicates: dict[int, list[str]] = {}
    for number, special in enumerate(frames):
        same = special.get("like", number)
        path = special.get("path", "abdomen/liver")
        node = tree().node(path)
        region, _, organ = path.partition("/")
        ids = {"frame_id": f"f{number:04d}", "object_id": f"o{number:04d}"}
        kinds = {
            "frames": (
                FrameRow,
                {
                    "site": "st-elsewhere",
                    "patient": f"p{number:04d}",
                    "image": encode(picture(same)),
                    "width": 16,
                    "height": 16,
                    "channels": 1,
                    "fan_verdict": "accept",
                    "subject_type": "human",
                },
            ),
            "labels": (
                LabelRow,
                {
                    "region": region,
                    "organ": organ or "unknown",
                    "paths": node.path,
                    "confidence": 0.9,
                },
            ),
            "measures": (
                MeasureRow,
                {"pixel_hash": pixel_hash(picture(same)), "fan_phash256": bytes([1]) * 32},
            ),
            "objects": (
                ObjectRow,
                {
                    "status": "kept",
                    "locator": f"l{number}",
                    "content_id": f"c{number}",
                    "frames": 1,
                },
            ),
        }
        for name, (row, usual) in kinds.items():
            own = {key: value for key, value in special.items() if key in columns(row)}
            fitting = {key: value for key, value in ids.items() if key in columns(row)}
            rows[name].append(made(row, **fitting | usual | own))
        duplicates.setdefault(same, []).append(ids["frame_id"])
    found = [
        made(
            DuplicateRow,
            frame_id=one,
            cluster=members[0],
            tie=members[0],
            representative=members[0],
            relation="exact" if one != members[0] else "representative",
        )
        for members in duplicates.values()
        if len(members) > 1
        for one in members
    ]
    for name, listed in (rows | {"duplicates": found}).items():
        lake.replace(name, to_arrow(name, listed))
    return lake
