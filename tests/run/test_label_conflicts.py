"""Copies of one picture that are labeled otherwise: listed, and settled by rule or by a person."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from echoatlas.pipeline.label.review import export
from echoatlas.pipeline.run.label_conflicts import (
    Settled,
    label_conflicts,
    tallied,
    to_review,
)
from tests.helpers.tables import quick_lake

BREAST = {"path": "thorax/breast", "site": "a"}


@pytest.mark.parametrize(
    ("other", "outcome", "paths"),
    [
        ({"path": "thorax/heart"}, Settled.ABSTAINED, ""),
        ({"path": "thorax"}, Settled.MERGED, "thorax/breast"),
        ({"path": "thorax/heart", "decided_by": "review"}, Settled.DECIDED, "thorax/heart"),
    ],
)
def test_what_the_rule_makes_of_two_labels(
    tmp_path: Path, other: dict[str, Any], outcome: Settled, paths: str
) -> None:
    lake = quick_lake(tmp_path, [BREAST, other | {"site": "b", "like": 0}, BREAST])

    (found,) = label_conflicts(lake)

    assert (found.outcome, found.paths) == (outcome, paths)
    assert [object_id for object_id, _, _ in found.members] == ["o0000", "o0001"]
    assert tallied([found]) == {str(outcome): 1}
    assert bool(to_review([found])) == (outcome is Settled.ABSTAINED)


def test_copies_that_agree_are_no_conflict(tmp_path: Path) -> None:
    lake = quick_lake(tmp_path, [BREAST, BREAST | {"like": 0}, {"path": "thorax/heart"}])

    assert label_conflicts(lake) == []


def test_copies_that_agree_are_told_by_columns_and_ask_no_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = quick_lake(tmp_path, [BREAST, BREAST | {"like": 0}, {"path": "thorax/heart"}])
    monkeypatch.delattr("echoatlas.pipeline.lake.views.views")

    assert label_conflicts(lake) == []


def test_contradictions_come_first_in_the_review_list_with_what_the_copies_say(
    tmp_path: Path,
) -> None:
    """Though each label is sure by itself, and nothing else asks for a person."""
    frames = [
        {"path": "abdomen/liver", "review": True, "confidence": 0.1},
        BREAST,
        {"path": "thorax/heart", "site": "b", "like": 1},
    ]
    lake = quick_lake(tmp_path, frames)

    number = export(lake, tmp_path / "review", None, to_review(label_conflicts(lake)))

    with (tmp_path / "review/review.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert number == 3
    assert [(row["object_id"], row["copies"]) for row in rows] == [
        ("o0001", "b: thorax/heart"),
        ("o0002", "a: thorax/breast"),
        ("o0000", ""),
    ]
