"""The uploads' truth adds up with what lies in the folder."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from echoatlas.pipeline.errors import Reason
from echoatlas.schemas.config.file import load
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.simulate import build_uploads


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    return build_uploads(tmp_path_factory.mktemp("uploads"), scale=0.15)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_file_and_archive_member_has_one_truth(truth):
    found = set()
    for site in truth.sites:
        for path in (truth.folder / site).rglob("*"):
            name = f"{site}/{path.relative_to(truth.folder / site)}"
            if path.suffix == ".zip":
                with zipfile.ZipFile(path) as archive:
                    found |= {f"{name}!{member}" for member in archive.namelist()}
            elif path.is_file():
                found.add(name)

    told = [f"{one.site}/{one.path}" for one in truth.objects]

    assert sorted(found) == sorted(told)


def test_every_site_has_a_valid_configuration_of_its_own(truth):
    configs = [load(SiteConfig, truth.folder / f"{site}.yaml") for site in truth.sites]

    assert len(configs) >= 6
    assert [config.site for config in configs] == truth.sites


def test_sites_differ_in_formats_and_shapes(truth):
    formats = {site: {one.format for one in truth.of(site) if one.format} for site in truth.sites}

    assert {"dicom", "png", "jpeg", "mp4"} <= set().union(*formats.values())
    assert len({frozenset(one) for one in formats.values()}) >= 4
    shapes = {one.shape for one in truth.objects}
    assert {"convex", "linear", "phased", "cropped"} <= shapes


def test_reasons_are_of_the_closed_list_and_only_the_rejected_have_them(truth):
    for one in truth.objects:
        assert (one.status == "rejected") == bool(one.reasons)
        assert set(one.reasons) <= {reason.value for reason in Reason}


def test_the_exact_duplicate_is_exact_and_groups_have_members(truth):
    (copy,) = [one for one in truth.objects if one.status == "duplicate"]
    same = [
        one
        for one in truth.of(copy.site)
        if "!" not in one.path
        and digest(truth.folder / one.site / one.path)
        == digest(truth.folder / copy.site / copy.path)
    ]

    assert len(same) == 2
    for group, members in truth.near_groups().items():
        assert len(members) >= 2, group


def test_the_same_picture_at_two_sites_is_the_same_bytes(truth):
    shared = truth.near_groups()["shared-breast"]

    assert len({one.site for one in shared}) == 2
    assert len({digest(truth.folder / one.site / one.path) for one in shared}) == 1


def test_canaries_stand_in_the_uploads(truth):
    everything = b"".join(
        path.name.encode() + path.read_bytes()
        for site in truth.sites
        for path in (truth.folder / site).rglob("*")
        if path.is_file()
    )

    found = [one for one in truth.canaries if one.encode() in everything]

    assert len(found) > 50
    assert all(len(one) > 1 for one in truth.canaries)


def test_patients_come_back(truth):
    patients = [one.patient for one in truth.of("st-elsewhere") if one.patient]

    assert len(set(patients)) < len(patients)


def test_the_truth_as_json_says_the_same(truth):
    plain = json.loads((truth.folder / "truth.json").read_text("utf-8"))

    assert len(truth.objects) == len(plain["objects"])
    assert truth.canaries == plain["canaries"]


def test_the_same_seed_gives_the_same_bytes(truth, tmp_path):
    again = build_uploads(tmp_path, scale=0.15)

    for one in truth.objects:
        name = f"{one.site}/{one.path.partition('!')[0]}"
        assert digest(truth.folder / name) == digest(again.folder / name), name
