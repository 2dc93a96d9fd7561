"""The network: an encoder down to a sixteenth, and back up to half the picture's size.

Dense 3 x 3 convolutions, as these are what one core computes fastest; 276 thousand weights.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

WIDTHS = (16, 24, 40, 64)  # channels at a half, a quarter, an eighth and a sixteenth
STRIDE = 16  # sides of a picture are multiples of it
OPSET = 17


def _convolved(inward: int, outward: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inward, outward, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outward),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):  # type: ignore[misc]  # torch is not installed where this is checked
    """Two convolutions beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolved(width, width)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


class TextNetwork(nn.Module):  # type: ignore[misc]
    """(N, 3, H, W) float32 in -1 to 1, RGB, to (N, 1, H / 2, W / 2): logits of text."""

    def __init__(self, widths: tuple[int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = widths
        self.down_half = _convolved(3, half, 5, 2)
        self.down_quarter = nn.Sequential(_convolved(half, quarter, 3, 2), Residual(quarter))
        self.down_eighth = nn.Sequential(
            _convolved(quarter, eighth, 3, 2), Residual(eighth), Residual(eighth)
        )
        self.down_sixteenth = nn.Sequential(
            _convolved(eighth, sixteenth, 3, 2), Residual(sixteenth), Residual(sixteenth)
        )
        self.to_eighth = nn.Conv2d(sixteenth, eighth, 1)
        self.at_eighth = _convolved(eighth, eighth)
        self.to_quarter = nn.Conv2d(eighth, quarter, 1)
        self.at_quarter = _convolved(quarter, quarter)
        self.head = nn.Conv2d(quarter, 4, 1)
        self.enlarge = nn.Upsample(scale_factor=2, mode="nearest")
        nn.init.constant_(self.head.bias, -2.0)

    def forward(self, x: Tensor) -> Tensor:
        quarter = self.down_quarter(self.down_half(x))
        eighth = self.down_eighth(quarter)
        sixteenth = self.down_sixteenth(eighth)
        eighth = self.at_eighth(eighth + self.enlarge(self.to_eighth(sixteenth)))
        quarter = self.at_quarter(quarter + self.enlarge(self.to_quarter(eighth)))
        return nn.functional.pixel_shuffle(self.head(quarter), 2)


def export(network: TextNetwork, path: Path) -> None:
    """Write the network with a sigmoid behind it as ONNX, for pictures of any size."""
    whole = nn.Sequential(network, nn.Sigmoid()).eval()
    torch.onnx.export(
        whole,
        (torch.zeros(1, 3, 4 * STRIDE, 4 * STRIDE),),
        str(path),
        dynamo=False,
        opset_version=OPSET,
        input_names=["picture"],
        output_names=["text"],
        dynamic_axes={"picture": {0: "n", 2: "h", 3: "w"}, "text": {0: "n", 2: "h", 3: "w"}},
    )
