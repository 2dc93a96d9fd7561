"""Pictures that show the same and are labeled otherwise: which, and what the rule makes of it.

What a release says of them is what ``agreed`` says: a person's word, else the deepest label that
all others lead to, else none. Here it is asked before any release is cut, so that somebody looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.pipeline.lake.codes import TextCodes
from echoatlas.pipeline.lake.ids import Ids, SortedIds
from echoatlas.pipeline.lake.portions import Wanted
from echoatlas.schemas.values import DecidedBy
from echoatlas.taxonomy.tree import UNKNOWN

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake

STARS = """
WITH said AS (
    SELECT coalesce(d.representative, l.frame_id) AS head, l.object_id, f.site, {label}
    FROM l JOIN d USING (frame_id) JOIN f USING (frame_id)
), several AS (SELECT head FROM said GROUP BY head HAVING count(DISTINCT paths) > 1)
SELECT DISTINCT head, object_id, site, {label} FROM said JOIN several USING (head)
ORDER BY head, object_id, paths
"""


class Settled(StrEnum):
    """What becomes of labels that differ."""

    DECIDED = "decided"  # a person's word holds for all
    MERGED = "merged"  # one leads to the other, or is none: the deepest holds
    ABSTAINED = "abstained"  # they contradict each other: none holds


@dataclass(frozen=True, slots=True)
class LabelConflict:
    """Objects that show the same, with the labels that they have by themselves.

    Attributes:
        members: (object, site, paths) of each, in order.
        paths: what holds for all of them; empty if none does.
    """

    outcome: Settled
    members: tuple[tuple[str, str, str], ...]
    paths: str

    def beside(self, object_id: str) -> str:
        """What the others say, for a list that people read: "site: path; site: path"."""
        others = (member for member in self.members if member[0] != object_id)
        return "; ".join(sorted({f"{site}: {paths or UNKNOWN}" for _, site, paths in others}))


def label_conflicts(lake: Lake) -> list[LabelConflict]:
    """All of a lake, each set of objects once, contradictions first."""
    if not _any_differ(lake):
        return []
    from echoatlas.pipeline.lake.views import views  # of most lakes no database is asked
    from echoatlas.pipeline.release.kin import LABEL

    label = ", ".join(f"l.{name}" for name in LABEL)
    tables = (
        ("l", "labels", ["frame_id", "object_id", *LABEL]),
        ("d", "duplicates", ["frame_id", "representative"]),
        ("f", "frames", ["frame_id", "site"]),
    )
    with views(lake, tables) as database:
        plain = ", ".join(LABEL)
        query = STARS.replace("{label}", label, 1).replace("{label}", plain)
        rows = database.sql(query).to_arrow_table().to_pylist()
    stars: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        stars.setdefault(row["head"], []).append(row)
    found = {conflict(star) for star in stars.values()}
    order = list(Settled)[::-1]
    return sorted(found, key=lambda one: (order.index(one.outcome), one.members))


def _any_differ(lake: Lake) -> bool:
    """Whether frames that show the same have several labels; perhaps of frames that are gone."""
    columns = ("frame_id", "representative")
    parts = [
        [Ids.of(rows.chunks(column)) for column in columns]
        for rows in lake.portions(Wanted("duplicates", columns))
    ]
    if not any(len(frames) for frames, _ in parts):
        return False
    frames, heads = (Ids.joined(some) for some in zip(*parts, strict=True))
    known, star = SortedIds.of(frames), heads.firsts()
    least, most = np.full(len(star), np.iinfo(np.int64).max), np.full(len(star), -1)
    words: dict[str, int] = {}
    for rows in lake.portions(Wanted("labels", ("frame_id", "paths"), ("paths",))):
        place, paths = (
            known.places(Ids.of(rows.chunks("frame_id"))),
            TextCodes.of(rows.chunks("paths")),
        )
        numbers = np.array([words.setdefault(word, len(words)) for word in paths.words], np.int64)
        here = np.flatnonzero(place >= 0)
        said = numbers[paths.numbers[here]]
        np.minimum.at(least, star[place[here]], said)
        np.maximum.at(most, star[place[here]], said)
    return bool((most > least).any())


def conflict(star: Sequence[dict[str, Any]]) -> LabelConflict:
    """What the rule makes of the labels of frames that show the same."""
    from echoatlas.pipeline.release.kin import LABEL, agreed

    said = tuple(sorted({(row["object_id"], row["site"], row["paths"]) for row in star}))
    result = agreed([{name: row[name] for name in LABEL} for row in star])
    paths = max((one["paths"] for one in result), key=len)
    if any(row["decided_by"] == DecidedBy.REVIEW and row["paths"] for row in star) and paths:
        return LabelConflict(Settled.DECIDED, said, paths)
    return LabelConflict(Settled.MERGED if paths else Settled.ABSTAINED, said, paths)


def tallied(found: Sequence[LabelConflict]) -> dict[str, int]:
    """How many there are of each outcome."""
    counts = Counter(str(one.outcome) for one in found)
    return {str(outcome): counts[outcome] for outcome in Settled if counts[outcome]}


def to_review(found: Sequence[LabelConflict]) -> dict[str, str]:
    """Objects of which somebody has to say what they show, to what their copies are called."""
    return {
        object_id: one.beside(object_id)
        for one in found
        if one.outcome is Settled.ABSTAINED
        for object_id, _, _ in one.members
    }
