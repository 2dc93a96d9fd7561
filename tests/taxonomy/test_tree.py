"""The tree: its indexes are final, its vectors are what a hierarchical loss needs."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
import yaml

from echoatlas.taxonomy.tree import parse_tree, tree

# Written into shards: a change here is a change of every label ever written.
REGIONS = [
    "abdomen",
    "back",
    "fetus",
    "head_neck",
    "lower_limb",
    "other",
    "pelvis",
    "thorax",
    "upper_limb",
]
ORGANS = [
    "liver",
    "gallbladder",
    "pancreas",
    "spleen",
    "kidney",
    "adrenal_gland",
    "stomach",
    "intestine",
    "appendix",
    "abdominal_aorta",
    "inferior_vena_cava",
    "peritoneal_cavity",
    "spine",
    "spinal_cord",
    "paraspinal_muscle",
    "fetal_head",
    "fetal_heart",
    "fetal_thorax",
    "fetal_abdomen",
    "fetal_spine",
    "fetal_limb",
    "placenta",
    "brain",
    "eye",
    "thyroid",
    "salivary_gland",
    "cervical_lymph_node",
    "carotid_artery",
    "tongue",
    "brachial_plexus",
    "hip",
    "thigh",
    "knee",
    "lower_leg",
    "foot_ankle",
    "soft_tissue",
    "peripheral_vessel",
    "urinary_bladder",
    "prostate",
    "uterus",
    "uterine_cervix",
    "ovary",
    "testis",
    "pubic_symphysis",
    "heart",
    "lung",
    "breast",
    "axilla",
    "shoulder",
    "upper_arm",
    "forearm",
    "hand_wrist",
]


def test_indexes_never_change():
    regions = [node.id for node in tree().regions]
    organs = [node.id for node in tree().organs]

    assert regions == REGIONS
    assert organs == ORGANS
    assert tree().hash == "1323759b04bf4e11"


def test_an_organ_asserts_itself_and_its_region():
    vector = tree().multi_hot(["thorax/breast"])

    assert {"thorax", "thorax/breast"} == {tree().nodes[i].path for i in np.flatnonzero(vector)}


def test_a_region_alone_leaves_its_own_organs_open():
    asserted = tree().asserted(["thorax"])

    open_nodes = {tree().nodes[i].path for i in np.flatnonzero(~asserted)}
    assert {"thorax/heart", "thorax/lung", "thorax/breast", "thorax/axilla"} == open_nodes


def test_the_unknown_asserts_nothing():
    assert not tree().asserted(["unknown", ""]).any()
    assert not tree().multi_hot(["unknown", ""]).any()


def test_several_paths_are_all_asserted():
    vector = tree().multi_hot(["pelvis/pubic_symphysis", "fetus/fetal_head"])

    assert vector.sum() == 4
    assert tree().asserted(["pelvis/pubic_symphysis", "fetus/fetal_head"]).all()


@pytest.mark.parametrize(
    ("first", "second", "ancestor", "distance"),
    [
        ("thorax/breast", "thorax/breast", "thorax/breast", 0),
        ("thorax/breast", "thorax", "thorax", 1),
        ("thorax/breast", "thorax/lung", "thorax", 2),
        ("thorax/breast", "abdomen", "", 3),
        ("thorax/breast", "abdomen/liver", "", 4),
    ],
)
def test_distance_counts_edges_over_the_common_ancestor(first, second, ancestor, distance):
    places = tree().positions

    assert ancestor == tree().lowest_common_ancestor(first, second)
    assert distance == tree().distances[places[first], places[second]]
    assert distance == tree().distances[places[second], places[first]]


def test_parents_point_from_organs_to_regions():
    parents = tree().parents

    assert (parents[:9] == -1).all()
    assert all(tree().nodes[parents[9 + i]].path == o.parent for i, o in enumerate(tree().organs))


def test_a_gap_in_the_indexes_is_refused():
    raw = {"version": 1, "regions": [{"index": 2, "id": "abdomen", "name": "Abdomen"}]}

    with pytest.raises(ValueError, match="without gaps"):
        parse_tree(raw)


def test_the_tree_grows_at_its_end_and_every_index_stays():
    text = files("echoatlas.taxonomy").joinpath("tree.yaml").read_text("utf-8")
    raw = yaml.safe_load(text)
    thorax = next(region for region in raw["regions"] if region["id"] == "thorax")
    thorax["organs"].append({"index": 53, "id": "thymus", "name": "Thymus"})

    grown = parse_tree(raw)

    assert grown.nodes[: len(tree())] == tree().nodes
    assert grown.organ_index("thorax/thymus") == 53
    assert (grown.multi_hot(["thorax/breast"])[:-1] == tree().multi_hot(["thorax/breast"])).all()
    assert grown.hash != tree().hash


def test_labels_of_an_older_tree_are_read_by_the_table_of_migrations():
    raw = {
        "version": 3,
        "regions": [{"index": 1, "id": "thorax", "name": "Thorax"}],
        "migrations": [
            {"version": 2, "from": "chest", "to": "breast_and_chest", "why": "renamed"},
            {"version": 3, "from": "breast_and_chest", "to": "thorax", "why": "renamed"},
        ],
    }

    migrated = parse_tree(raw)

    assert migrated.migrate("chest") == "thorax"
    assert migrated.migrate("thorax") == "thorax"
