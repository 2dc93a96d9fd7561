"""The tree for people and for other programs."""

from __future__ import annotations

import json

from echoatlas.taxonomy.export import print_tree, to_json, to_skos
from echoatlas.taxonomy.tree import tree


def test_the_printed_tree_counts_a_regions_organs_with_it():
    text = print_tree({"thorax": 5, "thorax/breast": 1200, "unknown": 7})

    lines = {line.split()[1]: line.split()[-1] for line in text.splitlines()[:-1]}
    assert len(lines) == 61
    assert lines["thorax"] == "1,205"
    assert lines["thorax/breast"] == "1,200"
    assert lines["abdomen"] == "0"
    assert text.splitlines()[-1].split() == ["unknown", "7"]


def test_json_keeps_the_order_of_vectors():
    plain = json.loads(json.dumps(to_json()))

    assert [node["path"] for node in plain["nodes"]] == list(tree().positions)
    assert plain["parents"] == tree().parents.tolist()


def test_skos_has_a_concept_a_node_and_points_to_its_region():
    turtle = to_skos()

    assert turtle.count("a skos:Concept ;") == 61
    assert turtle.count("skos:broader") == 52
    assert "tree:thorax/breast> a skos:Concept" in turtle
    assert "skos:closeMatch <http://purl.obolibrary.org/obo/UBERON_0000310>" in turtle
