"""What a command may take of memory, and the folder where lies what does not fit.

Apart from the database that uses both: who counts rows of tables asks none, and opening it takes as
long as counting.
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

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.file_faults import local_faults

CODE_MB = 200  # that Python and its libraries take before anything is asked
SHARE = 0.4  # of the rest of the memory, for DuckDB; Arrow and NumPy want theirs
LEAST_MB = 64  # with less it does nothing at all
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


def make_scratch(folder: Path) -> None:
    """Make a folder for what does not fit.

    Raises:
        UsageError: there is no room for one, or it may not be made.
    """
    try:
        with local_faults(str(folder.parent)):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {folder.parent} ({error.strerror})") from None


@contextmanager
def folder_of_files(allowance: Allowance) -> Iterator[Path]:
    """A folder for files that one has to read from disk, for as long as the block lasts.

    Raises:
        UsageError: there is no room for one, or it may not be made.
    """
    folder = allowance.place / own_name("index")
    made = not folder.parent.is_dir()
    make_scratch(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if made:
            remove_if_empty(folder.parent)


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
    remove_if_empty(folder)


def own_name(kind: str) -> str:
    """A name that tells whose a folder is: of which machine and process."""
    return f"{kind}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def _there(folder: Path) -> Path:
    """A folder, or the nearest above it that exists."""
    return next((one for one in (folder, *folder.parents) if one.exists()), folder)


def remove_if_empty(folder: Path) -> None:
    """Remove a folder that nothing lies in."""
    try:
        folder.rmdir()
    except OSError:  # others use it, or it is not there
        return
