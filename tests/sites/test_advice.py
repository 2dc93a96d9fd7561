"""What to do about a rejected object is the same wherever it is said, and is about that object."""

from __future__ import annotations

import ast
import io
import re
from pathlib import Path

import numpy as np
import tifffile
from pydicom import dcmread

from echoatlas.pipeline.errors import Reason
from echoatlas.pipeline.sites.advice import ADVICE, OWN, advice_on, told_without_advice
from echoatlas.simulate import make_cine
from tests.helpers.rehearsal import Rehearsal, fill

SOURCES = Path(__file__).parents[2] / "src/echoatlas/pipeline"
# Verbs by which a detail may tell a site what to do
VERBS = re.compile(r"[:;.,] (?:or )?(?:state|send|save|export|set|say in|put|convert|rename) ")


def gray_frames() -> bytes:
    """Three frames of a gray clip as tifffile writes them where nothing is said of axes."""
    frames = make_cine(seed=1, frames=3, size=(320, 240)).pictures
    gray = frames if frames.ndim == 3 else frames[..., 0]
    stream = io.BytesIO()
    tifffile.imwrite(stream, gray)
    return stream.getvalue()


def test_receipt_and_quarantine_say_the_same(rehearsal: Rehearsal) -> None:
    made = rehearsal
    here = made.site("here")
    files = {
        "frames.tif": gray_frames(),
        "empty.dcm": b"",
        "notes.txt": b"nothing to see",
        "cut.png": b"\x89PNG\r\n\x1a\n" + bytes(40),
        "table.npy": _saved(np.eye(64)),
    }
    for name, data in files.items():
        (here / name).write_bytes(data)

    made.here("run")
    listed = {one["object_id"]: one for one in made.run("quarantine", "list")}
    receipts = {one["file"]: one for one in made.run("site", "receipt", "here")}
    shown = made.here("quarantine", "list").stdout

    rejected = {name: one for name, one in receipts.items() if one["status"] == "rejected"}
    assert len({one["reason"] for one in rejected.values()}) >= 4
    for one in rejected.values():
        row = listed[one["object_id"]]
        assert one["advice"] == row["advice"] != ""
        assert row["advice"] in shown
        assert made.run("quarantine", "show", one["object_id"])["advice"] == row["advice"]
    assert receipts["frames.tif"]["reason"] == Reason.AXES_UNCLEAR
    assert receipts["frames.tif"]["advice"].startswith("State axes of frames (tifffile: ")


def test_bare_ids_under_a_name_that_says_nothing_are_heeded_under_the_one_that_is_advised(
    rehearsal: Rehearsal,
) -> None:
    made = rehearsal
    here = made.site("here")
    fill(here, stills=2, cine=False)
    patient = dcmread(here / "upload-1" / "scan0.dcm").PatientID
    (here / "ids.csv").write_text(f"{patient}\n")
    made.run("run")
    (told,) = (one for one in made.run("site", "receipt", "here") if one["file"] == "ids.csv")
    before = made.run("release", "create", "r1", "--dry-run")["samples"]

    (name,) = re.findall(r"call it (\S+\.csv)", told["advice"])
    (here / "ids.csv").rename(here / name)
    made.run("run")

    assert made.run("release", "create", "r1", "--dry-run")["samples"] == before - 1


def _saved(values: np.ndarray) -> bytes:  # type: ignore[type-arg]
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def test_what_a_detail_advises_stands_in_the_place_of_its_reasons_advice() -> None:
    detail = "a page of the file is a volume: save slices as pages"

    assert advice_on("unsupported_format", detail) == "Save slices as pages."
    assert told_without_advice(detail) == "a page of the file is a volume"
    for reason in Reason:
        assert advice_on(reason.value, reason.sentence) == ADVICE[reason]


def test_no_detail_of_ours_advises_what_a_receipt_would_not_say() -> None:
    told = 0
    for file in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reject"):
                continue
            for detail in node.args[1:2]:
                said = " ".join(
                    part.value
                    for part in ast.walk(detail)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                )
                if VERBS.search(said) and "quarantine retry" not in said:
                    told += 1
                    assert OWN.search(said), f"{file}:{node.lineno}"
    assert told > 8
