"""How many frames may leak, given what reviewers saw: a bound for each kind of device.

Zero leaks among n frames do not mean that none leaks. Clopper and Pearson, Biometrika 26 (1934):
the exact interval of a share, whose real coverage is at least what it says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scipy.stats import beta

from echoatlas.pipeline.lake.picked import picked
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.findings import LAKE, RANDOM, REVIEWED, RISK, standing
from echoatlas.schemas.values import ReviewVerdict, Status

CONFIDENCE = 0.95
ALL = "all devices"
OUTCOME = ("object_id", "status", "fingerprint")


@dataclass(frozen=True, slots=True)
class Bound:
    """What is known of the share of leaking frames of a stratum.

    Attributes:
        reviewed: frames drawn at random, looked at or not.
        leaks, unsure, open: of these; all three count as leaks.
        low, high: the interval of the share of leaking frames, at 95 %.
        also: leaks and doubts on frames that were drawn by risk; they count for no bound.
    """

    stratum: str
    reviewed: int
    leaks: int
    unsure: int
    open: int
    low: float
    high: float
    also: int


def clopper_pearson(hits: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact two-sided interval of a share of which ``hits`` of ``n`` were seen.

    Without a single observation nothing is known: (0, 1).
    """
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def bounds(lake: Lake, population: str = LAKE) -> list[Bound]:
    """The bound of each device of which frames were reviewed, and of all together, last.

    Frames are drawn at random from the whole population, so within a device they are a random
    sample of its frames. A finding counts as long as its object was not worked on anew since: a
    leak that was quarantined still tells how often the steps of today leak.

    Args:
        population: "lake", or a release: only what was drawn from it says something of it.
    """
    said = [row for row in standing(lake.read("findings")) if row["population"] == population]
    objects = {row["object_id"] for row in said}
    made_by = {
        row["object_id"]: row["fingerprint"].removeprefix(REVIEWED)
        for some in picked(lake, "objects", OUTCOME, "object_id", objects)
        for row in some.to_pylist()
        if row["status"] in (Status.KEPT, Status.REJECTED)
    }
    rows = [row for row in said if made_by.get(row["object_id"], "") == row["fingerprint"]]
    strata = sorted({row["stratum"] for row in rows})
    found = [_bound(name, [row for row in rows if row["stratum"] == name]) for name in strata]
    return [*found, _bound(ALL, rows)]


def _bound(name: str, rows: Iterable[dict[str, Any]]) -> Bound:
    drawn: dict[str, Counter[str]] = {RANDOM: Counter(), RISK: Counter()}
    for row in rows:
        drawn[row["drawn"]][row["verdict"]] += 1
    random, risk = drawn[RANDOM], drawn[RISK]
    n = random.total()
    low, high = clopper_pearson(n - random[ReviewVerdict.CLEAN], n)
    return Bound(
        stratum=name,
        reviewed=n,
        leaks=random[ReviewVerdict.LEAK],
        unsure=random[ReviewVerdict.UNSURE],
        open=random[ReviewVerdict.OPEN],
        low=low,
        high=high,
        also=risk[ReviewVerdict.LEAK] + risk[ReviewVerdict.UNSURE],
    )
