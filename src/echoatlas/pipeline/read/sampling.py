"""Which frames of a clip are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from echoatlas.schemas.config import Sampling

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture


def kept(times: Sequence[float] | None, frames: int, sampling: Sampling) -> list[int]:
    """Indexes of the frames that a sampling keeps, ascending.

    Args:
        times: milliseconds, one a frame; without them ``every_ms`` cannot be applied, since no
            rate is invented, and ``every`` and ``most`` alone decide.
        frames: in the clip.
    """
    chosen = list(range(frames))
    if sampling.every_ms is not None and times is not None:
        chosen = list(_spaced(times[:frames], sampling.every_ms))
    chosen = chosen[:: sampling.every]
    most = sampling.most
    if most is None or len(chosen) <= most:
        return chosen
    if most == 1:
        return [chosen[len(chosen) // 2]]
    return [chosen[round(place * (len(chosen) - 1) / (most - 1))] for place in range(most)]


def _spaced(times: Sequence[float], step: float) -> Iterator[int]:
    """The first frame at or after each multiple of the step, so that rounding does not drift."""
    due = 0.0
    for index, time in enumerate(times):
        if time - times[0] >= due - 1e-6:
            yield index
            due = ((time - times[0] + 1e-6) // step + 1) * step


def without_repeats(
    pictures: Iterable[tuple[int, Picture]], tolerance: int = 0
) -> Iterator[tuple[int, Picture]]:
    """Leave out pictures equal to the last one that was kept, as frame-rate converters insert.

    Args:
        pictures: index and picture, in order.
        tolerance: largest difference of a sample that still counts as equal; coders leave some.
    """
    last: Picture | None = None
    for index, picture in pictures:
        if last is not None and _same(last, picture, tolerance):
            continue
        last = picture
        yield index, picture


def _same(one: Picture, other: Picture, tolerance: int) -> bool:
    if one.shape != other.shape:
        return False
    if not tolerance:
        return bool((one == other).all())
    larger = one > other
    apart = (one - other) * larger + (other - one) * ~larger
    return int(apart.max()) <= tolerance
