"""What reviewers found, as it stands: one finding a frame, the worst of what its reviewers say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from echoatlas.schemas.values import ReviewVerdict

if TYPE_CHECKING:
    import pyarrow as pa


RANDOM, RISK = "random", "risk"
LAKE = "lake"  # the population that is no release
REVIEWED = "reviewed-"  # before the fingerprint of what a review put into quarantine
ORDER = list(ReviewVerdict)
HELD_BACK = frozenset(
    {ReviewVerdict.LEAK, ReviewVerdict.UNSURE}
)  # what is not certainly clean stays in


def standing(findings: pa.Table) -> list[dict[str, Any]]:
    """One row of ``findings`` a frame and population, by frame.

    Of one reviewer the last word stands; of several the worst, and any of them before ``open``.
    Who was drawn at random once stays so, also when risk brings it onto another sheet.
    """
    last: dict[tuple[str, str, str], dict[str, Any]] = {}
    at_random = set()
    for row in sorted(findings.to_pylist(), key=lambda row: int(row["ordinal"])):
        last[row["frame_id"], row["population"], row["author"]] = row
        if row["drawn"] == RANDOM:
            at_random.add((row["frame_id"], row["population"]))
    worst: dict[tuple[str, str], dict[str, Any]] = {}
    for (frame_id, population, _), row in sorted(last.items()):
        known = worst.get((frame_id, population))
        if known is None or ORDER.index(row["verdict"]) > ORDER.index(known["verdict"]):
            worst[frame_id, population] = row
    return [
        {**row, "drawn": RANDOM if key in at_random else RISK} for key, row in sorted(worst.items())
    ]


def held_back(findings: pa.Table) -> set[str]:
    """Hashes of pixels that a reviewer saw, or could not rule out, to leak."""
    return {row["pixel_hash"] for row in standing(findings) if row["verdict"] in HELD_BACK}
