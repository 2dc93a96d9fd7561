"""A condition that can't be asked is told in a line of ours: where, and what could stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from echoatlas.cli import call
from echoatlas.loader import load
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.release.select import rows_where
from tests.helpers.tables import quick_lake

INDEX = pa.table(
    {
        "frame_id": ["secret-1", "secret-2"],
        "organ": ["liver", "kidney"],
        "quality": [0.5, 0.6],
        "age": pa.array([50, 60], pa.int32()),
        "curved": [True, False],
    }
)
# The database's words, and the query that is put around an expression
THEIRS = re.compile(
    r"Binder|Parser|Catalog|Conversion|Candidate|LINE \d|SELECT|FROM clause|VARCHAR|INT32|_row|"
    r"secret"
)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("organ = ", "it breaks off at its end"),
        ("organ = 'liver' and", "it breaks off at its end"),
        ("organ = 'liver' adn age > 3", 'not understood at "adn"'),
        ("= 'liver'", 'not understood at "="'),
        ("(organ = 'liver'", "a parenthesis is missing, or one too many"),
        ("organ = 'liver')", "a parenthesis is missing, or one too many"),
        ("organ = 'liver", "a text that a quotation mark begins has no end"),
        ("orgn = 'liver'", "there is no column orgn; near are organ"),
        ("organ = liver", "there is no column liver; a text stands in single quotes, 'liver'"),
        ('organ = "liver"', "there is no column liver; a text stands in single quotes, 'liver'"),
        ("organ = \u2018liver\u2019", "a text stands in single quotes, 'liver'"),
        ("organ = 5", "organ is a text; texts stand in single quotes, numbers in none"),
        ("organ > 0.5", "organ is a text; texts stand in single quotes"),
        ("age = 'abc'", "age is a number"),
        ("curved = 'maybe'", "curved is true or false"),
        ("age + organ > 3", "organ is a text, age is a number"),
        ("cast(frame_id as int) > 3", "frame_id is a text"),
        ("nosuch(organ) = 1", "there is no function nosuch"),
        ("count(*) > 1", "it may look at one sample at a time"),
        ("organ", "no condition, but a text"),
        ("age", "no condition, but a number"),
        ("*", "no condition, but several columns"),
        ("organ IN (SELECT 1 FROM elsewhere)", "this can't be asked of the columns"),
        ("regexp_matches(organ, '(')", "this can't be asked of the columns"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_line_of_ours(expression: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        rows_where(INDEX, expression)

    line = str(error.value)
    assert line.startswith(f"--where: {expression.strip()}: ")
    assert told in line
    assert line.endswith("say one such as organ = 'liver' AND quality > 0.5")
    assert "\n" not in line
    assert not THEIRS.search(line.replace(expression.strip(), ""))


@pytest.mark.parametrize("expression", ["organ = ", "orgn = 'liver'", "organ > 0.5", "*"])
def test_whoever_takes_a_condition_says_so(
    expression: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames: list[dict[str, Any]] = [{}, {}]
    home = tmp_path / "atlas"
    assert call(["init", str(home)]) == 0
    quick_lake(home / "lake", frames)
    here = ["--deployment", str(home)]
    assert call([*here, "release", "create", "there"]) == 0
    commands = [
        ["release", "create", "a", "--where", expression],
        ["release", "create", "a", "--set", "unit=clip", "--where", expression],
        ["release", "create", "a", "--dry-run", "--where", expression],
        ["release", "create", "a", "--weight", expression],
        ["pull", "there", str(tmp_path / "pulled"), "--where", expression],
        ["fingerprints", "export", str(tmp_path / "f.parquet"), "--where", expression],
        ["fingerprints", "export", str(tmp_path / "f.parquet"), "there", "--where", expression],
    ]

    for words in commands:
        capsys.readouterr()
        assert call([*here, *words]) == 2, words
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "say one such as" in said
        assert not THEIRS.search(said.replace(expression, ""))

    with pytest.raises(UsageError, match=r"^where: .*say one such as"):
        load("there", lake=str(home / "lake"), where=expression)
