"""A release explains itself: to people, Hugging Face, Croissant and a health data catalog."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.frames.png import encode_png
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.documents.dcat import shapes
from echoatlas.pipeline.release.documents.population import (
    Population,
    counted_plainly,
    people_of,
    population,
    whole_of,
)
from echoatlas.pipeline.release.manifest import index_table
from echoatlas.pipeline.release.pull import FORMATS, pull
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.index import index_columns
from echoatlas.schemas.rows.frames import AnnotationRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.tables import made, picture, quick_lake

DOCUMENTS = (
    "README.md",
    "SOURCES.md",
    "CHANGES.md",
    "croissant.json",
    "dcat.jsonld",
    "tables/index.parquet",
)


AREAS = np.random.default_rng(1).integers(0, 2, (3, 16, 16), np.uint8)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two sites, one of them a public collection; patients whose ids begin with zeros."""
    frames: list[dict[str, Any]] = []
    for n in range(12):
        one = {"patient": f"00{n // 4}", "study": f"00{n // 2}", "object_id": f"o{n // 2}"}
        one |= {"frame_index": n % 2, "age": [34, 61, None][n // 4], "sex": "FM"[n % 2 and n > 7]}
        site = {"site": "busi", "license": "unknown"} if n > 7 else {"license": "CC-BY-4.0"}
        frames.append(one | site | {"mm_per_px_x": 0.5 if n < 6 else None, "maker": "GE"})
    lake = quick_lake(tmp_path_factory.mktemp("lake"), frames)
    box = {"kind": "box", "name": "lesion", "points": [4.0, 9.0, 1.0, 2.5]}
    rows = [made(AnnotationRow, annotation_id=f"b{n}", frame_id=f"f000{n}", **box) for n in (1, 2)]
    for number, name in enumerate(("lesion", "liver", "lesion")):
        drawn = encode_png(AREAS[number] * np.uint8(255))
        of = {"frame_id": f"f000{number // 2}", "kind": "mask", "name": name, "mask": drawn}
        rows.append(made(AnnotationRow, annotation_id=f"m{number}", **of))
    lake.append("annotations", to_arrow("annotations", rows))
    return lake


@pytest.fixture(scope="module")
def releases(lake: Lake) -> Storage:
    found = lake.storage.sub("releases")
    sites = [
        SiteConfig(site="st-elsewhere", bucket="x", country="KE"),
        SiteConfig(site="busi", bucket="y", collection="busi"),
        SiteConfig(site="not-in-it", bucket="/home/somebody", country="FR"),
    ]
    where = "frame_id <> 'f0003'"
    create(lake, found, ReleaseConfig(name="2026.10", where=where), sites=sites)
    create(lake, found, ReleaseConfig(name="2026.11"), sites=sites)
    return found


@pytest.fixture(scope="module")
def pulled(releases: Storage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dest = tmp_path_factory.mktemp("pulled")
    pull(releases, "2026.11", dest, "files")
    return dest


@pytest.mark.parametrize("form", sorted({*FORMATS} - {"pairs", "sa-v", "monai", "imagefolder"}))
def test_all_of_it_comes_with_every_pull(form: str, releases: Storage, tmp_path: Path) -> None:
    pull(releases, "2026.11", tmp_path, form)

    assert [one for one in DOCUMENTS if not (tmp_path / one).is_file()] == []


def test_a_pull_of_nothing_says_so_and_writes_nothing(releases: Storage, tmp_path: Path) -> None:
    for form in FORMATS:
        with pytest.raises(UsageError, match=r"nothing to pull: .* fits --where"):
            pull(releases, "2026.11", tmp_path / "to", form, "organ = 'none'")

    assert not (tmp_path / "to").exists()


def test_the_card_counts_patients_studies_clips_and_frames_apart(pulled: Path) -> None:
    _, head, text = (pulled / "README.md").read_text().split("---\n", 2)

    header = yaml.safe_load(head)
    assert (header["license"], header["license_link"]) == ("other", "SOURCES.md")
    assert header["size_categories"] == ["n<1K"]
    assert "3 patients, 6 studies, 6 clips, 12 frames." in text
    for row in (
        "| st-elsewhere | 2 | 4 | 4 | 8 |",
        "| busi | 1 | 2 | 2 | 4 |",
        "| KE | 2 | 4 | 4 | 8 |",
        "| EG | 1 | 2 | 2 | 4 |",
        "| 30-39 | 1 | 2 | 2 | 4 |",
        "| unknown | 1 | 2 | 2 | 4 |",
        "| F | 3 | 6 | 6 | 10 |",
        "| liver | 3 | 6 | 6 | 12 |",
    ):
        assert row in text
    # organ, patient, area, device and clean of all, spacing of half, license of two thirds
    assert "Score 88.1 of 100" in text
    assert "| 50.0 % | the size of a pixel is known |" in text
    assert "somebody" not in text and "not-in-it" not in text


def test_sources_name_license_and_citation_and_changes_what_came(pulled: Path) -> None:
    sources, changes = ((pulled / f"{one}.md").read_text() for one in ("SOURCES", "CHANGES"))

    assert "- cite: doi:10.1016/j.dib.2019.104863" in sources
    assert "- license: CC-BY-4.0\n- frames: 8" in sources
    assert "not-in-it" not in sources
    assert changes.startswith("# 2026.10 to 2026.11")
    assert "1 frame added" in changes


def test_the_first_release_has_none_before_it(releases: Storage, tmp_path: Path) -> None:
    pull(releases, "2026.10", tmp_path, "files")

    assert "The first release" in (tmp_path / "CHANGES.md").read_text()


def test_croissant_is_valid_and_each_record_set_is_read_back(pulled: Path) -> None:
    croissant = pytest.importorskip("mlcroissant")
    found = croissant.Dataset(jsonld=str(pulled / "croissant.json"))

    assert not found.metadata.ctx.issues.errors
    samples = list(found.records(record_set="samples"))
    rows = {
        row["frame_id"]: row
        for row in pq.read_table(pulled / "tables" / "index.parquet").to_pylist()
    }
    assert len(samples) == len(rows)
    for one in samples:
        row = rows[one["samples/frame_id"].decode()]
        assert one["samples/patient"].decode() == row["patient"]  # 000 stays 000
        assert one["samples/split"].decode() == row["split"]
        assert one["samples/height"] == row["height"]
    boxes = list(found.records(record_set="boxes"))
    assert sorted(one["boxes/frame_id"].decode() for one in boxes) == ["f0001", "f0002"]
    assert all(list(map(float, one["boxes/box"])) == [1.0, 2.5, 3.0, 6.5] for one in boxes)


def test_no_number_that_croissant_gives_needs_more_than_53_bits(pulled: Path) -> None:
    """Where a value is missing, mlcroissant 1.1.1 rounds integers so: hashes are texts or bytes."""
    index = pq.read_table(pulled / "tables" / "index.parquet")
    whole = {field.name for field in index.schema if pa.types.is_integer(field.type)}
    hashes = {one.name for one in index_columns() if "hash" in f"{one.name} {one.meaning}".lower()}

    assert whole and hashes and not whole & hashes
    for name in sorted(whole):
        told = [one for one in index.column(name).to_pylist() if one is not None]
        assert all(abs(one) < 2**53 for one in told), name


def test_croissant_reads_images_and_masks_back(pulled: Path) -> None:
    croissant = pytest.importorskip("mlcroissant")
    found = croissant.Dataset(jsonld=str(pulled / "croissant.json"))

    images = {
        one["images/frame_id"].decode(): np.asarray(one["images/image"].convert("L"))
        for one in found.records(record_set="images")
    }
    masks = {
        (one["masks/frame_id"].decode(), one["masks/number"]): np.asarray(
            one["masks/mask"].convert("L")
        )
        for one in found.records(record_set="masks")
    }

    assert sorted(images) == [f"f{n:04d}" for n in range(12)]
    assert all(np.array_equal(images[f"f{n:04d}"], picture(n)) for n in range(12))
    areas = {("f0000", 0): AREAS[0], ("f0000", 1): AREAS[1], ("f0001", 0): AREAS[2]}
    assert masks.keys() == areas.keys()
    assert all(np.array_equal(masks[one] > 0, areas[one]) for one in areas)


@pytest.mark.parametrize(("form", "sets"), [("chat", 4), ("webdataset", 2)])
def test_record_sets_of_pictures_are_told_where_they_are_files(
    form: str, sets: int, releases: Storage, tmp_path: Path
) -> None:
    pull(releases, "2026.11", tmp_path, form)

    told = json.loads((tmp_path / "croissant.json").read_text())["recordSet"]
    assert len(told) == sets


def test_terms_of_responsible_ai_are_those_of_the_vocabulary(pulled: Path) -> None:
    constants = pytest.importorskip("mlcroissant._src.core.constants")
    record = json.loads((pulled / "croissant.json").read_text())

    known = {
        str(value).rpartition("/")[2]
        for value in vars(constants).values()
        if str(value).startswith(str(constants.RAI))
    }
    mine = {key.removeprefix("rai:") for key in record if key.startswith("rai:")}
    assert mine <= known and len(mine) >= 8
    assert record["conformsTo"].endswith("/1.1")


def checked(data: str) -> tuple[bool, int, str]:
    """Whether a record keeps to our shapes, how many nodes were looked at, and what is wrong."""
    pyshacl, rdflib = pytest.importorskip("pyshacl"), pytest.importorskip("rdflib")
    graph = rdflib.Graph().parse(data=data, format="json-ld")
    wanted = rdflib.Graph().parse(data=shapes(), format="turtle")
    target = rdflib.URIRef("http://www.w3.org/ns/shacl#targetClass")
    nodes = {
        node
        for kind in wanted.objects(None, target)
        for node in graph.subjects(rdflib.RDF.type, kind)
    }
    conforms, _, text = pyshacl.validate(graph, shacl_graph=wanted)
    return conforms, len(nodes), text


def test_the_record_of_a_catalog_keeps_to_our_shapes(pulled: Path) -> None:
    data = (pulled / "dcat.jsonld").read_text()

    conforms, nodes, text = checked(data)

    assert conforms, text
    record = json.loads(data)
    (table,) = record["healthdcatap:hasVariables"]["csvw:table"]
    # The dataset, two tables and their checksums, and a group of one table: none is no proof
    assert nodes == 7 + len(table["csvw:column"]) > 60
    assert record["healthdcatap:healthCategory"]["@id"].endswith("/healthcategories/EHRS")
    types = {one["csvw:name"]: one["csvw:datatype"] for one in table["csvw:column"]}
    assert (types["patient"], types["height"], types["blur"]) == ("string", "integer", "double")
    assert record["healthdcatap:numberOfUniqueIndividuals"]["@value"] == "3"
    countries = [one["@id"][-2:] for one in record["dct:spatial"]]
    assert countries == ["EG", "KE"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dct:accessRights", None),
        ("healthdcatap:numberOfRecords", {"@value": "0", "@type": "xsd:nonNegativeInteger"}),
        ("healthdcatap:maxTypicalAge", {"@value": "20", "@type": "xsd:nonNegativeInteger"}),
        ("dcatap:applicableLegislation", {"@id": "urn:another"}),
        ("healthdcatap:healthCategory", {"@id": "http://another.list/IMAGING"}),
        ("healthdcatap:hasStructuredData", None),
        ("healthdcatap:hasVariables", {"@type": "csvw:TableGroup"}),
        ("dct:type", None),
    ],
)
def test_a_record_that_lacks_something_does_not_pass(
    key: str, value: dict[str, str] | None, pulled: Path
) -> None:
    record = json.loads((pulled / "dcat.jsonld").read_text())
    record |= {key: value} if value else {}
    if value is None:
        del record[key]

    assert not checked(json.dumps(record))[0]


def test_frames_of_clips_are_counted_and_phantoms_are_nobody() -> None:
    index = pa.table(
        {
            "patient": ["a", "a", "b"],
            "study": ["s", "s", ""],
            "object_id": ["1", "2", "3"],
            "pane": [0, 0, 0],
            "frame_ids": [["x", "y"], ["z"], ["w"]],
            "subject_type": ["human", "human", "phantom"],
        }
    )

    assert whole_of(index) == Population(patients=2, studies=1, clips=3, frames=4)
    assert people_of(index) == 1


def test_the_card_counts_patients_studies_clips_and_frames_of_each_kind(tmp_path: Path) -> None:
    """Before it is published as of what was."""
    told = ({"sex": "F", "age": 47}, {"sex": "M", "age": 93}, {})
    frames = [
        {"patient": f"p{n // 2}", "study": f"s{n // 2}", "object_id": f"o{n // 2}"} | told[n // 2]
        for n in range(6)
    ]
    lake = quick_lake(tmp_path, frames)
    releases = lake.storage.sub("releases")
    site = SiteConfig(site="st-elsewhere", bucket="x", country="DE")

    for name, unit in (("frames", "frame"), ("clips", "clip")):
        config = ReleaseConfig(name=name, unit=unit, splits={"train": 1.0})
        manifest = create(lake, releases, config, sites=[site])

        card = releases.read(f"{name}/card.md").decode()
        one = "1 | 1 | 1 | 2 |"
        assert "| age band | patients | studies | clips | frames |" in card
        assert all(f"| {band} | {one}" in card for band in ("40-49", "90+", "unknown"))
        assert "| DE | 3 | 3 | 3 | 6 |" in card and "| liver | 3 | 3 | 3 | 6 |" in card
        assert all(f"| {sex} | {one}" in card for sex in "FM")
        assert f"| license | {unit}s |" in card
        index = index_table(releases, manifest)
        assert manifest.population == counted_plainly(population(index, {"st-elsewhere": "DE"}))
