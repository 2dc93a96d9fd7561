"""Our readers leave Pillow and pydicom as they found them."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
from PIL import Image

from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.pillow import opened
from echoatlas.simulate import make_still, write_dicom


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


def test_pydicom_checks_values_as_its_users_want_before_and_after_a_scan_is_read() -> None:
    """In a process of its own: ``import`` alone would have changed it."""
    program = """
import sys, warnings
import pydicom.config as config
from pydicom.dataset import Dataset
from echoatlas.pipeline.read import read
warnings.simplefilter("error")
print(config.settings.reading_validation_mode == config.WARN)
scan = read(sys.stdin.buffer.read())
print(scan.header.PatientSex, config.settings.reading_validation_mode == config.WARN)
"""
    scan = make_still(seed=1, fan="convex", size=(400, 300))
    data = write_dicom(scan, "1.2.840.10008.1.2.1", overrides={"PatientSex": "female, of course"})

    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True)

    assert done.stdout.decode().splitlines() == ["True", "female, of course True"]
    assert done.stderr == b""
