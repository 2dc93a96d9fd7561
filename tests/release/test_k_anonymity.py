"""A release in which nobody stands alone, whatever the patients are like."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoatlas.pipeline.release.k_anonymity import QUASI, anonymized, device_of, measured
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.tables import schema

SUPPRESS = ReleaseConfig(name="any").suppress
COLUMNS = ("frame_id", "patient", *QUASI, "device")
SCHEMA = pa.schema(
    [schema("frames").field(name) for name in COLUMNS[:-1]] + [pa.field("device", pa.string())]
)

frames = st.lists(
    st.tuples(
        st.integers(0, 25),  # patient
        st.sampled_from(["st-elsewhere", "qilu"]),
        st.one_of(st.none(), st.integers(0, 90)),
        st.sampled_from(["F", "M", "O", ""]),
        st.sampled_from([("GE", "LOGIQ 9"), ("GE", "Vivid E95"), ("unknown", "unknown")]),
    ),
    max_size=60,
)


def index_of(rows: list[tuple[int, str, int | None, str, tuple[str, str]]]) -> pa.Table:
    made = [
        (f"f{number:04d}", f"p{patient}", site, age, sex, *device, " ".join(device))
        for number, (patient, site, age, sex, device) in enumerate(rows)
    ]
    return pa.table(dict(zip(COLUMNS, zip(*made, strict=True), strict=True)), schema=SCHEMA)


@settings(deadline=None, max_examples=120)
@given(rows=frames.filter(bool), k=st.integers(1, 8))
def test_each_patient_of_a_release_is_one_of_k(rows, k):
    before = index_of(rows)

    after, told = anonymized(before, k, SUPPRESS)

    assert after.num_rows == 0 or measured(after, k).k >= k
    assert measured(after, k).under == 0
    assert told.left_out == measured(before, k).patients - measured(after, k).patients


@settings(deadline=None, max_examples=60)
@given(rows=frames.filter(bool), k=st.integers(2, 5), data=st.data())
def test_the_order_of_rows_changes_nothing(rows, k, data):
    before = index_of(rows)
    shuffled = before.take(pa.array(data.draw(st.permutations(range(len(rows)))), pa.int64()))

    one, told = anonymized(before, k, SUPPRESS)
    other, also_told = anonymized(shuffled, k, SUPPRESS)

    assert told == also_told
    assert one.sort_by("frame_id") == other.sort_by("frame_id")


@settings(deadline=None, max_examples=60)
@given(rows=frames.filter(bool), k=st.integers(2, 5))
def test_values_are_blanked_or_made_coarser_and_never_changed(rows, k):
    before = index_of(rows)

    after, _ = anonymized(before, k, SUPPRESS)

    origin = {row["frame_id"]: row for row in before.to_pylist()}
    for row in after.to_pylist():
        old = origin[row["frame_id"]]
        assert row["site"] == old["site"]
        assert row["age"] in (None, old["age"], old["age"] and old["age"] // 10 * 10)
        assert row["sex"] in ("", old["sex"])
        assert row["model"] in ("unknown", old["model"])
        assert row["maker"] in ("unknown", old["maker"])
        words = [row["maker"], row["model"]]
        assert row["device"] == " ".join(words if words != ["unknown"] * 2 else words[:1])


def test_patients_who_are_hidden_already_keep_their_values():
    crowd = [(n, "qilu", 53, "F", ("GE", "LOGIQ 9")) for n in range(5)]
    loner = [(9, "qilu", 90, "M", ("GE", "LOGIQ 9"))]

    after, told = anonymized(index_of(crowd + loner), 5, SUPPRESS)

    assert told.left_out == 1  # even without age, sex and device nobody else is like him
    assert {row["sex"] for row in after.to_pylist()} == {"F"}
    assert {row["age"] for row in after.to_pylist()} == {50}
    assert told.decades


def test_nothing_is_touched_where_nobody_stands_out():
    crowd = index_of([(n, "qilu", 53, "F", ("GE", "LOGIQ 9")) for n in range(5)])

    after, told = anonymized(crowd, 5, SUPPRESS)

    assert after == crowd
    assert not told.decades and not any(told.blanked.values())


@pytest.mark.parametrize(
    ("suppress", "published"),
    [
        (("sex",), {("53", ""), ("58", "")}),
        (("age_decade",), {("50", "F"), ("50", "M")}),
        (("age", "sex"), {("None", "F"), ("None", "M")}),
        (("age_decade", "sex"), {("50", "F"), ("50", "M")}),
    ],
)
def test_a_release_says_what_may_be_suppressed_and_in_which_order(suppress, published):
    device = ("GE", "LOGIQ 9")
    people = [(53, "F"), (53, "M"), (58, "F"), (58, "M")]
    index = index_of([(n, "qilu", age, sex, device) for n, (age, sex) in enumerate(people)])

    after, told = anonymized(index, 2, suppress)

    assert told.left_out == 0
    assert published == {(str(row["age"]), row["sex"]) for row in after.to_pylist()}


def test_a_patient_of_two_ages_is_told_by_both():
    device = ("GE", "LOGIQ 9")
    rows = [(n, "qilu", 53, "F", device) for n in range(4)] + [(0, "qilu", 54, "F", device)]

    found = measured(index_of(rows), 2)

    assert (found.patients, found.k, found.unique) == (4, 1, 1)
    assert found.unique_without["age"] == 0
    assert found.distinct["age"] == 2


def test_of_an_empty_release_nobody_is_told():
    empty = index_of([(0, "qilu", 1, "F", ("GE", "LOGIQ 9"))]).filter(pc.scalar(False))

    assert measured(empty, 5).share_under == 0.0


def test_a_device_of_which_nothing_is_known_is_unknown_once() -> None:
    index = pa.table({"maker": ["ge", "ge", "unknown"], "model": ["vivid", "unknown", "unknown"]})

    assert device_of(index).to_pylist() == ["ge vivid", "ge unknown", "unknown"]
