"""A run says when what a site sends is no longer like what it sent before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.pipeline.gate.drift import binned, drifted, shifts, stability
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage import Storage
from echoatlas.schemas.config.site import Drift, SiteConfig
from echoatlas.schemas.rows.frames import FrameRow, MeasureRow
from echoatlas.schemas.rows.labels import LabelRow
from echoatlas.schemas.rows.objects import ObjectRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import made


def test_the_same_mix_has_not_moved_and_another_has() -> None:
    before = np.array(["a"] * 60 + ["b"] * 40)

    same = stability(np.array(["a"] * 30 + ["b"] * 20), before)
    turned = stability(np.array(["a"] * 20 + ["b"] * 30), before)
    new = stability(np.array(["c"] * 50), before)

    assert same == 0
    assert 0 < turned < new
    assert new > 1


@given(st.lists(st.sampled_from("abcd"), min_size=1), st.lists(st.sampled_from("abcd"), min_size=1))
def test_whatever_is_compared_gives_a_number(new: list[str], before: list[str]) -> None:
    found = stability(np.array(new), np.array(before))

    assert np.isfinite(found)
    assert found >= 0
    assert stability(np.array(before), np.array(before)) == 0


def test_chance_alone_is_no_drift() -> None:
    rng = np.random.default_rng(0)

    found = [stability(*binned(rng.normal(size=50), rng.normal(size=50))) for _ in range(500)]

    assert np.mean(np.array(found) > 0.25) < 0.02


def lake_of(folder: str, gray: float, maker: str, number: int = 60) -> tuple[Lake, set[str]]:
    """A site with objects of before, and as many new ones of another gray and maker."""
    lake = Lake(Storage.open(folder))
    rng = np.random.default_rng(1)
    for kind, level, brand in (("old", 100.0, "GE"), ("new", gray, maker)):
        ids = [f"{kind}{n}" for n in range(number)]
        rows = {
            "objects": [
                made(ObjectRow, object_id=i, locator=i, site="st", status="kept", maker=brand)
                for i in ids
            ],
            "frames": [made(FrameRow, object_id=i, frame_id=f"f{i}", site="st") for i in ids],
            "measures": [
                made(MeasureRow, frame_id=f"f{i}", mean=float(rng.normal(level, 5))) for i in ids
            ],
            "labels": [made(LabelRow, frame_id=f"f{i}", organ="liver") for i in ids],
        }
        for name, some in rows.items():
            lake.append(name, to_arrow(name, some))
    return lake, {f"new{n}" for n in range(number)}


@pytest.mark.parametrize(
    ("gray", "maker", "moved"),
    [(100.0, "GE", set()), (160.0, "GE", {"gray levels"}), (100.0, "Philips", {"devices"})],
)
def test_what_has_moved_is_said_and_nothing_else(
    tmp_path: object, gray: float, maker: str, moved: set[str]
) -> None:
    lake, fresh = lake_of(str(tmp_path), gray, maker)
    site = SiteConfig(site="st", bucket="x")

    found = {one.what for one in shifts(lake, site, fresh) if one.index > site.drift.max_index}
    said = drifted(site, shifts(lake, site, fresh))

    assert found == moved
    assert len(said) == len(moved)
    assert not any("Philips" in one for one in said)
    few = site.model_copy(update={"drift": Drift(min_objects=61)})
    assert shifts(lake, few, fresh) == []
    assert shifts(lake, SiteConfig(site="other", bucket="x"), fresh) == []
