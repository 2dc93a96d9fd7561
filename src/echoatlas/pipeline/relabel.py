"""Label a lake from its evidence table: no pixels, no text, so it can be run whenever rules change.

What people decided stands above what fusion concludes. What a structured report measured is
evidence about all pictures of its study at its site, whenever either of them arrived; and one that
measured a fetus is a fetal context for what the pictures say themselves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from echoatlas.pipeline.evidence.fetal import beside_report
from echoatlas.pipeline.evidence.report import SOURCE as REPORT
from echoatlas.pipeline.label import Label, LabelConfig, label
from echoatlas.schemas.records import Hint
from echoatlas.schemas.rows import DecisionRow
from echoatlas.taxonomy.tree import UNKNOWN, tree

if TYPE_CHECKING:
    from echoatlas.pipeline.lake import Lake

HINT_COLUMNS = ("axis", "node", "source", "weight", "rule")


def evidence_of(lake: Lake) -> dict[str, tuple[Hint, ...]]:
    """Object id to its hints and those of its study's reports, sorted.

    Equal sets of hints are one object in memory.
    """
    told: dict[str, list[Hint]] = defaultdict(list)
    for batch in lake.batches("evidence", columns=["object_id", *HINT_COLUMNS]):
        columns = [batch.column(name).to_pylist() for name in ("object_id", *HINT_COLUMNS)]
        for object_id, axis, node, *rest in zip(*columns, strict=True):
            told[object_id].append(Hint(axis, _today(axis, node), *rest))
    for object_id, measured in _reported(lake, told).items():
        told[object_id] = [*beside_report(told[object_id], measured), *measured]
    shared: dict[tuple[Hint, ...], tuple[Hint, ...]] = {}
    found = {}
    for object_id, hints in told.items():
        ordered = tuple(sorted(set(hints), key=_ordered))
        found[object_id] = shared.setdefault(ordered, ordered)
    return found


def _reported(lake: Lake, told: Mapping[str, list[Hint]]) -> dict[str, set[Hint]]:
    """Object id to what the reports of its study measured.

    Objects without a study, and those of other sites, are never joined: studies are compared as
    pseudonyms under the site's key. The result depends on what is in the lake, not on the order
    in which it came.
    """
    columns = ["object_id", "site", "study"]
    kept = lake.read("objects", columns, pc.field("status") == "kept").to_pylist()
    study = {row["object_id"]: (row["site"], row["study"]) for row in kept if row["study"]}
    measured: dict[tuple[str, str], set[Hint]] = defaultdict(set)
    for object_id, hints in told.items():
        if object_id in study:
            measured[study[object_id]] |= {one for one in hints if one.source == REPORT}
    return {one: measured[where] for one, where in study.items() if measured.get(where)}


def _ordered(hint: Hint) -> tuple[str, ...]:
    return hint.axis, hint.node, hint.rule


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
        decided_by="review",
    )


def fused(lake: Lake, config: LabelConfig) -> dict[str, Label]:
    """Object id to label, for all objects with evidence or a decision; the rest are unknown."""
    labels: dict[tuple[Hint, ...], Label] = {}
    found: dict[str, Label] = {}
    for object_id, hints in evidence_of(lake).items():
        if hints not in labels:
            labels[hints] = label(hints, config)
        found[object_id] = labels[hints]
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
    labels = lake.read("labels", ["region", "organ"]).to_pylist()
    return Counter(tree().path(row["region"], row["organ"]) or UNKNOWN for row in labels)


def standing(lake: Lake) -> dict[str, int]:
    """How the labels of frames came about, and how many objects wait for a person."""
    rows = lake.read("labels", ["object_id", "region", "conflict", "review", "decided_by"])
    labels = rows.to_pylist()
    done = decisions(lake)
    waiting = {row["object_id"] for row in labels if row["review"]} - set(done)
    return {
        "frames": len(labels),
        "by fusion": sum(row["decided_by"] == "fusion" for row in labels),
        "by review": sum(row["decided_by"] == "review" for row in labels),
        "unknown": sum(row["region"] == UNKNOWN for row in labels),
        "abstaining by conflict": sum(row["conflict"] for row in labels),
        "objects to review": len(waiting),
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
