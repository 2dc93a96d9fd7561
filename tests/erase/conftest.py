"""Deployments whose patient is going to leave, built once: tests work in copies."""

from __future__ import annotations

import pytest

from tests.helpers.leaving import build
from tests.helpers.rehearsal import Rehearsal


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """With three releases."""
    return build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def built_of_every_kind(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """With releases of all units and sizes."""
    return build(tmp_path_factory.mktemp("every-kind"), every=True)
