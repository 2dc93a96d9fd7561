"""docs/performance.md says what was measured, and what was not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from benchmarks.runner import names
from tools.performance import PAGE, RESULTS, SECTIONS, page


@pytest.fixture
def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    return found


def test_the_page_says_what_the_results_say(results: dict[str, Any]) -> None:
    """Else: ``python -m tools.performance``."""
    assert PAGE.read_text("utf-8") == page(results)


def test_another_figure_is_another_page(results: dict[str, Any]) -> None:
    other = copy.deepcopy(results)
    other["benchmarks"]["journey"]["rows"]["the whole journey"]["an_image_ms"] = 12345.678

    assert "| 12,345.68 |" in page(other)


def test_what_was_not_measured_in_full_is_named(results: dict[str, Any]) -> None:
    other = copy.deepcopy(results)
    other["benchmarks"]["journey"]["quick"] = True
    del other["benchmarks"]["memory"]

    told = page(other)

    assert "## A picture's way" not in told
    last = told.strip().splitlines()[-1]
    assert (
        last.startswith("Not measured in full yet") and "`journey`" in last and "`memory`" in last
    )


def test_every_benchmark_that_it_speaks_of_exists() -> None:
    spoken = {table.benchmark for section in SECTIONS for table in section.tables}

    assert spoken <= {*names()}
