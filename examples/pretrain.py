"""Pre-train a small model on a release: masked reconstruction, and the label tree.

    python examples/pretrain.py 2026.11 --lake s3://lakehouse/lake --out model.pt

Stage 1 shows pictures of ``--side`` pixels, each organ as often. Its losses, of pictures and of
the 16 x 16 patches of each, are written back as feedback. Stage 2 shows pictures twice as large,
draws those more often that were hard, and hides the patches that were hard. Run again after an
interruption, it goes on from its checkpoint, to the same weights as if there had been none.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import echoatlas

GRID = 16  # patches along each side, as those of patch maps
HIDDEN = 0.5  # share of the fan's patches that are hidden
ALSO = ["fan_mask", "patch_map"]


class Model(nn.Module):
    """Patches to pixels of those that were hidden, and to labels."""

    def __init__(self, side: int, width: int = 32) -> None:
        super().__init__()
        self.side = side
        pixels = (side // GRID) ** 2
        self.embed = nn.Linear(pixels, width)
        self.place = nn.Parameter(0.02 * torch.randn(GRID * GRID, width))
        self.hidden = nn.Parameter(torch.zeros(width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.pixels = nn.Linear(width, pixels)
        self.labels = nn.Linear(width, len(echoatlas.tree()))

    def forward(self, patches: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 256, P) and (B, 256) bool, to (B, 256, P) and (B, 61)."""
        tokens = torch.where(hidden[..., None], self.hidden, self.embed(patches)) + self.place
        seen = self.body(tokens)
        return self.pixels(seen), self.labels(seen.mean(1))


def patches_of(image: Tensor, side: int) -> Tensor:
    """(B, 256, P) in [0, 1] of (B, C, H, W) uint8, at ``side`` pixels."""
    gray = image.float().mean(1, keepdim=True) / 255
    small = functional.interpolate(gray, (side, side), mode="area")
    return functional.unfold(small, side // GRID, stride=side // GRID).transpose(1, 2)


def inside(batch: dict[str, Any]) -> Tensor:
    """(B, 256) bool: patches that lie in the fan and show something."""
    fan = functional.adaptive_avg_pool2d(batch["fan_mask"].float()[:, None], GRID).flatten(1)
    return (fan > 0.5) & (batch["patch_map"].flatten(1) > 0)


def hide(fan: Tensor, hardness: Tensor | None) -> Tensor:
    """(B, 256) bool: which patches of the fan are hidden, the harder the likelier.

    Every patch draws a number and the greatest win (Efraimidis and Spirakis 2006), so that a
    patch of twice the hardness is twice as likely to be the first.
    """
    weight = torch.ones(fan.shape) if hardness is None else hardness.nan_to_num(1.0) + 1e-3
    chance = torch.rand(fan.shape).clamp_min(1e-6).log() / weight.clamp_min(1e-6)
    chance = chance.masked_fill(~fan, -torch.inf)
    count = (HIDDEN * fan.sum(1)).ceil().long()
    rank = chance.argsort(1, descending=True).argsort(1)
    return (rank < count[:, None]) & fan


def tree_loss(logits: Tensor, labels: Tensor, asserted: Tensor) -> Tensor:
    """Of nodes whose label is known; and no organ may be likelier than the region it is of."""
    each = functional.binary_cross_entropy_with_logits(logits, labels.float(), reduction="none")
    known = (each * asserted).sum() / asserted.sum().clamp_min(1)
    parents = torch.from_numpy(echoatlas.tree().parents).long()
    organs = parents >= 0
    chance = logits.sigmoid()
    above = (chance[:, organs] - chance[:, parents[organs]]).relu().mean()
    return known + above


def step(model: Model, optimizer: Any, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Train on a batch: (B,) losses of pictures, and (B, 256) of patches, NaN if not hidden."""
    patches, fan = patches_of(batch["image"], model.side), inside(batch)
    hidden = hide(fan, batch.get("feedback_patches"))
    made, logits = model(patches, hidden)
    off = (made - patches).square().mean(2)
    each = (off * hidden).sum(1) / hidden.sum(1).clamp_min(1)
    loss = each.mean() + tree_loss(logits, batch["labels"], batch["asserted"])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return each.detach(), off.detach().masked_fill(~hidden, torch.nan)


def stage_of(number: int, args: argparse.Namespace, feedback: int | None) -> Any:
    """The loader of a stage."""
    data = echoatlas.load(args.release, lake=args.lake, split="train", feedback=feedback)
    how = {"seed": args.seed + number, "workers": args.workers, "drop_last": False}
    if feedback is None:
        return data.loader(args.batch, balance="organ", also=ALSO, **how)
    # What was not seen yet is drawn as if it were of usual hardness
    weight = "coalesce(feedback_loss, avg(feedback_loss) OVER ()) + 1e-6"
    return data.loader(args.batch, weight=weight, also=[*ALSO, "feedback_patches"], **how)


def grown(model: Model, side: int) -> Model:
    """The same model for larger pictures: what knows of pixels is made anew."""
    larger = Model(side)
    kept = {n: v for n, v in model.state_dict().items() if v.shape == larger.state_dict()[n].shape}
    larger.load_state_dict(kept, strict=False)
    return larger


def main(words: list[str] | None = None, stop_after: int | None = None) -> None:
    """Train, from the checkpoint if there is one.

    Args:
        stop_after: batches, as if interrupted then.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("release")
    parser.add_argument("--lake")
    parser.add_argument("--out", type=Path, default=Path("model.pt"))
    parser.add_argument("--side", type=int, default=64, help="of stage 1's pictures, pixels")
    parser.add_argument("--epochs", type=int, default=2, help="of each stage")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(words)
    torch.manual_seed(args.seed)
    model, done = Model(args.side), 0
    state: dict[str, Any] = {"stage": 0, "feedback": None, "told": {}}
    if args.out.exists():
        state = torch.load(args.out)
        model = Model(args.side << state["stage"])
        model.load_state_dict(state["model"])
    for number in range(state["stage"], 2):
        if number and state["stage"] < number:
            ids = list(state["told"])
            losses, maps = zip(*state["told"].values(), strict=True)
            table = {"frame_id": ids, "loss": losses, "patches": maps}
            version = echoatlas.feedback(args.release, table, lake=args.lake, note="stage 1")
            torch.manual_seed(args.seed + number)
            model = grown(model, args.side << number)
            state = {"stage": number, "feedback": version, "told": {}}
        optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
        loader = stage_of(number, args, state["feedback"])
        if "data" in state:
            optimizer.load_state_dict(state["optimizer"])
            loader.load_state_dict(state["data"])
        while loader.epoch < args.epochs:
            for batch in loader:
                # Chance by place, so that who resumes draws the same
                place = loader.batches.epoch * 1_000_003 + loader.batches.position
                torch.manual_seed(args.seed + place)
                each, off = step(model, optimizer, batch)
                usual = off.nanmean(1, keepdim=True)
                maps = torch.where(off.isnan(), usual, off) / usual.clamp_min(1e-9)
                for name, loss, one in zip(batch["frame_id"], each, maps, strict=True):
                    state["told"][name] = (float(loss), one.nan_to_num(1.0).tolist())
                done += 1
                saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
                partial = args.out.with_suffix(".partial")
                torch.save({**state, **saved, "data": loader.state_dict()}, partial)
                partial.replace(args.out)
                if done == stop_after:
                    return
            mean = sum(loss for loss, _ in state["told"].values()) / len(state["told"])
            sys.stdout.write(f"stage {number + 1}, epoch {loader.epoch}: {mean:.4f}\n")


if __name__ == "__main__":
    main()
