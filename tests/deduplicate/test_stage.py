"""Deduplication as a run does it: tables in, tables out, and only what is new is looked at."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from echoatlas.pipeline.deduplicate.whole_lake import Known, deduplicate
from echoatlas.pipeline.frames.measure import Measures
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.run.lake_steps import deduplicate_lake
from echoatlas.pipeline.storage.storage import LocalStorage
from echoatlas.schemas.config.deployment import DeploymentConfig
from echoatlas.schemas.rows.frames import FrameRow, MeasureRow
from echoatlas.schemas.rows.objects import ObjectRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.shown import Shown, pictures, reencoded, shown
from tests.helpers.tables import made

MEASURED = [one.name for one in fields(Measures)]


def put(lake: Lake, frames: list[Shown], size: int = 500) -> None:
    """Add frames to a lake, as a run would have left them."""
    objects = sorted({one.object_id for one in frames})
    rows: dict[str, list[object]] = {
        "objects": [made(ObjectRow, object_id=one, codec="jpeg", upload="u1") for one in objects],
        "frames": [
            made(
                FrameRow,
                frame_id=one.frame_id,
                object_id=one.object_id,
                frame_index=one.frame_index,
                native_width=size,
                native_height=size,
            )
            for one in frames
        ],
        "measures": [
            made(
                MeasureRow,
                frame_id=one.frame_id,
                object_id=one.object_id,
                **{name: getattr(one.measures, name) for name in MEASURED},
            )
            for one in frames
        ],
    }
    for name, listed in rows.items():
        lake.append(name, to_arrow(name, listed))


def relations(lake: Lake) -> dict[str, tuple[str, str]]:
    rows = lake.read("clips").to_pylist()
    return {row["object_id"]: (row["head"].partition("/")[0], row["relation"]) for row in rows}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(LocalStorage(tmp_path / "lake"))


def test_a_second_run_looks_only_at_what_is_new(lake: Lake, monkeypatch) -> None:
    """... and leaves what a run over all would have left; a third has nothing to do."""
    cine, other = pictures(20, frames=6), pictures(21, frames=6)
    first = shown(cine, other, [reencoded(one) for one in cine])
    later = shown([reencoded(one, 60) for one in other[1:5]], start=3)
    looked_at: list[int] = []

    def counting(*args):
        result = deduplicate(*args)
        known: Known = args[3]
        looked_at.append(result.fresh)
        assert bool(known.clips.num_rows) == (len(looked_at) > 1)
        return result

    counting.step = deduplicate.step
    monkeypatch.setattr("echoatlas.pipeline.run.lake_steps.deduplicate", counting)
    put(lake, first)

    done = [deduplicate_lake(lake, DeploymentConfig(), "r") for _ in range(2)]
    put(lake, later, size=400)
    done.append(deduplicate_lake(lake, DeploymentConfig(), "r"))

    assert done == [True, False, True]
    assert looked_at == [3, 1]
    assert relations(lake) == {
        "o000": ("o000", "representative"),
        "o001": ("o001", "representative"),
        "o002": ("o000", "near"),
        "o003": ("o001", "part"),
    }
    edges = lake.read("edges").to_pylist()
    assert [(edge["object_id"], edge["other_object"], edge["covered"]) for edge in edges] == [
        ("o000", "o002", True),
        ("o001", "o003", False),
    ]
    assert lake.count("duplicates") == 6 + 6 + 6 + 4


def test_higher_resolution_stands_for_lower(lake: Lake) -> None:
    original = pictures(22)
    put(lake, shown([reencoded(original[0], 60)]), size=300)
    put(lake, shown(original, start=1), size=600)

    deduplicate_lake(lake, DeploymentConfig(), "r")

    assert relations(lake) == {"o000": ("o001", "near"), "o001": ("o001", "representative")}


def test_other_settings_look_at_all_anew(lake: Lake) -> None:
    original = pictures(23)
    put(lake, shown(original, [reencoded(original[0])]))
    deduplicate_lake(lake, DeploymentConfig(), "r")
    strict = DeploymentConfig(steps={"deduplicate": {"min_speckle": 1.0}})

    assert deduplicate_lake(lake, strict, "r")

    assert relations(lake) == {"o000": ("o000", "tie"), "o001": ("o001", "tie")}
