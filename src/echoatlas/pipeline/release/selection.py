"""What of a lake goes into a release, and what does not, each with its reason and a count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.database import WRONG_SQL, database
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.release.candidates import Candidates, mentioned
from echoatlas.pipeline.release.clips import clip_numbers, clips_of, of_clips, whole_clips
from echoatlas.pipeline.release.earlier import Earlier, moves_since, nothing_before
from echoatlas.pipeline.release.findings import held_back
from echoatlas.pipeline.release.k_anonymity import QUASI, Suppressed, anonymous, device_of
from echoatlas.pipeline.release.kin import GROUP
from echoatlas.pipeline.release.measurements import put_measurements
from echoatlas.pipeline.release.permitted import by_license, consented
from echoatlas.pipeline.release.select import (
    REPEATED,
    repeated_frames,
    rows_where,
    without_nan,
)
from echoatlas.pipeline.release.split import SPLIT_BY, dealt
from echoatlas.pipeline.release.whole import every_frame
from echoatlas.pipeline.release.without import Screen, demand_unseen, without
from echoatlas.pipeline.release.wrong_expression import demand_repeatable, wrong_expression
from echoatlas.pipeline.scratch import Allowance
from echoatlas.schemas.values import PatientSource
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.schemas.config.release import ReleaseConfig

ACCEPTED = "fan_verdict = 'accept'"
NAMELESS = f"patient_source = '{PatientSource.OBJECT}'"
QUALITY = "round(fan_score * (1 - text_share) * (1 - saturation) * least(1, entropy / 6), 4)"
NUMBER = re.compile(r"\d+(\.\d+)?")  # an expression that is the same for all


@dataclass(slots=True)
class Selection:
    """The samples of a release, and why others are none of it.

    Attributes:
        samples: with ``split``, ``quality`` and ``weight``.
        left_out: reason to number of samples, in the order in which reasons are looked at.
        suppressed: of what would single patients out.
        sides: how the splits came about. moved_since: who is in others than before.
        without: what evaluation sets took out.
    """

    samples: Candidates
    suppressed: Suppressed
    left_out: dict[str, int] = field(default_factory=dict)
    sides: dict[str, Any] = field(default_factory=dict)
    moved_since: list[dict[str, Any]] = field(default_factory=list)
    without: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def selected(
    lake: Lake,
    versions: Mapping[str, int],
    config: ReleaseConfig,
    earlier: Earlier | None = None,
    screens: Sequence[Screen] = (),
) -> Iterator[Selection]:
    """Select, and split; samples can be asked for while the block lasts.

    Args:
        earlier: where earlier releases had patients.
        screens: evaluation sets that it is held against.

    Raises:
        UsageError: an expression is wrong, or fits nothing.
        CheckFailed: nothing was selected, or what the configuration refuses.
    """
    with every_frame(lake, versions) as frames:
        yield _selected(frames, lake, versions, config, earlier, screens)


def _selected(
    frames: Candidates,
    lake: Lake,
    versions: Mapping[str, int],
    config: ReleaseConfig,
    earlier: Earlier | None,
    screens: Sequence[Screen],
) -> Selection:
    clips = config.unit == "clip"
    sieve = _Sieve(frames, clip_numbers(frames) if clips else None)
    if not clips:
        score(frames, "quality", QUALITY)
    if config.where.strip():
        whole = len(frames)
        sieve.keep(_asked_for(sieve, config), "not selected by `where`")
        if whole and not len(frames):
            raise UsageError(
                f"nothing was selected: none of {number_of(whole, 'frame')} fits --where"
            )
    if not config.review:
        sieve.keep(frames.where(ACCEPTED), "the fan is to be reviewed")
    leaks = shown_to_leak(frames, lake.read("findings", version=versions.get("findings")))
    sieve.keep(~leaks, "a reviewer saw, or could not rule out, a leak")
    for reason, step in (*by_license(frames, config), *consented(config)):
        sieve.keep(step(frames), reason)
    if config.duplicates == "drop":
        sieve.keep(
            ~repeated_frames(frames.coded(REPEATED)), "a duplicate of what is in the release"
        )
    sieve.keep(_named(frames, config), "its file names no patient")
    if not len(frames):
        told = "; ".join(f"{number}: {reason}" for reason, number in sieve.out.items())
        hint = f" ({told})" if told else ""
        raise CheckFailed(f"nothing was selected: run the pipeline first, or widen --where{hint}")
    apart, taken = without(frames, screens, versions)
    sieve.keep(apart, "near to an evaluation set, or of a patient of whom something is")
    suppressed = _anonymous(sieve, config)
    if not len(frames):
        raise CheckFailed(f"fewer than {config.min_k} patients are alike: lower min_k")
    sides, moved_since = _split(frames, config, earlier)
    demand_unseen(frames, screens, versions)
    samples = frames
    if clips:
        samples = clips_of(frames)
        score(samples, "quality", QUALITY)
    score(samples, "weight", config.weight or "1")
    if config.weight and not samples.where("weight > 0").any():
        raise UsageError(f"--weight is 0 or NULL for each of {number_of(len(samples), 'sample')}")
    put_measurements(samples, lake, versions)
    return Selection(samples, suppressed, sieve.out, sides, moved_since, taken)


@dataclass(slots=True)
class _Sieve:
    """Frames that are still in, and how many samples fell out by which reason.

    A clip of which a frame falls out falls out as a whole.

    Attributes:
        clips: of each frame of the lake a number of its clip, where samples are clips.
    """

    frames: Candidates
    clips: NDArray[np.int64] | None
    out: dict[str, int] = field(default_factory=dict)

    @property
    def numbers(self) -> NDArray[np.int64] | None:
        """Of each frame that is in the number of its clip."""
        return None if self.clips is None else self.clips[self.frames.rows]

    def keep(self, kept: NDArray[np.bool_], reason: str) -> None:
        numbers = self.numbers
        if numbers is not None:
            kept = whole_clips(numbers, kept)
        gone = ~kept if numbers is None else np.unique(numbers[~kept])
        if number := int(gone.sum()) if numbers is None else len(gone):
            self.out[reason] = number
        self.frames.keep(kept)


def _asked_for(sieve: _Sieve, config: ReleaseConfig) -> NDArray[np.bool_]:
    frames = sieve.frames
    if sieve.numbers is None:
        return true_of(frames, config.where)
    clips = clips_of(frames)
    score(clips, "quality", QUALITY)
    clips.keep(true_of(clips, config.where))
    return of_clips(frames, clips, sieve.numbers)


def shown_to_leak(frames: Candidates, findings: pa.Table) -> NDArray[np.bool_]:
    """Of which frames a reviewer saw, or could not rule out, that they leak, (k,).

    By picture, not by id alone: the same pixels leak wherever else they are.
    """
    seen = pa.table({"shown": pa.array(sorted(held_back(findings)), pa.string())})
    return frames.where("pixel_hash IN (SELECT shown FROM seen)", seen=seen)


def _anonymous(sieve: _Sieve, config: ReleaseConfig) -> Suppressed:
    frames = sieve.frames
    known = frames.coded(["patient", *QUASI])
    kept, suppressed, changed = anonymous(known, config.min_k, config.suppress)
    sieve.keep(kept, f"fewer than {config.min_k} patients are alike")
    for name, values in changed.items():
        frames.put(name, values)
    if {"maker", "model"} & set(changed):
        frames.put("device", device_of(frames.fetched(["maker", "model"])))
    return suppressed


def _split(
    frames: Candidates, config: ReleaseConfig, earlier: Earlier | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    native = config.native == "honor"
    known = frames.coded(SPLIT_BY)
    before = earlier or nothing_before()
    sides = dealt(known, config.splits, config.seed, before.kept, native=native)
    moved_from, since = moves_since(known.column("patient"), sides.splits, before)
    frames.put(GROUP, sides.groups)
    frames.put("split", sides.splits)
    frames.put("moved_from", moved_from)
    return sides.told | {"moved": sum(one["moved"] for one in since)}, since


def true_of(samples: Candidates, expression: str) -> NDArray[np.bool_]:
    """Of which samples an expression that somebody wrote is true, (k,).

    Raises:
        UsageError: the expression is wrong.
    """
    found = np.zeros(len(samples), np.bool_)
    try:
        found[rows_where(_mentioned(samples, expression), expression, samples.allowance)] = True
    except UsageError:
        rows_where(samples.schema.empty_table(), expression)  # what is wrong, among all columns
        raise
    return found


def score(samples: Candidates, name: str, expression: str) -> None:
    """Give samples one more column; see ``row_scores``.

    Raises:
        UsageError: as there.
    """
    if NUMBER.fullmatch(expression):
        samples.put(name, pa.array(np.full(len(samples), float(expression))))
        return
    some = _mentioned(samples, expression)
    try:
        samples.put(name, pa.array(row_scores(some, f"--{name}", expression, samples.allowance)))
    except UsageError:
        row_scores(
            samples.schema.empty_table(), f"--{name}", expression
        )  # what is wrong, among all
        raise


def _mentioned(samples: Candidates, expression: str) -> pa.Table:
    return samples.fetched(mentioned(samples.names, expression) or samples.names[:1])


def row_scores(
    index: pa.Table, option: str, expression: str, allowance: Allowance | None = None
) -> NDArray[np.float64]:
    """(n,) what an expression over the columns is for each row, from 0; 0 where it is missing.

    It may look at all rows: ``1.0 / count(*) OVER (PARTITION BY organ)`` balances organs.

    Args:
        option: what the expression was given by, for messages.

    Raises:
        UsageError: the expression is wrong, or its value negative or not finite somewhere.
    """
    numbers = np.arange(index.num_rows, dtype=np.int32)
    rows = without_nan(index).append_column("_row", pa.array(numbers))
    values = np.empty(index.num_rows)
    with database(allowance, closed=True) as asked:
        asked.register("t", rows)
        try:
            found = asked.sql(
                f"SELECT _row, CAST(coalesce(({expression}\n), 0) AS DOUBLE) AS v FROM t"
            )
            demand_repeatable(asked, expression, option, index.column_names)
            # In whatever order they come: to sort millions takes more memory than all else
            for batch in pa.RecordBatchReader.from_stream(found):
                values[batch.column("_row").to_numpy()] = batch.column("v").to_numpy()
        except WRONG_SQL as error:
            raise wrong_expression(option, expression, index.schema, error) from None
    if not np.all((values >= 0) & np.isfinite(values)):
        raise UsageError(f"{option}: it is negative, or no number, for some samples")
    return values


def _named(frames: Candidates, config: ReleaseConfig) -> NDArray[np.bool_]:
    nameless = frames.where(NAMELESS)
    if config.nameless == "refuse" and (number := int(nameless.sum())):
        raise CheckFailed(
            f"{number} of {number_of(len(frames), 'frame is', 'frames are')} of files that name no "
            "patient (patient_source: object)"
        )
    return ~nameless if config.nameless == "drop" else np.ones(len(frames), np.bool_)
