"""Adapters read the layouts of public collections, and say what they are not sure of."""

from __future__ import annotations

import re

import pytest

from echoatlas.errors import ConfigError
from echoatlas.pipeline.evidence import evidence
from echoatlas.pipeline.label.fusion import label
from echoatlas.pipeline.sidecars.collection import origin_of
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Scan
from echoatlas.taxonomy.collections import load, names
from echoatlas.taxonomy.devices import makers, models
from echoatlas.taxonomy.tree import tree

KNOWN_MODELS = {model for maker in makers() for model in models(maker)}


def test_at_least_forty_collections_are_described():
    assert len(names()) >= 40


@pytest.mark.parametrize("name", names())
def test_an_adapter_reads_a_tree_in_its_layout(name, tmp_path):
    collection = load(name)
    for path in collection.example:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()

    found = {
        str(path.relative_to(tmp_path)): collection.origin_rules(str(path.relative_to(tmp_path)))
        for path in tmp_path.rglob("*")
        if path.is_file()
    }

    assert set(collection.example) == set(found)
    for path, expected in collection.example.items():
        assert expected.items() <= found[path].items(), path
        assert found[path]["role"] in ("image", "mask", "table", "ignore")


@pytest.mark.parametrize("name", names())
def test_a_mask_is_tied_to_its_picture(name):
    collection = load(name)
    tied = {path: collection.tie(path) for path in collection.example}
    pictures = {key for rule, key in tied.values() if rule.role == "image"}

    loose = [
        path for path, (rule, key) in tied.items() if rule.role == "mask" and key not in pictures
    ]

    assert loose == []


@pytest.mark.parametrize("name", names())
def test_the_tables_of_an_adapter_are_tables_of_its_layout(name):
    collection = load(name)
    tables = [path for path in collection.example if collection.role(path) == "table"]

    for rule in collection.tables:
        assert any(rule.matches(path) for path in tables), rule.path


@pytest.mark.parametrize("name", names())
def test_what_an_adapter_says_is_sourced_or_marked_uncertain(name):
    collection = load(name)

    assert collection.name == name
    assert all(re.match(r"https?://|doi:|arXiv:|PMC", source) for source in collection.sources)
    for fact in ("license", "countries", "devices"):
        stated = getattr(collection, fact) not in ((), "unknown", "")
        assert stated or fact in collection.uncertain
    assert all(re.fullmatch("[A-Z]{2}", country) for country in collection.countries)
    assert set(collection.devices) <= KNOWN_MODELS


@pytest.mark.parametrize("name", names())
def test_every_image_of_a_collection_is_labeled_on_its_branch(name):
    collection = load(name)
    site = SiteConfig(site="s", bucket="b", collection=name)
    scan = Scan("png", "", 1, 1, 1, lambda: iter(()))

    for path, expected in collection.example.items():
        said = collection.origin_rules(path)
        if said["role"] != "image":
            continue
        found = label(evidence(scan, origin_of(site, "u", path, {}), site)).paths.split(" ")[0]
        allowed = {step for organ in said["organ"].split() for step in tree().ancestors(organ)}
        assert found in allowed | {""}, (path, expected)
        if len(said["organ"].split()) == 1:
            assert found == said["organ"]


def test_an_intrapartum_picture_shows_mother_and_child():
    site = SiteConfig(site="s", bucket="b", collection="psfhs")
    scan = Scan("mha", "", 1, 1, 1, lambda: iter(()))

    found = label(evidence(scan, origin_of(site, "u", "image_mha/00001.mha", {}), site))

    assert found.paths == "pelvis/pubic_symphysis fetus/fetal_head"


def test_a_simulated_picture_is_no_human():
    site = SiteConfig(site="s", bucket="b", collection="abdomenus")
    scan = Scan("png", "", 1, 1, 1, lambda: iter(()))

    hints = evidence(
        scan, origin_of(site, "u", "abdominal_US/AUS/images/train/ct1-1.png", {}), site
    )

    assert "simulated" in {hint.node for hint in hints if hint.axis == "subject"}


def test_a_collection_that_is_not_there_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'busi'"):
        load("bussi")
