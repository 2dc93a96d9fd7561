"""Who leaves goes out of releases of every unit and size, on local disks and on S3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echoatlas.loader import load
from tests.helpers.leaving import (
    EVERY,
    KEPT,
    SHOTS,
    build,
    erased,
    in_detail,
    named,
    new_bucket,
    traces_left,
)
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.tables import picture


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.heavy)])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Rehearsal:
    if request.param == "s3":
        return build(tmp_path, new_bucket(request.getfixturevalue("s3")), every=True)
    built: Rehearsal = request.getfixturevalue("built_of_every_kind")
    return built.copied(tmp_path)


def test_nothing_is_left_in_any_and_all_others_stay_as_they_were(
    there: Rehearsal, tmp_path: Path
) -> None:
    assert len(traces_left(there)) > 300

    done = erased(there)[0]

    assert traces_left(there) == []
    assert done["books"] and not any(done["proof"]["found"].values())
    assert {one["release"]: one["successor"] for one in done["releases"]} == {
        **{name: f"{name}+r1" for name in EVERY}, "other": "other+r1"
    }  # fmt: skip
    for name, settings in EVERY.items():
        assert there.run("verify", f"{name}+r1")["ok"]
        data = load(f"{name}+r1", lake=there.lake_path, cache=tmp_path / "cache")
        source = in_detail if settings.get("size") else picture
        if settings.get("unit") == "clip":
            assert_clips(data, source)
        else:
            assert {one.frame_id for one in data} == {named("f", n) for n in KEPT}
            shown = {named("f", n): SHOTS[n].shown for n in KEPT}
            for one in data:
                assert np.array_equal(one.image, source(shown[one.frame_id]))


def assert_clips(data: Any, source: Any) -> None:
    """Clips are whole, and those of the objects that stay."""
    objects = {SHOTS[n].object for n in KEPT}
    assert {one.meta["object_id"] for one in data} == {named("o", n) for n in objects}
    for one in data:
        mine = [n for n in KEPT if named("o", SHOTS[n].object) == one.meta["object_id"]]
        assert one.meta["frame_ids"] == [named("f", n) for n in mine]
        expected = np.stack([source(SHOTS[n].shown) for n in mine])
        assert np.array_equal(one.image, expected.reshape(one.image.shape))
        assert len(one.annotations) == len(mine)
