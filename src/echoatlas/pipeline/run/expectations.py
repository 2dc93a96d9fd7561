"""The gate: Great Expectations over the tables, before anything is released.

Suites are data (``schemas/expectations/TABLE.yaml``), and the closed words of the tables' columns.
What fails is told by the opaque ids of rows, and no value of a row is quoted. Great Expectations
takes seconds to import: it is, only here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from echoatlas.pipeline.silence import silence
from echoatlas.schemas.tables import TABLES, columns

Check = tuple[str, bool, str]
FEW = 5  # ids that are told of a failing check


def suite_of(table: str) -> list[dict[str, Any]]:
    """The expectations of a table: each a mapping with ``expect`` and its arguments.

    Those of closed words follow from the columns themselves.
    """
    source = files("echoatlas.schemas") / "expectations" / f"{table}.yaml"
    found = yaml.safe_load(source.read_text("utf-8"))
    return [
        *found["expectations"],
        *(
            {
                "expect": "ExpectColumnValuesToBeInSet",
                "column": name,
                "value_set": [str(value) for value in column.values],
            }
            for name, (_, column, _) in columns(TABLES[table].row).items()
            if column.values
        ),
    ]


@cache
def _context() -> Any:
    silence()
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def validate(table: str, rows: pa.Table) -> list[Check]:
    """Check rows against the table's suite.

    Returns:
        (name, passed, what failed) for each expectation, and one for all numbers; an empty table
        passes them all.
    """
    expectations = suite_of(table)
    if rows.num_rows == 0:
        return [(f"{table}: {_named(one)}", True, "no rows") for one in expectations]
    numbers = _numbers(table, rows)
    context = _context()
    import great_expectations as gx
    import great_expectations.expectations as gxe

    name = f"{table}-{len(context.data_sources.all())}"
    source = context.data_sources.add_pandas(name)
    batch = (
        source.add_dataframe_asset(name)
        .add_batch_definition_whole_dataframe("all")
        .get_batch({"dataframe": rows.to_pandas()})
    )
    # Great Expectations tells results by column, in another order than it was asked: each is known
    # by its place
    suite = [
        getattr(gxe, one["expect"])(
            **{k: v for k, v in one.items() if k != "expect"}, meta={"place": place}
        )
        for place, one in enumerate(expectations)
    ]
    passed = {
        place: bool(outcome.success)
        for place, outcome in _results(batch, gx.ExpectationSuite(name=name, expectations=suite))
    }
    failing = [suite[place] for place, good in passed.items() if not good]
    ids = _ids(batch, gx.ExpectationSuite(name=f"{name}-f", expectations=failing), table)
    found = [
        (f"{table}: {_named(one)}", passed[place], ids.get(place, ""))
        for place, one in enumerate(expectations)
    ]
    return [*found, numbers]


def _results(batch: Any, suite: Any, result_format: Any = "BOOLEAN_ONLY") -> list[tuple[int, Any]]:
    """Place and outcome of each expectation."""
    if not suite.expectations:
        return []
    told = batch.validate(suite, result_format=result_format).results
    return [(outcome.expectation_config.meta["place"], outcome) for outcome in told]


def _ids(batch: Any, failing: Any, table: str) -> dict[int, str]:
    """Which rows each of some failing expectations is about, by the opaque id of the table's key.

    Great Expectations tells their values too: of its answer nothing is taken but the ids.
    """
    key = TABLES[table].key[0]
    asked = {"result_format": "COMPLETE", "unexpected_index_column_names": [key]}
    return {
        place: of_rows([str(row[key]) for row in outcome.result.get("unexpected_index_list") or ()])
        or "not so"
        for place, outcome in _results(batch, failing, asked)
    }


def of_rows(ids: Sequence[str]) -> str:
    """How many rows are at fault, and some of them by their opaque ids; "" for none."""
    if not ids:
        return ""
    some = sorted(set(ids))[:FEW]
    return f"{len(ids)} rows, of them {', '.join(some)}"


def _numbers(table: str, rows: pa.Table) -> Check:
    """Whether all numbers are some: Great Expectations takes NaN for a value that is missing, and
    passes over it. What is not known is null."""
    wrong = [
        field.name
        for field in rows.schema
        if pa.types.is_floating(field.type) and pc.any(pc.is_nan(rows[field.name])).as_py()
    ]
    said = f"NaN in {', '.join(wrong)}" if wrong else ""
    return f"{table}: all numbers are some", not wrong, said


def _named(expectation: dict[str, Any]) -> str:
    columns = expectation.get("column") or ", ".join(expectation.get("column_list", []))
    return f"{expectation['expect']}({columns})"
