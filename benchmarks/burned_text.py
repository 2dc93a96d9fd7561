"""Text in the fan: how much of it is covered, what that costs in tissue and in time.

Words of every kind burned into moving tissue and into stills, beside the same tissue without; CPU
time. A word counts as covered if 95 % of its ink is black. The second look is tried on injected
faults: of a clip whose words are covered, one is left out, and the frames are looked at as the lake
stores them and in full size, as the tool writes them.

``python -m benchmarks.burned_text [PART]... [tuning]``: some parts only, on the seeds that
thresholds were set on instead of those that nobody has looked at. A quick run takes a tenth.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.stats import beta

from benchmarks.harness import Took, few, quick, report, seeded
from echoatlas.pipeline.deidentify.pixels import legibility, mosaic, paddle, search
from echoatlas.pipeline.deidentify.pixels.check import check_redacted, check_written
from echoatlas.pipeline.deidentify.pixels.detector import Line, drawn
from echoatlas.pipeline.deidentify.pixels.redact import redact
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.frames.normalize import normalize, plan_frames
from echoatlas.schemas.records import Redaction
from tests.helpers.burned_words import KINDS, STANDING, Burned, Kind, burned
from tests.helpers.burned_words import kind as kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

FRAMES = few(60, 16)
SPAN = {FRAMES: "clips", 1: "stills"}
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
CLIPS, STILLS = few((KINDS, STANDING), (KINDS[:2], STANDING[:2]))
RECORDED = [f"{name}{what}" for name in WAYS for what in ("", ", for nothing")]


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
    for how in CLIPS:
        for length in (FRAMES, 1) if how in STILLS else (FRAMES,):
            count: Counter[str] = Counter()
            for seed in seeds:
                clip = burned(how, seed, length)
                *left_out, all_covered = faults(clip)
                for name, found in WAYS.items():
                    count[name] += sum(found(clip, keep) for keep in left_out)
                    count[f"{name}, for nothing"] += found(clip, all_covered)
                count["words"] += len(left_out)
                count["clips"] += 1
            tell_found(f"left out, {how.name}, {SPAN[length]}", count)
            sums += Counter({f"{name}, {length}": number for name, number in count.items()})
    for length, span in SPAN.items():
        part = {name: sums[f"{name}, {length}"] for name in (*RECORDED, "words", "clips")}
        tell_found(f"left out, all, {span}", Counter(part))


def tell_found(row: str, count: Counter[str]) -> None:
    """The share of words left out that each look finds."""
    words = count["words"]
    figures: dict[str, float] = {"words": words, "clips": count["clips"]}
    for name in WAYS:
        label = name.replace(" ", "_")
        figures[f"{label}_found"] = count[name] / words
        figures[f"{label}_found_at_least"] = least(count[name], words)
        figures[f"{label}_for_nothing"] = count[f"{name}, for nothing"]
    report("burned_text", row, **figures)


def covering(seeds: range) -> None:
    """Words in clips by kind: covered by the first look, else found by the second, or leaked."""
    _covering(CLIPS, seeds, FRAMES)


def stills(seeds: range) -> None:
    """The same of single frames."""
    _covering(STILLS, seeds, 1)


def _covering(kinds: Sequence[Kind], seeds: range, length: int) -> None:
    total: Counter[str] = Counter()
    span = SPAN[length]
    for how in kinds:
        count: Counter[str] = Counter()
        spent = 0.0
        for seed in seeds:
            clip = burned(how, seed, length)
            with Took() as took:
                (cut,) = redact(clip.pictures, (clip.fan,))
            spent += took.seconds
            left = [word for word in clip.words if (word & ~cut.keep).sum() < COVERED * word.sum()]
            caught = bool(left) and any(found(clip, cut.keep) for found in WAYS.values())
            count["words"] += len(clip.words)
            count["covered"] += len(clip.words) - len(left)
            count["caught" if caught else "leaked"] += len(left)
        total += count
        tell_covered(f"{span}, {how.name}", count, a_frame_ms=1000 * spent / len(seeds) / length)
    tell_covered(f"{span}, all", total)


def tell_covered(row: str, count: Counter[str], **more: float) -> None:
    """The shares of words that are covered, and that are covered or have their clip quarantined."""
    words, covered = count["words"], count["covered"]
    held = covered + count["caught"]
    report(
        "burned_text",
        row,
        words=words,
        covered=covered / words,
        covered_at_least=least(covered, words),
        held=held / words,
        held_at_least=least(held, words),
        leaked=count["leaked"],
        **more,
    )


def text_free(seeds: range) -> None:
    """Tissue without text: what of it is lost, and what the looks at it cost."""
    shares = Shares()
    _text_free(seeds, FRAMES, shares)
    _text_free(range(seeds.start, seeds.start + 2 * len(seeds)), 1, None)


def _text_free(seeds: range, length: int, shares: Shares | None) -> None:
    took = dict.fromkeys(("first", "small", "full"), 0.0)
    refused: Counter[str] = Counter()
    lost = []
    for seed in seeds:
        clip = burned(kind_of("plain"), seed, length, words=0)
        with Took() as first:
            (cut,) = redact(clip.pictures, (clip.fan,))
        lost.append(cut.text_area)
        frames = stored(clip, cut.keep)
        with Took() as small:
            refused["stored"] += finds_stored(frames)
        with Took() as full:
            refused["full size"] += finds(clip, cut.keep)
        for name, spent in (("first", first), ("small", small), ("full", full)):
            took[name] += spent.seconds
    ms = 1000 / len(seeds) / length
    report(
        "burned_text",
        f"{SPAN[length]}, no text",
        clips=len(seeds),
        frames=len(seeds) * length,
        lost_mean=float(np.mean(lost)),
        lost_max=max(lost),
        stored_for_nothing=refused["stored"],
        full_size_for_nothing=refused["full size"],
        first_look_ms=ms * took["first"],
        second_look_stored_ms=ms * took["small"],
        second_look_full_size_ms=ms * took["full"],
    )
    for stage, seconds in sorted(shares.seconds.items(), key=lambda one: -one[1]) if shares else ():
        report("burned_text", f"of all looks, {stage}", share=seconds / sum(took.values()))


PARTS: dict[str, Callable[[range], None]] = {
    "covering": covering,
    "stills": stills,
    "injected": injected,
    "text_free": text_free,
}


def main(wanted: Sequence[str] = ()) -> None:
    """Tell recall by kind, tissue lost, and milliseconds a frame."""
    cv2.setNumThreads(1)
    seeds = TUNING if "tuning" in wanted else HELD_OUT
    clip = burned(kind_of("plain"), 0, frames=2)
    (cut,) = redact(clip.pictures, (clip.fan,))
    finds(clip, cut.keep)
    for name in [one for one in wanted if one != "tuning"] or PARTS:
        some: range = getattr(seeds, name)
        if quick():
            some = some[: max(len(some) // 10, 1)]
        seeded("burned_text", **{name: some})
        PARTS[name](some)


if __name__ == "__main__":
    main(sys.argv[1:])
