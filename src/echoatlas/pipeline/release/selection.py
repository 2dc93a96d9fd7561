"""What of a lake goes into a release, and what does not, each with its reason and a count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.database import SqlError, database
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.release.clips import clips_of, frames_of, number_of_clips, whole_clips
from echoatlas.pipeline.release.k_anonymity import Suppressed, anonymized
from echoatlas.pipeline.release.kin import GROUP
from echoatlas.pipeline.release.measurements import with_measurements
from echoatlas.pipeline.release.select import (
    filter_rows,
    index_of,
    told_in_one_line,
    without_duplicates,
    without_findings,
    without_nan,
)
from echoatlas.pipeline.release.split import Before, Dealt, dealt
from echoatlas.pipeline.release.without import Screen, demand_unseen, without
from echoatlas.schemas.values import PatientSource
from echoatlas.taxonomy.licenses import Use, forbidden

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.schemas.config.release import ReleaseConfig

QUALITY = "round(fan_score * (1 - text_share) * (1 - saturation) * least(1, entropy / 6), 4)"


@dataclass(slots=True)
class Selection:
    """The samples of a release, and why others are none of it.

    Attributes:
        index: a row a sample, with ``split``, ``quality`` and ``weight``.
        left_out: reason to number of samples, in the order in which reasons are looked at.
        suppressed: of what would single patients out.
        sides: how the splits came about. without: what evaluation sets took out.
    """

    index: pa.Table
    suppressed: Suppressed
    left_out: dict[str, int] = field(default_factory=dict)
    sides: dict[str, Any] = field(default_factory=dict)
    without: list[dict[str, Any]] = field(default_factory=list)


def selected(
    lake: Lake,
    versions: Mapping[str, int],
    config: ReleaseConfig,
    earlier: Mapping[str, Before] | None = None,
    screens: Sequence[Screen] = (),
) -> Selection:
    """Select, and split.

    Args:
        earlier: patient to where earlier releases had them.
        screens: evaluation sets that it is held against.

    Raises:
        UsageError: an expression is wrong.
        CheckFailed: nothing was selected, or what the configuration refuses.
    """
    clips = config.unit == "clip"
    whole = index_of(lake, dict(versions))
    sieve = _Sieve(whole, clips)
    if not clips:
        sieve.index = with_score(sieve.index, "quality", QUALITY)
    sieve.keep(_asked_for(sieve.index, config), "not selected by `where`")
    if not config.review:
        accepted = pc.equal(sieve.index.column("fan_verdict"), "accept")
        sieve.keep(sieve.index.filter(accepted), "the fan is to be reviewed")
    findings = lake.read("findings", version=versions.get("findings"))
    clean = without_findings(sieve.index, findings)
    sieve.keep(clean, "a reviewer saw, or could not rule out, a leak")
    for reason, license in _forbidden(sieve.index, config).items():
        theirs = pc.equal(sieve.index.column("license"), license)
        sieve.keep(sieve.index.filter(pc.invert(theirs)), reason)
    if config.duplicates == "drop":
        sieve.keep(without_duplicates(sieve.index), "a duplicate of what is in the release")
    sieve.keep(_named(sieve.index, config), "its file names no patient")
    if sieve.index.num_rows == 0:
        told = "; ".join(f"{number}: {reason}" for reason, number in sieve.out.items())
        hint = f" ({told})" if told else ""
        raise CheckFailed(f"nothing was selected: run the pipeline first, or widen --where{hint}")
    apart, taken = without(sieve.index, whole, screens, versions)
    sieve.keep(apart, "near to an evaluation set, or of a patient of whom something is")
    kept, suppressed = anonymized(sieve.index, config.min_k, config.suppress)
    sieve.keep(kept, f"fewer than {config.min_k} patients are alike")
    if sieve.index.num_rows == 0:
        raise CheckFailed(f"fewer than {config.min_k} patients are alike: lower min_k")
    index, sides = _split(sieve.index, config, earlier)
    demand_unseen(index, screens, versions)
    if clips:
        index = with_score(clips_of(index), "quality", QUALITY)
    index = with_score(index, "weight", config.weight or "1")
    stated = with_measurements(index, lake, versions.get("measurements"))
    return Selection(stated, suppressed, sieve.out, sides.told, taken)


@dataclass(slots=True)
class _Sieve:
    """Frames that are still in, and how many samples fell out by which reason.

    A clip of which a frame falls out falls out as a whole.
    """

    index: pa.Table
    clips: bool
    out: dict[str, int] = field(default_factory=dict)

    def keep(self, kept: pa.Table, reason: str) -> None:
        if self.clips:
            kept = whole_clips(kept, self.index)
        if gone := self._samples(self.index) - self._samples(kept):
            self.out[reason] = gone
        self.index = kept

    def _samples(self, index: pa.Table) -> int:
        return number_of_clips(index) if self.clips else int(index.num_rows)


def _asked_for(index: pa.Table, config: ReleaseConfig) -> pa.Table:
    if config.unit != "clip" or not config.where.strip():
        return filter_rows(index, config.where)
    clips = with_score(clips_of(index), "quality", QUALITY)
    return frames_of(index, filter_rows(clips, config.where))


def _split(
    index: pa.Table, config: ReleaseConfig, earlier: Mapping[str, Before] | None
) -> tuple[pa.Table, Dealt]:
    native = config.native == "honor"
    sides = dealt(index, config.splits, config.seed, earlier, native=native)
    place = index.schema.get_field_index(GROUP)
    index = index.set_column(place, GROUP, pa.array(sides.groups, pa.string()))
    for name, values in (("split", sides.splits), ("moved_from", sides.moved_from)):
        index = index.append_column(name, pa.array(values, pa.string()))
    return index, sides


def with_score(index: pa.Table, name: str, expression: str) -> pa.Table:
    """An index with one more column: what ``row_scores`` says."""
    return index.append_column(name, pa.array(row_scores(index, name, expression)))


def row_scores(index: pa.Table, name: str, expression: str) -> NDArray[np.float64]:
    """(n,) what an expression over the columns is for each row, from 0; 0 where it is missing.

    It may look at all rows: ``1.0 / count(*) OVER (PARTITION BY organ)`` balances organs.

    Raises:
        UsageError: the expression is wrong, or its value negative or not finite somewhere.
    """
    numbers = np.arange(index.num_rows, dtype=np.int32)
    rows = without_nan(index).append_column("_row", pa.array(numbers))
    values = np.empty(index.num_rows)
    with database(closed=True) as asked:
        asked.register("t", rows)
        try:
            found = asked.sql(
                f"SELECT _row, CAST(coalesce(({expression}\n), 0) AS DOUBLE) AS v FROM t"
            )
            # In whatever order they come: to sort millions takes more memory than all else
            for batch in pa.RecordBatchReader.from_stream(found):
                values[batch.column("_row").to_numpy()] = batch.column("v").to_numpy()
        except SqlError as error:
            raise UsageError(told_in_one_line(f"--{name}", error)) from None
    if not np.all((values >= 0) & np.isfinite(values)):
        raise UsageError(f"--{name}: it is negative, or no number, for some samples")
    return values


def _forbidden(index: pa.Table, config: ReleaseConfig) -> dict[str, str]:
    """Reason to license, of those that do not permit what the release is for."""
    licenses = pc.unique(index.column("license")).to_pylist()
    found = forbidden(licenses, Use(config.use))
    if found and config.forbidden == "refuse":
        raise CheckFailed("; ".join(found.values()))
    return {reason: license for license, reason in found.items()}


def _named(index: pa.Table, config: ReleaseConfig) -> pa.Table:
    nameless = pc.equal(index.column("patient_source"), PatientSource.OBJECT)
    if config.nameless == "refuse" and (number := pc.sum(nameless).as_py()):
        raise CheckFailed(
            f"{number} of {index.num_rows} frames are of files that name no patient "
            "(patient_source: object)"
        )
    return index.filter(pc.invert(nameless)) if config.nameless == "drop" else index
