"""DuckDB within a bound of memory: what does not fit lies in a folder meanwhile.

The one place that opens it. What is asked of it gives columns, counts, or rows a few at a time.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import duckdb

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.file_faults import NO_ROOM, no_room
from echoatlas.pipeline.scratch import Allowance, make_scratch, own_name, remove_if_empty

Connection: TypeAlias = duckdb.DuckDBPyConnection
SqlError: TypeAlias = duckdb.DatabaseError
# What is wrong with a question, and not with memory, files or disks
WRONG_SQL = (
    duckdb.ProgrammingError,
    duckdb.DataError,
    duckdb.NotSupportedError,
    duckdb.InternalError,
    duckdb.PermissionException,
    duckdb.DependencyException,
    duckdb.SequenceException,
)
# Each thread holds parts of all joins that it goes through; two in 100 MB fail at 60,000 frames of
# a release's index, one does not. It looks for no more threads than there are processors.
MB_A_THREAD = 200
TOGETHER = 10_000  # rows of which several things are asked at once: a question costs more
MOST_IDLE = 4  # engines that are kept at once
OWN, SPILLED = "_own", "spilled"  # names of the database that is made, and of what does not fit
# A disk, a quota or a limit of files' sizes; where it takes most of what was free on a disk, DuckDB
# speaks of memory
FULL = re.compile("|".join([*map(os.strerror, sorted(NO_ROOM)), "max_temp_directory_size"]))
GONE = re.compile("No such file|No files found|does not exist")


@dataclass(frozen=True, slots=True)
class _Kind:
    """What can't be changed of a DuckDB that runs: one that is closed keeps its place, too."""

    database_mb: int
    closed: Path | None


@dataclass(slots=True)
class _Engine:
    """A DuckDB that runs, its databases empty, and the folder for what does not fit."""

    kind: _Kind
    folder: Path
    base: Connection

    @staticmethod
    def started(kind: _Kind, folder: Path) -> _Engine:
        options: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{kind.database_mb}MB",
            "threads": max(1, min(kind.database_mb // MB_A_THREAD, os.cpu_count() or 1)),
            "temp_directory": str(folder / SPILLED),
            "autoinstall_known_extensions": False,  # nothing is fetched from anywhere
        }
        base = duckdb.connect(":memory:", config=options)
        base.execute("PRAGMA disable_checkpoint_on_shutdown")  # nobody opens its files again
        if kind.closed:
            base.execute("SET enable_external_access = false")
        return _Engine(kind, folder, base)

    def put_at(self, folder: Path) -> None:
        """Have what does not fit lie elsewhere, which one that is closed can't."""
        if not self.kind.closed:
            self.base.execute(f"SET temp_directory = {_text(str(folder / SPILLED))}")
            self.folder = folder

    @contextmanager
    def database(self, *, stored: bool) -> Iterator[Connection]:
        """An empty database that is gone after the block."""
        # Nobody goes on with it after a crash: to log what is written, and to wait for the disk
        # each time, would take more time than small tables themselves
        place = str(self.folder / "tables.duckdb") if stored else ":memory:"
        self.base.execute(f"ATTACH {_text(place)} AS {OWN} (RECOVERY_MODE no_wal_writes)")
        with self.base.cursor() as connection:
            connection.execute(f"USE {OWN}")
            connection.execute("SET enable_progress_bar = false")  # it would go to stdout
            yield connection
        self.base.execute(f"DETACH {OWN}")

    def is_as_new(self) -> bool:
        """Make it so, but for a folder that was used: DuckDB takes no other, nor that one again
        once it was removed."""
        if (self.folder / SPILLED).exists():
            return False
        if not self.kind.closed:  # it keeps what it read of files
            self.base.execute("SET enable_external_file_cache = false")
            self.base.execute("SET enable_external_file_cache = true")
        return True


class _Idle:
    """Engines that wait for the next database; None if none is kept."""

    lock = threading.Lock()
    engines: list[_Engine] | None = None


@contextmanager
def engines_kept() -> Iterator[None]:
    """Start DuckDB once for all databases that are opened one after the other while this lasts:
    to start it takes ten times as long as to make a database in it."""
    if _Idle.engines is not None:
        yield
        return
    _Idle.engines = []
    try:
        yield
    finally:
        with _Idle.lock:
            engines, _Idle.engines = _Idle.engines, None
        for engine in engines or ():
            engine.base.close()


def _engine(kind: _Kind, place: Path) -> _Engine:
    folder = place / own_name("sql")
    with _Idle.lock:
        for engine in _Idle.engines or ():
            if engine.kind == kind and _Idle.engines:
                _Idle.engines.remove(engine)
                break
        else:
            return _Engine.started(kind, folder)
    engine.put_at(folder)
    return engine


def _left(engine: _Engine, *, as_new: bool) -> None:
    with _Idle.lock:
        if as_new and _Idle.engines is not None:
            _Idle.engines.append(engine)
            if len(_Idle.engines) <= MOST_IDLE:
                return
            engine = _Idle.engines.pop(0)
    engine.base.close()


@contextmanager
def database(
    allowance: Allowance | None = None, *, closed: bool = False, stored: bool = False
) -> Iterator[Connection]:
    """An empty database, for as long as the block lasts.

    Args:
        allowance: the default one if not given.
        closed: no file can be named in what is asked: for expressions that people write.
        stored: its tables lie on disk, compressed, until the block ends.

    Raises:
        UsageError: not even with the folder's help is the memory enough; or the folder is full.
    """
    own = allowance or Allowance()
    engine = _engine(_Kind(own.database_mb, own.place if closed else None), own.place)
    folder = engine.folder
    made = not folder.parent.is_dir()
    again = False
    try:
        make_scratch(folder)
        with engine.database(stored=stored) as connection:
            yield connection
        again = _Idle.engines is not None and engine.is_as_new()
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        if FULL.search(str(error)):
            raise no_room(folder.parent) from None
        if isinstance(error, duckdb.OutOfMemoryException):
            raise _too_little(own) from None
        if GONE.search(str(error)):
            raise FileNotFoundError("a file that was to be read is not there") from None
        raise
    finally:
        _left(engine, as_new=again)
        shutil.rmtree(folder, ignore_errors=True)
        if made:
            remove_if_empty(folder.parent)


def quoted(*paths: str | Path) -> str:
    """Paths as a list of SQL's, each of which stands for itself alone."""
    plain = (re.sub(r"[*?\[]", r"[\g<0>]", str(path)) for path in paths)
    return "[" + ", ".join(_text(one) for one in plain) + "]"


def _text(one: str) -> str:
    """A text of SQL's."""
    return "'" + one.replace("'", "''") + "'"


def _too_little(allowance: Allowance) -> UsageError:
    return UsageError(
        f"this takes more memory than `engine.driver_memory_mb` allows ({allowance.memory_mb} MB): "
        "raise it in echoatlas.yaml"
    )
