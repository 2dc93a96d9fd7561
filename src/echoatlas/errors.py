"""The root of all errors, below everything else that can raise one.

::

    EchoAtlasError
    ├── Retry            the world is at fault: tried again with backoff
    │   └── Exhausted    it was tried again, time and again, by the client below us
    ├── UsageError       the caller is at fault: one line, exit code 2
    │   └── ConfigError  a configuration is wrong: the line says where
    └── CheckFailed      a check on the data failed: one line, exit code 1

``echoatlas.pipeline.errors`` adds ``Reject``: a record is at fault.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class EchoAtlasError(Exception):
    """The base of all errors that EchoAtlas raises on purpose."""


class Retry(EchoAtlasError):  # noqa: N818
    """The world is at fault (network, storage): the work is tried again with backoff."""


class Exhausted(Retry):
    """The world is still at fault, however often the client below us has asked."""


class UsageError(EchoAtlasError):
    """Wrong usage or configuration: one clear line for the user, exit code 2."""


class ConfigError(UsageError):
    """A configuration is wrong; the message is one line that says where and what to do."""


class CheckFailed(EchoAtlasError):  # noqa: N818
    """Something is wrong with the data: one clear line for the user, exit code 1."""


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'NAME'?`` with the known name that is most like one; "" if none is."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def no_such(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not there, with the nearest one that is."""
    names = sorted(known)
    listed = f" ({kind}s: {', '.join(names)})" if names else f" (there are no {kind}s yet)"
    return UsageError(f"no {kind} '{name}'{nearest(name, names)}{listed}")


def unreadable(file: Path | str, error: OSError | UnicodeDecodeError) -> str:
    """Why a file that a user named can't be read, in a line; nothing of what is in it."""
    if isinstance(error, UnicodeDecodeError):
        return f"{file} is no UTF-8 text"
    if isinstance(error, FileNotFoundError):
        return f"there is no file {file}"
    if isinstance(error, IsADirectoryError):
        return f"{file} is a folder: name a file in it"
    return f"{file} cannot be read ({os.strerror(error.errno or 0)})"
