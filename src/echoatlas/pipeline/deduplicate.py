"""Find frames that show the same: exactly, nearly, or mirrored.

Nearness is asked between objects only: no metric tells a re-encoded frame from the next frame of
the same clip, so frames of one clip are never near duplicates of each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from echoatlas.pipeline.hamming import pairs_within
from echoatlas.pipeline.step import step
from echoatlas.schemas.rows import DuplicateRow


@dataclass(frozen=True, slots=True)
class DeduplicateConfig:
    """When two frames show the same."""

    radius: int = 24  # bits of 256, on the fan's hash
    likeness: float = 0.9  # correlation of the thumbnails
    speckle: float = 0.5  # correlation of the thumbnails' fine structure
    mirrors: bool = True


@dataclass(frozen=True, slots=True)
class Candidate:
    """What deduplication knows of a frame.

    Attributes:
        hash, mirror: 32 bytes each, or empty for frames that are too flat to hash.
        thumbnail: 64 x 64 gray levels, raw.
        rank: sorts the better representative first.
    """

    frame_id: str
    object_id: str
    pixel_hash: str
    hash: bytes
    mirror: bytes
    thumbnail: bytes
    rank: tuple[float | str, ...]


Edges = dict[tuple[int, int], tuple[str, int]]


@step("deduplicate", version=1)
def deduplicate(
    frames: Sequence[Candidate], config: DeduplicateConfig = DeduplicateConfig()
) -> list[DuplicateRow]:
    """Cluster frames that show the same.

    Every member is verified against its representative: chains along a clip don't join.

    Returns:
        A row for each member of a cluster of two or more, the representative's included, without
        fingerprints; the same for any order of the input.
    """
    ordered = sorted(frames, key=lambda frame: (frame.rank, frame.frame_id))
    edges = _exact(ordered)
    for pair, kind in _near(ordered, config).items():
        edges.setdefault(pair, kind)
    neighbors: dict[int, dict[int, tuple[str, int]]] = defaultdict(dict)
    for (low, high), kind in edges.items():
        neighbors[low][high] = kind
        neighbors[high][low] = kind
    taken: set[int] = set()
    rows: list[DuplicateRow] = []
    for best in sorted(neighbors):  # better representatives have lower numbers
        if best in taken:
            continue
        members = {one: kind for one, kind in neighbors[best].items() if one not in taken}
        taken.add(best)
        if members:
            taken.update(members)
            rows += _cluster(ordered, best, members)
    return rows


def _cluster(
    frames: Sequence[Candidate], best: int, members: Mapping[int, tuple[str, int]]
) -> Iterable[DuplicateRow]:
    head = frames[best].frame_id
    name = min(frames[one].frame_id for one in (best, *members))
    yield DuplicateRow(head, name, head, "representative", 0, "")
    for one in sorted(members):
        relation, distance = members[one]
        yield DuplicateRow(frames[one].frame_id, name, head, relation, distance, "")


def _exact(frames: Sequence[Candidate]) -> Edges:
    groups: dict[str, list[int]] = defaultdict(list)
    for number, frame in enumerate(frames):
        groups[frame.pixel_hash].append(number)
    return {(group[0], other): ("exact", 0) for group in groups.values() for other in group[1:]}


def _near(frames: Sequence[Candidate], config: DeduplicateConfig) -> Edges:
    """Verified near pairs. Frames with equal pixels are asked about once."""
    firsts = list({frame.pixel_hash: n for n, frame in reversed(list(enumerate(frames)))}.values())
    firsts = sorted(n for n in firsts if frames[n].hash)
    if len(firsts) < 2:
        return {}
    plain = _codes([frames[n].hash for n in firsts])
    fine: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def views(number: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if number not in fine:
            fine[number] = _views(frames[number].thumbnail)
        return fine[number]

    found: Edges = {}
    for low, high, distance in pairs_within(plain, config.radius):
        pair = firsts[low], firsts[high]
        if frames[pair[0]].object_id != frames[pair[1]].object_id and _same(
            views(pair[0]), views(pair[1]), config
        ):
            found[pair] = ("near", int(distance))
    if config.mirrors:
        found |= _mirrored(frames, firsts, plain, config, found)
    return found


def _mirrored(
    frames: Sequence[Candidate],
    firsts: list[int],
    plain: NDArray[np.uint8],
    config: DeduplicateConfig,
    known: Edges,
) -> Edges:
    size = len(firsts)
    both = np.concatenate([plain, _codes([frames[n].mirror for n in firsts])])
    found: Edges = {}
    for low, high, distance in pairs_within(both, config.radius):
        if not (low < size <= high) or low == high - size:
            continue
        a, b = sorted((firsts[low], firsts[high - size]))
        if (a, b) in known or frames[a].object_id == frames[b].object_id:
            continue
        one = _views(frames[a].thumbnail)
        other = _views(frames[b].thumbnail, mirrored=True)
        if _same(one, other, config):
            found[(a, b)] = ("mirror", int(distance))
    return found


def _codes(hashes: Sequence[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), 32)


def _views(
    thumbnail: bytes, mirrored: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The thumbnail and its fine structure, each with mean 0 and norm 1."""
    picture = np.frombuffer(thumbnail, np.uint8).reshape(64, 64).astype(np.float32)
    if mirrored:
        picture = np.ascontiguousarray(picture[:, ::-1])
    return _unit(picture), _unit(picture - cv2.GaussianBlur(picture, (0, 0), 2.0))


def _unit(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    centered = picture - picture.mean()
    unit: NDArray[np.float32] = centered / max(float(np.linalg.norm(centered)), 1e-6)
    return unit


def _same(
    one: tuple[NDArray[np.float32], NDArray[np.float32]],
    other: tuple[NDArray[np.float32], NDArray[np.float32]],
    config: DeduplicateConfig,
) -> bool:
    likeness = float((one[0] * other[0]).sum())
    speckle = float((one[1] * other[1]).sum())
    return likeness >= config.likeness and speckle >= config.speckle
