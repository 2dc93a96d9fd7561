"""Deployments for the engine's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.helpers.rehearsal import Rehearsal, fill


@pytest.fixture
def rehearsal(one_ray: None, tmp_path: Path) -> Rehearsal:
    return Rehearsal(tmp_path)


@pytest.fixture(scope="session")
def undisturbed(one_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A small deployment that ran once, from start to end."""
    made = Rehearsal(tmp_path_factory.mktemp("undisturbed"))
    made.engine(batch=2, group=1, workers=2)
    fill(made.site("st-elsewhere", labels={"organ": "abdomen/liver"}))
    made.run("run")
    return made
