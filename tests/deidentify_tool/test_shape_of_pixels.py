"""Pixels that are no squares come out as what they were: as squares they would be other shapes."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
import tifffile
from PIL import Image

from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify_tool.rewrite import rewritten
from echoatlas.pipeline.read import read
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Origin
from tests.helpers.planted import cine


def saved(kind: str, **options: Any) -> bytes:
    first, *others = map(Image.fromarray, cine().pictures)
    out = io.BytesIO()
    more = {"save_all": True, "append_images": others} if options.pop("clip", False) else {}
    first.save(out, kind, **more, **options)
    return out.getvalue()


def video(ratio: Fraction) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", "mp4") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.height, stream.width = cine().pictures.shape[1:]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = ratio
        for gray in cine().pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(gray), "gray")))
        file.mux(stream.encode(None))
    return out.getvalue()


def imagej() -> bytes:
    out = io.BytesIO()
    said = {"unit": "mm", "finterval": 0.05, "axes": "TYX"}
    tifffile.imwrite(out, cine().pictures, imagej=True, resolution=(5, 10), metadata=said)
    return out.getvalue()


MAKERS = {
    "png": lambda: saved("PNG", dpi=(100, 200)),
    "bmp": lambda: saved("BMP", dpi=(100, 200)),
    "jpeg": lambda: saved("JPEG", dpi=(100, 200), quality=95),
    "tiff": lambda: saved("TIFF", dpi=(100, 200)),
    "tiff of pages": lambda: saved("TIFF", dpi=(100, 200), clip=True),
    "tiff of imagej": imagej,
    "mp4": lambda: video(Fraction(2, 1)),
}


def written(data: bytes, key: Any) -> bytes:
    origin, site = Origin("st-elsewhere", "", "a"), SiteConfig(site="st-elsewhere", bucket=".")
    return rewritten(data, origin, site, key, Policy(), RedactConfig()).data


@pytest.mark.parametrize("container", MAKERS)
def test_pixels_stay_twice_as_wide_as_high(container, key):
    data = written(MAKERS[container](), key)

    assert read(data).aspect == (2, 1)
    assert "anamorphic" in read(data).flags


@pytest.mark.parametrize("dpi", [None, (300, 300)])
def test_a_picture_of_squares_says_nothing_of_them(dpi, key):
    """Densities have room for eight digits: only what is no square leaves, and in small numbers."""
    options = {"dpi": dpi} if dpi else {}

    data = written(saved("PNG", **options), key)

    assert b"pHYs" not in data


def test_densities_that_could_spell_something_leave_as_small_numbers(key):
    data = written(saved("PNG", dpi=(19610412 * 0.0254, 7001334 * 0.0254)), key)

    across, down = read(data).aspect
    assert max(across, down) <= 64
    assert abs(across / down - 7001334 / 19610412) < 0.01
