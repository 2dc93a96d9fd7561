"""Fixtures of de-identification; with this file, tests can import ``scorer`` and ``torture``."""

from __future__ import annotations

import pytest
from torture import make_key

from echoatlas.pipeline.vault import SiteKey


@pytest.fixture(scope="session")
def key() -> SiteKey:
    """The key of a site."""
    return make_key()
