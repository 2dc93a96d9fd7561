"""How others keep the same bytes, and read them: LitData's chunks and MosaicML's MDS.

Both keep each image as bytes in the codec of the release, so that all decode alike. Their packages
lie where the tests' readers do (``requirements/readers.txt``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from echoatlas.pipeline.release.shard import unpacked_image
from tests.helpers import readers

CHUNK = 64 << 20  # bytes, as shards of others


def peers() -> bool:
    """Whether they are installed; from now on they can be imported."""
    if not readers.FOLDER.is_dir():
        return False
    readers.prepare(first=False)
    return True


def as_litdata(parts: list[bytes], folder: Path) -> Any:
    """Samples in LitData's chunks, to be read in order, shuffled (see below) or by number."""
    import litdata
    from litdata.streaming.writer import BinaryWriter

    folder.mkdir()
    writer = BinaryWriter(str(folder), chunk_bytes=CHUNK)
    for number, part in enumerate(parts):
        writer[number] = {"image": part}
    writer.done()
    writer.merge()
    return litdata.StreamingDataset(str(folder), shuffle=False)


def as_mds(parts: list[bytes], folder: Path) -> Any:
    """Samples in MDS."""
    from streaming import MDSWriter, StreamingDataset

    with MDSWriter(out=str(folder), columns={"image": "bytes"}, size_limit=CHUNK) as writer:
        for part in parts:
            writer.write({"image": part})
    return StreamingDataset(local=str(folder), shuffle=False, batch_size=64)


def in_order(data: Any, codec: str) -> int:
    """Number of samples that iterating gives."""
    return sum(unpacked_image(one["image"], codec).shape[0] > 0 for one in data)


def by_number(data: Any, codec: str, order: list[int]) -> int:
    """Number of samples that were read in a given order."""
    return sum(unpacked_image(data[at]["image"], codec).shape[0] > 0 for at in order)


def in_workers(data: Any, codec: str, epochs: int) -> int:
    """Number of samples that LitData's DataLoader of two workers gives.

    That of MDS can't be started: streaming 0.13 takes a lock over a fork, which filelock 4 refuses.
    """
    from litdata import StreamingDataLoader

    loader = StreamingDataLoader(data, batch_size=64, num_workers=2, collate_fn=_Decoded(codec))
    return sum(len(batch) for _ in range(epochs) for batch in loader)


class _Decoded:
    def __init__(self, codec: str) -> None:
        self._codec = codec

    def __call__(self, samples: list[Any]) -> Any:
        import torch

        pixels = [unpacked_image(one["image"], self._codec) for one in samples]
        return torch.from_numpy(np.stack(pixels))
