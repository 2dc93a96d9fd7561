"""Find frames that show the same: exactly, nearly, or mirrored.

Nearness is asked between objects only: no metric tells a re-encoded frame from the next frame of
the same clip, so frames of one clip are never near duplicates of each other.

Two questions are answered apart. *What must stay together* when data are split: all that verified
edges tie, however indirectly (``cluster``). *What stands for what* when duplicates are dropped: a
frame only for those that were verified against itself (``representative``), as chains of small
steps lead from one picture to quite another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from echoatlas.pipeline.deduplicate.hamming import pairs_within
from echoatlas.pipeline.deduplicate.similarity import alike
from echoatlas.pipeline.step import setting, step
from echoatlas.schemas.rows import DuplicateRow

Rows = NDArray[np.int64]
Thumbnails = Callable[[Sequence[str]], Sequence[bytes]]  # of frame ids, in their order

COMPARED = (
    ("frame_id", pa.string()),
    ("object_id", pa.string()),
    ("pixel_hash", pa.string()),
    ("hash_version", pa.string()),
    ("fan_phash256", pa.binary()),
    ("mirror_phash256", pa.binary()),
    ("rank", pa.int64()),
)
RELATIONS = ("near", "mirror")


@dataclass(frozen=True, slots=True)
class DeduplicateConfig:
    """When two frames show the same.

    Attributes:
        max_distance: bits of 256 by which the hashes of the fans may differ.
        min_likeness: correlation that their thumbnails must have.
        min_speckle: correlation that the thumbnails' fine structure must have.
        mirrors: compare with mirror images too.
    """

    max_distance: int = setting(24, 0, 64, "bits", was="radius")
    min_likeness: float = setting(0.9, -1, 1, "correlation", was="likeness")
    min_speckle: float = setting(0.5, -1, 1, "correlation", was="speckle")
    mirrors: bool = True


@dataclass(frozen=True, slots=True)
class Edges:
    """Verified edges between frames with different pixels, by their rank.

    Attributes:
        better, worse: (M,) places of the frames.
        mirrored: (M,) whether one is the other's mirror image.
        distance: (M,) bits between their hashes.
    """

    better: Rows
    worse: Rows
    mirrored: NDArray[np.bool_]
    distance: Rows


@step("deduplicate", version=3)
def deduplicate(
    frames: pa.Table, thumbnails: Thumbnails, config: DeduplicateConfig = DeduplicateConfig()
) -> list[DuplicateRow]:
    """Cluster frames that show the same.

    Args:
        frames: the columns of ``COMPARED``; a lower ``rank`` makes the better representative.
            Frames too flat to hash have empty hashes, and are compared by their pixels only.
        thumbnails: brings those of the frames that have to be looked at.

    Returns:
        A row for each frame of a cluster of two or more, without fingerprints; the same for any
        order of the input.
    """
    frames = frames.sort_by([("rank", "ascending"), ("frame_id", "ascending")])
    ids = frames.column("frame_id").to_pylist()
    _, first, same = np.unique(_codes(frames, "pixel_hash"), return_index=True, return_inverse=True)
    original = first[same]  # the best frame with a frame's very pixels
    edges = _verified(frames, np.unique(original), thumbnails, config)
    head, relation, distance = _stars(original, edges)
    ties = [(original, np.arange(len(ids))), (edges.better, edges.worse)]
    return list(_rows(ids, _components(len(ids), ties), head, relation, distance))


def _verified(
    frames: pa.Table, distinct: Rows, thumbnails: Thumbnails, config: DeduplicateConfig
) -> Edges:
    """Near and mirrored pairs of frames of different objects, once their thumbnails agree."""
    hashed = frames.column("fan_phash256").to_numpy()
    chosen = np.array([row for row in distinct if hashed[row]], np.int64)
    part = frames.take(chosen)
    objects, versions = (_codes(part, name) for name in ("object_id", "hash_version"))
    count = len(chosen)
    codes = _bits(part, "fan_phash256")
    if config.mirrors:
        codes = np.concatenate([codes, _bits(part, "mirror_phash256")])

    def interesting(low: Rows, high: Rows) -> NDArray[np.bool_]:
        other = high % max(count, 1)
        # Mirrors lie behind the frames; of a pair of mirrors one is enough
        asked: NDArray[np.bool_] = (low < count) & ((high < count) | (low < other))
        asked &= objects[low % count] != objects[other]
        asked &= versions[low % count] == versions[other]
        return asked

    pairs = pairs_within(codes, config.max_distance, interesting)
    low, high, mirrored = pairs[:, 0], pairs[:, 1] % max(count, 1), pairs[:, 1] >= count
    ids = part.column("frame_id").to_pylist()
    involved, places = np.unique(np.stack([low, high], axis=1), return_inverse=True)
    pictures = thumbnails([ids[one] for one in involved])
    same = alike(pictures, places.reshape(-1, 2), mirrored, config.min_likeness, config.min_speckle)
    return Edges(chosen[low[same]], chosen[high[same]], mirrored[same], pairs[same, 2])


def _codes(frames: pa.Table, name: str) -> NDArray[np.int32]:
    column = frames.column(name).combine_chunks().dictionary_encode()
    codes: NDArray[np.int32] = column.indices.to_numpy(zero_copy_only=False)
    return codes


def _bits(frames: pa.Table, name: str) -> NDArray[np.uint8]:
    joined = b"".join(frames.column(name).to_pylist())
    return np.frombuffer(joined, np.uint8).reshape(frames.num_rows, 32)


def _stars(original: Rows, edges: Edges) -> tuple[Rows, Rows, Rows]:
    """What stands for each frame: (place of its representative, relation, distance).

    From the best frame down, each that nothing stands for yet takes all its neighbors that
    nothing stands for yet. Copies go where their original goes.
    """
    count = len(original)
    head = original.copy()
    relation = np.full(count, -1)
    distance = np.zeros(count, np.int64)
    taken = np.zeros(count, bool)
    order = np.lexsort((edges.mirrored, edges.worse, edges.better))
    better, worse = edges.better[order], edges.worse[order]
    heads, starts = np.unique(better, return_index=True)
    stops = np.append(starts, len(better))[1:]
    for best, start, stop in zip(heads, starts, stops, strict=True):
        if taken[best]:
            continue
        for place in range(start, stop):
            member = worse[place]
            if not taken[member]:
                taken[member] = True
                head[member] = best
                relation[member] = edges.mirrored[order[place]]
                distance[member] = edges.distance[order[place]]
    return head[original], relation[original], distance[original]


def _components(count: int, ties: Sequence[tuple[Rows, Rows]]) -> Rows:
    rows = np.concatenate([one for one, _ in ties])
    columns = np.concatenate([other for _, other in ties])
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count))
    labels: Rows = connected_components(graph, directed=False)[1]
    return labels


def _rows(
    ids: Sequence[str], component: Rows, head: Rows, relation: Rows, distance: Rows
) -> Iterator[DuplicateRow]:
    sizes = np.bincount(component) if len(ids) else np.empty(0, np.int64)
    members = np.flatnonzero(sizes[component] > 1) if len(ids) else np.empty(0, np.int64)
    names: dict[int, str] = {}
    for place in map(int, members):
        cluster = int(component[place])
        names[cluster] = min(names.get(cluster, ids[place]), ids[place])
    for place in map(int, members):
        if head[place] == place:
            kind = "representative"
        else:
            kind = RELATIONS[relation[place]] if relation[place] >= 0 else "exact"
        yield DuplicateRow(
            frame_id=ids[place],
            cluster=names[int(component[place])],
            representative=ids[head[place]],
            relation=kind,
            distance=int(distance[place]),
            fingerprint="",
        )
