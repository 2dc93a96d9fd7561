"""`engine.driver_memory_mb` holds: no command dies of taking more, when there is no more."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from benchmarks import scale
from tests.helpers.memory_group import memory_group

ALLOWED_MB = 1_000  # the least that may be set
FRAMES, SITES = 100_000, 23
OUT = "out"  # stands for a file or a folder of the command's own
COMMANDS = (
    ("run",), ("run",), ("status",), ("plan",), ("release", "create", "first"), ("verify", "first"),
    ("report", "first", "--out", OUT), ("audit", "sample", OUT), ("label", "review", "export", OUT),
    ("audit", "report"),
)  # fmt: skip
OVER = "x = b'x' * (1_200 << 20)"


@pytest.mark.heavy
def test_no_command_is_killed_where_there_is_no_more_memory_than_was_set(tmp_path: Path) -> None:
    each = scale.scans(tmp_path / "bucket")
    here = Path(scale.__file__).parents[1] / "src"
    code = scale.prepared("now", here, tmp_path / "now", tmp_path / "bucket")
    home = code.root / "home-grown"
    code.grow("grow", code.root, home, "0", str(FRAMES // each), str(SITES))
    config = home / "echoatlas.yaml"
    told = yaml.safe_load(config.read_text()) | {
        "engine": {"driver_memory_mb": ALLOWED_MB, "address": "processes", "workers": 1}
    }
    config.write_text(yaml.safe_dump(told))

    with memory_group("echoatlas-test") as group:
        group.allow(ALLOWED_MB)
        assert group.run([sys.executable, "-c", OVER]).returncode == -9, "the limit is none"
        before = group.kills()
        for words in COMMANDS:
            given = [str(tmp_path / words[0]) if one == OUT else one for one in words]
            program = [sys.executable, "-c", scale.COMMAND, str(home), *given]
            done = group.run(program, code.env())
            assert done.returncode == 0, (words, done.returncode, done.stderr[-2000:])
        assert group.kills() == before
