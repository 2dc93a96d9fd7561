"""Samples as tensors, for PyTorch's DataLoader."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.loader.room import room, tensor
from echoatlas.loader.samples import Batch, ClipBatch, Sample
from echoatlas.pipeline.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MISSING = {"fan_mask": True, "overlay": False, "patch_map": 255}
DRAWN = tuple(MISSING)


def collate(
    samples: Sequence[Sample], channels: int | None = None, also: Sequence[str] = ()
) -> dict[str, Any]:
    """Samples as a batch of tensors: ``DataLoader(data, 64, collate_fn=echoatlas.collate)``.

    Args:
        samples: with images of one size.
        channels: 1 or 3; gray images are repeated to 3. If not given: 1 where all are gray.
            Give it (``functools.partial``) where a release holds gray and color.
        also: what else a batch shall have (see Returns).

    Returns:
        ``image``: (B, C, H, W) uint8; of windows of clips (B, C, T, H, W). ``labels``: (B, 61)
        uint8, multi-hot over the tree's nodes. ``asserted``: (B, 61) bool, nodes whose label is
        known. ``frame_id``: list of B str. Of windows of clips besides: ``times_ms``, (B, T)
        float32, and ``real``, (B, T) bool, false where a short clip's last frame stands again.

        Of ``also``: ``fan_mask``, (B, H, W) bool, all true where the fan is not known;
        ``overlay``, (B, H, W) bool; ``patch_map``, (B, 16, 16) uint8, all 255 where it is not
        known. A column of the index: of numbers (B,) float32, NaN where it is missing; of lists
        of numbers (B, L) float32, rows of NaN where it is missing; of texts a list of B.

    Raises:
        UsageError: the images differ in size, one in color is asked for in gray, or PyTorch is
            missing.
    """
    if find_spec("torch") is None:
        raise UsageError("collate makes tensors: install PyTorch (`pip install torch`)")
    if isinstance(samples, Batch):
        images, ids = samples.images, samples.frame_ids
        labels, asserted = samples.labels, samples.asserted
    else:
        images, ids = [one.image for one in samples], [one.frame_id for one in samples]
        labels = np.stack([one.labels for one in samples])
        asserted = np.stack([one.asserted for one in samples])
    moving = isinstance(samples, ClipBatch)
    batch: dict[str, Any] = {
        "image": tensor(_moving(images, channels) if moving else _planes(images, channels)),
        "labels": tensor(labels),
        "asserted": tensor(asserted),
        "frame_id": ids,
    }
    if isinstance(samples, ClipBatch):
        batch["times_ms"] = tensor(samples.times_ms)
        batch["real"] = tensor(samples.real)
    for name in also:
        found = _drawn(samples, name) if name in DRAWN else _column(samples, name)
        batch[name] = tensor(found) if isinstance(found, np.ndarray) else found
    return batch


def _moving(
    images: NDArray[np.uint8] | Sequence[NDArray[np.uint8]], channels: int | None
) -> NDArray[np.uint8]:
    """(B, C, T, H, W) of windows of (T, H, W) or (T, H, W, 3)."""
    if isinstance(images, np.ndarray) and images.ndim == 4 and channels in (None, 1):
        return images[:, None]
    planes = [_planes(one, channels) for one in images]  # (T, C, H, W) each
    most = max(one.shape[1] for one in planes)
    if len({(one.shape[0], *one.shape[2:]) for one in planes}) > 1:
        raise UsageError("clips of several sizes make no batch: resize them first")
    frames, _, *sides = planes[0].shape
    made = room((len(planes), most, frames, *sides))
    for place, one in zip(made, planes, strict=True):
        place[...] = one.swapaxes(0, 1)
    return made


def _drawn(samples: Sequence[Sample], name: str) -> NDArray[Any]:
    """Masks or maps of all samples, each of a window with one for every frame."""
    moving = isinstance(samples, ClipBatch)
    made: NDArray[Any] | None = None
    for at, one in enumerate(samples):
        found, sides = getattr(one, name), one.image.shape[: 3 if moving else 2]
        if name == "patch_map":
            sides = (*sides[:-2], 16, 16)
        if made is None:
            made = room((len(samples), *sides), np.uint8 if name == "patch_map" else bool)
        made[at] = MISSING[name] if found is None else found
    assert made is not None
    return made


def _column(samples: Sequence[Sample], name: str) -> Any:
    values = [one.column(name) for one in samples]
    known = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in known):
        return values
    length = len(known[0]) if known and isinstance(known[0], list) else None
    if length is None:
        return np.array([np.nan if value is None else value for value in values], np.float32)
    if any(len(value) != length for value in known):
        raise UsageError(f"lists of column '{name}' differ in length and make no batch")
    missing = [np.nan] * length
    return np.array([missing if value is None else value for value in values], np.float32)


def _planes(
    images: NDArray[np.uint8] | Sequence[NDArray[np.uint8]], channels: int | None
) -> NDArray[np.uint8]:
    """(B, C, H, W) of images of (H, W) or (H, W, 3)."""
    if any(image.ndim == 4 or image.shape[2:] not in ((), (3,)) for image in images):
        raise UsageError("collate takes pictures, or windows of clips: see Dataset.clips")
    color = any(image.ndim == 3 for image in images)
    if channels is None:
        channels = 3 if color else 1
    if channels == 1 and color:
        raise UsageError("a batch holds color: ask collate for channels=3")
    sizes = {image.shape[:2] for image in images}
    if len(sizes) > 1:
        raise UsageError(f"images of {len(sizes)} sizes make no batch: resize them first")
    if isinstance(images, np.ndarray) and not color and channels == 1:
        return images[:, None]
    made = room((len(images), channels, *sizes.pop()))
    for place, one in zip(made, images, strict=True):
        place[...] = np.moveaxis(one, -1, 0) if one.ndim == 3 else one
    return made
