"""Numbers and what they count agree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from echoatlas.cli import call
from echoatlas.wording import number_of, spans
from tests.helpers.tables import quick_lake

SOURCES = Path(__file__).parents[1] / "src/echoatlas"
COUNTED = re.compile(
    "archives|attributes|batches|boxes|bytes|checks|clips|copies|decisions|duplicates|edges|entries|"
    "expectations|files|findings|frames|groups|hours|images|instances|labels|lines|lists|masks|"
    "members|minutes|numbers|objects|outcomes|patients|pictures|releases|rows|samples|seconds|shards|sightings|sites|"
    "studies|tables|texts|uploads|values|versions|words"
)
# Limits, sizes of what is never so small, and lists of names
NEVER_ONE = re.compile(
    r"config\.(max|min)|limit|MOST|sizes\[0\]|least|counts\[code\]|others|look\.block|\bratio\b|"
    r"len\((alike|secret)\)|self\.seconds|\bsize\b|picks\.shape|\bcount\b|'-'|told\.strata|"
    r"done\['checks'\]"
)


def test_one_is_one_and_none_are_several() -> None:
    assert [number_of(n, "frame") for n in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
    assert number_of(1, "file waits", "files wait") == "1 file waits"
    assert number_of(3, "file waits", "files wait") == "3 files wait"


def test_numbers_in_a_row_are_told_by_their_ends() -> None:
    assert spans([7, 1, 2, 3]) == "1-3, 7"
    assert spans([4, 5]) == "4-5"
    assert spans([]) == ""


def sentences() -> Iterator[tuple[str, str]]:
    """What stands right behind each value in a text, and where."""
    for file in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.JoinedStr):
                continue
            for value, behind in pairwise(node.values):
                if isinstance(value, ast.FormattedValue) and isinstance(behind, ast.Constant):
                    said = f"{{{ast.unparse(value.value)}}}{behind.value}"
                    yield f"{file.relative_to(SOURCES)}:{node.lineno}", said


def test_no_text_has_a_number_before_a_plural_that_stays_one() -> None:
    """``number_of`` says "1 frame"; what is never 1 is a constant or a limit."""
    counted = re.compile(r"\{(?P<value>.*)\} (?P<thing>[a-z]+)\b")

    found = {
        (where, said)
        for where, said in sentences()
        if (told := counted.match(said)) and COUNTED.fullmatch(told["thing"])
        if not NEVER_ONE.search(told["value"])
    }

    assert found == set()


def test_one_patient_is_one_in_all_that_is_said_of_a_small_lake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "atlas"
    assert call(["init", str(home)]) == 0
    quick_lake(home / "lake", [{}])
    release = ["release", "create"]
    commands = [
        ["plan"], ["status"], [*release, "a", "--dry-run"], [*release, "a"], [*release, "b"],
        [*release, "c", "--seed", "7", "--set", "splits={train: 0.001, test: 0.999}"],
        ["release", "list"], ["release", "show", "a"], ["release", "moves", "c"],
        ["release", "diff", "a", "b"], ["verify", "a"], ["overlap"], ["audit", "report"],
        ["release", "sweep", "--dry-run"], ["pull", "a", str(tmp_path / "pulled")],
        ["report", "a", "--out", str(tmp_path / "report.html")], ["label", "conflicts"],
        ["quarantine", "list"],
    ]  # fmt: skip
    said = []
    for words in commands:
        capsys.readouterr()
        code = call(["--deployment", str(home), *words])
        told = capsys.readouterr()
        assert code in (0, 1), told.err
        said += [*told.out.splitlines(), *told.err.splitlines()]
    said += (tmp_path / "pulled" / "CHANGES.md").read_text().splitlines()

    wrong = [
        line for line in said if re.search(r"(?<![\w.-])1 (?!is\b|was\b|has\b)[a-z]+s\b", line)
    ]

    assert len(said) > 100
    assert wrong == []
