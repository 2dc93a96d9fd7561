"""What the trainer receives: samples, and batches of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.fan import Fan


@dataclass(frozen=True, slots=True)
class Annotation:
    """What came with the data about a frame, in pixels of its image.

    Attributes:
        kind: "class", "mask", "box", "keypoints", "scalar" or "text".
        name: what it is about, a code ("lesion", "ejection_fraction").
        value: of a class; of a text, codes of what it speaks of.
        number, unit: of a scalar; the unit in UCUM.
        points: (N, 2) float64, x and y: two corners of a box, or the keypoints.
        mask: (H, W) uint8 of the image's size, not 0 inside; None of other kinds.
        source: the collection's adapter, or "sidecar".
    """

    kind: str
    name: str
    value: str
    number: float | None
    unit: str
    points: NDArray[np.float64]
    mask: NDArray[np.uint8] | None
    source: str


class Told(Protocol):
    """What is told of a sample beside its image and label."""

    @property
    def frame_id(self) -> str: ...

    @property
    def split(self) -> str: ...

    @property
    def annotations(self) -> tuple[Annotation, ...]: ...

    @property
    def overlay(self) -> NDArray[np.bool_] | None: ...

    @property
    def patch_map(self) -> NDArray[np.uint8] | None: ...

    @property
    def fan(self) -> Fan | None: ...

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def meta(self) -> dict[str, Any]: ...

    def column(self, name: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Apart:
    """The same, read already: for a sample on its way to another process."""

    frame_id: str
    split: str
    annotations: tuple[Annotation, ...]
    overlay: NDArray[np.bool_] | None
    patch_map: NDArray[np.uint8] | None
    fan: Fan | None
    size: tuple[int, int]
    meta: dict[str, Any]

    def column(self, name: str) -> Any:
        return self.meta[name]


class Sample:
    """A frame with its labels and annotations.

    Attributes:
        image: (H, W) gray or (H, W, 3) RGB uint8; of a clip (N, H, W) or (N, H, W, 3).
        labels: (61,) uint8, multi-hot over the tree's nodes, closed under ancestors.
        asserted: (61,) bool, nodes whose label is known, present or absent.
        region, organ: ids of the tree, or "unknown".
    """

    __slots__ = ("_told", "asserted", "image", "labels", "organ", "region")

    def __init__(
        self,
        image: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        asserted: NDArray[np.bool_],
        region: str,
        organ: str,
        told: Told,
    ) -> None:
        self.image, self.labels, self.asserted = image, labels, asserted
        self.region, self.organ, self._told = region, organ, told

    @property
    def frame_id(self) -> str:
        """The frame's opaque id."""
        return self._told.frame_id

    @property
    def split(self) -> str:
        """The split that its patient is in."""
        return self._told.split

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """What came with the data; mostly none. Read when it is asked for."""
        return self._told.annotations

    @property
    def overlay(self) -> NDArray[np.bool_] | None:
        """(H, W) bool: where graphics or redactions lie in the fan; None if there are none.

        Of a clip (N, H, W).
        """
        return self._told.overlay

    @property
    def patch_map(self) -> NDArray[np.uint8] | None:
        """(16, 16) uint8: how informative each sixteenth of both sides is; 0 is no tissue.

        Of a clip (N, 16, 16); None where it is not known of every frame.
        """
        return self._told.patch_map

    @property
    def fan(self) -> Fan | None:
        """The scanned area in pixels of the image; None where that is not known."""
        return self._told.fan

    @property
    def fan_mask(self) -> NDArray[np.bool_] | None:
        """(H, W) bool: the scanned area, drawn."""
        fan = self._told.fan
        return None if fan is None else fan.mask(*self._told.size)

    @property
    def meta(self) -> dict[str, Any]:
        """The other columns of the index. Read when they are asked for."""
        return self._told.meta

    def column(self, name: str) -> Any:
        """One of ``meta``, without reading the others."""
        return self._told.column(name)

    def __reduce__(self) -> tuple[Any, ...]:
        told = Apart(
            self.frame_id,
            self.split,
            self.annotations,
            self.overlay,
            self.patch_map,
            self.fan,
            self._told.size,
            self.meta,
        )
        return Sample, (self.image, self.labels, self.asserted, self.region, self.organ, told)

    def __repr__(self) -> str:
        shape = " x ".join(str(side) for side in self.image.shape)
        return f"Sample({self.frame_id}, {self.region}/{self.organ}, {shape}, {self.split})"


class Batch(Sequence[Sample]):
    """Samples that were read together.

    Attributes:
        images: (B, H, W) or (B, H, W, 3) uint8 where all are alike, else one array each.
        labels: (B, 61) uint8. asserted: (B, 61) bool.
    """

    def __init__(
        self,
        images: NDArray[np.uint8] | list[NDArray[np.uint8]],
        labels: NDArray[np.uint8],
        asserted: NDArray[np.bool_],
        names: Sequence[Sequence[str]],
        told: Sequence[Told],
    ) -> None:
        self.images, self.labels, self.asserted = images, labels, asserted
        self._names, self._told = names, told

    @property
    def frame_ids(self) -> list[str]:
        """The frames' ids, in order."""
        return [told.frame_id for told in self._told]

    def __len__(self) -> int:
        return len(self._told)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        region, organ = self._names[at][:2]
        return Sample(
            self.images[at], self.labels[at], self.asserted[at], region, organ, self._told[at]
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[number] for number in range(len(self)))


class ClipBatch(Batch):
    """Windows of clips that were read together.

    Attributes:
        images: (B, T, H, W) or (B, T, H, W, 3) uint8 where all are alike, else one array each.
        times_ms: (B, T) float32, true times. real: (B, T) bool, false of frames that stand again.
    """

    times_ms: NDArray[np.float32]
    real: NDArray[np.bool_]
