"""Text in a charset that its header does not name is heard all the same."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from echoatlas.pipeline.deidentify.header.rebuild import terms_in
from echoatlas.pipeline.evidence import evidence
from echoatlas.pipeline.evidence.charset import heard, readings
from echoatlas.pipeline.read import read
from echoatlas.schemas.config.file import parse
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Origin
from echoatlas.simulate import make_still, write_dicom

STILL = make_still(1, size=(160, 120), screen="none")
THYROID, LIVER = "head_neck/thyroid", "abdomen/liver"
SITE = parse(SiteConfig, {"site": "st-elsewhere", "bucket": "b"}, "site")


def says(charset: Any, raw: bytes) -> bytes:
    """A file that says nothing of the organ but by these bytes, in StudyDescription."""
    raw += b" " * (len(raw) % 2)
    ds = dcmread(io.BytesIO(write_dicom(STILL, says=(), private=False)))
    for element in list(ds):
        if element.VR in ("PN", "SQ", "ST", "LT") or element.keyword.startswith("Institution"):
            del ds[element.tag]
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.SpecificCharacterSet, ds.StudyDescription = charset, "X" * len(raw)
    if charset is None:
        del ds.SpecificCharacterSet
    out = io.BytesIO()
    ds.save_as(out)
    return out.getvalue().replace(b"X" * len(raw), raw)


def organs(data: bytes) -> set[str]:
    hints = evidence(read(data), Origin("st-elsewhere", "u", "a.dcm"), SITE)
    return {hint.node for hint in hints if hint.axis == "anatomy"}


@pytest.mark.parametrize("charset", [None, "ISO_IR 100", "ISO_IR 6", ["", "ISO 2022 IR 149"]])
@pytest.mark.parametrize(
    ("text", "encoding", "node"),
    [
        ("Schilddrüse", "utf-8", THYROID),
        ("Schilddrüse", "latin-1", THYROID),
        ("甲状腺", "utf-8", THYROID),
        ("甲状腺超声", "gb18030", THYROID),
        ("US 甲状腺", "gb18030", THYROID),
        ("肝臓", "utf-8", LIVER),
        ("肝臓エコー", "shift_jis", LIVER),
    ],
)
def test_text_under_another_charset_than_its_own_is_heard(charset, text, encoding, node):
    assert node in organs(says(charset, text.encode(encoding)))


@pytest.mark.parametrize(
    ("charset", "text", "encoding"),
    [
        ("ISO_IR 192", "甲状腺", "utf-8"),
        ("GB18030", "甲状腺", "gb18030"),
        ("ISO_IR 13", "甲状腺", "shift_jis"),
        (["", "ISO 2022 IR 87"], "甲状腺", "iso2022_jp"),
        ("ISO_IR 101", "Schilddrüse", "iso8859_2"),
    ],
)
def test_text_in_the_charset_that_is_named_is_heard_as_ever(charset, text, encoding):
    assert THYROID in organs(says(charset, text.encode(encoding)))


def test_korean_is_one_of_the_readings_of_its_bytes():
    raw = "갑상선 초음파".encode("euc_kr").decode("latin-1")

    assert "갑상선 초음파" in readings(raw)


def test_a_description_is_rebuilt_from_what_is_heard():
    assert terms_in("甲状腺".encode().decode("latin-1")) == (THYROID,)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text())
def test_a_text_is_heard_as_one_of_its_readings_and_plain_text_as_itself(text):
    assert heard(text) in readings(text)
    if text.isascii():
        assert readings(text) == (text,)
