"""Label a lake from its evidence table: no pixels, no text, so it can be run whenever rules change.

What people decided stands above what fusion concludes. What a structured report measured is
evidence about all pictures of its study at its site, whenever either of them arrived; and one that
measured a fetus is a fetal context for what the pictures say themselves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.evidence.fetal import beside_report
from echoatlas.pipeline.evidence.structured_report import SOURCE as REPORT
from echoatlas.pipeline.label.config import LabelConfig
from echoatlas.pipeline.label.fusion import Label, label
from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.lake.join import among, coded, counts, flags
from echoatlas.pipeline.lake.portions import Wanted
from echoatlas.schemas.records import Hint
from echoatlas.schemas.rows.labels import DecisionRow
from echoatlas.schemas.values import DecidedBy, Status
from echoatlas.taxonomy.tree import UNKNOWN, tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.lake.tables import Lake

HINT_COLUMNS = ("axis", "node", "source", "weight", "rule")


class HintIndex(Mapping[str, tuple[Hint, ...]]):
    """Object id to its hints, sorted: equal sets of hints are one in memory, for whatever number
    of objects, and an object is a number."""

    def __init__(self) -> None:
        self.sets: list[tuple[Hint, ...]] = [()]
        self._numbers: dict[tuple[Hint, ...], int] = {(): 0}
        self.numbers: dict[str, int] = {}

    def __getitem__(self, object_id: str) -> tuple[Hint, ...]:
        return self.sets[self.numbers[object_id]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def put(self, object_id: str, hints: Iterable[Hint]) -> None:
        """An object has these hints and no others."""
        self.numbers[object_id] = self.number_of(hints)

    def number_of(self, hints: Iterable[Hint]) -> int:
        """The number of a set of hints."""
        ordered = tuple(sorted(set(hints), key=_ordered))
        if ordered not in self._numbers:
            self._numbers[ordered] = len(self.sets)
            self.sets.append(ordered)
        return self._numbers[ordered]


def evidence_of(lake: Lake) -> HintIndex:
    """Object id to its hints and those of its study's reports."""
    told = HintIndex()
    owners, said, kinds = _stated(lake)
    first = owners.firsts()
    order = np.lexsort((said, first))
    said, begins = said[order], np.flatnonzero(np.diff(first[order], prepend=-1))
    numbers: dict[bytes, int] = {}  # of the hints of an object, as they stand in order
    names = owners.take(order[begins]).texts()
    for name, own in zip(names, np.split(said, begins[1:]) if names else (), strict=True):
        key = own.tobytes()
        if key not in numbers:
            numbers[key] = told.number_of(kinds[one] for one in own.tolist())
        told.numbers[name] = numbers[key]
    _report(lake, told)
    return told


def _stated(lake: Lake) -> tuple[Ids, NDArray[np.int32], list[Hint]]:
    """Of each row of evidence its object and the number of its hint, and the different hints."""
    known: dict[tuple[Any, ...], int] = {}
    kinds: list[Hint] = []
    owners: list[Ids] = []
    said = [np.zeros(0, np.int32)]
    for rows in lake.portions(Wanted("evidence", ("object_id", *HINT_COLUMNS))):
        owners.append(Ids.of(rows.chunks("object_id")))
        columns = [coded(pa.chunked_array(rows.chunks(name))) for name in HINT_COLUMNS]
        place = np.zeros(len(owners[-1]), np.int64)
        for numbers, distinct in columns:
            place = place * len(distinct) + numbers
        _, first, which = np.unique(place, return_index=True, return_inverse=True)
        here = []
        for at in first.tolist():
            key = tuple(distinct[int(numbers[at])].as_py() for numbers, distinct in columns)
            if key not in known:
                known[key] = len(kinds)
                axis, node, *rest = key
                kinds.append(Hint(axis, _today(axis, node), *rest))
            here.append(known[key])
        said.append(np.array(here, np.int32)[which])
    return Ids.joined(owners), np.concatenate(said), kinds


def _report(lake: Lake, told: HintIndex) -> None:
    """Add what the reports of a study measured to its objects.

    Objects without a study, and those of other sites, are never joined: studies are compared as
    pseudonyms under the site's key. The result depends on what is in the lake, not on the order
    in which it came.
    """
    measured = [frozenset(h for h in hints if h.source == REPORT) for hints in told.sets]
    reports = {one: measured[n] for one, n in told.numbers.items() if measured[n]}
    if not reports:
        return
    of_study: dict[tuple[str, str], set[Hint]] = defaultdict(set)
    for object_id, where in _studies(lake):
        if object_id in reports:
            of_study[where] |= reports[object_id]
    for object_id, where in _studies(lake):
        if found := of_study.get(where):
            own = told.get(object_id, ())
            told.put(object_id, [*beside_report(own, found), *found])


def _studies(lake: Lake) -> Iterator[tuple[str, tuple[str, str]]]:
    """Kept objects that have a study: id, and (site, study)."""
    names = ["object_id", "site", "study", "status"]
    for batch in lake.batches("objects", columns=names):
        columns = [batch.column(name).to_pylist() for name in names]
        for object_id, site, study, status in zip(*columns, strict=True):
            if study and status == Status.KEPT:
                yield object_id, (site, study)


def _ordered(hint: Hint) -> tuple[Any, ...]:
    return hint.axis, hint.node, hint.rule, hint.source, hint.weight


def _today(axis: str, node: str) -> str:
    """A node as the tree calls it now: evidence outlives the tree that it was written on."""
    return tree().migrate(node) if axis in ("anatomy", "also") else node


def decisions(lake: Lake) -> dict[str, DecisionRow]:
    """Object id to the decision that stands: the last by date, then by author."""
    rows = [DecisionRow(**row) for row in lake.read("decisions").to_pylist()]
    rows.sort(key=lambda row: (row.decided, row.author, row.paths))
    return {row.object_id: row for row in rows}


def decided(found: Label, decision: DecisionRow) -> Label:
    """A label as a person decided it: what was not decided stays."""
    paths = [tree().migrate(path) for path in decision.paths.split()]
    primary = paths[0] if paths else ""
    region, _, organ = primary.partition("/")
    return replace(
        found,
        region=region or UNKNOWN,
        organ=organ or UNKNOWN,
        confidence=1.0 if primary else 0.0,
        region_index=tree().region_index(primary),
        organ_index=tree().organ_index(primary),
        paths=" ".join(paths),
        laterality=decision.laterality or found.laterality,
        conflict=False,
        review=False,
        decided_by=DecidedBy.REVIEW,
    )


def fused(lake: Lake, config: LabelConfig) -> dict[str, Label]:
    """Object id to label, for all objects with evidence or a decision; the rest are unknown."""
    told = evidence_of(lake)
    labels = {n: label(told.sets[n], config) for n in sorted(set(told.numbers.values()))}
    found = {object_id: labels[n] for object_id, n in told.numbers.items()}
    for object_id, decision in decisions(lake).items():
        found[object_id] = decided(found.get(object_id, Label()), decision)
    return found


def changes(lake: Lake, config: LabelConfig) -> Counter[tuple[str, str]]:
    """How many frames would be labeled anew, from which path to which, if ``label`` ran now.

    Returns:
        (old path, new path) to number of frames; "unknown" is a path here; unchanged ones and
        frames that have no label yet are left out.
    """
    labels = fused(lake, config)
    found: Counter[tuple[str, str]] = Counter()
    for object_id, paths in labeled(lake):
        new = labels.get(object_id, Label()).paths
        if paths != new:
            found[primary(paths), primary(new)] += 1
    return found


def counted(lake: Lake) -> Counter[str]:
    """Frames at each path, each counted at its deepest known node; "unknown" for the rest."""
    labels = lake.read("labels", ["region", "organ"])
    found: Counter[str] = Counter()
    for row in labels.group_by(["region", "organ"]).aggregate([([], "count_all")]).to_pylist():
        found[tree().path(row["region"], row["organ"]) or UNKNOWN] += row["count_all"]
    return found


def standing(lake: Lake) -> dict[str, int]:
    """How the labels of frames came about, and how many objects wait for a person."""
    labels = lake.read("labels", ["object_id", "region", "conflict", "review", "decided_by"])
    return stand(labels, decisions(lake))


def stand(labels: pa.Table, done: Collection[str]) -> dict[str, int]:
    """Count labels by how they came about.

    Args:
        labels: object, region, conflict, review and decided_by of each.
        done: objects that a person has decided.
    """
    by = counts(labels.column("decided_by"))
    waiting = labels.filter(labels.column("review")).column("object_id").unique()
    decided = pa.array(list(done), pa.string())
    return {
        "frames": labels.num_rows,
        "by fusion": by.get(DecidedBy.FUSION, 0),
        "by review": by.get(DecidedBy.REVIEW, 0),
        "unknown": counts(labels.column("region")).get(UNKNOWN, 0),
        "abstaining by conflict": int(flags(labels.column("conflict")).sum()),
        "objects to review": len(waiting) - int(among(waiting, decided).sum()),
        "objects decided": len(done),
    }


def labeled(lake: Lake) -> Iterator[tuple[str, str]]:
    """Object id and paths of each label that stands."""
    for batch in lake.batches("labels", columns=["object_id", "paths"]):
        yield from zip(
            batch.column("object_id").to_pylist(), batch.column("paths").to_pylist(), strict=True
        )


def primary(paths: str) -> str:
    """The first of a label's paths; "unknown" where there is none."""
    return paths.split(" ")[0] or UNKNOWN
