"""The same suites by Great Expectations itself, over whole tables: asked for, never by a run.

Great Expectations takes seconds to import: it is, only here. Of its answers only places and ids of
rows are taken: it tells their values too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pyarrow as pa

from echoatlas.pipeline.gate.suites import suite_of
from echoatlas.pipeline.silence import silence
from echoatlas.schemas.expectation import Expectation


@cache
def _context() -> Any:
    silence()
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def failing_rows(
    table: str, rows: pa.Table, suite: Sequence[Expectation] | None = None
) -> dict[str, list[int]]:
    """Check rows against a suite.

    Args:
        suite: that of the table, if not given.

    Returns:
        Name of each expectation that does not hold, to the numbers of the rows at fault.
    """
    asked = suite_of(table) if suite is None else tuple(suite)
    if not asked or rows.num_rows == 0:
        return {}
    context = _context()
    import great_expectations as gx
    import great_expectations.expectations as gxe

    name = f"{table}-{len(context.data_sources.all())}"
    batch = (
        context.data_sources.add_pandas(name)
        .add_dataframe_asset(name)
        .add_batch_definition_whole_dataframe("all")
        .get_batch({"dataframe": rows.to_pandas()})
    )
    # Great Expectations tells results by column, in another order than it was asked: each is known
    # by its place
    made = [
        getattr(gxe, one.expect)(**_arguments(one), meta={"place": place})
        for place, one in enumerate(asked)
    ]
    passed = batch.validate(
        gx.ExpectationSuite(name=name, expectations=made), result_format="BOOLEAN_ONLY"
    )
    failing = [
        made[one.expectation_config.meta["place"]] for one in passed.results if not one.success
    ]
    if not failing:
        return {}
    told = batch.validate(
        gx.ExpectationSuite(name=f"{name}-f", expectations=failing), result_format="COMPLETE"
    )
    return {
        asked[one.expectation_config.meta["place"]].name: sorted(
            int(row) for row in one.result.get("unexpected_index_list") or ()
        )
        for one in told.results
    }


def _arguments(one: Expectation) -> dict[str, Any]:
    found = dict(one.arguments)
    if "value_set" in found:
        found["value_set"] = list(one.value_set or ())
    return found
