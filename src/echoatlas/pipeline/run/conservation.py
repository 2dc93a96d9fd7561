"""The books: everything a site dropped is kept, rejected, a duplicate, erased, or pending."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from echoatlas.pipeline.lake.tables import Lake

OUTCOMES = ("kept", "rejected", "duplicate", "erased")


@dataclass(frozen=True, slots=True)
class Balance:
    """Where every sighting of a lake stands.

    Attributes:
        sites: site to {status: number}, "pending" included.
        faults: what does not add up, in words without values; empty when all does.
    """

    sites: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.faults

    def totals(self) -> dict[str, int]:
        """Status to number, over all sites."""
        total: Counter[str] = Counter()
        for counts in self.sites.values():
            total.update(counts)
        return dict(sorted(total.items()))


def balance(lake: Lake) -> Balance:
    """Check that ``discovered = kept + rejected + duplicate + erased + pending`` for each site.

    The sum is taken over three sources that are written apart: sightings, outcomes, and the rows
    that outcomes promise (frames of kept objects, quarantine entries of rejected ones).
    """
    seen = lake.read("sightings", ["locator", "site"]).to_pylist()
    outcomes = lake.read(
        "objects", ["locator", "object_id", "site", "status", "frames"]
    ).to_pylist()
    frames = Counter(lake.read("frames", ["object_id"]).column(0).to_pylist())
    refused = Counter(lake.read("quarantine", ["locator"]).column(0).to_pylist())
    faults: list[str] = []
    sites: dict[str, Counter[str]] = {}
    status = {row["locator"]: row["status"] for row in outcomes}
    if len(status) != len(outcomes):
        faults.append(f"{len(outcomes) - len(status)} outcomes stand twice")
    for row in seen:
        sites.setdefault(row["site"], Counter())[status.pop(row["locator"], "pending")] += 1
    if status:
        faults.append(f"{len(status)} outcomes are of no sighting")
    for row in outcomes:
        if row["status"] not in OUTCOMES:
            faults.append("an outcome is of no known kind")
        if row["status"] == "kept" and frames.pop(row["object_id"], 0) != row["frames"]:
            faults.append("a kept object has more or fewer frames than it says")
        if row["status"] == "rejected" and refused.pop(row["locator"], 0) != 1:
            faults.append("a rejected object is not in quarantine once")
    if frames:
        faults.append(f"frames of {len(frames)} objects that were not kept")
    if refused:
        faults.append(f"{len(refused)} quarantine entries of objects that were not rejected")
    return Balance(
        {site: dict(sorted(counts.items())) for site, counts in sorted(sites.items())},
        tuple(sorted(set(faults))),
    )
