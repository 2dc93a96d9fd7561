"""Commands close what they open: nothing is left to the garbage collector.

The suite as a whole can't tell, since Ray, Prefect and Great Expectations leave things open in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from echoatlas.simulate import make_still, write_png
from tests.helpers.rehearsal import CLI, Rehearsal

CALLS = """
import contextlib, gc, io, json, sys
from echoatlas.cli import call
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()):
        code = call(words)
    assert code == 0, (code, words)
gc.collect()
"""


def said(cwd: Path, script: str, *words: str) -> str:
    """What a process that works in `cwd` says of files, sockets and loops that nobody closed."""
    env = os.environ | {"PYTHONWARNINGS": "always::ResourceWarning"}
    command = [sys.executable, "-c", script, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr
    return "\n".join(line for line in done.stderr.splitlines() if "ResourceWarning" in line)


@pytest.mark.heavy
def test_commands_close_what_they_open(tmp_path: Path) -> None:
    there = Rehearsal(tmp_path)
    there.engine(address="processes", workers=1)
    folder = there.site("st")
    scan = write_png(make_still(seed=1, fan="convex", size=(240, 180)))
    (folder / "a.png").write_bytes(scan)
    (folder / "damaged.dcm").write_bytes(b"\0" * 128 + b"DICM and no more")
    calls = (
        ("plan",), ("run",), ("run",), ("status",), ("tree",), ("compact",), ("quarantine", "list"),
        ("release", "create", "a"), ("release", "list"), ("verify", "a"), ("report", "a"),
        ("pull", "a", str(tmp_path / "pulled")), ("overlap",), ("audit", "report"),
        ("site", "check", "st"), ("fingerprints", "export", str(tmp_path / "prints")),
        ("label", "review", "export", str(tmp_path / "review")),
    )  # fmt: skip
    listed = [there.command(*words)[len(CLI) :] for words in calls]

    assert said(tmp_path, CALLS, json.dumps(listed)) == ""
    assert "unclosed file" in said(tmp_path, "import os; open(os.devnull)")
