"""What a table calls a file finds the file, and never another one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.pipeline.sidecars.called import Called, folded, written


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a.png", "up/a.png"),
        ("img/a.png", "up/img/a.png"),
        ("./img/a.png", "up/img/a.png"),
        ("img\\a.png", "up/img/a.png"),
        ("C:\\Users\\Anna\\export\\img\\a.png", "up/img/a.png"),
        ("/data/export/a.png", "up/whatever/a.png"),
        ("\\\\server\\share\\img\\a.png", "up/img/a.png"),
        ("file:///data/img/a.png", "up/img/a.png"),
        ("s3://bucket/old/img/a.png", "up/img/a.png"),
        ("project/img/a.png", "up/img/a.png"),
        ("other/a.png", "up/a.png"),
        ("A.PNG", "up/a.png"),
        ("a.png", "up/A.PNG"),
        ("a.dcm", "up/a.png"),
        ("a", "up/a.png"),
        ("p1/a", "up/p1/a.dcm"),
        ("a.nii.gz", "up/a.mha"),
        ("IM.0001", "up/IM.0001.dcm"),
        ("up.zip/a.png", "up.zip!a.png"),
        ("a.png", "up.zip!in/a.png"),
        ('"a.png"', "up/a.png"),
        (unicodedata.normalize("NFD", "Müller.png"), "up/Müller.png"),
        ("Müller.png", unicodedata.normalize("NFD", "up/Müller.png")),
        ("STRASSE.png", "up/straße.png"),
    ],
)
def test_a_name_from_elsewhere_is_a_files(name: str, file: str) -> None:
    called = Called.of([name, "none.png", "img/none.png"][: 1 + (":" not in name)], "up")

    assert name == called.name_of(file)


@pytest.mark.parametrize(
    ("names", "file"),
    [
        (["p1/1.png", "p2/1.png"], "up/p3/1.png"),
        (["p1/1.png"], "up/p3/1.png"),
        (["x/1.png", "y/1.png"], "up/1.png"),
        (["1.png", "1.jpg"], "up/1.dcm"),
        (["C:/x/p1/1.png", "C:/x/p2/1.png"], "up/p3/1.png"),
        (["IM.0001"], "up/IM.0002"),
        (["IM.0001"], "up/IM"),
        (["ab.png"], "up/b.png"),
        (["b.png"], "up/ab.png"),
    ],
)
def test_a_name_that_could_be_another_files_is_nobodys(names: list[str], file: str) -> None:
    assert Called.of(names, "up").name_of(file) is None


def test_a_name_that_fits_one_file_to_the_letter_is_no_others() -> None:
    called = Called.of(["p1/1.png", "A.png", "scan.png"], "up")
    called.take(["up/p1/1.png", "up/A.png", "up/scan.png"])

    found = {file: called.name_of(file) for file in ("up/1.png", "up/a.png", "up/scan.dcm")}

    assert found == {"up/1.png": None, "up/a.png": None, "up/scan.dcm": None}
    assert called.name_of("up/A.png") == "A.png"


def test_the_name_that_says_most_of_a_path_is_taken() -> None:
    called = Called.of(["1.png", "p1/1.png"], "up")

    assert called.name_of("up/p1/1.png") == "p1/1.png"
    assert called.name_of("up/p2/1.png") == "1.png"


part = st.text(st.characters(exclude_characters="/\\!:\"' .", exclude_categories=["C", "Z"]),
               min_size=1, max_size=6)  # fmt: skip
paths = st.lists(part, min_size=1, max_size=3).map(lambda parts: "/".join(parts) + ".png")


@given(st.sets(paths, min_size=1, max_size=8), st.sampled_from(["NFC", "NFD"]), st.booleans())
def test_whoever_writes_a_path_in_full_finds_that_file(
    files: set[str], form: str, windows: bool
) -> None:
    names = {unicodedata.normalize(form, one): one for one in files}
    if windows:
        names = {f"D:\\scans\\{name}".replace("/", "\\"): one for name, one in names.items()}
    called = Called.of(names, "up")
    called.take(f"up/{one}" for one in files)

    for name, one in names.items():
        found = called.name_of(f"up/{one}")

        alike = {other for other in files if folded(written(other)) == folded(written(one))}
        assert found in names or len(alike) > 1, name
        assert found is None or names[found] in alike
