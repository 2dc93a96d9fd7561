"""Whether what a site sent now is like what it sent before: devices, formats, gray, size, organs.

The population stability index of two mixes p and q is the sum of (p - q) ln(p / q): 0 where they
are the same; from 0.1 on people look, from 0.25 on something has changed. Of few objects chance
alone makes some of it, which is taken off. Objects are counted, not frames: a long clip is one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.schemas.values import Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.schemas.config.site import SiteConfig

BINS = 5  # of equal number in what was before, into which numbers are put
LEAST = 1e-3  # share that an absent kind is taken to have: its logarithm has to be a number
CHANCE = 2.0  # times what chance makes of it on average is taken off


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a mix has moved.

    Attributes:
        what: of which it is the mix: "devices", ...
        index: without what chance makes of it.
        new, before: objects that were compared.
    """

    what: str
    index: float
    new: int
    before: int

    @property
    def sentence(self) -> str:
        """The same in words, without a value of any row."""
        return (
            f"its {self.what} are not those of before (stability index {self.index:.2f}, "
            f"{self.new} new objects beside {self.before})"
        )


def stability(new: NDArray[np.str_], before: NDArray[np.str_]) -> float:
    """The index of two mixes of kinds, less what chance makes of it; 0 or more.

    Args:
        new, before: (n,) and (m,), the kind of each object; both have some.
    """
    kinds, place = np.unique(np.concatenate([before, new]), return_inverse=True)
    counts = [
        np.bincount(part, minlength=len(kinds))
        for part in (place[len(before) :], place[: len(before)])
    ]
    p, q = (np.maximum(one / one.sum(), LEAST) for one in counts)
    chance = (len(kinds) - 1) * (1 / len(new) + 1 / len(before))
    return max(float(((p - q) * np.log(p / q)).sum()) - CHANCE * chance, 0.0)


def binned(
    new: NDArray[np.float64], before: NDArray[np.float64]
) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Numbers as kinds: bins that hold equal numbers of what was before."""
    edges = np.unique(np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.digitize(new, edges).astype(str), np.digitize(before, edges).astype(str)


def shifts(lake: Lake, site: SiteConfig, fresh: Collection[str]) -> list[Shift]:
    """Compare a site's new objects with its others; nothing where either are too few.

    Args:
        fresh: ids of the new ones.
    """
    if len(fresh) < site.drift.min_objects:
        return []
    shown = _shown(lake, site)
    ids = pa.array(sorted(fresh), pa.string())
    is_new = np.asarray(pc.is_in(shown.column("object_id"), value_set=ids), np.bool_)
    new, before = int(is_new.sum()), int((~is_new).sum())
    if min(new, before) < site.drift.min_objects:
        return []
    device = pc.binary_join_element_wise(shown.column("maker"), shown.column("model"), ", ")
    mixes: dict[str, pa.ChunkedArray] = {
        "devices": device,
        "formats": shown.column("format"),
        "organs": pc.fill_null(shown.column("organ"), ""),
    }
    kinds = {what: np.asarray(mix.to_pylist(), np.str_) for what, mix in mixes.items()}
    pairs = {what: (mix[is_new], mix[~is_new]) for what, mix in kinds.items()}
    for what, column in (("gray levels", "mean"), ("sizes", "native_width")):
        values = np.asarray(shown.column(column).to_pylist(), np.float64)
        pairs[what] = binned(values[is_new], values[~is_new])
    return [Shift(what, stability(*pair), new, before) for what, pair in pairs.items()]


def _shown(lake: Lake, site: SiteConfig) -> pa.Table:
    """A site's objects that have frames, each with one of these and what it shows."""
    here = pc.field("site") == site.site
    frames = lake.read("frames", ["object_id", "frame_id", "native_width"], here)
    first = frames.group_by("object_id").aggregate([("frame_id", "min")])
    joined = first.rename_columns(["object_id", "frame_id"])
    for table, columns, key in (
        (frames, ["frame_id", "native_width"], "frame_id"),
        (lake.read("measures", ["frame_id", "mean"]), ["frame_id", "mean"], "frame_id"),
        (lake.read("labels", ["frame_id", "organ"]), ["frame_id", "organ"], "frame_id"),
        (_outcomes(lake, here), ["object_id", "format", "maker", "model"], "object_id"),
    ):
        joined = joined.join(table.select(columns), key, join_type="inner")
    return joined


def _outcomes(lake: Lake, here: pc.Expression) -> pa.Table:
    columns = ["object_id", "status", "format", "maker", "model"]
    rows = lake.read("objects", columns, here)
    return rows.filter(pc.equal(rows.column("status"), Status.KEPT))


def drifted(site: SiteConfig, moved: Iterable[Shift]) -> list[str]:
    """What of a site's new objects is not like what it sent before, in words."""
    return [one.sentence for one in moved if one.index > site.drift.max_index]
