"""Real scans through the command: every one accounted for, and nothing known of them left."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydicom import dcmread

from echoatlas.cli import call
from echoatlas.pipeline.deidentify.header.checker import CLOSED, walk
from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.header.ps315 import profile
from echoatlas.pipeline.deidentify_tool.containers.jpeg import kept_exactly
from echoatlas.pipeline.deidentify_tool.inputs import Inputs
from echoatlas.pipeline.read import read
from echoatlas.pipeline.vault.pseudonyms import is_standard
from tests.helpers.verified import errors, verified

pytestmark = pytest.mark.heavy
SHORTEST = 5  # shorter values occur by chance in compressed pixels
LONGER = 8  # digits: fewer occur by chance in mapped UIDs
# What our own vocabularies say of organs and devices, and some senders put elsewhere too.
VOCABULARY = {"abdomen", "thyroid", "veriq"}
Released = list[tuple[str, bytes, Mapping[str, Any]]]


@pytest.fixture(scope="module")
def ran(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy of the samples, and what the command made of it."""
    root = tmp_path_factory.mktemp("real")
    for name in ("dicom", "deid"):
        shutil.copytree(samples / name, root / "src" / name)
    key = root / "key"
    key.write_text(random.Random(5).randbytes(32).hex())
    key.chmod(0o600)
    call(["deidentify", str(root / "src"), str(root / "clean"), "--key", str(key)])
    return root / "src", root / "clean"


@pytest.fixture(scope="module")
def outcomes(ran: tuple[Path, Path]) -> list[Mapping[str, Any]]:
    told = json.loads((ran[1] / "_deidentification/report.json").read_text())
    return sorted(told["outcomes"], key=lambda one: one["input"])


@pytest.fixture(scope="module")
def released(ran: tuple[Path, Path], outcomes: list[Mapping[str, Any]]) -> Released:
    """Name, bytes and outcome of each input that was released."""
    inputs = [(one.name, one.data) for one in Inputs.of(ran[0])]
    return [(*inputs[one["input"]], one) for one in outcomes if one["status"] == "released"]


def test_every_input_is_accounted_for(ran, outcomes):
    inputs = list(Inputs.of(ran[0]))
    written = [path for path in ran[1].rglob("*.dcm") if path.is_file()]

    assert list(range(len(inputs))) == [one["input"] for one in outcomes]
    assert len(written) == sum(one["status"] == "released" for one in outcomes) >= 16
    assert all(one["reason"] and one["detail"] for one in outcomes if not one["output"])


def test_no_known_string_of_a_sample_is_in_any_byte(ran, samples):
    known = {text for one in Inputs.of(ran[0]) if one.data for text in identifying(one.data)}
    gold = json.loads((samples / "burned_in_gold.json").read_text())
    known |= {box["text"] for boxes in gold.values() for box in boxes}
    known = {text for text in known if len(text) >= SHORTEST and text.lower() not in VOCABULARY}
    known = {text for text in known if len(text) >= LONGER or not text.isdigit()}

    found = {text for text in known if occurs(text, everything(ran[1]))}

    assert len(known) > 150
    assert found == set()


@cache
def everything(folder: Path) -> bytes:
    """All names, bytes and decoded headers below a folder, folded."""
    parts = []
    for path in sorted(folder.rglob("*")):
        parts.append(path.relative_to(folder).as_posix().encode())
        if path.is_file():
            parts.append(path.read_bytes())
        if path.suffix == ".dcm":
            parts.append(str(dcmread(path, stop_before_pixels=True)).encode())
    return b"\0".join(parts).lower()


def occurs(text: str, folded: bytes) -> bool:
    forms = [text.lower().encode(), text.lower().encode("utf-16-le")]
    return any(form in folded for form in forms)


def identifying(data: bytes) -> list[str]:
    """What the standard removes, replaces or empties, as it stands in a file's header."""
    try:
        header = dcmread(BytesIO(data), stop_before_pixels=True)
    except Exception:  # noqa: BLE001  (a test's own look at files that may be damaged)
        return []
    found = []
    for _, element in walk(header):
        row = profile(int(element.tag))
        if row is None or row.action(Policy().options) in ("K", "C") or int(element.tag) in CLOSED:
            continue
        several = element.value if hasattr(element.value, "append") else [element.value]
        for one in several:
            text = one if isinstance(one, str) else str(one) if element.VR == "PN" else ""
            if text.strip("0. ") and not is_standard(text):
                found.append(text.strip("\0 "))
    return found


def test_pixels_inside_the_mask_are_those_of_the_source(ran, released):
    for name, data, one in released:
        keep = cv2.imread(str(ran[1] / one["mask"]), cv2.IMREAD_GRAYSCALE) > 0
        exact = kept_exactly(keep) if one["pixels"] == "dct" else keep
        written = (ran[1] / one["output"]).read_bytes()

        for before, after in zip(read(data).frames(), read(written).frames(), strict=True):
            shown = before if before.ndim == after.ndim else np.repeat(before[..., None], 3, 2)
            assert np.array_equal(shown[exact], after[exact]), name
            assert after[~keep].max(initial=0) <= 24, name


def test_every_box_of_known_text_is_black_or_its_file_quarantined(ran, released, samples):
    gold = json.loads((samples / "burned_in_gold.json").read_text())
    judged = 0
    for name, data, one in released:
        for box in gold.get(name.partition("!")[0], ()):
            x0, y0, x1, y1 = box["box"]
            before = next(read(data).frames())[y0:y1, x0:x1]
            after = next(read((ran[1] / one["output"]).read_bytes()).frames())[y0:y1, x0:x1]
            ink = before.max(axis=-1) > 128 if before.ndim == 3 else before > 128
            judged += 1
            assert (after[ink] > 24).mean() <= 0.05, (name, box["label"])

    assert judged > 5


@verified
def test_conformance_is_no_worse_than_the_inputs(ran, released, tmp_path):
    for name, data, one in released:
        (tmp_path / "before.dcm").write_bytes(data)
        assert set() == errors(ran[1] / one["output"]) - errors(tmp_path / "before.dcm"), name
