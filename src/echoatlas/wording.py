"""Words that messages share."""

from __future__ import annotations


def number_of(number: int, thing: str, things: str = "") -> str:
    """A number and what it counts: "1 frame", "2 frames".

    Args:
        things: of several; with an s if not given.
    """
    return f"{number} {thing if number == 1 else things or f'{thing}s'}"
