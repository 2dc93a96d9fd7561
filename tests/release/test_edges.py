"""Nothing leads from one split into another: asked of the lake anew, also by detours."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.lake.ids import Ids
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.manifest import index_table, manifest_of
from echoatlas.pipeline.release.moves import patients_moved
from echoatlas.pipeline.run.edges import _edges, crossing, no_edge_across
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.rows.duplicates import DuplicateRow, EdgeRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import made, quick_lake

SHARES = {"train": 0.5, "test": 0.5}


def pairs(kind: str, *ends: tuple[str, str]) -> tuple[str, Ids, Ids]:
    first, last = (Ids.of([pa.array([pair[at] for pair in ends], pa.string())]) for at in (0, 1))
    return kind, first, last


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([pairs("patient", ("a", "x"), ("b", "y"))], (0, {"patient": 0})),
        ([pairs("patient", ("a", "x"), ("b", "x"))], (1, {"patient": 2})),
        # Told by the frames of one, and by a copy of the other
        ([pairs("patient", ("a", "x")), pairs("patient", ("b", "x"))], (1, {"patient": 2})),
        # By way of an object that the release leaves out
        (
            [pairs("near", ("a", "z")), pairs("study", ("z", "1"), ("b", "1"))],
            (1, {"near": 1, "study": 2}),
        ),
        ([pairs("tie", ("z", "y"))], (0, {"tie": 0})),
        # A study that is called as an object is none
        ([pairs("study", ("a", "b"), ("c", "b"))], (0, {"study": 0})),
        ([], (0, {})),
    ],
)
def test_components_that_reach_two_splits_are_counted(edges, expected) -> None:
    objects = pa.chunked_array([["a", "b", "c"]])
    splits = pa.chunked_array([["train", "test", "train"]])

    assert crossing(edges, objects, splits) == expected


def test_who_moves_because_groups_merge_is_listed_and_all_others_stay(tmp_path: Path) -> None:
    """A picture of a patient in train turns out to be one of a patient in test."""
    Deployment.init(tmp_path / "atlas")
    deployment = Deployment.find(tmp_path / "atlas")
    lake = quick_lake(tmp_path / "atlas" / "lake", [{} for _ in range(20)])
    lake.replace("edges", to_arrow("edges", []))
    releases = deployment.releases
    create(lake, releases, ReleaseConfig(name="first", splits=SHARES))
    before = sides(deployment, "first")
    one = next(patient for patient, split in sorted(before.items()) if split == "train")
    other = next(patient for patient, split in sorted(before.items()) if split == "test")
    ends = [f"{kind}{patient[1:]}" for kind in "fo" for patient in (one, other)]
    tie = [made(DuplicateRow, frame_id=f, cluster=f, tie="f", representative=f, relation="tie")
           for f in ends[:2]]  # fmt: skip
    lake.replace("duplicates", to_arrow("duplicates", tie))
    edge = made(EdgeRow, object_id=ends[2], other_object=ends[3], kind="tie")
    lake.replace("edges", to_arrow("edges", [edge]))

    create(lake, releases, ReleaseConfig(name="second", splits=SHARES))

    after = sides(deployment, "second")
    manifest = manifest_of(releases, "second")
    (moved,) = patients_moved(releases, manifest)
    assert {moved["patient"]} == {p for p in before if before[p] != after[p]} <= {one, other}
    assert (moved["from"], moved["why"]) == (before[moved["patient"]], "earlier release")
    assert after[one] == after[other] == before[min(one, other)]
    assert manifest.sides is not None
    assert (manifest.sides.moved, manifest.sides.as_before) == (1, 18)
    assert no_edge_across(deployment, "first").ok
    assert no_edge_across(deployment, "second").ok


def test_verify_fails_a_release_across_which_an_edge_leads(tmp_path: Path) -> None:
    """As if the split had not heard of it: duplicates say nothing, edges do."""
    Deployment.init(tmp_path / "atlas")
    deployment = Deployment.find(tmp_path / "atlas")
    lake = quick_lake(tmp_path / "atlas" / "lake", [{} for _ in range(20)])
    edges = [made(EdgeRow, object_id=f"o{n:04d}", other_object=f"o{n + 1:04d}", kind="near")
             for n in range(19)]  # fmt: skip
    lake.replace("edges", to_arrow("edges", edges))
    create(lake, deployment.releases, ReleaseConfig(name="leaking", splits=SHARES))

    check = no_edge_across(deployment, "leaking")

    assert not check.ok
    assert check.detail == "1 group is in two (20 patient, 20 content, 19 near)"


def test_scans_that_share_an_exam_may_not_be_in_two_splits(tmp_path: Path) -> None:
    frames = [{"session": "e1 e2"}, {"session": "e2 e3"}, {"session": "e5 e6"}, {}]
    lake = quick_lake(tmp_path, frames)
    lake.replace("edges", to_arrow("edges", []))
    objects = pa.chunked_array([[f"o{number:04d}" for number in range(4)]])

    found = list(_edges(lake, {name: lake.version(name) for name in ("frames", "edges")}))

    counts = {kind: len(first) for kind, first, _ in found}
    assert counts["session"] == 6
    for splits, across in ((["a", "a", "b", "c"], 0), (["a", "b", "a", "a"], 1)):
        assert crossing(found, objects, pa.chunked_array([splits]))[0] == across


def sides(deployment: Deployment, name: str) -> dict[str, str]:
    index = index_table(deployment.releases, manifest_of(deployment.releases, name))
    return dict(zip(*(index.column(c).to_pylist() for c in ("patient", "split")), strict=True))
