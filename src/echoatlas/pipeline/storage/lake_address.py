"""Where a lake can lie: the Delta library takes paths for addresses, and some end in a crash."""

from __future__ import annotations

import os
import re

from echoatlas.pipeline.errors import UsageError

# Tried with deltalake 1.6 on a local disk: each of these fails to make, to read or to find a table.
# A percent sign fails where what follows makes it an escape, which is then undone.
SPECIAL = re.compile(r"[\[\]\\^|\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}")


def demand_plain(uri: str) -> None:
    """Refuse a place whose name the Delta library would misread.

    Args:
        uri: a path, or ``s3://bucket/prefix``.

    Raises:
        UsageError: names the character.
    """
    found = SPECIAL.search(uri.replace(os.sep, "/"))
    if found:
        raise UsageError(
            f"a lake cannot lie in {SPECIAL.sub(_visible, uri)}: '{_visible(found)}' means "
            "something else in the addresses of its tables; choose a folder without it"
        )


def _visible(found: re.Match[str]) -> str:
    return found.group() if found.group().isprintable() else repr(found.group())[1:-1]
