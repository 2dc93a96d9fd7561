"""A person's decision overrides fusion, and survives whatever is run again."""

from __future__ import annotations

import csv
from datetime import date

import cv2
import numpy as np
import pyarrow as pa
import pytest

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.frames.codec import encode
from echoatlas.pipeline.label.config import LabelConfig
from echoatlas.pipeline.label.relabel import changes, fused
from echoatlas.pipeline.label.review import export, import_
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.run.label_inputs import label_changes
from echoatlas.pipeline.run.lake_steps import label_lake
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.deployment import DeploymentConfig
from echoatlas.schemas.rows.frames import FrameRow
from echoatlas.schemas.rows.labels import EvidenceRow, LabelRow
from echoatlas.schemas.tables import columns, schema, to_arrow
from echoatlas.taxonomy.tree import tree

TORN = [("thorax/breast", "study", 0.8), ("abdomen/kidney", "image_type", 0.8)]
SURE = [("thorax/heart", "body_part", 0.9), ("thorax/heart", "study", 0.8)]


def evidence_rows(object_id, hints):
    return [
        EvidenceRow(object_id, "s", "anatomy", node, source, weight, f"{source}:test", "f")
        for node, source, weight in hints
    ]


def labels_of(lake):
    """The rows that a run would write: one frame an object."""
    return [
        LabelRow(
            frame_id=f"frame-{object_id}",
            object_id=object_id,
            tree=tree().hash,
            fingerprint="f",
            **{name: getattr(found, name) for name in found.__dataclass_fields__},
        )
        for object_id, found in fused(lake, LabelConfig()).items()
    ]


@pytest.fixture
def lake(tmp_path):
    """A lake with one object whose evidence is torn, and one that is sure."""
    lake = Lake(Storage.open(tmp_path / "lake"))
    rows = [*evidence_rows("torn", TORN), *evidence_rows("sure", SURE)]
    lake.append("evidence", to_arrow("evidence", rows))
    lake.append("labels", to_arrow("labels", labels_of(lake)))
    image = encode(np.full((8, 8), 90, np.uint8))
    told = {"frame_id": "frame-torn", "object_id": "torn", "image": image}
    lake.append("frames", frame(told))
    return lake


def frame(told):
    """A row of ``frames`` that says this and nothing else."""
    kinds = columns(FrameRow).items()
    nothing = {name: None if optional else kind() for name, (kind, _, optional) in kinds}
    return pa.Table.from_pylist([{**nothing, **told}], schema=schema("frames"))


def filled_in(source, answers):
    """The exported CSV with decisions written into it."""
    with source.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        row["decision"] = answers.get(row["object_id"], "")
    with source.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return source


def test_only_what_is_uncertain_goes_to_review_with_both_sides_shown(lake, tmp_path):
    count = export(lake, tmp_path / "review")

    sheet = (tmp_path / "review/review.csv").read_text("utf-8")
    (row,) = csv.DictReader(sheet.splitlines())
    assert count == 1
    assert row["object_id"] == "torn"
    assert row["proposal"] == "unknown"
    assert "thorax/breast (0.80)" in row["evidence"]
    assert "abdomen/kidney (0.80)" in row["evidence"]
    assert cv2.imread(str(tmp_path / "review" / row["thumbnail"])).shape == (8, 8, 3)


def test_a_decision_overrides_fusion_and_survives_a_second_run(lake, tmp_path):
    export(lake, tmp_path)
    source = filled_in(tmp_path / "review.csv", {"torn": "abdomen/kidney"})

    imported = import_(lake, source, "reviewer-1", date(2026, 3, 1))
    import_(lake, source, "reviewer-1", date(2026, 3, 1))

    again = fused(lake, LabelConfig())["torn"]
    assert imported == 1
    assert (again.region, again.organ, again.decided_by) == ("abdomen", "kidney", "review")
    assert lake.read("decisions").num_rows == 1


def test_what_was_decided_is_not_asked_again(lake, tmp_path):
    export(lake, tmp_path)
    source = filled_in(tmp_path / "review.csv", {"torn": "unknown"})

    import_(lake, source, "reviewer-1", date(2026, 3, 1))

    assert export(lake, tmp_path / "second") == 0
    assert fused(lake, LabelConfig())["torn"].region == "unknown"


def test_decisions_that_were_not_taken_in_are_not_written_over(lake, tmp_path):
    export(lake, tmp_path)
    export(lake, tmp_path)  # nobody has decided anything yet
    source = filled_in(tmp_path / "review.csv", {"torn": "unknown"})
    before = source.read_bytes()

    with pytest.raises(UsageError, match="decisions that were not taken in"):
        export(lake, tmp_path)
    kept = source.read_bytes()
    import_(lake, source, "reviewer-1", date(2026, 3, 1))

    assert kept == before
    assert export(lake, tmp_path) == 0


def test_the_last_decision_stands(lake, tmp_path):
    export(lake, tmp_path)
    for path, day in (("thorax/breast", date(2026, 3, 2)), ("abdomen/kidney", date(2026, 3, 1))):
        import_(lake, filled_in(tmp_path / "review.csv", {"torn": path}), "reviewer-1", day)

    assert fused(lake, LabelConfig())["torn"].organ == "breast"


def test_a_path_that_is_not_of_the_tree_is_refused_with_its_line(lake, tmp_path):
    export(lake, tmp_path)
    source = filled_in(tmp_path / "review.csv", {"torn": "abdomen/kidny"})

    with pytest.raises(UsageError, match=r"line 2: .* did you mean 'abdomen/kidney'"):
        import_(lake, source, "reviewer-1", date(2026, 3, 1))

    assert lake.read("decisions").num_rows == 0


def test_of_labels_that_stand_no_evidence_is_read_to_say_that_none_changes(lake, monkeypatch):
    config = DeploymentConfig()
    stricter = DeploymentConfig(steps={"label": {"min_belief": 0.995}})
    assert dict(label_changes(lake, stricter)) == {("thorax/heart", "unknown"): 1}
    label_lake(lake, config)

    monkeypatch.delattr("echoatlas.pipeline.label.relabel.evidence_of")
    assert label_changes(lake, config) == {}


def test_the_plan_says_what_a_new_rule_would_change(lake):
    stricter = LabelConfig(min_belief=0.995)

    unchanged = changes(lake, LabelConfig())
    changed = changes(lake, stricter)

    assert dict(unchanged) == {}
    assert dict(changed) == {("thorax/heart", "unknown"): 1}
