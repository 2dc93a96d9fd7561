"""Fixtures of the label tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from labeling import hints_of

from echoatlas.pipeline.label import Label, label


@pytest.fixture
def labeled() -> Callable[..., Label]:
    """The label of a scan with these attributes."""
    return lambda *args, **kwargs: label(hints_of(*args, **kwargs))
