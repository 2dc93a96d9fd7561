"""Of copies of one picture the least changed is the best, whatever syntax it came in."""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc
import pytest

from echoatlas.pipeline.deduplicate.ranking import ComparedRows, compared
from tests.helpers.tables import quick_lake

J = "1.2.840.10008.1.2.4."


@pytest.mark.parametrize(
    ("kind", "codec"),
    [("dicom", J + "93"), ("dicom", J + "111"), ("dicom", J + "102.1"), ("mkv", "libdav1d")],
)
def test_what_a_lossy_coding_changed_stands_behind_what_none_did(
    tmp_path: Path, kind: str, codec: str
) -> None:
    """The first by name is lossy, so that only the coding puts the second before it."""
    lossy = {"format": kind, "codec": codec}
    plain = {"format": "dicom", "codec": J + "70"}
    lake = quick_lake(tmp_path, [lossy, {**plain, "like": 0}])

    found = compared(ComparedRows.read(lake))

    first = found.filter(pc.field("rank") == 1).column("object_id").to_pylist()
    assert first == ["o0001"]
