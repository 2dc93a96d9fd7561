"""A release as trainers read it: by PyTorch's own DataLoader, from a disk and from S3."""

from __future__ import annotations

import pickle
import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import echoatlas
from echoatlas import Dataset, load
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.frames.codec import encode
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.storage.storage import S3Storage, Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.taxonomy.tree import tree
from tests.helpers.tables import picture, quick_lake

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
ORGANS = ["abdomen/liver", "thorax/breast", "thorax", "heart"]
WORKERS = {"num_workers": 2, "timeout": 120, "multiprocessing_context": "fork"}
FRAMES = [{"path": ORGANS[number % 3], "site": f"s{number % 2}"} for number in range(40)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return quick_lake(tmp_path_factory.mktemp("lake"), FRAMES)


@pytest.fixture(scope="module")
def local(lake: Lake) -> Storage:
    releases = lake.storage.sub("releases")
    create(lake, releases, ReleaseConfig(name="one", codec="zstd"))
    return releases


@pytest.fixture
def remote(lake: Lake, bucket: Storage) -> Storage:
    create(lake, bucket, ReleaseConfig(name="one", codec="zstd"))
    return bucket


def number_of(frame_id: str) -> int:
    return int(frame_id[1:])


def epoch(data: Any, **how: Any) -> dict[str, np.ndarray[Any, Any]]:
    loader = torch.utils.data.DataLoader(data, 6, collate_fn=echoatlas.collate, **how)
    return {
        frame_id: image.numpy()
        for batch in loader
        for frame_id, image in zip(batch["frame_id"], batch["image"], strict=True)
    }


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_data_loader_reads_a_release_on_s3_with_a_cold_cache(
    remote: Storage, tmp_path: Path, method: str
) -> None:
    data = load("one", releases=remote.uri, cache=tmp_path / "cache")

    seen = epoch(data, **WORKERS | {"multiprocessing_context": method})

    assert len(seen) == 40
    for frame_id, image in seen.items():
        assert np.array_equal(image[0], picture(number_of(frame_id)))
    assert {file.suffix for file in (tmp_path / "cache" / "shards").iterdir()} == {".tar"}


def test_a_forked_process_does_not_wait_for_s3_for_ever(remote: Storage, tmp_path: Path) -> None:
    remote.exists("anything")

    class Asks(torch.utils.data.Dataset):  # type: ignore[misc,name-defined]
        def __len__(self) -> int:
            return 1

        def __getitem__(self, at: int) -> bool:
            return remote.exists("one/manifest.json")

    loader = torch.utils.data.DataLoader(
        Asks(), num_workers=1, timeout=120, multiprocessing_context="fork"
    )

    with pytest.raises(UsageError, match='multiprocessing_context="spawn"'):
        next(iter(loader))


@pytest.mark.parametrize("stops", [False, True])
def test_a_loader_whose_workers_are_forked_ends_with_its_epoch(
    remote: Storage, tmp_path: Path, stops: bool
) -> None:
    data = load("one", releases=remote.uri, cache=tmp_path / "cache")
    seen: list[int] = []

    def train() -> None:
        for batch in data.loader(8, workers=2, context="fork"):
            seen.append(len(batch["frame_id"]))
            if stops:
                break

    trainer = threading.Thread(target=train, daemon=True)  # so that a failure does not hang too
    trainer.start()
    trainer.join(120)

    assert not trainer.is_alive(), "the program that fetches ahead was never told to end"
    assert sum(seen) == (8 if stops else 40)


def test_a_damaged_shard_is_refused_in_a_worker_too(remote: Storage, tmp_path: Path) -> None:
    data = load("one", releases=remote.uri, cache=tmp_path / "cache")
    key = data.samples.shards[0]
    remote.write(key, remote.read(key)[:-1] + b"x")

    for workers in ({"num_workers": 0}, WORKERS | {"num_workers": 1}):
        with pytest.raises(CheckFailed, match="a shard is damaged"):
            epoch(data, **workers)


def test_what_a_worker_is_given_does_not_grow_with_the_release(
    local: Storage, tmp_path: Path
) -> None:
    whole = load("one", releases=local.uri, cache=tmp_path)
    part = load("one", releases=local.uri, cache=tmp_path, where="site = 's0'").shuffled(seed=3)

    again: Dataset = pickle.loads(pickle.dumps(part))

    assert [one.frame_id for one in part] == [one.frame_id for one in again]
    assert len(pickle.dumps(part)) - len(pickle.dumps(whole.manifest)) < 1000
    assert isinstance(again.samples.places.base, np.memmap)


def test_batches_single_samples_and_iteration_agree(local: Storage, tmp_path: Path) -> None:
    data = load("one", releases=local.uri, cache=tmp_path).shuffled(seed=1)

    batch = data.__getitems__(range(40))

    assert batch.images.shape == (40, 16, 16)  # type: ignore[union-attr]
    for number, (one, other) in enumerate(zip(batch, data, strict=True)):
        single = data[number]
        for sample in (one, other, pickle.loads(pickle.dumps(one))):
            assert single.frame_id == sample.frame_id
            assert np.array_equal(single.image, sample.image)
            assert np.array_equal(single.labels, sample.labels)
            assert np.array_equal(single.asserted, sample.asserted)
            assert (single.region, single.organ) == (sample.region, sample.organ)
            assert (single.split, single.meta) == (sample.split, sample.meta)
        path = ORGANS[number_of(single.frame_id) % 3]
        assert np.array_equal(tree().multi_hot([path]), single.labels)
        assert single.meta["site"] == f"s{number_of(single.frame_id) % 2}"
        assert single.meta["paths"] == path and "shard" not in single.meta
    with pytest.raises(IndexError):
        data.__getitems__([40])
    assert data[-1].frame_id == data[39].frame_id


@given(
    seed=st.integers(0, 2**32),
    epoch=st.integers(0, 1000),
    position=st.integers(0, 50),
    world=st.integers(1, 7),
)
@settings(max_examples=40, deadline=None)
def test_ranks_share_out_what_is_left_of_an_epoch(
    local: Storage, seed: int, epoch: int, position: int, world: int
) -> None:
    data = load("one", releases=local.uri, where="site = 's1'")
    every = [data.index.column("frame_id")[at].as_py() for at in range(len(data))]
    order = np.random.Generator(np.random.PCG64([seed, epoch])).permutation(len(data))
    expected = [every[at] for at in order[position:]]

    parts = [data.shuffled(seed, epoch, position, rank, world) for rank in range(world)]
    seen = [part[at].frame_id for part in parts for at in range(len(part))]
    dealt = [expected[at] for rank in range(world) for at in range(rank, len(expected), world)]

    assert dealt == seen


def test_a_release_is_told_in_three_lines(local: Storage, tmp_path: Path) -> None:
    data = load("one", releases=local.uri, cache=tmp_path, where="site = 's0'")
    shown = repr(data).splitlines()

    assert shown[0] == "Dataset one: 20 samples"
    counted = dict(part.split(" ") for part in shown[1].removeprefix("splits: ").split(", "))
    assert sum(map(int, counted.values())) == 20 and set(counted) <= {"train", "val", "test"}
    assert shown[2] == "labels: abdomen/liver 7, thorax 7, thorax/breast 6"
    assert len(shown) == 3
    assert repr(data[0]).startswith("Sample(f00")


def test_collate_gives_documented_shapes(local: Storage, tmp_path: Path) -> None:
    data = load("one", releases=local.uri, cache=tmp_path)

    batch = echoatlas.collate([data[0], data[1]])
    wide = partial(echoatlas.collate, channels=3)(data.__getitems__([0, 1]))

    assert (batch["image"].shape, batch["image"].dtype) == ((2, 1, 16, 16), torch.uint8)
    assert (batch["labels"].shape, batch["labels"].dtype) == ((2, 61), torch.uint8)
    assert (batch["asserted"].shape, batch["asserted"].dtype) == ((2, 61), torch.bool)
    assert batch["frame_id"] == [data[0].frame_id, data[1].frame_id]
    assert wide["image"].shape == (2, 3, 16, 16)
    assert torch.equal(wide["image"][:, 2:], batch["image"])


def test_gray_and_color_make_one_batch_and_other_sizes_none(tmp_path: Path) -> None:
    color = np.stack([picture(number) for number in range(3)], axis=-1)
    frames = [
        {},
        {"image": encode(color), "channels": 3},
        {"image": encode(picture(9, side=8)), "width": 8, "height": 8},
    ]
    lake = quick_lake(tmp_path / "lake", frames)
    create(lake, lake.storage.sub("releases"), ReleaseConfig(name="one", codec="png"))
    data = load("one", lake=tmp_path / "lake", cache=tmp_path / "cache")
    at = {data[number].frame_id: number for number in range(3)}

    mixed = echoatlas.collate(data.__getitems__([at["f0000"], at["f0001"]]))

    assert mixed["image"].shape == (2, 3, 16, 16)
    assert np.array_equal(mixed["image"][0].numpy(), np.stack([picture(0)] * 3))
    assert np.array_equal(mixed["image"][1].numpy(), np.moveaxis(color, -1, 0))
    with pytest.raises(UsageError, match="channels=3"):
        echoatlas.collate(data.__getitems__([at["f0001"]]), channels=1)
    with pytest.raises(UsageError, match="2 sizes"):
        echoatlas.collate(data.__getitems__([at["f0000"], at["f0002"]]))


def test_an_index_is_laid_out_in_whole_batches_whatever_its_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a row lies is found by division."""
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    from echoatlas.loader import index, pool
    from echoatlas.loader import layout as laid
    from echoatlas.loader.index import Index

    for module in (laid, index):
        monkeypatch.setattr(module, "ROWS", 7)
    table = pa.table(
        {
            "frame_id": [f"f{n}" for n in range(50)],
            "split": ["train", "val"] * 25,
            "shard": [f"shards/{n // 20}.tar" for n in range(50)],
            **{name: [f"{name}{n % 3}" for n in range(50)] for name in laid.LABELS},
            "offset": range(50),
            "length": range(50),
        }
    )
    source = tmp_path / "index.parquet"
    pq.write_table(table, source, row_group_size=11)
    (tmp_path / "x").mkdir()

    known = laid.lay_out_places(pq.ParquetFile(source), tmp_path / "x")
    (tmp_path / "x" / laid.CHECKED).touch()
    (tmp_path / "x" / laid.KNOWN).write_text(json.dumps(known))
    found = Index(tmp_path / "x", source, tmp_path / "x" / "places.npy")

    assert [found.value("frame_id", row) for row in range(50)] == table["frame_id"].to_pylist()
    assert [found.shards[n] for n in found.places["shard"]] == table["shard"].to_pylist()
    assert [found.splits[n] for n in found.places["split"]] == table["split"].to_pylist()
    assert [found.labels[n][2] for n in found.places["label"]] == table["paths"].to_pylist()
    assert found.places["offset"].tolist() == list(range(50))
    some = np.array([0, 6, 7, 30, 49], np.int32)
    assert pool._taken(found, "frame_id", some).to_pylist() == ["f0", "f6", "f7", "f30", "f49"]
    assert pool._groups(found, some, ["organ", "split"]).tolist() == [0, 0, 3, 0, 3]


def test_s3_is_needed_no_more_once_a_release_is_in_the_cache(
    remote: Storage, tmp_path: Path
) -> None:
    data = load("one", releases=remote.uri, cache=tmp_path / "cache")
    first = [sample.image for sample in data]
    assert isinstance(remote, S3Storage)
    remote.delete([entry.key for entry in remote.list("shards/")])

    again = [sample.image for sample in load("one", releases=remote.uri, cache=tmp_path / "cache")]

    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
