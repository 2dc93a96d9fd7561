"""Names and numbers where nobody looks come out of no container, nor do reports tell them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify_tool.run import deidentify_files
from echoatlas.pipeline.run.worker import work
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.site import SiteConfig
from tests.helpers.canaries import HELD_BACK, LEAKED_ONCE, MAKERS, canaries
from tests.helpers.corners import __doc__ as _corners  # noqa: F401  (they are MAKERS as well)
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.scorer import Planted, leaked


@pytest.mark.parametrize(
    "names",
    [LEAKED_ONCE, pytest.param(sorted({*MAKERS} - {*LEAKED_ONCE}), marks=pytest.mark.heavy)],
)
def test_no_canary_comes_out(tmp_path: Path, key: SiteKey, names: list[str]) -> None:
    src, traps = tmp_path / "in", list(canaries(names))
    src.mkdir()
    for trap in traps:
        assert leaked([trap.data, trap.name.encode()], trap.planted) == list(trap.planted), (
            trap.name
        )
        (src / trap.name).write_bytes(trap.data)

    done = deidentify_files(
        src, tmp_path / "out", Policy(times=True), key, tmp_path / "report.json", workers=2
    )

    written = [tmp_path / "out", tmp_path / "report.json"]
    assert done.reasons == Counter(HELD_BACK[name] for name in names if name in HELD_BACK)
    assert leaked(written, [one for trap in traps for one in trap.planted]) == []


def test_no_canary_comes_into_a_lake(tmp_path: Path) -> None:
    rehearsal, traps = Rehearsal(tmp_path), list(canaries(LEAKED_ONCE))
    upload = rehearsal.uploads / "st-elsewhere" / "upload-1"
    upload.mkdir(parents=True)
    for trap in traps:
        (upload / trap.name).write_bytes(trap.data)
    score = Planted("0.123456789", "score")
    table = f"filename,score,Nowak\n{traps[0].name},{score.value},Nowak\n"
    (upload / "table.csv").write_text(table)
    site = {"site": "st-elsewhere", "bucket": str(upload.parent)}
    rehearsal.deployment.add_site(
        SiteConfig.model_validate({**site, "sidecar": {"columns": {"score": "score"}}})
    )

    done = work(rehearsal.batch("st-elsewhere"))

    planted = [one for trap in traps for one in trap.planted]
    kept = len(pq.read_table(part_of(rehearsal, "frames")).column("object_id").unique())
    tables = sum(trap.name.endswith(".xlsx") for trap in traps)
    assert kept == len(traps) - tables - sum(done.rejected.values()) >= 8
    # The report measures nothing.
    assert {"truncated", "too_large", "no_pixels", "unreadable"} == {*done.rejected}
    marked = pq.read_table(part_of(rehearsal, "annotations"))
    assert {0.123457} == set(marked["number"].to_pylist())
    assert leaked([rehearsal.home], [*planted, score, Planted("Nowak", "column")]) == []


def part_of(rehearsal: Rehearsal, table: str) -> Path:
    """The only file of a table that a batch has written."""
    (part,) = (rehearsal.lake_path / "tables" / table).rglob("*.parquet")
    return part
