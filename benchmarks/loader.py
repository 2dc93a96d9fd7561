"""Reading a release, beside decoding the same bytes from memory, WebDataset, LitData and MDS.

Normalized frames of 256 x 256 from simulated cines, released as zstd and as png. CPU time of this
process (in a DataLoader: of it and its workers), contenders in turn, the median of several rounds;
what is printed is the share of decoding alone, so that 1.00 means that reading costs nothing.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import datasets
import numpy as np
import webdataset
from torch.utils.data import DataLoader

import echoatlas
from benchmarks.harness import Took, few, in_turn, report, seeded
from benchmarks.loader_peers import as_litdata, as_mds, by_number, in_order, in_workers, peers
from benchmarks.opened import measure
from echoatlas.loader import Batch, Dataset, load
from echoatlas.loader.room import room
from echoatlas.loader.samples import Apart
from echoatlas.pipeline.frames.clip_codec import decode_clip
from echoatlas.pipeline.frames.codec import decode, encode
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.shard import unpacked_image
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.rows.frames import FrameRow, MeasureRow
from echoatlas.schemas.rows.labels import LabelRow
from echoatlas.schemas.tables import columns, to_arrow
from echoatlas.simulate import make_cine

FRAMES, DISTINCT, ROUNDS = few((3000, 120, 7), (240, 40, 1))
BATCH, EPOCHS = 64, 5
CLIP, WINDOW = 20, 16  # frames
PLAIN: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False, bytes: b"", list[float]: []}
ORGANS = ("abdomen/liver", "thorax/breast", "thorax")


def _row(row: Any, **values: Any) -> Any:
    plain = {n: None if null else PLAIN[kind] for n, (kind, _, null) in columns(row).items()}
    return row(**plain | values)


def _lake(root: Path) -> Lake:
    pictures = []
    for seed in range(DISTINCT // 20):
        for one in make_cine(seed, frames=20, size=(640, 480)).pictures:
            gray = one if one.ndim == 2 else one[..., 0]
            pictures.append(cv2.resize(gray, (256, 256), interpolation=cv2.INTER_AREA))
    frames, labels, measures = [], [], []
    for number in range(FRAMES):
        name, path = f"f{number:06d}", ORGANS[number % 3]
        # Shifted, so that no two frames are alike and each is speckle
        picture = np.roll(pictures[number % len(pictures)], number // len(pictures), axis=0)
        frames.append(
            _row(
                FrameRow,
                frame_id=name,
                object_id=f"o{number // CLIP:05d}",
                frame_index=number % CLIP,
                time_ms=125.0 * (number % CLIP),
                site="bench",
                patient=f"p{number // CLIP:05d}",
                image=encode(picture),
                width=256,
                height=256,
                channels=1,
                fan_verdict="accept",
            )
        )
        region, _, organ = path.partition("/")
        labels.append(
            _row(LabelRow, frame_id=name, region=region, organ=organ or "unknown", paths=path)
        )
        measures.append(_row(MeasureRow, frame_id=name, pixel_hash=name))
    lake = Lake(Storage.open(root))
    tables = {"frames": frames, "labels": labels, "measures": measures, "duplicates": []}
    for table, rows in tables.items():
        lake.replace(table, to_arrow(table, rows))
    return lake


def _demand_all(work: Callable[[], int], epochs: int) -> Callable[[], None]:
    """A contender that fails unless it has read every frame."""

    def done() -> None:
        assert work() == epochs * FRAMES

    return done


def _decoded(parts: list[bytes], codec: str) -> int:
    return sum(unpacked_image(part, codec).shape[0] > 0 for part in parts)


def _read(samples: Iterable[Any]) -> int:
    return sum(sample.image.shape[0] > 0 for sample in samples)


def _at_random(data: Dataset, order: list[int]) -> int:
    return sum(data[number].image.shape[0] > 0 for number in order)


def _loaded(data: Dataset, workers: int) -> int:
    """Several epochs in one, as in training: workers are started once."""
    order = [number for _ in range(EPOCHS) for number in np.random.permutation(len(data)).tolist()]
    loader: DataLoader[Any] = DataLoader(
        data, BATCH, sampler=order, num_workers=workers, collate_fn=echoatlas.collate
    )
    return sum(len(batch["image"]) for batch in loader)


def _served(data: Dataset, workers: int) -> int:
    """The same by the loader of ours."""
    loader = data.loader(BATCH, workers=workers, drop_last=False)
    return sum(len(batch["image"]) for _ in range(EPOCHS) for batch in loader)


def _parquet(file: Path) -> int:
    read = datasets.Dataset.from_parquet(str(file), cache_dir=str(file.parent / "hugging-face"))
    return sum(np.asarray(row["image"]).shape[0] > 0 for row in read)


def _as_parquet(parts: list[bytes], file: Path) -> Path:
    """PNG files as Hugging Face keeps them, laid out once so that its cache is warm."""
    image = {"image": [{"bytes": part, "path": None} for part in parts]}
    features = datasets.Features({"image": datasets.Image()})
    datasets.Dataset.from_dict(image, features=features).to_parquet(file)
    _parquet(file)
    return file


def _webdataset(urls: list[str], codec: str, buffer: int) -> int:
    return sum(image.shape[0] > 0 for image in _pairs(urls, codec, buffer))


def _webdataset_loaded(urls: list[str], codec: str) -> int:
    """The same in a DataLoader of two workers, which are started once an epoch."""
    read = _pairs(urls, codec, 1000)
    return sum(
        len(batch) for _ in range(EPOCHS) for batch in DataLoader(read, BATCH, num_workers=2)
    )


def _prefilled(samples: int) -> int:
    """What a DataLoader of two workers costs that decodes nothing and sends arrays as large."""
    loader: DataLoader[Any] = DataLoader(
        _Prefilled(samples), BATCH, num_workers=2, collate_fn=echoatlas.collate
    )
    return sum(len(batch["image"]) for _ in range(EPOCHS) for batch in loader)


class _Prefilled:
    def __init__(self, samples: int) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return self._samples

    def __getitems__(self, positions: list[int]) -> Batch:
        several = len(positions)
        labels = np.zeros((several, 61), np.uint8)
        told: list[Any] = [Apart("", "", (), None, None, None, (256, 256), {})] * several
        return Batch(room((several, 256, 256)), labels, labels > 0, [("", "")] * several, told)


def _pairs(urls: list[str], codec: str, buffer: int) -> Any:
    read = webdataset.WebDataset(urls, shardshuffle=False, empty_check=False)
    if buffer:
        read = read.shuffle(buffer)
    if codec == "zstd":
        return read.map(lambda one: decode(one["eaz"]))
    return read.map(lambda one: cv2.imdecode(np.frombuffer(one["png"], np.uint8), -1))


def main() -> None:
    """Tell the shares for both codecs."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        seeded("loader", cines=range(DISTINCT // 20), order=0)
        lake = _lake(root / "lake")
        releases = lake.storage.sub("releases")
        for codec in ("zstd", "png"):
            create(lake, releases, ReleaseConfig(name=codec, codec=codec))
            _compare(root, codec)
        create(lake, releases, ReleaseConfig(name="clips", unit="clip", codec="zstd"))
        _compare_clips(root)
        measure(releases, "zstd", root / "many")


def _compare(root: Path, codec: str) -> None:
    with Took() as opened:
        data = load(codec, lake=root / "lake", cache=root / "cache")
    urls = [str(root / "lake" / "releases" / key) for key in data.samples.shards]
    parts = []
    for place in data.samples.places:
        whole = data.shards.whole(data.samples.shards[place["shard"]])
        parts.append(bytes(whole[place["offset"] : place["offset"] + place["length"]]))
    order = np.random.default_rng(0).permutation(FRAMES).tolist()
    contenders: dict[str, Callable[[], int]] = {
        "decoding": lambda: _decoded(parts, codec),
        "ours, in order": lambda: _read(data),
        "ours, shuffled": lambda: _read(data.shuffled(seed=0)),
        "ours, by number": lambda: _at_random(data, order),
        "WebDataset, in order": lambda: _webdataset(urls, codec, 0),
        "WebDataset, shuffle(1000)": lambda: _webdataset(urls, codec, 1000),
        "WebDataset, DataLoader of 2": lambda: _webdataset_loaded(urls, codec),
        "nothing, DataLoader of 2": lambda: _prefilled(FRAMES),
        "ours, DataLoader of 0": lambda: _loaded(data, 0),
        "ours, DataLoader of 2": lambda: _loaded(data, 2),
        "ours, Loader of 2": lambda: _served(data, 2),
    }
    if codec == "png":
        file = _as_parquet(parts, root / "pictures.parquet")
        contenders["Hugging Face Parquet"] = lambda: _parquet(file)
    if peers():
        contenders |= _others(parts, codec, order, root)
    epochs = {name: EPOCHS if "Loader of" in name else 1 for name in contenders}
    every = {name: _demand_all(work, epochs[name]) for name, work in contenders.items()}
    seconds = {
        name: [one / epochs[name] for one in spent]
        for name, spent in in_turn(every, ROUNDS, children=True).items()
    }
    decoding = seconds.pop("decoding")
    report(
        "loader",
        f"{codec}, decoding",
        frames=FRAMES,
        a_frame_us=1e6 * statistics.median(decoding) / FRAMES,
        a_frame_bytes=sum(map(len, parts)) // FRAMES,
        opened_s=opened.seconds,
    )
    _tell(codec, decoding, seconds)


def _others(
    parts: list[bytes], codec: str, order: list[int], root: Path
) -> dict[str, Callable[[], int]]:
    found: dict[str, Callable[[], int]] = {}
    for name, make in (("litdata", as_litdata), ("MDS", as_mds)):
        data = make(parts, root / f"{name}-{codec}")
        found[f"{name}, in order"] = partial(in_order, data, codec)
        found[f"{name}, by number"] = partial(by_number, data, codec, order)
        if name == "litdata":
            found[f"{name}, DataLoader of 2"] = partial(in_workers, data, codec, EPOCHS)
    return found


def _compare_clips(root: Path) -> None:
    """Windows of clips, beside decoding their frames from memory."""
    data = load("clips", lake=root / "lake", cache=root / "cache")
    windows = data.clips(frames=WINDOW, fps=8)
    parts = [bytes(windows._bytes(row)) for row in windows.rows.tolist()]
    order = np.random.default_rng(0).permutation(len(windows)).tolist()

    def decoded() -> None:
        found = (decode_clip(part, picks) for part, picks in zip(parts, windows.picks, strict=True))
        assert sum(len(one) for one in found) == WINDOW * len(windows)

    def read(positions: Iterable[int]) -> None:
        assert sum(len(windows[at].image) for at in positions) == WINDOW * len(windows)

    seconds = in_turn(
        {
            "decoding": decoded,
            "ours, in order": lambda: read(range(len(windows))),
            "ours, shuffled": lambda: read(order),
        },
        ROUNDS,
    )
    _tell("clips", seconds.pop("decoding"), seconds)


def _tell(codec: str, decoding: list[float], seconds: dict[str, list[float]]) -> None:
    for name, own in seconds.items():
        shares = sorted(one / other for one, other in zip(decoding, own, strict=True))
        report(
            "loader",
            f"{codec}, {name}",
            share_least=shares[0],
            share_median=statistics.median(shares),
            share_most=shares[-1],
            share_fastest=min(decoding) / min(own),  # of each the round that others disturbed least
        )


if __name__ == "__main__":
    main()
