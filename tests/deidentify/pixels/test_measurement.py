"""A site may keep measurements. Nothing that could name anybody passes for one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.pipeline.deidentify.pixels.measurement import LABELS, RATIOS, UNITS, is_measurement


@pytest.mark.parametrize(
    "text",
    [
        "17.5 mm",
        "D 2.34 cm",
        "+1 Dist 12,4 mm",
        "1 L 4.52cm",
        "Vmax 121 cm/s",
        "HR 72 bpm",
        "BPD 8.91 cm",
        "RI 0.62",
        "TIs 0.4",
        "MI 1.1",
        "EF 61 %",
        "Area 12.3 cm²",
        "Vol: 35 ml",
        "D1 2.1 cm D2 3.0 cm",
        "PS 61.2 cm/s ED 20.1 cm/s RI 0.67",
        "MI 1.1 TIs 0.4",
        "Angle 45°",
    ],
)
def test_what_scanners_measure_is_a_measurement(text):
    assert is_measurement(text)


@pytest.mark.parametrize(
    "text",
    [
        "DOE, JANE",
        "DOE 17.5 mm",
        "17.5 mm DOE",
        "MRN 4711",
        "4711",
        "12.03.1965",
        "1965-03-12",
        "1965 MM",
        "L 1965 M",
        "HR 72",
        "34 Y",
        "Dr. Mi 1.1 mm Lee",
        "王芳 2.1 cm",
        "26w3d",
        "",
        "mm",
        "RI",
        "10:42:07",
        "12345 cm",
    ],
)
def test_what_may_name_somebody_is_none(text):
    assert not is_measurement(text)


@given(st.text(st.characters(categories=["L", "N", "P", "Z"]), max_size=40))
def test_letters_that_are_no_label_and_no_unit_never_pass(text):
    words = set(re.findall(r"[^\W\d_]+", text.casefold()))
    known = {part for word in (*LABELS, *RATIOS, *UNITS) for part in re.findall(r"[a-z]+", word)}

    if is_measurement(text):
        assert all(
            re.fullmatch(rf"(?:{'|'.join(sorted(known, key=len, reverse=True))}|x)+", word)
            for word in words
        )


@given(st.integers(0, 10**12))
def test_a_bare_number_is_never_one(number):
    assert not is_measurement(str(number))


@given(st.dates())
def test_a_date_is_never_one(day):
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d.%m.%y", "%d %b %Y", "%Y%m%d"):
        assert not is_measurement(day.strftime(form))
