"""Words that messages share."""

from __future__ import annotations

from collections.abc import Iterable


def number_of(number: int, thing: str, things: str = "") -> str:
    """A number and what it counts: "1 frame", "2 frames".

    Args:
        things: of several; with an s if not given.
    """
    return f"{number} {thing if number == 1 else things or f'{thing}s'}"


def spans(numbers: Iterable[int]) -> str:
    """Numbers, in order, of which runs are told by their ends: "1-3, 7"."""
    found: list[list[int]] = []
    for one in sorted(numbers):
        if found and one == found[-1][-1] + 1:
            found[-1] = [found[-1][0], one]
        else:
            found.append([one])
    return ", ".join("-".join(map(str, ends)) for ends in found)
