"""DuckDB within a bound of memory: what does not fit lies in a folder meanwhile.

The one place that opens it. What is asked of it gives columns, counts, or rows a few at a time.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import duckdb

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.scratch import Allowance, own_name, remove_if_empty

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
GONE = re.compile("No such file|No files found|does not exist")


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
    folder = own.place / own_name("sql")
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
            remove_if_empty(folder.parent)


def quoted(*paths: str | Path) -> str:
    """Paths as a list of SQL's, each of which stands for itself alone."""
    plain = (re.sub(r"[*?\[]", r"[\g<0>]", str(path)).replace("'", "''") for path in paths)
    return "[" + ", ".join(f"'{one}'" for one in plain) + "]"


def _too_little(allowance: Allowance) -> UsageError:
    return UsageError(
        f"this takes more memory than `engine.driver_memory_mb` allows ({allowance.memory_mb} MB): "
        "raise it in echoatlas.yaml"
    )
