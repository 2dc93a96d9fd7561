"""Fixtures of the label tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from echoatlas.pipeline.label.fusion import Label, label
from tests.helpers.labeling import hints_of
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.uploads import SITES, add, hospital


@pytest.fixture
def labeled() -> Callable[..., Label]:
    """The label of a scan with these attributes."""
    return lambda *args, **kwargs: label(hints_of(*args, **kwargs))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A deployment with a hospital and one site a collection, run from files to labels."""
    made = Rehearsal(tmp_path_factory.mktemp("labels"))
    made.engine(batch=8, workers=1)
    columns = {"quality": "score", "mm": "mm_per_px"}
    hospital(add(made, "st-elsewhere", sidecar={"columns": columns}))
    for name, fill in SITES.items():
        fill(add(made, name, collection=name))
    made.run("run")
    return made
