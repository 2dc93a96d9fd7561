"""Samples as tensors, for PyTorch's DataLoader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from echoatlas.loader.room import tensor_of
from echoatlas.loader.samples import Batch, Sample
from echoatlas.pipeline.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def collate(samples: Sequence[Sample], channels: int | None = None) -> dict[str, Any]:
    """Samples as a batch of tensors: ``DataLoader(data, 64, collate_fn=echoatlas.collate)``.

    Args:
        samples: with images of one size.
        channels: 1 or 3; gray images are repeated to 3. If not given: 1 where all are gray.
            Give it (``functools.partial``) where a release holds gray and color.

    Returns:
        ``image``: (B, C, H, W) uint8. ``labels``: (B, 61) uint8, multi-hot over the tree's nodes.
        ``asserted``: (B, 61) bool, nodes whose label is known. ``frame_id``: list of B str.

    Raises:
        UsageError: the images differ in size, one in color is asked for in gray, or PyTorch is
            missing.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise UsageError("collate makes tensors: install PyTorch (`pip install torch`)") from None
    if isinstance(samples, Batch):
        images, ids = samples.images, samples.frame_ids
        labels, asserted = samples.labels, samples.asserted
    else:
        images, ids = [one.image for one in samples], [one.frame_id for one in samples]
        labels = np.stack([one.labels for one in samples])
        asserted = np.stack([one.asserted for one in samples])
    shared = tensor_of(images)
    # A clip alone has as many sides as gray pictures have together
    flat = all(image.ndim == 2 for image in images)
    as_it_lies = shared is not None and flat and channels in (None, 1)
    return {
        "image": shared[:, None] if as_it_lies else torch.from_numpy(_planes(images, channels)),
        "labels": torch.from_numpy(labels),
        "asserted": torch.from_numpy(asserted),
        "frame_id": ids,
    }


def _planes(
    images: NDArray[np.uint8] | Sequence[NDArray[np.uint8]], channels: int | None
) -> NDArray[np.uint8]:
    """(B, C, H, W) of images of (H, W) or (H, W, 3)."""
    if any(image.ndim == 4 or image.shape[2:] not in ((), (3,)) for image in images):
        raise UsageError("collate takes pictures: choose frames of each clip first")
    color = any(image.ndim == 3 for image in images)
    if channels is None:
        channels = 3 if color else 1
    if channels == 1 and color:
        raise UsageError("a batch holds color: ask collate for channels=3")
    sizes = {image.shape[:2] for image in images}
    if len(sizes) > 1:
        raise UsageError(f"images of {len(sizes)} sizes make no batch: resize them first")
    if isinstance(images, np.ndarray):
        planes = np.moveaxis(images, -1, 1) if color else images[:, None]
    else:
        planes = np.stack([_channels_first(one, channels) for one in images])
    if planes.shape[1] != channels:
        planes = np.repeat(planes, channels, axis=1)
    return np.ascontiguousarray(planes)


def _channels_first(image: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    if image.ndim == 3:
        return np.moveaxis(image, -1, 0)
    return np.broadcast_to(image, (channels, *image.shape))
