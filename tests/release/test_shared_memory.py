"""Batches of PyTorch's workers lie in memory that is used again, never under a tensor in use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import echoatlas
from echoatlas import Dataset, load
from echoatlas.pipeline.frames.codec import encode
from echoatlas.pipeline.release.create import create
from echoatlas.schemas.config.release import ReleaseConfig
from tests.helpers.programs import run_program
from tests.helpers.tables import picture, quick_lake

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
memory = pytest.importorskip("echoatlas.loader.shared_memory")

SIDE, BATCH = 128, 8  # so that a batch of images, 131 kB, takes a slot
FRAMES = 24


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Frames of speckle, one in color."""
    size = {"width": SIDE, "height": SIDE}
    color = np.stack([picture(100 + channel, SIDE) for channel in range(3)], axis=-1)
    frames: list[dict[str, Any]] = [
        {"image": encode(picture(n, SIDE)), **size} for n in range(FRAMES)
    ]
    frames.append({"image": encode(color), "channels": 3, **size})
    root = tmp_path_factory.mktemp("lake")
    lake = quick_lake(root, frames)
    create(lake, lake.storage.sub("releases"), ReleaseConfig(name="one", codec="zstd"))
    return load("one", lake=root, where="channels = 1")


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    memory._mapped.clear()
    yield


def served(data: Any, epochs: int, collate: Any = echoatlas.collate, **how: Any) -> Iterator[Any]:
    order = [*range(len(data))] * epochs
    more = {"num_workers": 2, "timeout": 120, "multiprocessing_context": "fork"} | how
    yield from torch.utils.data.DataLoader(data, BATCH, sampler=order, collate_fn=collate, **more)


def is_whole(batch: dict[str, Any]) -> bool:
    """Whether each image is the one that its id names."""
    return all(
        np.array_equal(picture(int(name[1:]), SIDE), image[0].numpy())
        for name, image in zip(batch["frame_id"], batch["image"], strict=True)
    )


@pytest.mark.parametrize("slots", [2, 32])
def test_what_the_trainer_keeps_is_never_written_over(
    data: Dataset, slots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SLOTS", slots)

    kept = list(served(data, 8))

    assert len(kept) == 24
    assert all(is_whole(batch) for batch in kept)
    assert {type(one) for batch in kept for one in batch.values()} == {torch.Tensor, list}
    assert max(len(found) for _, found in memory._mapped.values()) <= slots


def test_what_it_lets_go_is_used_again(data: Dataset) -> None:
    places, part = set(), None
    for number, batch in enumerate(served(data, 12)):
        assert is_whole(batch)
        if number == 3:
            name, part = batch["frame_id"][5], batch["image"][5, 0]  # a view keeps the whole slot
        places.add(batch["image"].data_ptr())

    assert part is not None and np.array_equal(picture(int(name[1:]), SIDE), part.numpy())
    assert len(places) <= 12  # of 36 batches: two workers, each with a few under way


def test_slots_of_workers_that_are_gone_are_given_up(data: Dataset) -> None:
    for _ in range(3):
        assert all(is_whole(batch) for batch in served(data, 1))

    assert len(memory._mapped) <= 2


def changed(samples: Any) -> dict[str, Any]:
    """What trainers do in workers: numbers, a part of a batch, a change in place."""
    batch: dict[str, Any] = echoatlas.collate(samples)
    plain = type(batch["image"] * 2) is torch.Tensor
    batch["image"][0] += 1
    return batch | {
        "number": batch["image"].float() / 255,
        "second": batch["image"][1],
        "again": batch["image"],
        "plain": plain,
    }


def test_a_trainers_own_collate_may_do_with_tensors_what_it_likes(data: Dataset) -> None:
    for batch in served(data, 4, changed):
        expected = [picture(int(name[1:]), SIDE) for name in batch["frame_id"]]
        expected[0] = expected[0] + np.uint8(1)
        assert batch["plain"]
        for name in ("image", "again"):
            assert np.array_equal(np.stack(expected), batch[name][:, 0].numpy())
        assert np.array_equal(expected[1], batch["second"][0].numpy())
        assert torch.equal(batch["image"].float() / 255, batch["number"])


def test_masks_and_pictures_in_color_take_the_same_way(data: Dataset) -> None:
    both = load("one", releases=data.shards.releases.uri, where="channels = 3 OR true")

    def all_of(samples: Any) -> dict[str, Any]:
        return echoatlas.collate(samples, channels=3, also=["fan_mask", "overlay", "patch_map"])

    seen = 0
    for batch in served(both, 2, all_of):
        for name, image in zip(batch["frame_id"], batch["image"].numpy(), strict=True):
            number = int(name[1:])
            planes = [picture(n, SIDE) for n in ([number] * 3 if number < FRAMES else COLOR)]
            assert np.array_equal(np.stack(planes), image)
            seen += 1
        assert batch["fan_mask"].all() and not batch["overlay"].any()
        assert (batch["fan_mask"].dtype, batch["patch_map"].dtype) == (torch.bool, torch.uint8)
    assert seen == 2 * (FRAMES + 1)


COLOR = (100, 101, 102)


@pytest.mark.heavy
def test_spawned_and_lasting_workers_do_so_too(data: Dataset) -> None:
    loader = data.loader(BATCH, workers=2, context="spawn", drop_last=False)

    for _ in range(3):
        assert sum(len(batch["image"]) for batch in loader if is_whole(batch)) == FRAMES
    assert sum(len(found) for _, found in memory._mapped.values()) <= 12


def test_a_forked_process_does_not_give_back_what_is_not_its_own() -> None:
    ring = memory.Ring()
    loan = ring.lend(1000)
    child = os.fork()
    if not child:
        del loan
        os._exit(0)
    os.waitpid(child, 0)

    assert ring.slots[0].bytes[memory.STATE] == memory.TAKEN
    del loan
    assert ring.slots[0].bytes[memory.STATE] == memory.FREE


def test_a_ring_grows_for_larger_batches_and_gives_up_its_smallest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "SLOTS", 2)
    ring = memory.Ring()
    small, other = ring.lend(1000), ring.lend(2000)
    assert ring.lend(1000) is None

    del small
    large = ring.lend(3000)

    assert sorted(slot.size for slot in ring.slots) == [2000, 3000]
    del other, large
    assert ring.lend(1500).slot.size == 2000


def test_a_loan_that_outlives_its_module_says_nothing() -> None:
    """As Python ends, a module's names are gone before what still holds a batch."""
    ended = run_program(
        "from echoatlas.loader import shared_memory\n"
        "shared_memory.kept = shared_memory.Ring().lend(100)"
    )

    assert (ended.returncode, ended.stderr) == (0, "")
