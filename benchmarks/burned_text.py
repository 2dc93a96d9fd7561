"""Text in the fan: how much of it is covered, what that costs in tissue and in time.

Words of every kind burned into moving tissue, beside the same tissue without; CPU time. A word
counts as covered if 95 % of its ink is black. The second look is tried on injected faults: of a
clip whose words are covered, one is left out, and the frames are stored as the lake has them. With
QUICK=1 in the environment, a tenth of it.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.stats import beta

from echoatlas.pipeline.deidentify.pixels import check_written, redact
from echoatlas.pipeline.deidentify.text import letters, look, mosaic, paddle
from echoatlas.pipeline.deidentify.text.config import LookConfig
from echoatlas.pipeline.deidentify.text.detector import Line, drawn
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.normalize import normalize
from echoatlas.pipeline.simulate.words import FANS, KINDS, Burned, burned
from echoatlas.pipeline.simulate.words import kind as kind_of
from echoatlas.schemas.records import Redaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

FRAMES = 60
COVERED = 0.95  # of a word's ink
SURE = 0.95  # of the bounds


def least(hits: int, of: int) -> float:
    """The lower Clopper-Pearson bound of a share, at 95 %, one-sided."""
    return float(beta.ppf(1 - SURE, hits, of - hits + 1)) if hits else 0.0


class Shares:
    """CPU seconds by stage: the functions of a look, timed where they are called."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._watch(mosaic, "find", "network, at candidates")
        self._watch(paddle.PaddleDetector, "find", "network, all runs")
        self._watch(letters, "read", "reader")
        self._watch(look, "_steady", "what is steady, in all")

    def _watch(self, module: object, name: str, stage: str) -> None:
        work: Callable[..., object] = getattr(module, name)

        def timed(*given: object, **named: object) -> object:
            start = time.process_time()
            result = work(*given, **named)
            self.seconds[stage] += time.process_time() - start
            return result

        setattr(module, name, timed)


def stored(pictures: Iterable[Picture], clip: Burned, keep: NDArray[np.bool_]) -> list[Picture]:
    """Frames as the lake has them."""
    cut = Redaction(keep)
    return [normalize(picture, clip.fan, cut).pixels for picture in pictures]


def finds(frames: list[Picture]) -> bool:
    """Whether the second look finds text."""
    try:
        check_written(frames)
    except Reject as rejection:
        return rejection.reason is Reason.RESIDUAL_TEXT
    return False


def box(word: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The turned rectangle that a redaction of a word would blacken."""
    points = np.argwhere(word)[:, ::-1].astype(np.float32)
    center, (width, height), angle = cv2.minAreaRect(points)
    corners = cv2.boxPoints((center, (width + 9, height + 9), angle))
    return drawn([Line(tuple((float(x), float(y)) for x, y in corners), 1.0)], *word.shape)


def faults(clip: Burned) -> Iterator[NDArray[np.bool_]]:
    """Masks that cover all words of a clip but one, and last the one that covers all."""
    inside = clip.fan.mask(*clip.pictures.shape[1:3])
    boxes = [box(word) for word in clip.words]
    for out in range(len(boxes) + 1):
        others = [one for index, one in enumerate(boxes) if index != out]
        yield inside & ~np.logical_or.reduce([np.zeros_like(inside), *others])


def injected(seeds: range) -> None:
    """The second look's recall on words that were left out, beside the first look's on the same."""
    sums: Counter[str] = Counter()
    print(f"{'left out':15}{'second look':>14}{'first look again':>18}")
    for how in KINDS:
        count: Counter[str] = Counter()
        for seed in seeds:
            clip = burned(how, seed)
            *left_out, all_covered = faults(clip)
            for keep in left_out:
                frames = stored(clip.pictures, clip, keep)
                count["words"] += 1
                count["second"] += finds(frames)
                count["first"] += bool(look.look(frames, None, LookConfig()).lines)
            count["clips"] += 1
            count["for nothing"] += finds(stored(clip.pictures, clip, all_covered))
        sums += count
        print(
            f"{how.name:15}{count['second']:10}/{count['words']:<3}"
            f"{count['first']:14}/{count['words']:<3}"
        )
    for name in ("second", "first"):
        share, bound = sums[name] / sums["words"], least(sums[name], sums["words"])
        print(f"  {name} look on {sums['words']} faults {share:8.1%}, at least {bound:.1%}")
    print(f"  quarantined though all was covered: {sums['for nothing']} of {sums['clips']} clips")


class Timer:
    """CPU milliseconds a frame of what is done within it."""

    def __enter__(self) -> Timer:
        self._start = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.took = 1e3 * (time.process_time() - self._start) / FRAMES


def covering(seeds: range) -> None:
    """Words by kind: covered by the first look, left to the second, found by it if uncovered."""
    total: Counter[str] = Counter()
    costs: dict[str, list[float]] = defaultdict(list)
    print(f"{'kind':15}{'covered':>10}{'caught':>8}{'leaked':>8}{'ms':>8}")
    for how in KINDS:
        count: Counter[str] = Counter()
        for seed in seeds:
            clip = burned(how, seed)
            with Timer() as timer:
                (cut,) = redact(clip.pictures, (clip.fan,))
            costs[how.name].append(timer.took)
            left = [word for word in clip.words if (word & ~cut.keep).sum() < COVERED * word.sum()]
            caught = bool(left) and finds(stored(clip.pictures, clip, cut.keep))
            count["words"] += len(clip.words)
            count["covered"] += len(clip.words) - len(left)
            count["caught" if caught else "leaked"] += len(left)
        total += count
        print(
            f"{how.name:15}{count['covered']:6}/{count['words']:<3}{count['caught']:8}"
            f"{count['leaked']:8}{np.mean(costs[how.name]):8.2f}"
        )
    frames = len(KINDS) * len(seeds) * FRAMES
    held = total["covered"] + total["caught"]
    print(f"{total['words']} words in {frames} frames, 640 x 480, {FRAMES} a clip")
    for name, hits in (("covered", total["covered"]), ("covered or quarantined", held)):
        bound = least(hits, total["words"])
        print(f"  {name:24}{hits / total['words']:8.2%}, at least {bound:.2%} at {SURE:.0%}")


def text_free(seeds: range) -> None:
    """Tissue without text: what of it is lost, and what the looks at it cost."""
    first, second, lost, refused = [], [], [], 0
    shares = Shares()
    for seed in seeds:
        clip = burned(kind_of("plain"), seed, words=0)
        with Timer() as timer:
            (cut,) = redact(clip.pictures, (clip.fan,))
        first.append(timer.took)
        lost.append(cut.text_area)
        frames = stored(clip.pictures, clip, cut.keep)
        with Timer() as timer:
            refused += finds(frames)
        second.append(timer.took)
    print(f"without text, {len(seeds)} clips, {len(seeds) * FRAMES} frames, fans {', '.join(FANS)}")
    print(f"  lost of the fan {np.mean(lost):8.3%}, at most {max(lost):.3%}")
    print(f"  quarantined     {refused:5} of {len(seeds)}")
    print(f"  first look      {np.mean(first):8.2f} ms a frame (limit 8)")
    print(f"  second look     {np.mean(second):8.2f} ms a frame")
    whole = sum(first) + sum(second)
    for stage, seconds in sorted(shares.seconds.items(), key=lambda one: -one[1]):
        print(f"    {stage:30}{1e3 * seconds / FRAMES / whole:7.0%} of both")


def main() -> None:
    """Print recall by kind, tissue lost, and milliseconds a frame."""
    cv2.setNumThreads(1)
    quick = bool(os.environ.get("QUICK"))
    finds([np.zeros((64, 64), np.uint8)])
    redact(burned(kind_of("plain"), 0, frames=2).pictures, (burned(kind_of("plain"), 0, 2).fan,))
    covering(range(100, 101 if quick else 108))
    injected(range(300, 301 if quick else 303))
    text_free(range(200, 202 if quick else 216))


if __name__ == "__main__":
    main()
