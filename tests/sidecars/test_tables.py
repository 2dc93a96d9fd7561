"""Tables beside scans, in the forms that sites send."""

from __future__ import annotations

import io
import json

import openpyxl
import pytest

from echoatlas.pipeline.sidecars.tables import read_sidecar
from echoatlas.schemas.config import Sidecar

RULE = Sidecar()
EXPECTED = {
    "a.png": {"file": "a.png", "organ": "liver"},
    "b.png": {"file": "b.png", "organ": "kidney"},
}
CSV = "file,organ\na.png,liver\nb.png,kidney\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_csv_in_any_dress_is_read(delimiter, encoding):
    data = CSV.replace(",", delimiter).encode(encoding)

    assert read_sidecar(data, "labels.csv", RULE) == EXPECTED


def test_accents_and_chinese_survive_their_code_pages():
    western = read_sidecar("file,organ\na.png,Milz – müde\n".encode("cp1252"), "x.csv", RULE)
    chinese = read_sidecar("file,organ\na.png,甲状腺\n".encode("gb18030"), "x.csv", RULE)

    assert western is not None
    assert chinese is not None
    assert western["a.png"]["organ"] == "Milz – müde"
    assert chinese["a.png"]["organ"] == "甲状腺"


@pytest.mark.parametrize(
    "raw",
    [
        list(EXPECTED.values()),
        {"images": list(EXPECTED.values()), "version": 1},
        {name: {"organ": row["organ"]} for name, row in EXPECTED.items()},
    ],
)
def test_json_is_read_in_its_three_forms(raw):
    assert read_sidecar(json.dumps(raw).encode(), "labels.json", RULE) == EXPECTED


def test_a_workbook_is_read():
    book = openpyxl.Workbook()
    for line in (["file", "organ", "age"], ["a.png", "liver", 61.0], ["b.png", "kidney", None]):
        book.active.append(line)
    stream = io.BytesIO()
    book.save(stream)

    found = read_sidecar(stream.getvalue(), "labels.xlsx", RULE)

    assert found is not None
    assert found["a.png"] == {"file": "a.png", "organ": "liver", "age": "61"}


def test_the_column_of_files_is_found_by_its_values():
    data = b"no,was,picture\n1,x,p/a.png\n2,y,p\\b.png\n"

    found = read_sidecar(data, "x.csv", RULE)

    assert found is not None
    assert {"p/a.png", "p/b.png"} == set(found)


def test_the_column_of_files_is_found_by_its_heading():
    found = read_sidecar(b"Image Name,label\nIM001,liver\nIM002,spleen\n", "x.csv", RULE)

    assert found is not None
    assert found["IM002"]["label"] == "spleen"


def test_a_told_column_is_taken():
    found = read_sidecar(b"file,scan\na.png,IM1\nb.png,IM2\n", "x.csv", Sidecar(key="Scan"))

    assert found is not None
    assert {"IM1", "IM2"} == set(found)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no table at all",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"PK\x03\x04" + bytes(100),
        b"[" * 100_000,
        b'{"a": ',
        b"x,y\n1,2\n1,3\n1,4\n",
    ],
)
def test_what_is_no_sidecar_is_none(data):
    assert read_sidecar(data, "x.csv", RULE) is None
