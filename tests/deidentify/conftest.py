"""Fixtures of de-identification; with this file, tests can import ``scorer`` and ``torture``."""

from __future__ import annotations

import pytest

from echoatlas.pipeline.vault.pseudonyms import SiteKey
from tests.helpers.torture import make_key


@pytest.fixture(scope="session")
def key() -> SiteKey:
    """The key of a site."""
    return make_key()
