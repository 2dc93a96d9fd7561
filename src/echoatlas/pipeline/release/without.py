"""What has to stay out: a release without whatever is near to a set that others evaluate on.

Who looks is handed in (``Screen.look``), since it takes the whole lake's hashes. What is left out
goes by whole clips, whole patients, and by what stands for them: a patient of whom one picture is
in an evaluation set is known from it, whatever else there is of him.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.release.kin import KIN

HELD_OUT = "test"  # the only split that may show what an evaluation set shows


@dataclass(frozen=True, slots=True)
class NearFrames:
    """Frames of a lake that are near to a set: all frames of the clips that are.

    Attributes:
        same: their ids, where it is sure. undecided: where it can't be told.
    """

    same: frozenset[str] = frozenset()
    undecided: frozenset[str] = frozenset()

    @property
    def every(self) -> frozenset[str]:
        """Both."""
        return self.same | self.undecided


@dataclass(frozen=True, slots=True)
class Screen:
    """A set that a release is held against.

    Attributes:
        digest: of its fingerprints. size: frames in it.
        leave_out: whether what is near is left out; else a release that has any fails.
        look: what is near, given the versions of the lake's tables.
    """

    name: str
    digest: str
    size: int
    leave_out: bool
    look: Callable[[Mapping[str, int]], NearFrames]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How much a release goes without for a set.

    Attributes:
        near, undecided: clips of the lake that are near to it.
        frames, clips, patients: of the selection, that were left out.
    """

    name: str
    digest: str
    size: int
    near: int
    undecided: int
    frames: int
    clips: int
    patients: int

    @property
    def sentence(self) -> str:
        """The same in words."""
        return (
            f"{self.frames} frames, {self.clips} clips, {self.patients} patients left out as near "
            f"to {self.name} ({self.near} clips are, {self.undecided} can't be told)"
        )


def without(
    index: pa.Table, whole: pa.Table, screens: Iterable[Screen], versions: Mapping[str, int]
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """A selection without what is near to sets, and how much that took.

    Args:
        index: the rows selected. whole: all of the lake, with ``kin``.

    Raises:
        CheckFailed: nothing is left.
    """
    told = []
    for screen in screens:
        if not screen.leave_out:
            continue
        found = screen.look(versions)
        gone = contaminated(index, whole, found.every)
        kept = index.filter(pa.array(~gone))
        rows = index.filter(pa.array(gone))
        told.append(
            asdict(
                LeftOut(
                    name=screen.name,
                    digest=screen.digest,
                    size=screen.size,
                    near=_clips(_rows(whole, found.same)),
                    undecided=_clips(_rows(whole, found.undecided)),
                    frames=rows.num_rows,
                    clips=_clips(rows),
                    patients=pc.count_distinct(rows.column("patient")).as_py(),
                )
            )
        )
        if not kept.num_rows:
            raise CheckFailed(f"nothing is left: all that was selected is near to {screen.name}")
        index = kept
    return index, told


def contaminated(index: pa.Table, whole: pa.Table, near: frozenset[str]) -> NDArray[np.bool_]:
    """Which rows of a selection are of clips or patients that are near, (n,) bool."""
    hit = _rows(whole, near)
    patients = {
        one
        for row in hit.select(["patient", KIN]).to_pylist()
        for one in (row["patient"], *row[KIN].split())
    }
    known = pa.array(sorted(patients), pa.string())
    own = pc.is_in(index.column("patient"), value_set=known)
    heads = pc.is_in(
        index.column("representative"), value_set=pc.unique(hit.column("representative"))
    )
    gone = pc.or_(own, heads).to_numpy().astype(bool)
    kin = index.column(KIN).to_pylist()
    also = np.array([bool(one) and not patients.isdisjoint(one.split()) for one in kin], bool)
    found: NDArray[np.bool_] = gone | also
    return found


def demand_unseen(index: pa.Table, screens: Iterable[Screen], versions: Mapping[str, int]) -> None:
    """Refuse a selection, split, of which anything but the test split is near to a set.

    Raises:
        CheckFailed: says how much is, and what to do.
    """
    for screen in screens:
        if screen.leave_out:
            continue
        rows = trained_on(index, screen.look(versions).every)
        if rows.num_rows:
            raise CheckFailed(
                f"{amount_of(rows)} outside of {HELD_OUT} are near to {screen.name}, which must "
                f"stay out: add --without {screen.name}"
            )


def trained_on(index: pa.Table, near: frozenset[str]) -> pa.Table:
    """The rows outside of the test split that are near."""
    rows = _rows(index, near)
    return rows.filter(pc.not_equal(rows.column("split"), HELD_OUT))


def amount_of(rows: pa.Table) -> str:
    """How much rows are."""
    patients = pc.count_distinct(rows.column("patient")).as_py()
    return f"{rows.num_rows} frames of {_clips(rows)} clips and {patients} patients"


def _rows(index: pa.Table, ids: frozenset[str]) -> pa.Table:
    return index.filter(
        pc.is_in(index.column("frame_id"), value_set=pa.array(sorted(ids), pa.string()))
    )


def _clips(rows: pa.Table) -> int:
    clips = ["object_id", "pane"]
    return int(rows.select(clips).group_by(clips).aggregate([]).num_rows)
