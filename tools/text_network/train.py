"""Train the network on crops, mine what it takes for text and should not, and write it as ONNX.

``python -m tools.text_network.train GROUNDS.npz OUT [--minutes 30]``: on one core, with a log on
the standard output; ``OUT`` gets ``text.pt`` and ``text.onnx``, anew at each test.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from tools.text_network.crops import Crop, batch, crop
from tools.text_network.grounds import Ground, load
from tools.text_network.network import STRIDE, TextNetwork, export

if TYPE_CHECKING:
    from numpy.random import Generator

BATCH = 16
RATE, DECAY = 3e-3, 1e-3
SMALLER = 0.5  # times the rate, where training goes on
WARMING = 60  # steps
PATIENCE = 1.65  # times the minutes of a core, that training may take by the clock
KEPT = 0.995  # of the moving average of weights, each step
MINED_AT = (0.3, 0.55, 0.75)  # shares of the time
MINED = 0.3  # probability, from which a place is a false find
TESTED = 96  # crops
EVERY = 150  # steps between two tests


def tensors(crops: Sequence[Crop]) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures, text and weights of crops, as the network takes them."""
    pictures = np.stack([one.picture for one in crops]).transpose(0, 3, 1, 2)
    shown = torch.from_numpy(np.ascontiguousarray(pictures)).float() / 127.5 - 1
    text, weight = (
        torch.from_numpy(np.stack(some))[:, None]
        for some in ([one.text for one in crops], [one.weight for one in crops])
    )
    return shown.to(memory_format=torch.channels_last), text, weight


def loss(logits: Tensor, text: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy, that of the hardest ground as much as that of text; and overlap (dice)."""
    each = nn.functional.binary_cross_entropy_with_logits(logits, text, reduction="none") * weight
    positive = text * weight > 0
    count = int(positive.sum())
    ground = each[(~positive) & (weight > 0)]
    hardest = torch.topk(ground, min(ground.numel(), max(3 * count, ground.numel() // 12)))[0]
    of_text = each[positive].sum() / max(count, 1)
    probability = torch.sigmoid(logits) * weight
    shared = (probability * text).sum()
    dice = 1 - (2 * shared + 1) / (probability.sum() + (text * weight).sum() + 1)
    return of_text + 3 * hardest.mean() + ground.mean() + dice


def mined(network: nn.Module, grounds: Sequence[Ground], most: int) -> list[tuple[int, int, int]]:
    """(ground, y, x) of places of grounds without words that the network takes for text."""
    network.eval()
    found: list[tuple[int, int, int]] = []
    for index, ground in enumerate(grounds):
        high, wide = (side - side % STRIDE for side in ground.known.shape)
        if min(high, wide) < 2 * STRIDE:
            continue
        shown = ground.picture[:high, :wide].transpose(2, 0, 1)[None]
        with torch.inference_mode():
            logits = network(torch.from_numpy(np.ascontiguousarray(shown)).float() / 127.5 - 1)
        text = torch.sigmoid(logits)[0, 0].numpy() > MINED
        places = np.argwhere(text & ground.known[:high:2, :wide:2]) * 2
        if len(places):
            picked = places[:: max(1, len(places) // 12)][:12]
            found += [(index, int(y), int(x)) for y, x in picked]
    network.train()
    return found[:: max(1, len(found) // most)]


def tested(network: nn.Module, crops: Sequence[Crop]) -> tuple[float, float, float]:
    """The loss on crops, the share of text that is found, and that of ground which is taken so."""
    network.eval()
    hits = texts = wrong = grounds = total = 0.0
    with torch.inference_mode():
        for start in range(0, len(crops), BATCH):
            pictures, text, weight = tensors(crops[start : start + BATCH])
            logits = network(pictures)
            total += float(loss(logits, text, weight)) * len(pictures)
            taken = (logits > 0).float() * weight
            hits += float((taken * text).sum())
            texts += float((text * weight).sum())
            wrong += float((taken * (1 - text)).sum())
            grounds += float(((1 - text) * weight).sum())
    network.train()
    return total / len(crops), hits / max(texts, 1), wrong / max(grounds, 1)


def _rate(rate: float, share: float, steps: int) -> float:
    """Up at first, then down along a cosine."""
    return (
        rate * min(1.0, (steps + 1) / WARMING) * (0.02 + 0.98 * (1 + math.cos(math.pi * share)) / 2)
    )


class Clock:
    """How far training is: by the time of its core, and by the clock where others use it as well.

    Args:
        minutes: of one core.
    """

    def __init__(self, minutes: float) -> None:
        self._seconds = 60 * minutes
        self._used, self._began = time.process_time(), time.monotonic()

    def share(self) -> float:
        """0 at the start, 1 at the end."""
        used, passed = time.process_time() - self._used, time.monotonic() - self._began
        return max(used, passed / PATIENCE) / self._seconds


def train(
    grounds: Sequence[Ground], out: Path, minutes: float, rng: Generator, start: Path | None = None
) -> None:
    """Train for so many minutes of one core, and keep the best.

    Args:
        start: weights to go on from, in smaller steps.
    """
    out.mkdir(parents=True, exist_ok=True)
    network = TextNetwork()
    if start is not None:
        network.load_state_dict(torch.load(start))
    network = network.to(memory_format=torch.channels_last)
    rate = RATE if start is None else RATE * SMALLER
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(KEPT), use_buffers=True
    )
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=DECAY)
    chooser = np.random.default_rng(7)
    tests = [crop(grounds[int(chooser.integers(len(grounds)))], chooser) for _ in range(TESTED)]
    clock = Clock(minutes)
    steps, mines = 0, [0.0, *MINED_AT] if start else list(MINED_AT)
    hard: list[tuple[int, int, int]] = []
    best = math.inf
    while (share := clock.share()) < 1:
        for group in optimizer.param_groups:
            group["lr"] = _rate(rate, share, steps)
        pictures, text, weight = tensors(batch(grounds, rng, BATCH, hard))
        value = loss(network(pictures), text, weight)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        average.update_parameters(network)
        steps += 1
        if mines and share > mines[0]:
            mines.pop(0)
            hard = mined(average.module, grounds, 3000)
            print(f"mined {len(hard)} places", flush=True)
        if steps % EVERY == 0:
            told = tested(average.module, tests)
            print(
                f"{share:6.1%} step {steps} loss {float(value):.3f}, in tests {told[0]:.3f}, "
                f"text found {told[1]:.2%}, ground taken {told[2]:.3%}",
                flush=True,
            )
            if told[0] < best:
                best = told[0]
                _write(average.module, out)
    if tested(average.module, tests)[0] < best:
        _write(average.module, out)
    torch.save(average.module.state_dict(), out / "last.pt")


def _write(network: TextNetwork, out: Path) -> None:
    torch.save(network.state_dict(), out / "text.pt")
    plain = TextNetwork()
    plain.load_state_dict(network.state_dict())
    export(plain, out / "text.onnx")


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grounds", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=Path, default=None, help="weights to go on from")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(given.seed)
    rng = np.random.default_rng(given.seed)
    train(load(given.grounds), given.out, given.minutes, rng, given.start)


if __name__ == "__main__":
    main()
