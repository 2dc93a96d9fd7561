"""The gate stops what is wrong, also where a library takes it for missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from echoatlas.pipeline.release.select import filter_rows
from echoatlas.pipeline.run.expectations import suite_of, validate
from echoatlas.pipeline.run.lake_steps import GATED
from echoatlas.pipeline.run.references import referring
from echoatlas.schemas.rows.frames import FrameRow, MeasureRow
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


def test_a_failing_check_names_rows_by_their_opaque_ids_and_quotes_no_value() -> None:
    names = {"b" * 32: "DOE^JANE", "c" * 32: "1234567"}
    rows = [made(FrameRow, frame_id="a" * 32, patient="d" * 32)]
    rows += [made(FrameRow, frame_id=one, patient=name) for one, name in names.items()]

    with as_in_a_process():
        found = {
            check: said
            for check, passed, said in validate("frames", to_arrow("frames", rows))
            if not passed
        }

    said = found["frames: ExpectColumnValuesToMatchRegex(patient)"]
    assert said == f"2 rows, of them {'b' * 32}, {'c' * 32}"
    assert "DOE" not in str(found)
    assert "1234567" not in str(found)


def test_a_check_that_fails_is_told_by_its_own_name() -> None:
    """Great Expectations gives results in another order than it was asked."""
    wide = [made(FrameRow, frame_id="a" * 32, patient="d" * 32, width=0, channels=1)]

    found = failed("frames", wide)

    assert "frames: ExpectColumnValuesToBeBetween(width)" in found
    assert "frames: ExpectColumnValuesToNotBeNull(width)" not in found
    assert "frames: ExpectColumnValuesToBeInSet(channels)" not in found


def test_a_row_that_speaks_of_nothing_that_is_there_does_not_pass() -> None:
    tables = {
        "objects": [{"object_id": "o"}],
        "frames": [{"frame_id": "f", "object_id": "o"}],
        "measures": [{"frame_id": "f"}, {"frame_id": "gone"}],
        "annotations": [{"annotation_id": "n", "frame_id": "lost"}],
        "labels": [{"frame_id": "f"}],
        "duplicates": [],
    }

    def read(name: str, columns: Sequence[str]) -> pa.Table:
        rows = {column: [row[column] for row in tables[name]] for column in columns}
        return pa.table({column: pa.array(values, pa.string()) for column, values in rows.items()})

    found = {check: said for check, passed, said in referring(read) if not passed}

    assert found == {
        "measures: frame_id is one of frames": "1 rows, of them gone",
        "annotations: frame_id is one of frames": "1 rows, of them n",
    }
