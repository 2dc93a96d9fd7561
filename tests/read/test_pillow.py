"""Our readers leave Pillow as they found it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.pillow import opened


def animation(count: int = 3) -> bytes:
    sink = io.BytesIO()
    pictures = [Image.fromarray(np.full((40, 60), 40 * n, np.uint8)) for n in range(1, count + 1)]
    pictures[0].save(sink, "GIF", save_all=True, append_images=pictures[1:])
    return sink.getvalue()


def test_pillow_s_bound_is_its_users_own_before_and_after_a_scan_is_read(monkeypatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000)

    scan = read(animation())
    frames = [list(scan.frames()), list(zip(scan.frames(), scan.frames(), strict=True))]

    assert [len(one) for one in frames] == [3, 3]
    assert Image.MAX_IMAGE_PIXELS == 1_000


def test_pictures_may_be_closed_in_any_order_and_left_open(monkeypatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000)
    data = animation()

    first, second = opened(data, "gif"), opened(data, "gif")
    first.__enter__(), second.__enter__()
    first.__exit__(None, None, None)

    assert Image.MAX_IMAGE_PIXELS is None
    second.__exit__(None, None, None)
    assert Image.MAX_IMAGE_PIXELS == 1_000
