"""The gate stops what is wrong, also where a library takes it for missing."""

from __future__ import annotations

from typing import Any

import pytest

from echoatlas.pipeline.release.select import filter_rows
from echoatlas.pipeline.run.expectations import suite_of, validate
from echoatlas.pipeline.run.lake_steps import GATED
from echoatlas.schemas.rows import FrameRow, MeasureRow
from echoatlas.schemas.tables import TABLES, columns, to_arrow
from echoatlas.schemas.values import Status
from tests.helpers.rehearsal import as_in_a_process
from tests.helpers.tables import made

NAN = float("nan")


def failed(name: str, rows: list[Any]) -> list[str]:
    with as_in_a_process():  # Great Expectations warns as it is imported
        found = validate(name, to_arrow(name, rows))
    return [check for check, passed, _ in found if not passed]


@pytest.mark.parametrize("column", ["entropy", "blur", "motion"])
def test_a_number_that_is_none_does_not_pass(column: str) -> None:
    good = [made(MeasureRow, frame_id=name) for name in "ab"]

    found = failed("measures", [*good, made(MeasureRow, frame_id="c", **{column: NAN})])

    assert failed("measures", good) == []
    assert "measures: all numbers are some" in found


@pytest.mark.parametrize("name", ["objects", "frames", "labels", "duplicates", "annotations"])
def test_a_word_of_no_closed_list_does_not_pass(name: str) -> None:
    row = TABLES[name].row
    closed = {one: said.values for one, (_, said, _) in columns(row).items() if said.values}
    good = made(row, **{one: values[0] for one, values in closed.items()})

    found = failed(name, [good, made(row, **dict.fromkeys(closed, "forgotten"))])

    of_words = {f"{name}: ExpectColumnValuesToBeInSet({one})" for one in closed}
    assert of_words
    assert of_words <= set(found)
    assert not of_words & set(failed(name, [good]))


def test_the_gate_knows_the_closed_lists() -> None:
    asked = {
        one["column"]: one.get("value_set")
        for one in suite_of("objects")
        if "InSet" in one["expect"]
    }

    assert asked == {"status": ["kept", "rejected", "duplicate", "erased"]}
    assert asked["status"] == list(Status)


@pytest.mark.parametrize("name", GATED)
def test_each_range_is_asked_of_every_row(name: str) -> None:
    """Great Expectations passes over what is missing, and takes NaN for missing."""
    suite = suite_of(name)

    ranged = {one["column"] for one in suite if "Between" in one["expect"]}

    assert ranged <= {one["column"] for one in suite if "NotBeNull" in one["expect"]}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("blur > 50", ["c"]),
        ("blur <= 50", ["b"]),
        ("NOT blur > 50", ["b"]),
        ("blur IS NULL", ["a"]),
        ("blur = 'nan'::DOUBLE", []),
    ],
)
def test_a_number_that_is_none_is_missing_to_an_expression(
    expression: str, expected: list[str]
) -> None:
    rows = [
        made(MeasureRow, frame_id=n, blur=v) for n, v in zip("abc", (NAN, 7.0, 70.0), strict=True)
    ]

    found = filter_rows(to_arrow("measures", rows), expression)

    assert expected == found.column("frame_id").to_pylist()


def test_what_was_selected_is_as_it_was() -> None:
    rows = to_arrow("frames", [made(FrameRow, frame_id="a", fan_score=NAN)])

    found = filter_rows(rows, "fan_score IS NULL")

    assert rows.schema == found.schema
    assert str(found.column("fan_score")[0]) == "nan"
