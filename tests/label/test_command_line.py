"""Labels from the command line: plan, label anew, review; no scan is opened for any of it."""

from __future__ import annotations

import contextlib
import csv
import io
import json

import pytest
import yaml

from echoatlas.cli import call


def said(made, *words):
    """What a command printed; in this process, which has imported everything already."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        assert call(made.command(*words)[3:]) == 0
    return stream.getvalue()


def asked(made, *words):
    """What a command printed as JSON."""
    return json.loads(said(made, *words, "--json"))


@pytest.fixture
def settings(made):
    """Sets the label step's settings, and takes them back."""
    file = made.home / "echoatlas.yaml"
    before = file.read_text()

    def set_to(**values):
        file.write_text(yaml.safe_dump(yaml.safe_load(before) | {"steps": {"label": values}}))

    yield set_to
    file.write_text(before)
    asked(made, "label", "run")


def decide(made, folder, path, day="2026-03-01"):
    """Export, write one decision to the object that waits, import."""
    asked(made, "label", "review", "export", str(folder))
    with (folder / "review.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        row["decision"] = path
    with (folder / "review.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], delimiter=";")  # as a German spreadsheet saves it
        writer.writeheader()
        writer.writerows(rows)
    asked(made, "label", "review", "import", str(folder / "review.csv"), "--by", "r1", "--on", day)
    return rows


def test_settings_of_labels_are_planned_and_applied_without_a_pixel(made, settings):
    frames = made.lake.version("frames")
    settings(min_belief=0.9999)

    planned = asked(made, "plan")
    applied = asked(made, "label", "run")
    again = asked(made, "label", "run")

    change = {"from": "abdomen/liver", "to": "unknown", "frames": 1}
    assert change in planned["labels"]
    assert all(site["renewed"] == 0 for site in planned["sites"])
    assert applied == {"done": True, "changes": planned["labels"]}
    assert again == {"done": False, "changes": []}
    assert frames == made.lake.version("frames")


def test_a_rule_that_is_taken_back_is_planned_and_applied_without_a_pixel(made, settings):
    versions = {name: made.lake.version(name) for name in ("frames", "evidence", "objects")}
    settings(sources={"image_type": 0.0})

    planned = asked(made, "plan")
    asked(made, "label", "run")

    change = {"from": "unknown", "to": "head_neck/thyroid", "frames": 1}
    assert change in planned["labels"]
    assert all(site["renewed"] == 0 for site in planned["sites"])
    assert versions == {name: made.lake.version(name) for name in versions}


def test_nothing_changed_plans_nothing_and_the_tree_counts_what_is_there(made):
    tree = {node["path"]: node["frames"] for node in asked(made, "tree")}

    assert asked(made, "plan")["labels"] == []
    assert (tree["abdomen"], tree["abdomen/liver"], tree["thorax"]) == (1, 1, 6)
    assert " 1 abdomen/liver" in said(made, "tree")
    assert "skos:ConceptScheme" in said(made, "tree", "--format", "skos")
    assert len(json.loads(said(made, "tree", "--format", "json"))["nodes"]) == 61


def test_a_torn_scan_goes_to_a_person_whose_decision_survives_runs(made, tmp_path):
    before = asked(made, "label", "status")
    rows = decide(made, tmp_path / "review", "abdomen/kidney")

    planned = asked(made, "plan")["labels"]
    asked(made, "label", "run")
    labels = {row["object_id"]: row for row in made.rows()["labels"]}
    decided = labels[rows[0]["object_id"]]
    (decision,) = made.rows()["decisions"]

    assert before["objects to review"] == 1
    assert "head_neck/thyroid" in rows[0]["evidence"] and "abdomen/kidney" in rows[0]["evidence"]
    assert (tmp_path / "review" / rows[0]["thumbnail"]).is_file()
    assert planned == [{"from": "unknown", "to": "abdomen/kidney", "frames": 1}]
    assert (decided["paths"], decided["decided_by"]) == ("abdomen/kidney", "review")
    assert (decision["author"], decision["decided"]) == ("r1", "2026-03-01")
    assert asked(made, "label", "status")["objects to review"] == 0
    assert asked(made, "label", "run")["done"] is False


def test_the_adapters_of_collections_are_listed_and_each_is_shown(made, capsys):
    listed = {row["name"]: row for row in asked(made, "collections")}
    shown = asked(made, "collections", "hc18")

    assert len(listed) >= 40
    assert listed["hc18"]["organs"] == "fetus/fetal_head"
    assert shown["license"] == "CC-BY-4.0"
    assert "busi" in said(made, "collections")
    assert call(["collections", "bussi"]) == 2
    assert "did you mean 'busi'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--by", "Jane Doe"], "--by is an id"),
        (["--by", "r1", "--on", "yesterday"], "'yesterday' is no date"),
        (["--by", "r1"], "there is no such object in the lake"),
    ],
)
def test_an_import_that_is_wrong_is_refused_in_one_line(made, tmp_path, capsys, words, complaint):
    (tmp_path / "r.csv").write_text("object_id,proposal,decision\nnobody,unknown,thorax\n")

    code = call(made.command("label", "review", "import", str(tmp_path / "r.csv"), *words)[3:])

    told = capsys.readouterr().err
    assert code == 2
    assert complaint in told and told.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("object_id,proposal,decision\n{id},unknown,shows Jane Doe\n", "is no path of the tree"),
        ("decision,proposal,object_id\nok\n", "there is no such object"),
        ("object_id,proposal,decision\n" + "x" * 200_000 + "\n", "line 2: no line of a table"),
    ],
)
def test_a_note_in_a_wrong_column_is_not_repeated(made, tmp_path, capsys, text, complaint):
    """It may say what name a reviewer saw."""
    known = made.lake.read("labels", ["object_id"])["object_id"][0].as_py()
    (tmp_path / "r.csv").write_text(text.format(id=known))

    code = call(made.command("label", "review", "import", f"{tmp_path}/r.csv", "--by", "r1")[3:])

    told = capsys.readouterr().err
    assert code == 2
    assert complaint in told and told.count("\n") == 1
    assert "jane" not in told.lower()


def test_a_review_that_can_not_be_written_is_refused(made, tmp_path, capsys):
    (tmp_path / "file").touch()

    assert call(made.command("label", "review", "export", f"{tmp_path}/file")[3:]) == 2
    assert f"cannot write to {tmp_path}/file" in capsys.readouterr().err
