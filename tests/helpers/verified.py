"""What dciodvfy, the validator of Debian's dicom3tools, says of a file."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

verified = pytest.mark.skipif(
    not shutil.which("dciodvfy"), reason="dciodvfy (dicom3tools) is not installed"
)


def errors(path: Path) -> set[str]:
    """What dciodvfy calls an error, item numbers left out."""
    ran = subprocess.run(
        ["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False
    )
    lines = (ran.stdout + ran.stderr).splitlines()
    return {re.sub(r"\[\d+\]", "", line) for line in lines if line.startswith("Error")}
