"""Which frames of a clip are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from echoatlas.schemas.config.site import Sampling


def kept(times: Sequence[float] | None, frames: int, sampling: Sampling) -> list[int]:
    """Indexes of the frames that a sampling keeps, ascending.

    Args:
        times: milliseconds, one a frame; without them ``every_ms`` cannot be applied, since no
            rate is invented, and ``every`` and ``max_frames`` alone decide.
        frames: in the clip.
    """
    chosen = list(range(frames))
    if sampling.every_ms is not None and times is not None:
        chosen = list(_spaced(times[:frames], sampling.every_ms))
    chosen = chosen[:: sampling.every]
    most = sampling.max_frames
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


@dataclass(frozen=True, slots=True)
class Kept:
    """What is remembered of the last frame that was kept: its exact and its fan's hash."""

    pixels: str
    fan: bytes


def adds_nothing(frame: Kept, last: Kept | None, sampling: Sampling) -> bool:
    """Whether a frame only repeats the last one that was kept.

    Frame-rate converters insert equal frames; with ``sampling.min_change``, one that looks much the
    same is left out too. A frame too flat to have a hash of its fan is told by its pixels alone.
    """
    if last is None:
        return False
    if sampling.drop_repeats and frame.pixels == last.pixels:
        return True
    if sampling.min_change is None or not frame.fan or len(frame.fan) != len(last.fan):
        return False
    apart = int.from_bytes(frame.fan, "big") ^ int.from_bytes(last.fan, "big")
    return apart.bit_count() < sampling.min_change
