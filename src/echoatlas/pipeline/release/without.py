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
from echoatlas.pipeline.release.candidates import Candidates
from echoatlas.pipeline.release.kin import KIN
from echoatlas.wording import number_of

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
        counts = {"frame": self.frames, "clip": self.clips, "patient": self.patients}
        told = ", ".join(number_of(number, thing) for thing, number in counts.items())
        return (
            f"{told} left out as near to {self.name} "
            f"({number_of(self.near, 'clip is', 'clips are')}, {self.undecided} can't be told)"
        )


def without(
    frames: Candidates, screens: Iterable[Screen], versions: Mapping[str, int]
) -> tuple[NDArray[np.bool_], list[dict[str, Any]]]:
    """What of a selection is not near to sets, (k,), and how much that takes.

    Args:
        frames: of all of the lake, of which the selected ones are in.

    Raises:
        CheckFailed: nothing is left.
    """
    told = []
    apart = np.ones(len(frames), np.bool_)
    for screen in screens:
        if not screen.leave_out:
            continue
        found = screen.look(versions)
        gone = apart & contaminated(frames, found.every)
        rows = frames.fetched(["object_id", "pane", "patient"]).filter(pa.array(gone))
        told.append(
            asdict(
                LeftOut(
                    name=screen.name,
                    digest=screen.digest,
                    size=screen.size,
                    near=_clips_of_lake(frames, found.same),
                    undecided=_clips_of_lake(frames, found.undecided),
                    frames=rows.num_rows,
                    clips=_clips(rows),
                    patients=pc.count_distinct(rows.column("patient")).as_py(),
                )
            )
        )
        apart &= ~gone
        if not apart.any():
            raise CheckFailed(f"nothing is left: all that was selected is near to {screen.name}")
    return apart, told


def contaminated(frames: Candidates, near: frozenset[str]) -> NDArray[np.bool_]:
    """Which of a selection are of clips or patients that are near, (k,) bool."""
    hit = _of_lake(frames, ["patient", KIN, "representative"], near)
    patients = {
        one
        for row in hit.select(["patient", KIN]).to_pylist()
        for one in (row["patient"], *row[KIN].split())
    }
    return frames.where(
        "patient IN (SELECT who FROM known) OR representative IN (SELECT head FROM heads) "
        f"OR list_has_any(string_split({KIN}, ' '), (SELECT coalesce(list(who), []) FROM known))",
        known=pa.table({"who": pa.array(sorted(patients), pa.string())}),
        heads=pa.table({"head": pc.unique(hit.column("representative"))}),
    )


def demand_unseen(
    frames: Candidates, screens: Iterable[Screen], versions: Mapping[str, int]
) -> None:
    """Refuse a selection, split, of which anything but the test split is near to a set.

    Raises:
        CheckFailed: says how much is, and what to do.
    """
    for screen in screens:
        if screen.leave_out:
            continue
        near = screen.look(versions).every
        some = frames.where("frame_id IN (SELECT id FROM near)", near=_table(near))
        names = ["frame_id", "object_id", "pane", "patient", "split"]
        rows = trained_on(frames.fetched(names).filter(pa.array(some)), near)
        if rows.num_rows:
            raise CheckFailed(
                f"{amount_of(rows)} outside of {HELD_OUT} are near to {screen.name}, which must "
                f"stay out: add --without {screen.name}"
            )


TRAINED_ON = ("frame_id", "object_id", "pane", "patient", "split")  # columns of an index


def trained_on(index: pa.Table, near: frozenset[str]) -> pa.Table:
    """The rows outside of the test split that are near."""
    rows = index.filter(
        pc.is_in(index.column("frame_id"), value_set=pa.array(sorted(near), pa.string()))
    )
    return rows.filter(pc.not_equal(rows.column("split"), HELD_OUT))


def amount_of(rows: pa.Table) -> str:
    """How much rows are."""
    patients = pc.count_distinct(rows.column("patient")).as_py()
    frames, clips = number_of(rows.num_rows, "frame"), number_of(_clips(rows), "clip")
    return f"{frames} of {clips} and {number_of(patients, 'patient')}"


def _of_lake(frames: Candidates, names: list[str], ids: frozenset[str]) -> pa.Table:
    """Columns of some frames of the lake, whether they are in or not."""
    frames.asked.register("near", _table(ids))
    found = frames.asked.sql(
        f"SELECT {', '.join(names)} FROM {frames.table} "
        "WHERE frame_id IN (SELECT id FROM near) ORDER BY frame_id"
    ).to_arrow_table()
    frames.asked.unregister("near")
    return found


def _clips_of_lake(frames: Candidates, ids: frozenset[str]) -> int:
    return _clips(_of_lake(frames, ["object_id", "pane"], ids))


def _table(ids: frozenset[str]) -> pa.Table:
    return pa.table({"id": pa.array(sorted(ids), pa.string())})


def _clips(rows: pa.Table) -> int:
    clips = ["object_id", "pane"]
    return int(rows.select(clips).group_by(clips).aggregate([]).num_rows)
