"""Real scans get the organ that their manifest names, an ancestor or nothing; never another."""

from __future__ import annotations

import csv

import pytest

from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.evidence import evidence
from echoatlas.pipeline.label.fusion import label
from echoatlas.pipeline.read import read
from echoatlas.pipeline.read.archive import is_archive, opened
from echoatlas.pipeline.sidecars.collection import origin_of
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.taxonomy.tree import tree
from tests.helpers.labeling import path_of

NODES = ["cervical_lymph_node", "soft_tissue", "axilla"]
# Organ of the manifest, or its beginning, to the branches on which a label may lie.
BRANCHES = {
    "heart": ["thorax/heart"],
    "breast": ["thorax/breast"],
    "kidney": ["abdomen/kidney"],
    "liver": ["abdomen/liver"],
    "fetal head": ["fetus/fetal_head"],
    "lung": ["thorax/lung"],
    "thyroid": ["head_neck/thyroid"],
    "gallbladder": ["abdomen/gallbladder"],
    "eye": ["head_neck/eye"],
    "vastus": ["lower_limb/thigh"],
    "gastrocnemius": ["lower_limb/lower_leg"],
    "elbow": ["upper_limb/forearm"],
    "femoral": ["lower_limb/thigh"],
    "pelvic organs": ["pelvis"],
    "uterus/obstetric": ["pelvis/uterus", "fetus"],
    "lymph node": [node.path for node in tree().organs if node.id in NODES],
}
NONE = ("-", "phantom", "(air scan")  # the manifest names no organ of the tree


def branches_of(organ):
    return next((nodes for words, nodes in BRANCHES.items() if organ.startswith(words)), [])


@pytest.fixture(scope="module")
def listed(samples):
    """The rows of the manifest."""
    with (samples / "manifest.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def scans_of(file):
    """The scans in a file; none that reading refuses, which is another test's matter."""
    data = file.read_bytes()
    for content in [c() for _, c in opened(data)] if is_archive(data) else [data]:
        try:
            yield read(content)
        except Reject:
            continue


def test_every_organ_that_the_manifest_names_is_known_to_this_test(listed):
    strange = {row["organ"] for row in listed if not branches_of(row["organ"])}

    assert {organ for organ in strange if not organ.startswith(NONE)} == set()


def test_a_label_lies_on_the_way_to_the_organ_or_abstains(samples, listed):
    site = SiteConfig(site="s", bucket="b")
    wrong, answered, count = [], 0, 0
    for number, row in enumerate(listed):
        branches = branches_of(row["organ"])
        for scan in scans_of(samples / row["path"]) if branches else ():
            # And named by number alone: the sample folder's own names give the organ away.
            for name in (row["path"], f"upload/{number:06d}"):
                found = path_of(label(evidence(scan, origin_of(site, "u", name, {}), site)))
                count += 1
                answered += found != "unknown"
                allowed = {a for branch in branches for a in tree().ancestors(branch)}
                below = any(found.startswith(f"{branch}/") for branch in branches)
                if found != "unknown" and found not in allowed and not below:
                    wrong.append((row["path"], name, found))

    assert wrong == []
    assert count > 200
    assert answered > count / 4
