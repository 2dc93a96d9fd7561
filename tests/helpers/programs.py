"""Programs in processes of their own, for what one process can't show of itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run_program(program: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """Python's text as a program, which finds the package and the tests as this process does."""
    here = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": here},
        capture_output=True,
        text=True,
        timeout=seconds,
    )
