"""Whether what a site sent now is like what it sent before: devices, formats, gray, size, organs.

The population stability index of two mixes p and q is the sum of (p - q) ln(p / q): 0 where they
are the same; from 0.1 on people look, from 0.25 on something has changed. Of few objects chance
alone makes some of it, which is taken off. How much an upload brings is held against the others.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from echoatlas.pipeline.gate.mix import NUMBERS
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.gate.mix import Mix, OrganOf
    from echoatlas.schemas.config.site import Drift

BINS = 5  # of equal number in what was before, into which numbers are put, and two beyond them
HALF = 0.5  # object more that each kind is taken to have: the logarithm of none is no number
CHANCE = 2.0  # times what chance makes of it on average is taken off
VOLUME = "volume"


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a mix has moved, or how unlike the others an upload is in number.

    Attributes:
        what: of which it is the mix: "devices", ...; or "volume".
        index: without what chance makes of it; of the volume, how many times the median or how
            many times less.
        most: above which it is not like before.
        new, before: objects that were compared; of the volume, of the upload and the median.
    """

    what: str
    index: float
    most: float
    new: int
    before: int

    @property
    def moved(self) -> bool:
        """Whether it is not like before."""
        return self.index > self.most

    @property
    def sentence(self) -> str:
        """The same in words, without a value of any row."""
        if self.what == VOLUME:
            return (
                f"an upload brings {number_of(self.new, 'object')}, and half of all before up to "
                f"{self.before}"
            )
        return (
            f"its {self.name} are not those of before (stability index {self.index:.2f}, "
            f"{number_of(self.new, 'new object')} beside {self.before})"
        )

    @property
    def name(self) -> str:
        """Of what it is, as people say it."""
        return self.what.replace("_", " ")


def stability(new: Mapping[str, int], before: Mapping[str, int]) -> float:
    """The index of two mixes of kinds, less what chance makes of it; 0 or more.

    Args:
        new, before: kind to number of objects; both have some.
    """
    kinds = sorted({*new, *before})
    counts = [np.array([some.get(kind, 0) for kind in kinds], np.float64) for some in (new, before)]
    p, q = ((one + HALF) / (one + HALF).sum() for one in counts)
    chance = (len(kinds) - 1) * sum(1 / one.sum() for one in counts)
    return max(float(((p - q) * np.log(p / q)).sum()) - CHANCE * float(chance), 0.0)


def binned(new: Mapping[str, int], before: Mapping[str, int]) -> list[dict[str, int]]:
    """Whole numbers as kinds: bins that hold about equal numbers of what was before, one below all
    of it and one above. What is no number stays as it is."""
    known = sorted((int(kind), number) for kind, number in before.items() if _is_number(kind))
    values = np.repeat(*np.array(known or [(0, 0)], np.int64).T)
    inner = np.quantile(values, np.linspace(0, 1, BINS + 1)[:-1], method="lower") if known else ()
    edges = np.unique([*inner, values.max() + 1]) if known else np.zeros(0)
    found: list[dict[str, int]] = []
    for some in (new, before):
        bins: dict[str, int] = {}
        for kind, number in some.items():
            bin_ = f"bin {np.digitize(int(kind), edges)}" if _is_number(kind) else kind
            bins[bin_] = bins.get(bin_, 0) + number
        found.append(bins)
    return found


def _is_number(kind: str) -> bool:
    return kind.removeprefix("-").isdecimal()


def shifts(new: Mix, before: Mix, limits: Drift, organ_of: OrganOf) -> list[Shift]:
    """Compare new objects with those of before; nothing where either are too few."""
    if min(new.objects, before.objects) < limits.min_objects:
        return []
    found = []
    for what in new.kinds:
        pair: Sequence[Mapping[str, int]] = (new.kinds[what], before.kinds[what])
        if what == "organs":
            pair = [one.organs(organ_of) for one in (new, before)]
        elif what in NUMBERS:
            pair = binned(*pair)
        most = dict(limits.max_of).get(what, limits.max_index)  # type: ignore[call-overload]
        found.append(Shift(what, stability(*pair), most, new.objects, before.objects))
    return found


def volume(objects: int, before: Sequence[int], limits: Drift) -> Shift | None:
    """Compare an upload's number of objects with those of the uploads of before; None where these
    are too few, or none of them is large.

    Args:
        before: objects of each.
    """
    if len(before) < limits.min_uploads:
        return None
    median = int(statistics.median_high(before))
    if max(objects, median) < limits.min_objects:
        return None
    return Shift(VOLUME, times(objects, median), limits.max_times, objects, median)


def times(one: int, other: int) -> float:
    """How many times as large the larger of two numbers of objects is."""
    return max(one, other) / max(min(one, other), 1)


def said(found: Iterable[Shift]) -> list[str]:
    """What is not like before, in words."""
    return [one.sentence for one in found if one.moved]
