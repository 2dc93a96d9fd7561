"""What is drawn of a sample besides annotations: the fan, overlays, how informative each patch is.

Each format brings them where its readers look for more of a sample: as files of the same name, as
columns, as entries of its JSON. ``--set drawn=false`` leaves them out.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import pyarrow as pa

from echoatlas.pipeline.frames.png import small_png
from echoatlas.pipeline.release.exports.rle import run_lengths
from echoatlas.pipeline.release.reader import fan_in_image
from echoatlas.pipeline.release.shard import unpacked_image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from echoatlas.pipeline.release.reader import Stored

FAN, OVERLAY, PATCHES = "fan_mask", "overlay", "patch_map"
FOLDERS = {FAN: "fans", OVERLAY: "overlays", PATCHES: "patch_maps"}
GRID = 16  # of a patch map, along each side
UNKNOWN = 255  # of patches, where readers want a map of every sample
_PLACED = ("fan", "scale", "offset_x", "offset_y", "flags", "width", "height")
_RUNS = pa.struct([("size", pa.list_(pa.int64())), ("counts", pa.string())])
# As ``spoken`` tells them
SPOKEN = pa.struct([(FAN, _RUNS), (OVERLAY, _RUNS), (PATCHES, pa.string())])
SPOKEN_OF_CLIP = pa.struct([(FAN, _RUNS), (OVERLAY, pa.list_(_RUNS)), (PATCHES, pa.string())])


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn of a sample; None where it is not known, or is not asked for.

    Attributes:
        fan: (H, W), the scanned area.
        overlay: (H, W), graphics and redactions in the fan; of a clip (N, H, W).
        patches: (16, 16), how informative each part is, 0 is no tissue; of a clip (N, 16, 16).
    """

    fan: NDArray[np.bool_] | None = None
    overlay: NDArray[np.bool_] | None = None
    patches: NDArray[np.uint8] | None = None

    @property
    def pictures(self) -> dict[str, bytes]:
        """As PNG, by name: masks of one bit (0 and 255 to most), patches of eight.

        Of a clip the fan alone: what is drawn of its frames is in ``films``.
        """
        masks = {FAN: self.fan, OVERLAY: self.overlay}
        found = {name: two_levels(one) for name, one in masks.items() if _is_one(one)}
        return found | ({PATCHES: small_png(self.patches)} if _is_one(self.patches) else {})

    @property
    def films(self) -> dict[str, list[bytes | None]]:
        """What is drawn of each of a clip's frames, likewise; None of one that has nothing."""
        found: dict[str, list[bytes | None]] = {}
        if self.overlay is not None and self.overlay.ndim == 3:
            found[OVERLAY] = [two_levels(one) if one.any() else None for one in self.overlay]
        if self.patches is not None and self.patches.ndim == 3:
            found[PATCHES] = [small_png(one) for one in self.patches]
        return found

    @property
    def arrays(self) -> dict[str, NDArray[np.uint8]]:
        """As they are, by name: masks of 0 and 1."""
        masks = {FAN: self.fan, OVERLAY: self.overlay}
        found = {name: mask.view(np.uint8) for name, mask in masks.items() if mask is not None}
        return found | ({} if self.patches is None else {PATCHES: self.patches})

    @property
    def spoken(self) -> dict[str, Any]:
        """For JSON, by name: masks as COCO's run lengths, patches as base64 of 256 bytes.

        Of a clip overlays are a list, null of frames that have none; patches 256 bytes a frame.
        """
        found = {FAN: _runs(self.fan), OVERLAY: _runs(self.overlay)}
        packed = self.patches
        told = None if packed is None else base64.b64encode(packed.tobytes()).decode()
        return {**found, PATCHES: told}

    def whole(self, height: int, width: int) -> dict[str, NDArray[Any]]:
        """Each of them, for readers that want the same of every sample, as ``collate`` gives them.

        What is not known is: all of it the fan, no overlay, patches of 255.
        """
        sides = height, width
        known = self.patches
        return {
            FAN: np.ones(sides, bool) if self.fan is None else self.fan,
            OVERLAY: np.zeros(sides, bool) if self.overlay is None else self.overlay,
            PATCHES: np.full((GRID, GRID), UNKNOWN, np.uint8) if known is None else known,
        }


def drawn_of(sample: Stored) -> Drawing:
    """What is drawn of a sample that was read with what lies beside its image."""
    beside = "clip" if sample.codec == "clip" else "png"
    overlay = unpacked_image(sample.overlay, beside) > 0 if sample.overlay else None
    patches = None
    if sample.patch_map:
        patches = (
            unpacked_image(sample.patch_map, "clip")
            if beside == "clip"
            else np.frombuffer(sample.patch_map, np.uint8).reshape(GRID, GRID)
        )
    return Drawing(fan_of(sample.row), overlay, patches)


def fan_of(row: Mapping[str, Any]) -> NDArray[np.bool_] | None:
    """(H, W), the scanned area in a sample's image, read-only; None where it is not known."""
    return _fan(tuple(row.get(name) for name in _PLACED))


@lru_cache(maxsize=256)  # frames of a clip have the same
def _fan(placed: tuple[Any, ...]) -> NDArray[np.bool_] | None:
    row = dict(zip(_PLACED, placed, strict=True))
    fan = fan_in_image(row)
    if fan is None:
        return None
    area = fan.mask(row["height"], row["width"])
    area.flags.writeable = False
    return area


def _is_one(drawn: NDArray[Any] | None) -> TypeGuard[NDArray[Any]]:
    return drawn is not None and drawn.ndim == 2


def _runs(mask: NDArray[np.bool_] | None) -> Any:
    if mask is None:
        return None
    if mask.ndim == 2:
        return run_lengths(mask)
    return [run_lengths(one) if one.any() else None for one in mask]


def two_levels(mask: NDArray[np.bool_]) -> bytes:
    """A mask, (H, W), as PNG of one bit a pixel: a tenth of one of eight."""
    return small_png(mask.view(np.uint8), bits=1)
