"""The example of a trainer does what it says, and goes on where it was cut off."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from echoatlas import load, tree
from echoatlas.pipeline.frames.codec import encode
from echoatlas.pipeline.release.create import create
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.fan import Fan, Shape
from tests.helpers.tables import picture, quick_lake

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
PLACE = Path(__file__).parents[2] / "examples" / "pretrain.py"
FAN = Fan(Shape.LINEAR, corners=((4, 4), (28, 4), (28, 28), (4, 28)))


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pretrain", PLACE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    frames: list[dict[str, Any]] = [
        {
            "path": ("abdomen/liver", "thorax")[number % 5 == 0],
            "image": encode(picture(number, 32)),
            "width": 32,
            "height": 32,
            "fan": FAN.to_json(),
            "scale": 1.0,
            "patch_map": bytes([9] * 256),
        }
        for number in range(24)
    ]
    lake = quick_lake(tmp_path_factory.mktemp("lake"), frames)
    config = ReleaseConfig(name="one", codec="zstd", splits={"train": 1.0})
    create(lake, lake.storage.sub("releases"), config)
    return lake.storage.uri


@pytest.mark.parametrize("cut_at", [4, pytest.param(2, marks=pytest.mark.heavy), 7])
def test_a_trainer_that_was_cut_off_ends_with_the_same_weights(
    example: ModuleType, lake: str, tmp_path: Path, cut_at: int
) -> None:
    words = ["one", "--lake", lake, "--side", "16", "--batch", "12", "--epochs", "2"]
    whole, parts = tmp_path / "whole.pt", tmp_path / "parts.pt"

    example.main([*words, "--out", str(whole)])
    example.main([*words, "--out", str(parts)], stop_after=cut_at)
    example.main([*words, "--out", str(parts)])

    expected, found = torch.load(whole), torch.load(parts)
    assert expected["model"].keys() == found["model"].keys()
    for name, weights in expected["model"].items():
        assert torch.equal(weights, found["model"][name]), name
    data = load("one", lake=lake, feedback=1)
    losses = [one.meta["feedback_loss"] for one in data]
    assert found["stage"] == 1 and sum(loss is not None for loss in losses) > 12


def test_only_patches_of_the_fan_are_hidden_and_hard_ones_first(example: ModuleType) -> None:
    batch = {
        "fan_mask": torch.from_numpy(np.stack([FAN.mask(32, 32)] * 400)),
        "patch_map": torch.full((400, 16, 16), 9, dtype=torch.uint8),
    }
    hardness = torch.full((400, 256), 0.01)
    hardness[:, 128:] = 10.0

    fan = example.inside(batch)
    hidden = example.hide(fan, hardness)

    assert fan[0].sum() < 256 and not (hidden & ~fan).any()
    assert torch.equal(hidden.sum(1), (fan.sum(1) / 2).ceil().long())
    assert hidden[:, 128:].sum() > 20 * hidden[:, :128].sum()


def test_what_is_not_known_of_the_tree_has_no_part_in_the_loss(example: ModuleType) -> None:
    logits = torch.randn(2, len(tree()), requires_grad=True)
    labels = torch.from_numpy(np.stack([tree().multi_hot(["thorax"])] * 2))
    asserted = torch.from_numpy(np.stack([tree().asserted(["thorax"])] * 2))
    never = torch.full_like(logits, 3.0).detach()
    never[:, :9] = 9.0  # regions likelier than all organs: the tree itself asks nothing

    loss = example.tree_loss(never, labels, asserted)
    never[:, tree().positions["thorax/breast"]] = 8.0  # open, since no organ is named
    same = example.tree_loss(never, labels, asserted)
    example.tree_loss(logits, labels, asserted).backward()

    assert torch.equal(loss, same) and logits.grad is not None
    assert bool((logits.grad[asserted] != 0).any())
