"""Rows held against a suite, column by column: what Great Expectations would say of each row.

Great Expectations takes seconds and 400 MB to be imported and a second a batch; this takes
milliseconds, so that every batch is looked at by the worker who made it. That both say the same
is a test, and ``echoatlas validate`` asks Great Expectations itself. One thing is stricter here:
a number that is none (NaN) is wrong wherever it stands; Great Expectations takes it for missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.schemas.expectation import Expectation

if TYPE_CHECKING:
    from numpy.typing import NDArray

Mask: TypeAlias = "NDArray[np.bool_]"
NUMBERS = "all numbers are some"


def _between(values: pa.Array, asked: Expectation) -> pa.Array:
    low, high = asked.min_value, asked.max_value
    above = pc.less(values, low) if low is not None else pa.scalar(False)
    below = pc.greater(values, high) if high is not None else pa.scalar(False)
    return pc.or_(above, below)


def _in_set(values: pa.Array, asked: Expectation) -> pa.Array:
    allowed = pa.array(list(asked.value_set or ()), values.type)
    return pc.invert(pc.is_in(values, value_set=allowed, skip_nulls=True))


def _matches(values: pa.Array, asked: Expectation) -> pa.Array:
    return pc.match_substring_regex(values, asked.regex or "")


WRONG: Mapping[str, Callable[[pa.Array, Expectation], pa.Array]] = {
    "ExpectColumnValuesToNotBeNull": lambda values, _: pc.is_null(values),
    "ExpectColumnValuesToBeBetween": _between,
    "ExpectColumnValuesToBeInSet": _in_set,
    "ExpectColumnValuesToMatchRegex": lambda values, asked: pc.invert(_matches(values, asked)),
    "ExpectColumnValuesToNotMatchRegex": _matches,
    "ExpectColumnValueLengthsToBeBetween": lambda values, asked: _between(
        pc.utf8_length(values), asked
    ),
}


def wrong(rows: pa.Table, asked: Expectation) -> Mask:
    """(n,) which rows an expectation does not hold of."""
    column = rows.column(asked.column).combine_chunks()
    if asked.expect == "ExpectColumnValuesToBeUnique":
        return standing_twice(column)
    found = WRONG[asked.expect](column, asked)
    if asked.expect != "ExpectColumnValuesToNotBeNull":
        found = pc.and_(pc.fill_null(found, False), pc.is_valid(column))
    return _flags(found)


def standing_twice(column: pa.Array) -> Mask:
    """(n,) which values stand more than once; those that are missing don't count."""
    codes = column.dictionary_encode()
    numbers = np.asarray(pc.fill_null(codes.indices, -1), np.int64)
    often = np.bincount(numbers[numbers >= 0], minlength=len(codes.dictionary) + 1) > 1
    return np.asarray(often[numbers] & (numbers >= 0), np.bool_)


def no_numbers(rows: pa.Table) -> Mask:
    """(n,) which rows have a number that is none."""
    found = np.zeros(rows.num_rows, np.bool_)
    for field in rows.schema:
        if pa.types.is_floating(field.type):
            found |= _flags(pc.is_nan(rows.column(field.name).combine_chunks()))
    return found


def unlike(rows: pa.Table, suite: Iterable[Expectation]) -> dict[str, Mask]:
    """Name of each check that some row does not pass, to a mask of these, (n,).

    Columns that the table has not got are not asked for.
    """
    found = {one.name: wrong(rows, one) for one in suite if one.column in rows.column_names}
    found[NUMBERS] = no_numbers(rows)
    return {name: mask for name, mask in found.items() if mask.any()}


def _flags(values: pa.Array) -> Mask:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), np.bool_)
