"""A training's order: resumed anywhere by any number of ranks, balanced, weighted, in stages."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import echoatlas
from echoatlas import Batches, Stage, load
from echoatlas.loader import pool
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.schemas.config.release import ReleaseConfig
from tests.helpers.tables import quick_lake

# Livers are nine in ten, and one site has a fifth of all
FRAMES = [
    {
        "path": "thorax/breast" if number % 10 == 0 else "abdomen/liver",
        "site": "small" if number % 5 == 0 else "large",
        "blur": float(number),
    }
    for number in range(60)
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = quick_lake(tmp_path_factory.mktemp("lake"), FRAMES)
    create(lake, lake.storage.sub("releases"), ReleaseConfig(name="one", codec="zstd"))
    return lake


@pytest.fixture(scope="module")
def data(lake: Lake) -> echoatlas.Dataset:
    return load("one", lake=lake.storage.uri)


def drawn(batches: Batches, epoch: int = 0) -> list[int]:
    return batches.order.positions(epoch).tolist()


@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4)), min_size=1, max_size=4),
    steps=st.integers(0, 3),
)
@settings(max_examples=40, deadline=None)
def test_each_sample_is_seen_once_however_often_ranks_and_batches_change(
    data: echoatlas.Dataset, seed: int, sizes: list[tuple[int, int]], steps: int
) -> None:
    state: dict[str, Any] | None = None
    seen: list[int] = []
    for turn, (batch, world) in enumerate(sizes):
        ranks = [
            data.batches(batch, seed=seed, rank=rank, world=world, drop_last=False)
            for rank in range(world)
        ]
        for one in ranks:
            if state is not None:
                one.load_state_dict(pickle.loads(pickle.dumps(state)))
        last = turn == len(sizes) - 1
        taken = [list(one) if last else list(islice(one, steps)) for one in ranks]
        for one in ranks:
            one.took(steps)
        seen += [position for lists in taken for each in lists for position in each]
        state = ranks[0].state_dict()

    assert list(range(60)) == sorted(seen)


def test_what_a_state_was_saved_of_is_what_it_resumes(data: echoatlas.Dataset) -> None:
    whole = list(data.batches(4, seed=3))
    halted = data.batches(4, seed=3)
    halted.took(5)

    resumed = data.batches(4, seed=3)
    resumed.load_state_dict(halted.state_dict())

    assert whole[5:] == list(resumed)
    assert len(whole) - 5 == len(resumed)
    for other in (data.batches(4, seed=4), data.batches(4, seed=3, where="blur > 9")):
        with pytest.raises(UsageError, match="another order"):
            other.load_state_dict(halted.state_dict())


def test_ranks_that_drop_the_last_have_equally_many_batches(data: echoatlas.Dataset) -> None:
    ranks = [data.batches(8, rank=rank, world=3) for rank in range(3)]

    assert [len(list(one)) for one in ranks] == [2, 2, 2]
    assert {8} == {len(batch) for one in ranks for batch in one}


def test_an_order_is_that_of_shuffled(data: echoatlas.Dataset) -> None:
    batches = data.batches(7, seed=5, drop_last=False)
    batches.next_epoch()

    order = [position for batch in batches for position in batch]

    ids = [one.frame_id for one in data.shuffled(seed=5, epoch=1)]
    assert ids == [data[position].frame_id for position in order]


@pytest.mark.parametrize("balance", ["organ", ("organ", "site")])
def test_what_is_rare_is_drawn_as_often_as_what_is_not(
    data: echoatlas.Dataset, balance: str | tuple[str, ...]
) -> None:
    order = drawn(data.batches(4, balance=balance, samples=600))

    columns = (balance,) if isinstance(balance, str) else balance
    counts = Counter(tuple(data[at].column(name) for name in columns) for at in order)
    there = Counter(tuple(data[at].column(name) for name in columns) for at in range(60))
    assert set(there) == set(counts) and min(there.values()) == 6
    assert all(abs(count - 600 / len(there)) <= 1 for count in counts.values())


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_what_is_done_in_parts_is_what_would_be_done_at_once(codes: list[int], block: int) -> None:
    values = np.array(codes, np.int32)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pool, "BLOCK", block)
        order = pool._by_group(values, np.bincount(values))
        whole = pool.Pool(order, ends=np.cumsum(values[order] + 0.5))
        drawn = whole.drawn(37, np.random.default_rng(block))

    assert np.array_equal(np.argsort(values, kind="stable"), order)
    assert np.array_equal(whole.drawn(37, np.random.default_rng(block)), drawn)


def test_samples_are_drawn_as_often_as_their_weight_says(data: echoatlas.Dataset) -> None:
    batches = data.batches(4, weight="CASE WHEN blur < 20 THEN 0 ELSE blur END", samples=3000)
    counts = Counter(data[at].meta["blur"] for at in drawn(batches))

    total = sum(range(20, 60))
    assert set(counts) == {float(blur) for blur in range(20, 60)}
    for blur, count in counts.items():
        assert abs(count - 3000 * blur / total) < 1
    assert drawn(batches) != drawn(batches, epoch=1)


def test_a_shuffled_part_is_balanced_and_weighted_as_the_whole_is(lake: Lake) -> None:
    part = load("one", lake=lake.storage.uri, where="blur >= 30").shuffled(seed=2)

    even = Counter(part[at].organ for at in drawn(part.batches(4, balance="organ", samples=100)))
    heavy = Counter(part[at].column("blur") for at in drawn(part.batches(4, weight="blur = 31")))

    assert even == {"liver": 50, "breast": 50}
    assert heavy == {31.0: 30}


def test_a_curriculum_goes_from_stage_to_stage(data: echoatlas.Dataset) -> None:
    stages = [
        Stage(2, where="blur < 10", name="sharp"),
        Stage(1, where="blur < 30", balance="site", samples=20),
        Stage(),
    ]
    batches = data.batches(5, stages=stages)
    seen = []
    for _ in range(5):
        seen.append((batches.stage.name, len(batches), max(map(max, batches))))
        batches.next_epoch()

    blur = [data[at].meta["blur"] for at in range(60)]
    assert [count for _, count, _ in seen] == [2, 2, 4, 12, 12]
    assert [name for name, _, _ in seen] == ["sharp", "sharp", "", "", ""]
    assert {blur[at] for at in drawn(batches, 0)} == set(map(float, range(10)))
    assert max(blur[at] for at in drawn(batches, 2)) < 30


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"balance": "orgn"}, "did you mean 'organ'"),
        ({"weight": "blur +"}, "breaks off at its end"),
        ({"weight": "-blur"}, "negative"),
        ({"weight": "0"}, "0 for all samples"),
        ({"where": "blur > 1000"}, "no sample is of stage"),
        ({"stages": [Stage(), Stage()]}, "only the last lasts"),
        ({"stages": [Stage()], "where": "blur > 3"}, "of each stage"),
        ({"weight": "blur", "shuffle": False}, "leave out shuffle"),
        ({"rank": 2, "world": 2}, "a rank below"),
    ],
)
def test_an_order_that_cannot_be_is_told_in_a_line(
    data: echoatlas.Dataset, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        drawn(data.batches(4, **asked))


@pytest.mark.parametrize("context", [None, "fork", pytest.param("spawn", marks=pytest.mark.heavy)])
def test_a_loader_resumes_in_the_middle_of_an_epoch_whatever_workers_read_ahead(
    lake: Lake, tmp_path: Path, context: str | None
) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    data = load("one", lake=lake.storage.uri, cache=tmp_path)
    how: dict[str, Any] = {"seed": 7, "balance": "organ", "also": ["fan_mask", "blur"]}
    reference = data.loader(8, **how)
    whole = [batch["frame_id"] for _ in range(2) for batch in reference]

    workers = {"workers": 2, "context": context} if context else {}
    first = data.loader(8, **how, **workers)
    start = [batch["frame_id"] for batch in islice(first, 3)]
    second = data.loader(8, **how)
    second.load_state_dict(first.state_dict())
    rest = [batch["frame_id"] for _ in range(2) for batch in second]

    assert whole == start + rest
    assert len(whole) == 14 and (second.epoch, reference.epoch) == (2, 2)


def test_a_loader_gives_what_is_documented(lake: Lake, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    also = ["fan_mask", "overlay", "patch_map", "blur", "site", "mm_per_px_x"]
    data = load("one", lake=lake.storage.uri, cache=tmp_path, where="blur < 4")

    batch = next(iter(data.loader(4, also=also, shuffle=False)))

    assert {name: tuple(one.shape) for name, one in batch.items() if hasattr(one, "shape")} == {
        "image": (4, 1, 16, 16),
        "labels": (4, 61),
        "asserted": (4, 61),
        "fan_mask": (4, 16, 16),
        "overlay": (4, 16, 16),
        "patch_map": (4, 16, 16),
        "blur": (4,),
        "mm_per_px_x": (4,),
    }
    assert sorted(batch["blur"].tolist()) == [0.0, 1.0, 2.0, 3.0]
    assert batch["fan_mask"].dtype == torch.bool and bool(batch["fan_mask"].all())
    assert sorted(batch["site"]) == ["large", "large", "large", "small"]


def inverted(sample: echoatlas.Sample) -> Any:
    sample.image = 255 - sample.image
    return sample


def name_and_mean(sample: echoatlas.Sample) -> dict[str, Any]:
    return {"name": sample.frame_id, "mean": float(sample.image.mean())}


def test_a_transform_is_applied_where_samples_are_read(lake: Lake, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    plain = load("one", lake=lake.storage.uri, cache=tmp_path)
    changed = load("one", lake=lake.storage.uri, cache=tmp_path, transform=inverted)
    told = load("one", lake=lake.storage.uri, cache=tmp_path, transform=name_and_mean)

    batch = next(iter(changed.loader(6, shuffle=False)))
    means = next(iter(told.loader(6, shuffle=False)))

    for at in range(6):
        assert np.array_equal(255 - plain[at].image, batch["image"][at, 0].numpy())
        assert np.array_equal(255 - plain[at].image, changed[at].image)
    assert [plain[at].frame_id for at in range(6)] == means["name"]
    assert tuple(means["mean"].shape) == (6,)


def test_a_stream_of_several_workers_keeps_the_order(lake: Lake, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from echoatlas.loader.torch_data import Samples, Stream

    data = load("one", lake=lake.storage.uri, cache=tmp_path)
    batches = data.batches(7, seed=2)
    batches.took(2)
    stream = Stream(data, batches)
    loader = torch.utils.data.DataLoader(
        stream, batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=120
    )

    expected = [[data[at].frame_id for at in positions] for positions in batches]

    assert isinstance(stream, torch.utils.data.IterableDataset)
    assert isinstance(Samples(data), torch.utils.data.Dataset)
    assert expected == [batch["frame_id"] for batch in loader]


def test_nothing_but_a_loader_imports_pytorch(lake: Lake) -> None:
    program = (
        "import sys, echoatlas\n"
        f"data = echoatlas.load('one', lake={lake.storage.uri!r})\n"
        "data.__getitems__(next(iter(data.batches(4, balance='organ'))))\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


RANK = """
import json, sys
import torch.distributed as group
import echoatlas

rank, world, lake, place = int(sys.argv[1]), 2, sys.argv[2], sys.argv[3]
group.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=world)
data = echoatlas.load("one", lake=lake)
loader = data.loader(5, seed=11)
ids = [name for batch in loader for name in batch["frame_id"]]
group.destroy_process_group()
print(json.dumps(ids))
"""


@pytest.mark.heavy
def test_processes_of_torch_distributed_share_an_epoch(lake: Lake, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    command = [sys.executable, "-c", RANK]
    ranks = [
        subprocess.Popen(
            [*command, str(rank), str(lake.storage.uri), str(tmp_path / "meet")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    seen = [json.loads(one.communicate(timeout=300)[0]) for one in ranks]

    assert [len(ids) for ids in seen] == [30, 30]
    assert len(set(seen[0]) | set(seen[1])) == 60
