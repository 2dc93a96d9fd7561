"""No planted identifier survives, wherever in the file it was put."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom import dcmread
from scorer import Planted, export_answer_key, leaked
from torture import (
    DEPTHS,
    Trap,
    hiding_places,
    make_key,
    names_as_traps,
    quick_dataset,
    rows_as_traps,
    written,
)

from echoatlas.pipeline.deidentify.check import leaks
from echoatlas.pipeline.deidentify.policy import Policy
from echoatlas.pipeline.deidentify.rebuild import part10, rebuild
from echoatlas.pipeline.vault import SiteKey

POLICY = Policy()


def cleaned(data: bytes, key: SiteKey, policy: Policy = POLICY) -> bytes:
    return part10(rebuild(dcmread(BytesIO(data)), policy, key).dataset)


@pytest.mark.parametrize("depth", DEPTHS)
def test_no_row_of_the_standards_table_leaks_at_any_depth(key, depth):
    traps = list(rows_as_traps(depth))
    planted = [one for trap in traps for one in trap.planted]

    out = [cleaned(trap.data, key) for trap in traps]

    assert len(planted) > 600
    assert leaked(out, planted) == []


@pytest.mark.parametrize("trap", hiding_places(), ids=lambda trap: trap.name)
def test_no_hiding_place_of_the_format_leaks(key, trap):
    assert list(trap.planted) == leaked([trap.data], trap.planted), "the trap is empty"

    out = cleaned(trap.data, key)

    assert leaked([out], trap.planted) == []


@pytest.mark.parametrize("trap", names_as_traps(), ids=lambda trap: trap.name)
def test_no_name_leaks_in_any_character_set(key, trap):
    assert leaked([trap.data], trap.planted), "the trap is empty"

    out = cleaned(trap.data, key)

    assert leaked([out], trap.planted) == []


def test_five_thousand_planted_values_over_two_policies_leak_none(key):
    traps = [trap for depth in DEPTHS for trap in rows_as_traps(depth)]
    planted = [one for trap in traps for one in trap.planted]
    removed = Policy(dates="removed", patient_characteristics=False, descriptors=False)

    found = [
        one
        for policy in (POLICY, removed)
        for one in leaked([cleaned(trap.data, key, policy) for trap in traps], planted)
    ]

    assert 2 * len(planted) >= 5000
    assert found == []


def test_a_surname_inside_a_descriptor_goes_and_the_organ_stays(key):
    data = written(quick_dataset(StudyDescription="US BREAST Kowalski-Meyer left"))

    out = dcmread(BytesIO(cleaned(data, key)))

    assert out.StudyDescription == "thorax/breast"


def test_the_scorer_finds_what_was_left_in_place(key):
    trap = next(rows_as_traps("top"))

    found = leaked([trap.data], trap.planted)

    assert set(trap.planted) == set(found)


def test_the_scorer_finds_a_name_that_moved_to_another_element():
    data = written(quick_dataset(PatientComments="seen by Kowalski"))

    assert leaked([data], [Planted("Kowalski", "PatientName")])


def test_the_scorer_reads_names_of_files(tmp_path):
    (tmp_path / "Kowalski.png").write_bytes(b"")

    assert leaked([tmp_path], [Planted("Kowalski", "file name")])


def test_the_answer_key_has_a_row_for_each_planted_value(tmp_path):
    import sqlite3

    trap = next(rows_as_traps("top"))

    export_answer_key(tmp_path / "key.db", (("1.2.3", one) for one in trap.planted))

    rows = sqlite3.connect(tmp_path / "key.db").execute("SELECT Action FROM answer_data").fetchall()
    assert sorted(one.action for one in trap.planted) == sorted(action for (action,) in rows)


@pytest.mark.parametrize("depth", ["top", "private"])
def test_the_checker_objects_to_a_header_that_was_only_passed_on(depth):
    trap = next(rows_as_traps(depth))
    before = dcmread(BytesIO(trap.data))

    found = leaks(before, before, POLICY)

    assert {"kept", "unchanged"} & {one.why for one in found}


def test_the_checker_objects_to_a_name_that_moved():
    before = quick_dataset()
    after = quick_dataset(
        PatientName="x", PatientID="y", StudyDate=None, StationName="by Doe^Jane today"
    )

    found = leaks(before, after, POLICY)

    assert "identity" in {one.why for one in found if one.place == "00081010"}


def test_what_the_checker_says_holds_no_value():
    before = quick_dataset(PatientID="MRN-SECRET-1")

    told = " ".join(str(one) for one in leaks(before, before, POLICY))

    assert "MRN-SECRET-1" not in told


def test_two_keys_give_nothing_that_links(key):
    data = written(quick_dataset())

    one, other = (dcmread(BytesIO(cleaned(data, k))) for k in (key, make_key(2)))

    for keyword in ("PatientID", "SOPInstanceUID", "StudyInstanceUID", "StudyDate"):
        assert one[keyword].value != other[keyword].value


@pytest.fixture
def trap() -> Trap:
    return next(hiding_places())


def test_the_same_file_gives_the_same_bytes(key, trap):
    assert cleaned(trap.data, key) == cleaned(trap.data, key)
