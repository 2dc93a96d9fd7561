"""A plan opens no archive, and says so instead of counting it as one file among others."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.helpers.rehearsal import Rehearsal


def packed(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


# Great Expectations warns as it is imported, and here it is imported into this process
@pytest.mark.filterwarnings("ignore")
def test_a_plan_says_what_it_does_not_count(tmp_path: Path) -> None:
    made = Rehearsal(tmp_path)
    up = made.site("with-archives") / "up"
    up.mkdir()
    (up / "a.zip").write_bytes(packed(**{"t.csv": b"file,patient\na.png,P1\n", "a.png": b"x"}))
    (up / "b.ZIP").write_bytes(packed(**{"b.png": b"y"}))
    (up / "c.png").write_bytes(b"z")
    made.site("without")

    told = json.loads(made.here("plan", "--json").stdout)["sites"]
    said = made.here("plan").stdout

    assert {one["site"]: one["archives"] for one in told} == {"with-archives": 2, "without": 0}
    assert "with-archives: 2 new archives not looked into" in said
    assert "without: " not in said
