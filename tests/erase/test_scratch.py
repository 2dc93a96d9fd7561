"""What commands keep on disk while they work holds rows, too: an erasure leaves none of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from echoatlas.errors import UsageError
from echoatlas.pipeline.database import database
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.erase.sweep import empty_scratch
from echoatlas.pipeline.release.cutting import FOLDER, VOID, cutting
from echoatlas.pipeline.scratch import Allowance, folder_of_files
from echoatlas.pipeline.storage.storage import Storage


def left_by(pid: int, place: Path, kind: str = "sql", host: str = "") -> Path:
    folder = place / f"{kind}-{host or socket.gethostname()}-{pid}-01234567"
    folder.mkdir(parents=True)
    (folder / "rows").write_bytes(b"pseudonyms")
    return folder


def dead() -> int:
    died = subprocess.Popen([sys.executable, "-c", ""])
    died.wait()
    return died.pid


def test_in_a_folder_of_the_lake_all_goes_whoever_it_is_of(tmp_path: Path) -> None:
    place = tmp_path / "scratch"
    for one in (dead(), os.getpid()):
        left_by(one, place)
        left_by(one, place, "index", "another-host")
    (place / "notes.txt").write_text("somebody's own")

    empty_scratch(Allowance(scratch=place))

    assert [one.name for one in place.iterdir()] == ["notes.txt"]


def test_in_the_systems_folder_only_what_the_dead_of_this_machine_left_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = left_by(dead(), tmp_path)
    stays = {left_by(os.getpid(), tmp_path), left_by(dead(), tmp_path, host="another-host")}

    empty_scratch(Allowance())

    assert not gone.exists()
    assert set(tmp_path.iterdir()) == stays


def test_whoever_works_in_it_goes_on_or_fails_and_leaves_nothing(tmp_path: Path) -> None:
    """A database that is asked meanwhile holds its file open; a folder of files is made anew."""
    own = Allowance(scratch=tmp_path / "scratch")
    with database(own, stored=True) as asked, folder_of_files(own) as folder:
        asked.execute("CREATE TABLE t AS SELECT range AS n FROM range(100000)")
        (folder / "index.parquet").write_bytes(b"rows")
        empty_scratch(own)
        assert not own.place.exists() or not list(own.place.iterdir())
        assert asked.execute("SELECT sum(n) FROM t").fetchone() == (4999950000,)

    assert not (tmp_path / "scratch").exists()


def test_a_creator_whose_folder_went_says_that_it_slept(tmp_path: Path) -> None:
    lake, releases = Storage.open(tmp_path / "lake"), Storage.open(tmp_path / "releases")

    with pytest.raises(UsageError, match="while this process slept"), cutting(lake, releases, "a"):
        (note,) = releases.list(FOLDER)
        releases.write(note.key.removesuffix(".json") + VOID, b"")
        raise FileNotFoundError("index.parquet")
    with pytest.raises(FileNotFoundError), cutting(lake, releases, "a"):
        raise FileNotFoundError("something else")


def test_lakes_that_share_a_disk_for_scratch_have_a_folder_each(tmp_path: Path) -> None:
    """What another lake's commands work in is none of an erasure's business."""
    places = set()
    for name in ("a", "b"):
        there = Deployment.init(tmp_path / name)
        config = there.root / "echoatlas.yaml"
        config.write_text(config.read_text() + f"\nengine: {{scratch: {tmp_path / 'disk'}}}\n")
        allowance = Deployment.find(there.root).lake.allowance
        left_by(os.getpid(), allowance.place)
        places.add(allowance.place)
    first, second = places

    empty_scratch(Allowance(scratch=first))

    assert not first.exists() and list(second.iterdir())
