"""The figures in the README are those that were measured."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tools.figures import RESULTS, TABLES, TOP, filled, table

README = (TOP / "README.md").read_text("utf-8")


@pytest.fixture
def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    return found


def test_the_tables_in_the_readme_are_the_results(results: dict[str, Any]) -> None:
    """Else: ``python -m tools.figures``."""
    assert filled(README, results) == README


def test_another_figure_is_another_page(results: dict[str, Any]) -> None:
    results["benchmarks"]["deid"]["rows"]["EchoAtlas"]["leaked"] = 1

    assert "| EchoAtlas | 160 | **1** |" in filled(README, results)


@pytest.mark.parametrize("change", [{"quick": True}, {"status": "failed"}, {"status": "skipped"}])
def test_a_short_or_failed_run_fills_no_table(
    results: dict[str, Any], change: dict[str, Any]
) -> None:
    results["benchmarks"]["deid"] |= change

    with pytest.raises(ValueError, match="no figures of 'deid'"):
        table("deid", results)


def test_figures_that_were_not_measured_anew_are_told_below_the_table(
    results: dict[str, Any],
) -> None:
    fresh = copy.deepcopy(results)
    place = {"processor": "a processor", "cores": 2, "python": "3.11.9", "load": 0.4}
    place["commit"] = "1234567"
    fresh["benchmarks"]["deid"] |= {"status": "measured", "environment": place}
    fresh["benchmarks"]["deid"].pop("carried", None)
    results["benchmarks"]["deid"] |= {"status": "carried", "carried": True, "commit": "abcdef0"}

    assert table("deid", results).endswith(
        "Carried over from commit abcdef0, not measured since: `deid`."
    )
    assert table("deid", fresh).endswith(
        "Measured on a processor, 2 cores, Python 3.11.9: `deid` (commit 1234567, load 0.4)."
    )


def test_every_table_has_its_place(results: dict[str, Any]) -> None:
    for name in TABLES:
        page = README.replace(f"<!-- figures, {name}: start -->", "")
        with pytest.raises(ValueError, match=f"no place for the table '{name}'"):
            filled(page, results)


def test_results_tell_no_place_on_this_machine(results: dict[str, Any]) -> None:
    assert str(Path.home()) not in json.dumps(results)
