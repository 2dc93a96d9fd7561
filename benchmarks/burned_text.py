"""Text in the fan: how much of it is covered, what that costs in tissue and in time.

Words of every kind burned into moving tissue and into stills, beside the same tissue without; CPU
time. A word counts as covered if 95 % of its ink is black. The second look is tried on injected
faults: of a clip whose words are covered, one is left out, and the frames are looked at as the lake
stores them and in full size, as the tool writes them.

``python -m benchmarks.burned_text [PART]... [tuning]``: some parts only, on the seeds that
thresholds were set on instead of those that nobody has looked at. With QUICK=1 in the environment,
a tenth of it.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.stats import beta

from echoatlas.pipeline.deidentify.pixels import legibility, mosaic, paddle, search
from echoatlas.pipeline.deidentify.pixels.detector import Line, drawn
from echoatlas.pipeline.deidentify.pixels.redact import check_redacted, check_written, redact
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.frames.normalize import normalize, plan_frames
from echoatlas.schemas.records import Redaction
from tests.helpers.burned_words import FANS, KINDS, STANDING, Burned, Kind, burned
from tests.helpers.burned_words import kind as kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

FRAMES = 60
COVERED = 0.95  # of a word's ink
SURE = 0.95  # of the bounds


@dataclass(frozen=True, slots=True)
class Seeds:
    """Of the clips of each part. Thresholds are set on ``TUNING``, told of are ``HELD_OUT``."""

    covering: range
    stills: range
    injected: range
    text_free: range


HELD_OUT = Seeds(range(5000, 5012), range(6000, 6024), range(7000, 7004), range(8000, 8060))
TUNING = Seeds(range(100, 108), range(400, 416), range(300, 303), range(200, 216))


def least(hits: int, of: int) -> float:
    """The lower Clopper-Pearson bound of a share, at 95 %, one-sided."""
    return float(beta.ppf(1 - SURE, hits, of - hits + 1)) if hits else 0.0


class Shares:
    """CPU seconds by stage: the functions of a look, timed where they are called."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._watch(mosaic, "find", "network, at candidates")
        self._watch(paddle.PaddleDetector, "find", "network, all runs")
        self._watch(legibility, "read", "reader")
        self._watch(search, "_steady", "what is steady, in all")

    def _watch(self, module: object, name: str, stage: str) -> None:
        work: Callable[..., object] = getattr(module, name)

        def timed(*given: object, **named: object) -> object:
            start = time.process_time()
            result = work(*given, **named)
            self.seconds[stage] += time.process_time() - start
            return result

        setattr(module, name, timed)


def stored(clip: Burned, keep: NDArray[np.bool_]) -> list[Picture]:
    """Frames as the lake has them."""
    cut = Redaction(keep)
    plan = plan_frames(clip.fan, cut)
    return [normalize(picture, plan).pixels for picture in clip.pictures]


def finds_stored(frames: list[Picture]) -> bool:
    """Whether the second look finds text in frames as the lake has them."""
    return _finds(lambda: check_written(frames))


def finds(clip: Burned, keep: NDArray[np.bool_]) -> bool:
    """Whether the second look, in full size, finds text."""
    return _finds(lambda: check_redacted(clip.pictures, [Redaction(keep)]))


def _finds(look_at: Callable[[], object]) -> bool:
    try:
        look_at()
    except Reject as rejection:
        return rejection.reason is Reason.RESIDUAL_TEXT
    return False


WAYS: dict[str, Callable[[Burned, NDArray[np.bool_]], bool]] = {
    "stored": lambda clip, keep: finds_stored(stored(clip, keep)),
    "full size": finds,
}


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
    """The second look's recall on words that were left out, and how often it doubts for nothing."""
    sums: Counter[str] = Counter()
    heads = ("clips stored", "full size", "stills stored", "full size")
    print(f"{'left out':15}{''.join(f'{head:>15}' for head in heads)}")
    for how in KINDS:
        told = f"{how.name:15}"
        for length in (FRAMES, 1) if how in STANDING else (FRAMES,):
            count: Counter[str] = Counter()
            for seed in seeds:
                clip = burned(how, seed, length)
                *left_out, all_covered = faults(clip)
                for name, found in WAYS.items():
                    count[name] += sum(found(clip, keep) for keep in left_out)
                    count[f"{name}, for nothing"] += found(clip, all_covered)
                count["words"] += len(left_out)
                count["clips"] += 1
            for name in WAYS:
                told += f"{count[name]:11}/{count['words']:<3}"
            sums += Counter({f"{name}, {length}": number for name, number in count.items()})
        print(told)
    for length, what in ((FRAMES, "clips"), (1, "stills")):
        words, of = sums[f"words, {length}"], sums[f"clips, {length}"]
        for name in WAYS:
            hits, nothing = sums[f"{name}, {length}"], sums[f"{name}, for nothing, {length}"]
            print(
                f"  {what}, {name:10}{hits / words:7.1%} of {words} found, at least "
                f"{least(hits, words):.1%}; {nothing} of {of} quarantined though all was covered"
            )


class Timer:
    """CPU milliseconds a frame of what is done within it."""

    def __init__(self, frames: int = FRAMES) -> None:
        self._frames = frames

    def __enter__(self) -> Timer:
        self._start = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.took = 1e3 * (time.process_time() - self._start) / self._frames


def covering(seeds: range) -> None:
    """Words in clips by kind: covered by the first look, else found by the second, or leaked."""
    _covering(KINDS, seeds, FRAMES)


def stills(seeds: range) -> None:
    """The same of single frames."""
    _covering(STANDING, seeds, 1)


def _covering(kinds: Sequence[Kind], seeds: range, length: int) -> None:
    total: Counter[str] = Counter()
    print(f"{'kind':15}{'covered':>10}{'caught':>8}{'leaked':>8}{'ms':>8}")
    for how in kinds:
        count: Counter[str] = Counter()
        costs = []
        for seed in seeds:
            clip = burned(how, seed, length)
            with Timer(length) as timer:
                (cut,) = redact(clip.pictures, (clip.fan,))
            costs.append(timer.took)
            left = [word for word in clip.words if (word & ~cut.keep).sum() < COVERED * word.sum()]
            caught = bool(left) and any(found(clip, cut.keep) for found in WAYS.values())
            count["words"] += len(clip.words)
            count["covered"] += len(clip.words) - len(left)
            count["caught" if caught else "leaked"] += len(left)
        total += count
        print(
            f"{how.name:15}{count['covered']:6}/{count['words']:<3}{count['caught']:8}"
            f"{count['leaked']:8}{np.mean(costs):8.2f}"
        )
    frames = len(kinds) * len(seeds) * length
    held = total["covered"] + total["caught"]
    print(f"{total['words']} words in {frames} frames, 640 x 480, {length} a clip")
    for name, hits in (("covered", total["covered"]), ("covered or quarantined", held)):
        bound = least(hits, total["words"])
        print(f"  {name:24}{hits / total['words']:8.2%}, at least {bound:.2%} at {SURE:.0%}")


def text_free(seeds: range) -> None:
    """Tissue without text: what of it is lost, and what the looks at it cost."""
    shares = Shares()
    _text_free(seeds, FRAMES, shares)
    _text_free(range(seeds.start, seeds.start + 2 * len(seeds)), 1, None)


def _text_free(seeds: range, length: int, shares: Shares | None) -> None:
    took: dict[str, list[float]] = defaultdict(list)
    refused: Counter[str] = Counter()
    lost = []
    for seed in seeds:
        clip = burned(kind_of("plain"), seed, length, words=0)
        with Timer(length) as timer:
            (cut,) = redact(clip.pictures, (clip.fan,))
        took["first look"].append(timer.took)
        lost.append(cut.text_area)
        frames = stored(clip, cut.keep)
        with Timer(length) as timer:
            refused["stored"] += finds_stored(frames)
        took["second look, stored"].append(timer.took)
        with Timer(length) as timer:
            refused["full size"] += finds(clip, cut.keep)
        took["second look, full size"].append(timer.took)
    print(f"no text, {len(seeds)} clips, {len(seeds) * length} frames, fans {', '.join(FANS)}")
    print(f"  lost of the fan {np.mean(lost):8.3%}, at most {max(lost):.3%}")
    for name, number in sorted(refused.items()):
        print(f"  quarantined, {name:10}{number:5} of {len(seeds)}")
    for name, each in took.items():
        print(f"  {name:24}{np.mean(each):8.2f} ms a frame")
    whole = sum(sum(each) for each in took.values()) * length / 1e3
    for stage, seconds in sorted(shares.seconds.items(), key=lambda one: -one[1]) if shares else ():
        print(f"    {stage:30}{seconds / whole:7.0%} of all looks")


PARTS: dict[str, Callable[[range], None]] = {
    "covering": covering,
    "stills": stills,
    "injected": injected,
    "text_free": text_free,
}


def main(wanted: Sequence[str] = ()) -> None:
    """Print recall by kind, tissue lost, and milliseconds a frame."""
    cv2.setNumThreads(1)
    seeds = TUNING if "tuning" in wanted else HELD_OUT
    clip = burned(kind_of("plain"), 0, frames=2)
    (cut,) = redact(clip.pictures, (clip.fan,))
    finds(clip, cut.keep)
    for name in [one for one in wanted if one != "tuning"] or PARTS:
        some: range = getattr(seeds, name)
        PARTS[name](some[: max(len(some) // 10, 1)] if os.environ.get("QUICK") else some)


if __name__ == "__main__":
    main(sys.argv[1:])
