"""The index of what is left of a release, which is never whole in memory."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from echoatlas.pipeline.erase import successor_index
from echoatlas.pipeline.erase.successor_index import SPOKEN_OF, write_what_is_left
from echoatlas.pipeline.release import beside
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.release.shard import MARKS
from tests.helpers.rehearsal import Rehearsal


@pytest.mark.parametrize("at_once", [1, 2, 5, 1000])
def test_it_is_the_same_however_many_samples_are_read_at_a_time(
    built: Rehearsal, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third sample goes, masks lie farther on, and one column says something else."""
    releases = built.deployment.releases
    old = manifest_of(releases, "all")
    index = index_columns_of(releases, old)
    stays = np.arange(index.num_rows) % 3 > 0
    rows = np.flatnonzero(stays)
    known = index_columns_of(releases, old, SPOKEN_OF, chosen=stays)
    place = known.column_names.index("cluster")
    known = known.set_column(place, known.schema.field(place), known.column("frame_id"))
    groups = [index.slice(at, at_once) for at in range(0, index.num_rows, at_once)]
    monkeypatch.setattr(successor_index, "index_groups", lambda *given: iter(groups))
    monkeypatch.setattr(beside, "ROWS", at_once)
    path = tmp_path / "index.parquet"

    sha256, masks = write_what_is_left(releases, old, rows, known, 512 * rows, path)

    left = pq.read_table(path)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert pq.ParquetFile(path).num_row_groups == -(-len(rows) // at_once)
    assert left.schema == index.schema
    before, after = index.take(rows).to_pylist(), left.to_pylist()
    for was, now, number in zip(before, after, rows.tolist(), strict=True):
        assert now.pop("cluster") == now["frame_id"]
        del was["cluster"]
        for one in was[MARKS]:
            if one["mask_offset"] is not None:
                one["mask_offset"] += 512 * number
        assert was == now
    assert masks == max(sum(bool(one["mask_length"]) for one in row[MARKS]) for row in after) > 0
