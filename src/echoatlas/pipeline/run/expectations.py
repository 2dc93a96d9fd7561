"""The gate: Great Expectations over the tables, before anything is released.

Suites are data (``schemas/expectations/TABLE.yaml``), and the closed words of the tables' columns.
Results are asked for as summaries, so that no value of a row is quoted. Great Expectations takes
seconds to import: it is, only here.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from echoatlas.pipeline.silence import silence
from echoatlas.schemas.tables import TABLES, columns

Check = tuple[str, bool, str]


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
    suite = gx.ExpectationSuite(
        name=name,
        expectations=[
            getattr(gxe, one["expect"])(**{k: v for k, v in one.items() if k != "expect"})
            for one in expectations
        ],
    )
    result = batch.validate(suite, result_format="BOOLEAN_ONLY")
    found = [
        (f"{table}: {_named(one)}", bool(outcome.success), "" if outcome.success else "not so")
        for one, outcome in zip(expectations, result.results, strict=True)
    ]
    return [*found, numbers]


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
