"""The gate stops what is wrong, also where a library takes it for missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from echoatlas.pipeline.gate.checked import BatchChecks, Checker, Keys, checks_of
from echoatlas.pipeline.gate.gate import Gate
from echoatlas.pipeline.gate.great_expectations import failing_rows
from echoatlas.pipeline.gate.rows import NUMBERS, wrong
from echoatlas.pipeline.gate.suites import GATED, UNIQUE, closed_words, forms, free, suite_of
from echoatlas.pipeline.gate.whole_lake import whole_lake
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.select import filter_rows
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.rows.duplicates import DuplicateRow
from echoatlas.schemas.rows.frames import AnnotationRow, FrameRow, MeasureRow
from echoatlas.schemas.rows.objects import ObjectRow, SightingRow
from echoatlas.schemas.tables import TABLES, columns, to_arrow
from echoatlas.schemas.values import Status
from tests.helpers.rehearsal import as_in_a_process
from tests.helpers.tables import made

NAN = float("nan")
# What a person's name, number, address, date or file name looks like
OF_PERSONS = ("DOE^JANE", "1.2.840.113619.2.5.1762583153", "jane@example.org", "1961-03-07")


def name(number: int) -> str:
    return f"{number:032x}"


def passing(row: type, number: int = 1, /, **values: Any) -> Any:
    """A row that passes its suite, with the given values."""
    table = next(one for one in TABLES.values() if one.row is row)
    good: dict[str, Any] = {}
    for column, (kind, said, nullable) in columns(row).items():
        if column in ("object_id", "frame_id", "locator", "patient", "annotation_id"):
            good[column] = name(number)
        elif (table.name, column) == ("audit", "model"):  # hashes of weights
            good[column] = "0123456789abcdef"
        elif kind is str and not said.values:
            good[column] = EXAMPLES.get(column, "unknown" if column in closed_words() else "code")
        elif not nullable and kind in (int, float):
            good[column] = kind(1)
    return made(row, **good | values)


EXAMPLES = {
    "other_object": name(8), "cluster": name(1), "tie": name(1), "representative": name(1),
    "head": f"{name(1)}/0", "pixel_hash": name(3), "digest": name(3), "content_id": name(4),
    "container": "", "study": name(5), "series": name(6), "instance": "", "codestream": "",
    "site": "st-elsewhere", "upload": f"u-{'0' * 12}", "fingerprint": "f" * 16, "tree": "e" * 16,
    "policy": "", "key_id": "", "codec": "1.2.840.10008.1.2.1", "sex": "F",
    "session": f"{name(6)} {name(7)}", "known_as": name(9), "told_by": name(10),
    "burned_in_annotation": "NO", "actions": '{"C": 12, "D": 2}', "fan": '{"apex": [1.0, -2e-3]}',
    "methods": "113100 113101", "code": "LN/11979-2", "reason": "", "rule": "body_part:L-1",
}  # fmt: skip


def found(table: str, *rows: Any, site: SiteConfig | None = None) -> dict[str, tuple[str, ...]]:
    """Each check that rows do not pass, and ids of those at fault."""
    checker = Checker(site)
    checker.add(table, to_arrow(table, rows))
    return {
        one.check: one.some for one in checker.done().failures if " is one of " not in one.check
    }


@pytest.mark.parametrize("column", ["entropy", "blur", "motion"])
def test_a_number_that_is_none_does_not_pass(column: str) -> None:
    good = [passing(MeasureRow, 1), passing(MeasureRow, 2)]

    bad = found("measures", *good, passing(MeasureRow, 3, **{column: NAN}))

    assert found("measures", *good) == {}
    assert bad == {NUMBERS: (name(3),)}


@pytest.mark.parametrize("table", GATED)
def test_a_row_as_the_pipeline_writes_it_passes_and_one_of_persons_does_not(table: str) -> None:
    row = TABLES[table].row
    good = passing(row, 1)
    texts = [one for one, (kind, _, _) in columns(row).items() if kind is str]

    assert found(table, good) == {}
    for column in [one for one in texts if one != "site"]:  # the deployment's own word
        for said in OF_PERSONS:
            bad = found(table, good, passing(row, 2, **{column: said}))
            assert any(f"({column})" in check for check in bad), (column, said)
            assert said not in str(
                {k: v for k, v in bad.items() if column not in TABLES[table].key}
            )


def test_each_column_of_text_has_closed_words_or_a_form_or_is_looked_through_for_persons() -> None:
    told = {*closed_words(), *forms(), *free()[0]}
    texts = {
        name
        for table in GATED
        for name, (kind, column, _) in columns(TABLES[table].row).items()
        if kind is str and not column.values
    }

    assert texts - told == set()
    assert {*forms(), *free()[0]} - texts == set(), "forms of columns that are gone"
    assert {*forms()}.isdisjoint(closed_words())


def test_the_gate_knows_the_closed_lists() -> None:
    (asked,) = (one for one in suite_of("objects") if one.name.endswith("InSet(status)"))

    assert asked.value_set == ("kept", "rejected", "duplicate", "erased") == tuple(Status)


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(one, marks=[] if one in ("frames", "quarantine") else [pytest.mark.heavy])
        for one in GATED
    ],
)
def test_what_the_gate_says_of_rows_great_expectations_says_too(table: str) -> None:
    """The gate takes milliseconds where Great Expectations takes seconds: it must say the same."""
    rows = to_arrow(table, [*spoiled(table)])
    suite = suite_of(table)

    ours = {one.name: np.flatnonzero(wrong(rows, one)).tolist() for one in suite}
    with as_in_a_process():  # Great Expectations warns as it is imported
        theirs = failing_rows(table, rows)

    assert {check: places for check, places in ours.items() if places} == theirs
    assert theirs


def spoiled(table: str) -> list[Any]:
    """Rows of which each column is at its limits, beyond them, and missing where it may be."""
    row = TABLES[table].row
    rows = [passing(row, 1), passing(row, 1)]
    for number, one in enumerate(suite_of(table), start=2):
        kind, _, nullable = columns(row)[one.column]
        tries: list[Any] = [None] if nullable else []
        if kind is str:
            tries += ["", "Doe, Jane", "x" * 10_001, "1961-03-07", "ä b"]
        elif kind in (int, float):
            tries += [kind(-1), kind(0), kind(70_000), kind(3)]
            if one.max_value is not None:
                tries.append(kind(one.max_value))
        rows += [
            passing(row, 100 * number + place, **{one.column: value})
            for place, value in enumerate(tries)
        ]
    return rows


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


@pytest.mark.parametrize(("expression", "expected"), [("blur > 50", ["c"]), ("blur <= 50", ["b"])])
def test_a_number_that_is_none_is_missing_whatever_lies_in_its_file(
    expression: str, expected: list[str], tmp_path: Path
) -> None:
    """Delta's greatest value of a file leaves NaN out, and its readers skip files by it."""
    rows = [
        made(MeasureRow, frame_id=n, blur=v) for n, v in zip("abc", (NAN, 7.0, 70.0), strict=True)
    ]
    apart, together = (Lake(Storage.open(tmp_path / name)) for name in ("apart", "together"))
    for row in rows:
        apart.append("measures", to_arrow("measures", [row]))
    together.append("measures", to_arrow("measures", rows))

    found = [filter_rows(lake.read("measures"), expression) for lake in (apart, together)]

    assert (len(apart.files("measures")), len(together.files("measures"))) == (3, 1)
    assert [expected] * 2 == [rows.column("frame_id").to_pylist() for rows in found]


def test_what_was_selected_is_as_it_was() -> None:
    rows = to_arrow("frames", [made(FrameRow, frame_id="a", fan_score=NAN)])

    found = filter_rows(rows, "fan_score IS NULL")

    assert rows.schema == found.schema
    assert str(found.column("fan_score")[0]) == "nan"


def test_a_failing_check_names_rows_by_their_opaque_ids_and_quotes_no_value() -> None:
    rows = [passing(FrameRow, 1), *(passing(FrameRow, n, patient="DOE^JANE") for n in (2, 3))]
    checker = Checker()
    checker.add("frames", to_arrow("frames", rows))

    said = {check: text for check, ok, text in checks_of(checker.done()) if not ok}

    pattern = "frames: ExpectColumnValuesToMatchRegex(patient)"
    assert said[pattern] == f"2 rows, of them {name(2)}, {name(3)}"
    assert "DOE" not in str(said)


def batch(first: int, frames: int = 2, **frame: Any) -> BatchChecks:
    """What a worker finds of an object's rows."""
    checker = Checker()
    ids = range(10 * first, 10 * first + frames)
    own = {"object_id": name(first)}
    for table, rows in {
        "objects": [passing(ObjectRow, first, **own)],
        "frames": [passing(FrameRow, one, **own | frame) for one in ids],
        "measures": [passing(MeasureRow, one, **own) for one in ids],
    }.items():
        checker.add(table, to_arrow(table, rows))
    return checker.done()


def test_a_row_that_speaks_of_nothing_that_is_there_does_not_pass() -> None:
    checker = Checker()
    checker.add("frames", to_arrow("frames", [passing(FrameRow, 1, object_id=name(7))]))
    checker.add("measures", to_arrow("measures", [passing(MeasureRow, n) for n in (1, 2)]))
    checker.add("annotations", to_arrow("annotations", [passing(AnnotationRow, 4)]))

    lost = {one.name: one.some for one in checker.done().failures}

    assert lost == {
        "frames: object_id is one of objects": (name(1),),
        "measures: frame_id is one of frames": (name(2),),
        "annotations: frame_id is one of frames": (name(4),),
    }


def test_new_ids_are_held_against_all_that_the_lake_has_and_all_that_passed_since(
    tmp_path: Path,
) -> None:
    lake, site = Lake(Storage.open(tmp_path)), SiteConfig(site="st", bucket="x")
    for table, row in (("objects", ObjectRow), ("frames", FrameRow)):
        rows = [passing(row, n, object_id=name(1)) for n in ((1,) if row is ObjectRow else (10,))]
        lake.append(table, to_arrow(table, rows))
    gate = Gate(lake, "r1")

    again = gate.failures(batch(1), [])
    anew = gate.failures(batch(1), [name(1)])
    other = gate.failures(batch(2), [name(1)])
    gate.passes(site, batch(2))
    since = gate.failures(batch(2), [])

    assert {one.name: one.some for one in again} == {
        f"objects: {UNIQUE}(locator)": (name(1),),
        f"frames: {UNIQUE}(frame_id)": (name(10),),
    }
    assert {name(1)} == set().union(*(one.objects for one in again))
    assert anew == other == ()
    assert [one.rows for one in since] == [1, 2]


def test_a_frame_of_another_object_is_no_frame_of_one_that_is_worked_on_anew(
    tmp_path: Path,
) -> None:
    lake = Lake(Storage.open(tmp_path))
    lake.append("frames", to_arrow("frames", [passing(FrameRow, 20, object_id=name(1))]))

    found = Gate(lake, "r1").failures(batch(2), [name(1), name(2)])

    assert [one.name for one in found] == [f"frames: {UNIQUE}(frame_id)"]


def test_the_ids_of_many_batches_stay_one_list_of_sorted_ids(tmp_path: Path) -> None:
    gate = Gate(Lake(Storage.open(tmp_path)), "r1")
    site = SiteConfig(site="st", bucket="x")
    rng = np.random.default_rng(0)
    ids = [bytes(row).hex() for row in rng.integers(0, 256, (3000, 16), np.uint8)]
    for start in range(0, 3000, 300):
        rows = [passing(FrameRow, 1, frame_id=one) for one in ids[start : start + 300]]
        keys = Keys.of(to_arrow("frames", rows), "frame_id")
        assert gate.failures(BatchChecks(keys={"frames": keys}), []) == ()
        gate.passes(site, BatchChecks(keys={"frames": keys}))

    twice = Keys.of(to_arrow("frames", [passing(FrameRow, 1, frame_id=ids[7])]), "frame_id")

    assert [one.rows for one in gate.failures(BatchChecks(keys={"frames": twice}), [])] == [1]


def test_a_site_may_expect_more_of_its_rows_than_others_do() -> None:
    asked = {"expect": "ExpectColumnValuesToBeBetween", "column": "native_width", "min_value": 100}
    site = SiteConfig(site="st", bucket="x", expect={"frames": [asked]})
    row = passing(FrameRow, 1, native_width=99)

    assert found("frames", row) == {}
    assert found("frames", row, site=site) == {
        "ExpectColumnValuesToBeBetween(native_width)": (name(1),)
    }


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"frame": []}, "did you mean 'frames'"),
        ({"frames": [{"expect": UNIQUE, "column": "widht"}]}, "did you mean 'width'"),
        (
            {"frames": [{"expect": "ExpectColumnValuesToMatchRegex", "column": "width",
                         "regex": "a"}]},
            "can't be asked of frames.width",
        ),
        (
            {"frames": [{"expect": "ExpectColumnValuesToBeBetween", "column": "width"}]},
            "needs min_value or max_value",
        ),
        ({"frames": [{"expect": "ExpectColumnValuesToMatchRegex", "column": "mode",
                      "regex": "("}]}, "no regular expression"),
    ],
)  # fmt: skip
def test_what_a_site_can_not_expect_is_told_as_its_file_is_read(wanted: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SiteConfig(site="st", bucket="x", expect=wanted)


def test_rows_that_are_made_of_the_whole_lake_pass_before_they_are_committed(
    tmp_path: Path,
) -> None:
    gate = Gate(Lake(Storage.open(tmp_path)), "r1")
    good, bad = (to_arrow("duplicates", [passing(DuplicateRow, n)]) for n in (1, 2))
    frames = good.column("frame_id")

    assert gate.table("duplicates", good, frames)
    assert not gate.table("duplicates", bad, frames)
    assert gate.said() == [
        f"duplicates: frame_id is one of frames: 1 row, of them {name(2)}: "
        "the table stays as it was"
    ]


def test_a_whole_lake_is_looked_at_by_great_expectations_when_asked(tmp_path: Path) -> None:
    lake = Lake(Storage.open(tmp_path))
    for table, rows in {
        "sightings": [passing(SightingRow, 1)],
        "objects": [passing(ObjectRow, 1), passing(ObjectRow, 2)],
        "frames": [passing(FrameRow, 1), passing(FrameRow, 1, width=0)],
    }.items():
        lake.append(table, to_arrow(table, rows))

    with as_in_a_process():
        checks = whole_lake(lake, {})

    assert {check: said for check, ok, said in checks if not ok} == {
        "objects: locator is one of sightings": f"1 row, of them {name(2)}",
        f"frames: {UNIQUE}(frame_id)": f"1 row, of them {name(1)}",
        "frames: ExpectColumnValuesToBeBetween(width)": f"1 row, of them {name(1)}",
    }
