"""Names and numbers where nobody looks come out of no container, nor do reports tell them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from canaries import HELD_BACK, LEAKED_ONCE, MAKERS, canaries

from echoatlas.pipeline.deidentify.files import deidentify_files
from echoatlas.pipeline.deidentify.policy import Policy
from echoatlas.pipeline.vault import SiteKey
from scorer import leaked


@pytest.mark.parametrize(
    "names",
    [LEAKED_ONCE, pytest.param(sorted({*MAKERS} - {*LEAKED_ONCE}), marks=pytest.mark.heavy)],
)
def test_no_canary_comes_out(tmp_path: Path, key: SiteKey, names: list[str]) -> None:
    src, traps = tmp_path / "in", list(canaries(names))
    src.mkdir()
    for trap in traps:
        assert leaked([trap.data, trap.name.encode()], trap.planted) == list(trap.planted), (
            trap.name
        )
        (src / trap.name).write_bytes(trap.data)

    done = deidentify_files(
        src, tmp_path / "out", Policy(times=True), key, tmp_path / "report.json", workers=2
    )

    written = [tmp_path / "out", tmp_path / "report.json"]
    assert done.reasons == Counter(HELD_BACK[name] for name in names if name in HELD_BACK)
    assert leaked(written, [one for trap in traps for one in trap.planted]) == []
