"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[1] / "../shared/samples"


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real scans beside the checkout; tests that need it are skipped without it."""
    if not (SAMPLES / "manifest.csv").is_file():
        pytest.skip("the folder of real sample scans is not beside this checkout")
    return SAMPLES.resolve()
