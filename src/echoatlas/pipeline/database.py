"""DuckDB within a bound of memory: what does not fit lies in a folder meanwhile.

The one place that opens it. What is asked of it gives columns, counts, or rows a few at a time.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import duckdb

from echoatlas.pipeline.errors import UsageError

Connection: TypeAlias = duckdb.DuckDBPyConnection
SqlError: TypeAlias = duckdb.Error
CODE_MB = 200  # that Python and its libraries take before anything is asked
SHARE = 0.4  # of the rest of the memory, for DuckDB; Arrow and NumPy want theirs
LEAST_MB = 64  # with less it does nothing at all
# Each thread holds parts of all joins that it goes through; two in 100 MB fail at 60,000 frames of
# a release's index, one does not. It looks for no more threads than there are processors.
MB_A_THREAD = 200
GONE = re.compile("No such file|No files found|does not exist")
FOLDER = "_scratch"  # in a lake, where what does not fit lies
OURS = re.compile(r"(?:sql|index)-(.+)-(\d+)-[0-9a-f]{8}")  # host and process


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a command may take.

    Attributes:
        memory_mb: of its own process.
        scratch: folder for what does not fit; the system's for temporary files if not given.
    """

    memory_mb: int = 4_000
    scratch: Path | None = None

    @property
    def database_mb(self) -> int:
        """The part of it that DuckDB may take."""
        return max(int((self.memory_mb - CODE_MB) * SHARE), LEAST_MB)

    @property
    def place(self) -> Path:
        """Where what does not fit lies."""
        if self.scratch is not None and os.access(_there(self.scratch), os.W_OK):
            return self.scratch
        return Path(tempfile.gettempdir())  # of who may read a lake, and not write to it


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
    folder = own.place / _named("sql")
    made = not folder.parent.is_dir()
    (folder if stored else folder.parent).mkdir(parents=True, exist_ok=True)
    options: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{own.database_mb}MB",
        "threads": max(1, min(own.database_mb // MB_A_THREAD, os.cpu_count() or 1)),
        "temp_directory": str(folder / "spilled" if stored else folder),
        "autoinstall_known_extensions": False,  # nothing is fetched from anywhere
    }
    try:
        place = str(folder / "tables.duckdb") if stored else ":memory:"
        with duckdb.connect(place, config=options) as connection:
            connection.execute("SET enable_progress_bar = false")  # it would go to stdout
            if closed:
                connection.execute("SET enable_external_access = false")
            yield connection
    except duckdb.OutOfMemoryException:
        raise _too_little(own) from None
    except duckdb.IOException as error:
        if "No space left" in str(error):
            raise UsageError(f"no space left in {folder.parent}") from None
        if GONE.search(str(error)):
            raise FileNotFoundError("a file that was to be read is not there") from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if made:
            _removed_if_empty(folder.parent)


def quoted(*paths: str | Path) -> str:
    """Paths as a list of SQL's, each of which stands for itself alone."""
    plain = (re.sub(r"[*?\[]", r"[\g<0>]", str(path)).replace("'", "''") for path in paths)
    return "[" + ", ".join(f"'{one}'" for one in plain) + "]"


@contextmanager
def folder_of_files(allowance: Allowance) -> Iterator[Path]:
    """A folder for files that one has to read from disk, for as long as the block lasts."""
    folder = allowance.place / _named("index")
    made = not folder.parent.is_dir()
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if made:
            _removed_if_empty(folder.parent)


def remove_leftovers(folder: Path, *, all_of_them: bool = False) -> None:
    """Remove what killed processes of this machine left in a scratch folder.

    Args:
        all_of_them: also what lives, and other machines' own: whoever still needs it fails, or
            goes on with what it holds open.
    """
    for one in folder.iterdir() if folder.is_dir() else ():
        if not (found := OURS.fullmatch(one.name)):
            continue
        here = found[1] == socket.gethostname()
        if all_of_them or (here and not Path("/proc", found[2]).exists()):
            shutil.rmtree(one, ignore_errors=True)
    _removed_if_empty(folder)


def _named(kind: str) -> str:
    return f"{kind}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def _too_little(allowance: Allowance) -> UsageError:
    return UsageError(
        f"this takes more memory than `engine.driver_memory_mb` allows ({allowance.memory_mb} MB): "
        "raise it in echoatlas.yaml"
    )


def _there(folder: Path) -> Path:
    """A folder, or the nearest above it that exists."""
    return next((one for one in (folder, *folder.parents) if one.exists()), folder)


def _removed_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # others use it, or it is not there
        return
