"""DuckDB keeps to the memory that it is given: the rest lies on disk, or one line is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from echoatlas.pipeline.database import SqlError, database
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.scratch import Allowance

MANY = (
    "CREATE TABLE t AS SELECT md5(i::VARCHAR) AS a, md5((i + 1)::VARCHAR) AS b FROM range({}) r(i)"
)


def test_what_does_not_fit_into_memory_lies_on_disk_meanwhile(tmp_path: Path) -> None:
    allowance = Allowance(1, tmp_path / "scratch")

    with database(allowance) as asked:
        asked.execute(MANY.format(1_000_000))
        found = asked.sql("SELECT count(*) FROM t JOIN t u ON t.a = u.b").fetchall()
        lying = list(allowance.place.iterdir())

    assert found == [(999_999,)]
    assert len(lying) == 1
    assert not allowance.place.exists()


def test_what_no_disk_helps_is_said_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"`engine.driver_memory_mb` allows \(1 MB\)"),
        database(Allowance(1, tmp_path)) as asked,
    ):
        asked.execute(MANY.format(2_000_000))
        asked.sql("SELECT list(a || b) FROM t").fetchall()


def test_an_expression_that_somebody_wrote_names_no_file(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")

    with database(Allowance(scratch=tmp_path), closed=True) as asked, pytest.raises(SqlError):
        asked.sql(f"SELECT * FROM read_csv('{tmp_path}/secret.csv')").fetchall()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_who_may_not_write_to_the_lake_spills_elsewhere(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    assert Allowance(scratch=tmp_path / "_scratch").place != tmp_path / "_scratch"
