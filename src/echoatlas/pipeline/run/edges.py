"""Whether any edge of the lake leads from one split of a release into another.

Asked anew of the tables, by another way than that on which the release was split: every object,
patient, study, session and content is a node, whatever names two of them an edge, and each
component of that graph may reach one split alone, also by way of what the release leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.lake.components import smallest_tied
from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.lake.join import coded, distinct_pairs
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.release.verify import Check
from echoatlas.schemas.tables import schema
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.lake.tables import Lake

NAME = "no edge of the lake between two splits"
FORGOTTEN = "not asked: the lake no longer has the tables it was cut from"
AT_ONCE = 100_000  # rows that are held before those that say the same become one
BETWEEN = ("exact", "near", "tie")  # kinds whose other end is an object, too
Pairs = tuple[str, Ids, Ids]  # kind, an object, and what it is tied to


def no_edge_across(deployment: Deployment, name: str) -> Check:
    """Follow all edges, as the lake stood when a release was cut, from split to split."""
    manifest = manifest_of(deployment.releases, name)
    if "edges" not in manifest.tables:
        return Check(NAME, True, "not asked: the release is of before edges were pinned")
    if not deployment.lake.can_read_all(manifest.tables):
        return Check(NAME, True, FORGOTTEN)
    try:
        edges = list(_edges(deployment.lake, manifest.tables))
    except FileNotFoundError:
        return Check(NAME, True, FORGOTTEN)
    index = index_columns_of(deployment.releases, manifest, ["object_id", "split"])
    objects, splits = index.column("object_id"), index.column("split")
    number, across = crossing(edges, objects, splits)
    told = ", ".join(f"{count} {kind}" for kind, count in across.items() if count)
    known = sum(len(one) for _, one, _ in edges)
    if number:
        return Check(NAME, False, f"{number_of(number, 'group is', 'groups are')} in two ({told})")
    return Check(NAME, True, f"{number_of(known, 'edge')} asked")


def crossing(
    edges: list[Pairs], objects: pa.ChunkedArray, splits: pa.ChunkedArray
) -> tuple[int, dict[str, int]]:
    """Components that reach two splits, and how many edges of each kind lie in those.

    Args:
        objects, splits: of each row of a release.
    """
    kinds = dict.fromkeys(kind for kind, _, _ in edges)
    firsts = [Ids.joined([first for of, first, _ in edges if of == kind]) for kind in kinds]
    lasts = [Ids.joined([last for of, _, last in edges if of == kind]) for kind in kinds]
    # A node is a place among all that is told of: where its name stands first among its like
    like = [Ids.of(_texts(objects)), *firsts]
    like += [last for kind, last in zip(kinds, lasts, strict=True) if kind in BETWEEN]
    cuts = np.cumsum([len(ids) for ids in like])
    own, *nodes = np.split(Ids.joined(like).firsts(), cuts[:-1])
    one, others = nodes[: len(firsts)], iter(nodes[len(firsts) :])
    count, other = int(cuts[-1]), []
    for kind, last in zip(kinds, lasts, strict=True):
        if kind in BETWEEN:
            other.append(next(others))
        else:
            other.append(count + last.firsts())
            count += len(last)
    none = np.empty(0, np.int64)
    group = smallest_tied(count, np.concatenate([none, *one]), np.concatenate([none, *other]))
    reached, _ = distinct_pairs(group[own], coded(splits)[0])
    several = np.bincount(reached, minlength=count) > 1
    across = {kind: int(several[group[ends]].sum()) for kind, ends in zip(kinds, one, strict=True)}
    return int(several.sum()), across


def _edges(lake: Lake, versions: Mapping[str, int]) -> Iterator[Pairs]:
    """What names two nodes together, kind by kind; what says nothing is no node."""

    def read(name: str, columns: list[str]) -> pa.Table:
        return lake.read(name, columns, version=versions[name])

    def distinct(name: str, columns: list[str]) -> pa.Table:
        empty = schema(name).empty_table().select(columns)
        return _distinct(empty, lake.batches(name, columns, versions[name]))

    for table in ("frames", "copies"):
        if table not in versions:
            continue
        rows = distinct(table, ["object_id", "patient", "study"])
        for column in ("patient", "study"):
            yield _named(column, rows.column("object_id"), rows.column(column))
    if "frames" in versions:
        rows = distinct("frames", ["object_id", "session"])
        told = pc.split_pattern(rows.column("session"), " ").combine_chunks()
        owners = rows.column("object_id").take(pc.list_parent_indices(told))
        yield _named("session", owners, pa.chunked_array([pc.list_flatten(told)], pa.string()))
    if "objects" in versions:
        rows = read("objects", ["object_id", "content_id", "status"])
        rows = rows.filter(pc.equal(rows.column("status"), "kept"))
        yield _named("content", rows.column("object_id"), rows.column("content_id"))
    rows = read("edges", ["object_id", "other_object", "kind"])
    for kind in BETWEEN:
        some = rows.filter(pc.equal(rows.column("kind"), kind))
        first, last = (Ids.of(some.column(one).chunks) for one in ("object_id", "other_object"))
        yield kind, first, last


def _distinct(rows: pa.Table, batches: Iterator[pa.RecordBatch]) -> pa.Table:
    """Different rows, of more than can be held: an object has many frames that say the same."""
    held, number, most = [rows], rows.num_rows, AT_ONCE
    for batch in batches:
        held.append(pa.Table.from_batches([batch]))
        number += batch.num_rows
        if number > most:
            held = [_once(held)]
            number = held[0].num_rows
            most = max(AT_ONCE, 2 * number)
    return _once(held)


def _once(held: list[pa.Table]) -> pa.Table:
    rows = pa.concat_tables(held, promote_options="permissive")
    return rows.group_by(rows.column_names).aggregate([])


def _named(kind: str, objects: pa.ChunkedArray, values: pa.ChunkedArray) -> Pairs:
    stated = pc.not_equal(values, "")
    first, last = (Ids.of(one.filter(stated).chunks) for one in (objects, values))
    return kind, first, last


def _texts(values: pa.ChunkedArray) -> list[pa.Array]:
    """Chunks of a column of text, which an index may hold as a dictionary."""
    chunks: list[pa.Array] = values.cast(pa.string()).chunks
    return chunks
