"""Releases by what other packages make of them, in a process of its own.

``requirements/readers.txt`` lies in ``.venv/readers``, which no other test meets: some of it bears
names of packages that are installed in other versions, and some changes what others do once it is
imported.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import pytest

FOLDER = Path(sys.prefix) / "readers"
Array = np.ndarray[Any, np.dtype[Any]]
Found = TypeVar("Found")
_held: list[Any] = []


class Readers:
    """Calls functions of this module where those packages can be imported."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=prepare)

    def __call__(self, read: Callable[..., Found], *words: Any) -> Found:
        return self._pool.submit(read, *words).result(timeout=300)

    def close(self) -> None:
        self._pool.shutdown()


def readers() -> Iterator[Readers]:
    """A process for a module's tests; they are skipped where the packages are not there."""
    if not FOLDER.is_dir():
        pytest.skip("requirements/readers.txt is not installed: see `make setup`")
    if find_spec("torch") is None:
        pytest.skip("PyTorch is not installed, which most readers ask for")
    found = Readers()
    yield found
    found.close()


def prepare(*, first: bool = True) -> None:
    """Let this process import them, before what is installed besides under the same names or after.

    torchvision's only build that is to be had everywhere is of CUDA. Without that its two
    operators that it describes to PyTorch are missing; nobody here calls them.
    """
    if _held:
        return
    sys.path.insert(0 if first else len(sys.path), str(FOLDER))
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _held.append(library)


def by_torchvision(folder: Path) -> tuple[dict[str, int], list[tuple[str, int, Array]]]:
    """Numbers of classes; path, number and pixels of each picture."""
    from torchvision.datasets import ImageFolder

    found = ImageFolder(folder)
    told = [(path, *found[at]) for at, (path, _) in enumerate(found.samples)]
    return found.class_to_idx, [(path, label, np.asarray(one)) for path, one, label in told]


def by_streaming(remote: Path, local: Path) -> list[dict[str, Any]]:
    """Samples of MDS, brought from elsewhere and checked by their hashes."""
    from streaming import StreamingDataset

    found = StreamingDataset(
        remote=str(remote), local=str(local), validate_hash="sha256", shuffle=False, batch_size=1
    )
    return [
        {
            name: np.asarray(one) if "Image" in type(one).__name__ else one
            for name, one in row.items()
        }
        for row in (found[at] for at in range(len(found)))
    ]


def by_litdata(files: list[Path], folder: Path) -> list[dict[str, Any]]:
    """Rows of Parquet files, indexed as LitData wants them: in one folder."""
    import litdata
    from litdata.streaming.item_loader import (
        ParquetLoader,
    )

    folder.mkdir()
    for file in files:
        (folder / file.name).hardlink_to(file)
    litdata.index_parquet_dataset(str(folder))
    found = litdata.StreamingDataset(str(folder), item_loader=ParquetLoader())
    return [found[at] for at in range(len(found))]


def by_open_clip(shards: str) -> list[tuple[Array, str]]:
    """Pictures and captions, as open_clip trains with them."""
    import torch
    from open_clip_train.data import (
        get_wds_dataset,
    )

    asked = SimpleNamespace(
        train_data=shards, train_num_samples=None, train_data_upsampling_factors=None,
        batch_size=1, workers=0, world_size=1, seed=0,
    )  # fmt: skip
    found = get_wds_dataset(
        asked, lambda one: torch.from_numpy(np.array(one)), True, tokenizer=lambda text: [text]
    )
    return [(images[0].numpy(), texts[0]) for images, texts in found.dataloader]


def by_energon(folder: Path, splits: list[str]) -> dict[str, list[tuple[str, Array, str]]]:
    """Key, picture (H, W, C) and caption of each split, after Energon has prepared the folder."""
    from click.testing import CliRunner
    from megatron import energon
    from megatron.energon.tools.prepare import (
        command,
    )

    words = [str(folder), "--non-interactive", "--num-workers", "1", "--no-progress"]
    words += ["--sample-type", "CaptioningSample"]
    words += ["--field-map", json.dumps({"image": "png", "caption": "txt"})]
    for split in splits:
        words += ["--split-parts", f"{split}:shards/{split}-.*"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    worker = energon.WorkerConfig(rank=0, world_size=1, num_workers=0)
    found = {}
    for split in splits:
        read = energon.get_val_dataset(
            folder, split_part=split, worker_config=worker, batch_size=None
        )
        found[split] = [
            (one.__key__, one.image.numpy().transpose(1, 2, 0), one.caption)
            for one in energon.get_loader(read)
        ]
    return found


def by_faster_coco(file: Path) -> list[tuple[str, str, Array]]:
    """Picture, category and mask of each annotation that has one."""
    from faster_coco_eval import COCO

    found = COCO(str(file))
    return [
        (
            found.imgs[one["image_id"]]["file_name"],
            found.cats[one["category_id"]]["name"],
            found.annToMask(one),
        )
        for one in found.loadAnns(found.getAnnIds())
        if "segmentation" in one
    ]


def by_torchcodec(path: Path) -> tuple[Array, list[float]]:
    """Frames, (T, H, W, 3), by number from the last, and their times, ms."""
    from torchcodec.decoders import VideoDecoder

    video = VideoDecoder(str(path), dimension_order="NHWC")
    frames = [video.get_frame_at(number) for number in range(len(video))[::-1]][::-1]
    return np.stack([one.data.numpy() for one in frames]), [
        1000 * one.pts_seconds for one in frames
    ]


def by_decord2(path: Path) -> tuple[Array, list[float]]:
    """The same by decord2."""
    import decord

    assert decord.__version__.startswith("3."), "another package of the same name"
    video = decord.VideoReader(str(path), num_threads=1)
    stamps = [1000 * video.get_frame_timestamp(number)[0] for number in range(len(video))]
    order = list(range(len(video)))[::-1]
    return video.get_batch(order).asnumpy()[::-1], stamps


def by_hugging_face(folder: Path, cache: Path) -> dict[str, Array]:
    """Frames of each clip by the decoder that a column of videos gives."""
    import datasets

    rows = datasets.load_dataset(str(folder), cache_dir=str(cache))["train"]
    return {
        row["clip"]: np.stack([one.numpy() for one in row["video"]]).transpose(0, 2, 3, 1)
        for row in rows
    }
