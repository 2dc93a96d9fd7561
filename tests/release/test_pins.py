"""A release is of one moment of its lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.pins import pinned
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.rows.labels import LabelRow
from echoatlas.schemas.rows.objects import ObjectRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import made, quick_lake

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kept", [False, True])
def test_versions_are_read_again_where_somebody_commits_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    lake = quick_lake(tmp_path / "lake", [{}, {"like": 0}])
    other = Lake(lake.storage)
    version = Lake.version
    late = [
        ("labels", made(LabelRow, frame_id="new")),
        ("objects", made(ObjectRow, object_id="new")),
    ]

    def committed_meanwhile(self: Lake, name: str) -> int:
        found = version(self, name)
        if name == "edges" and late and self is lake:  # all others were read by now
            table, row = late.pop()
            other.append(table, to_arrow(table, [row]))
        return found

    before = {name: other.version(name) for name in ("labels", "objects")}
    monkeypatch.setattr(Lake, "version", committed_meanwhile)

    if kept:
        with lake.kept_open():
            found = pinned(lake)
    else:
        found = pinned(lake)

    assert not late
    assert {name: found[name] for name in before} == {
        name: number + 1 for name, number in before.items()
    }
    assert all(found[name] == version(other, name) for name in found)


def test_of_a_lake_without_frames_nothing_is_pinned(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="no frames yet"):
        pinned(Lake(Storage.open(tmp_path)))
