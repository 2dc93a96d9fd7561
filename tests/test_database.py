"""DuckDB keeps to the memory that it is given: the rest lies on disk, or one line is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from echoatlas.pipeline.database import SqlError, _Idle, database, engines_kept
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.scratch import Allowance, folder_of_files

MANY = (
    "CREATE TABLE t AS SELECT md5(i::VARCHAR) AS a, md5((i + 1)::VARCHAR) AS b FROM range({}) r(i)"
)
FULL = """
import resource, sys
from pathlib import Path
from echoatlas.pipeline.database import database
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.scratch import Allowance

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    with database(Allowance(1, Path(sys.argv[1])), stored=sys.argv[3] == "stored") as asked:
        asked.execute(sys.argv[4])
except UsageError as error:
    print(error)
"""


def test_what_does_not_fit_into_memory_lies_on_disk_meanwhile(tmp_path: Path) -> None:
    allowance = Allowance(1, tmp_path / "scratch")

    with database(allowance) as asked:
        asked.execute(MANY.format(1_000_000))
        found = asked.sql("SELECT count(*) FROM t JOIN t u ON t.a = u.b").fetchall()
        lying = list(allowance.place.iterdir())

    assert found == [(999_999,)]
    assert len(lying) == 1
    assert not allowance.place.exists()


@pytest.mark.parametrize("how", ["stored", "spilled"])
@pytest.mark.parametrize("most", [0, 4_000, 400_000])
def test_a_full_disk_is_one_line_whatever_duckdb_says(tmp_path: Path, how: str, most: int) -> None:
    words = [sys.executable, "-B", "-c", FULL, str(tmp_path), str(most), how]

    told = subprocess.run([*words, MANY.format(2_000_000)], capture_output=True, text=True)

    assert (told.stdout, told.stderr) == (f"no space left in {tmp_path}\n", "")
    assert not list(tmp_path.iterdir())


def test_a_small_disk_is_no_want_of_memory(tmp_path: Path) -> None:
    """DuckDB says so where most of what was free is taken, before nothing is."""
    with (
        pytest.raises(UsageError, match=f"no space left in {tmp_path}"),
        database(Allowance(1, tmp_path)) as asked,
    ):
        asked.execute("SET max_temp_directory_size = '1MB'")
        asked.execute(MANY.format(2_000_000))


def test_what_no_disk_helps_is_said_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"`engine.driver_memory_mb` allows \(1 MB\)"),
        database(Allowance(1, tmp_path)) as asked,
    ):
        asked.execute(MANY.format(2_000_000))
        asked.sql("SELECT list(a || b) FROM t").fetchall()


def test_a_scratch_that_is_no_folder_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    within = Allowance(scratch=tmp_path / "file")

    for place in (within, Allowance(scratch=tmp_path / "file" / "deeper")):
        with pytest.raises(UsageError, match="file"), database(place):
            pass
        with pytest.raises(UsageError, match="file"), folder_of_files(place):
            pass


def test_an_expression_that_somebody_wrote_names_no_file(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")

    with database(Allowance(scratch=tmp_path), closed=True) as asked, pytest.raises(SqlError):
        asked.sql(f"SELECT * FROM read_csv('{tmp_path}/secret.csv')").fetchall()


@pytest.fixture(autouse=True)
def none_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a command begins."""
    monkeypatch.setattr(_Idle, "engines", None)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The databases that are started while the test lasts."""
    found: list[str] = []
    start = duckdb.connect

    def counted(place: str, **options: Any) -> duckdb.DuckDBPyConnection:
        found.append(place)
        return start(place, **options)

    monkeypatch.setattr(duckdb, "connect", counted)
    return found


@pytest.mark.parametrize("stored", [False, True])
def test_one_after_the_other_starts_once_and_finds_nothing_of_the_one_before(
    tmp_path: Path, started: list[str], stored: bool
) -> None:
    allowance = Allowance(scratch=tmp_path / "scratch")

    with engines_kept():
        for _ in range(3):
            with database(allowance, stored=stored) as asked, engines_kept():
                before = asked.sql("SELECT count(*) FROM information_schema.tables").fetchall()
                asked.execute("CREATE TABLE t AS SELECT 1 AS a; CREATE TEMP TABLE u AS FROM t")
                asked.register("given", asked.sql("FROM t").to_arrow_table())
                asked.execute("CREATE VIEW v AS FROM t")
                assert before == [(0,)]
            assert not allowance.place.exists()
    with database(allowance, stored=stored):
        pass

    assert len(started) == 2


def test_at_the_same_time_each_has_its_own_and_its_own_memory(
    tmp_path: Path, started: list[str]
) -> None:
    allowance = Allowance(scratch=tmp_path)

    with engines_kept(), database(allowance) as outer, database(allowance) as inner:
        outer.execute("CREATE TABLE t AS SELECT 1")
        inner.execute("CREATE TABLE t AS SELECT 2")
        assert [one.sql("FROM t").fetchall() for one in (outer, inner)] == [[(1,)], [(2,)]]

    assert len(started) == 2


def test_what_people_write_is_never_asked_where_files_can_be_named(
    tmp_path: Path, started: list[str]
) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    allowance = Allowance(scratch=tmp_path)

    with engines_kept():
        for _ in range(2):
            with database(allowance) as asked:
                assert asked.sql(f"FROM read_csv('{tmp_path}/secret.csv')").fetchall() == [(1,)]
            with database(allowance, closed=True) as asked, pytest.raises(SqlError):
                asked.sql(f"FROM read_csv('{tmp_path}/secret.csv')").fetchall()

    assert len(started) == 2


def test_one_that_failed_is_asked_nothing_more(tmp_path: Path, started: list[str]) -> None:
    with engines_kept():
        for _ in range(2):
            with pytest.raises(SqlError), database(Allowance(scratch=tmp_path)) as asked:
                asked.execute("CREATE TABLE t AS SELECT 1; SELECT nothing FROM t")

    assert len(started) == 2


def test_after_one_that_spilled_the_next_can_spill_too(tmp_path: Path) -> None:
    allowance = Allowance(1, tmp_path / "scratch")

    with engines_kept():
        for _ in range(2):
            with database(allowance) as asked:
                asked.execute(MANY.format(1_000_000))
                assert list(allowance.place.iterdir())
            assert not allowance.place.exists()


def test_what_does_not_fit_lies_where_the_one_who_asks_now_says(
    tmp_path: Path, started: list[str]
) -> None:
    first, second = (Allowance(1, tmp_path / name) for name in ("first", "second"))

    with engines_kept():
        with database(first) as asked:
            asked.execute("CREATE TABLE t AS SELECT 1")
        with database(second) as asked:
            asked.execute(MANY.format(1_000_000))
            assert [one.name for one in tmp_path.iterdir()] == ["second"]

    assert len(started) == 1


def test_engines_that_wait_are_few(tmp_path: Path, started: list[str]) -> None:
    def ask_each_once() -> None:
        for number in range(10):
            with database(Allowance(scratch=tmp_path / str(number)), closed=True) as asked:
                assert asked.sql("SELECT 1").fetchall() == [(1,)]

    with engines_kept():
        ask_each_once()
        kept = _Idle.engines or []
        assert 0 < len(kept) < 10
        with database(Allowance(scratch=tmp_path / "9"), closed=True):
            assert len(started) == 10


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_who_may_not_write_to_the_lake_spills_elsewhere(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    assert Allowance(scratch=tmp_path / "_scratch").place != tmp_path / "_scratch"
