"""Which frames of a clip are kept."""

from __future__ import annotations

import pytest

from echoatlas.pipeline.frames.sampling import Kept, adds_nothing, kept
from echoatlas.schemas.config.site import Sampling

TIMES = tuple(index * 40.0 for index in range(10))


@pytest.mark.parametrize(
    ("times", "sampling", "expected"),
    [
        (TIMES, Sampling(), list(range(10))),
        (TIMES, Sampling(every=3), [0, 3, 6, 9]),
        (TIMES, Sampling(every_ms=100), [0, 3, 5, 8]),
        (TIMES, Sampling(every_ms=80), [0, 2, 4, 6, 8]),
        (TIMES, Sampling(every_ms=1), list(range(10))),
        (None, Sampling(every_ms=100), list(range(10))),
        (TIMES, Sampling(max_frames=4), [0, 3, 6, 9]),
        (TIMES, Sampling(max_frames=1), [5]),
        (TIMES, Sampling(every_ms=100, max_frames=2), [0, 8]),
    ],
)
def test_a_sampling_keeps_what_it_says(times, sampling, expected):
    assert expected == kept(times, 10, sampling)


def test_a_still_is_always_kept():
    assert kept(None, 1, Sampling(every_ms=500, every=10, max_frames=1)) == [0]


def test_a_pause_in_the_clip_does_not_make_frames_bunch():
    times = (0.0, 10.0, 500.0, 510.0, 520.0, 600.0)

    assert kept(times, 6, Sampling(every_ms=100)) == [0, 2, 5]


def still_kept(frames: list[Kept], sampling: Sampling) -> list[int]:
    last: Kept | None = None
    found = []
    for index, frame in enumerate(frames):
        if not adds_nothing(frame, last, sampling):
            found.append(index)
            last = frame
    return found


def test_repeated_frames_are_left_out_unless_told():
    frames = [Kept(pixels, b"") for pixels in "aabba"]

    assert still_kept(frames, Sampling()) == [0, 2, 4]
    assert still_kept(frames, Sampling(drop_repeats=False)) == [0, 1, 2, 3, 4]


def test_a_frame_is_novel_once_it_has_moved_away_from_the_last_kept_one():
    """Slow movement adds up: it is compared with what was kept, not with its neighbor."""
    frames = [Kept(str(n), ((1 << n) - 1).to_bytes(32, "big")) for n in range(12)]

    assert still_kept(frames, Sampling(min_change=4)) == [0, 4, 8]
    assert still_kept(frames, Sampling()) == list(range(12))


def test_a_frame_too_flat_for_a_hash_is_told_by_its_pixels():
    frames = [Kept("a", b""), Kept("b", b""), Kept("b", b""), Kept("c", bytes(32))]

    assert still_kept(frames, Sampling(min_change=200)) == [0, 1, 3]
