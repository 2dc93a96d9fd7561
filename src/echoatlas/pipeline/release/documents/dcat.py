"""HealthDCAT-AP: a release as a record of a catalog of health data (EHDS, Regulation 2025/327).

Properties and vocabularies are those of release 8 (September 2026) for data that is not public, to
which Implementing Regulation (EU) 2026/2098 points. What only the data holder can say (publisher,
contact point, health data access body and where it is asked, retention) is not invented:
``REMAINS`` names it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.release.documents.croissant import TABLE, told_index
from echoatlas.pipeline.release.documents.population import (
    people_of,
    quality,
    score,
    whole_of,
)
from echoatlas.pipeline.release.documents.sources import Source
from echoatlas.schemas.index import IndexColumn, index_columns
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.schemas.manifest import Manifest

REMAINS = (
    "dct:publisher",
    "dcat:contactPoint",
    "geodcatap:custodian",
    "healthdcatap:hdab",
    "healthdcatap:retentionPeriod",
    "dcat:accessURL of a distribution",
)
RIGHTS = "http://publications.europa.eu/resource/authority/access-right/NON_PUBLIC"
THEME = "http://publications.europa.eu/resource/authority/data-theme/HEAL"
TYPE = "http://publications.europa.eu/resource/authority/dataset-type/PERSONAL_DATA"
ENGLISH = "http://publications.europa.eu/resource/authority/language/ENG"
HEALTH = "https://hdeu-dcat.data.health.europa.eu/resource/authority/"  # DG SANTE's vocabularies
CATEGORY = f"{HEALTH}healthcategories/EHRS"  # Article 51(1)(a): of electronic health records
CODES = f"{HEALTH}coding-system/SNOMED-CT"
EHDS = "http://data.europa.eu/eli/reg/2025/327/oj"
COUNTRY = "http://publications.europa.eu/resource/authority/country/"
# Built-in types of CSVW; what is nested is told as JSON
DATATYPES = ((pa.types.is_boolean, "boolean"), (pa.types.is_integer, "integer"),
             (pa.types.is_floating, "double"), (pa.types.is_nested, "json"),
             (pa.types.is_binary, "base64Binary"))  # fmt: skip
CONTEXT: Mapping[str, Any] = {
    "csvw": "http://www.w3.org/ns/csvw#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "dqv": "http://www.w3.org/ns/dqv#",
    "healthdcatap": "http://healthdataportal.eu/ns/health#",
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


def dcat(
    manifest: Manifest, index: pa.Table, sources: Sequence[Source], digests: Mapping[str, str]
) -> bytes:
    """The record, as JSON-LD that needs no other file to be read.

    Args:
        digests: file to SHA-256, of the files that are listed as distributions.
    """
    every = whole_of(index)
    ages = pc.min_max(index.column("age")).as_py()
    record: dict[str, Any] = {
        "@context": dict(CONTEXT),
        "@id": f"urn:echoatlas:{manifest.index.sha256}",
        "@type": "dcat:Dataset",
        "dct:title": _english(f"EchoAtlas {manifest.name}"),
        "dct:description": _english(
            f"{number_of(every.frames, 'de-identified ultrasound frame')} of "
            f"{number_of(every.patients, 'patient')}, labeled on a tree of 9 regions and 52 organs."
        ),
        "dct:identifier": f"{manifest.name}@{manifest.index.sha256}",
        "dcat:version": manifest.name,
        "dct:issued": {"@value": manifest.created, "@type": "xsd:dateTime"},
        "dct:accessRights": {"@id": RIGHTS},
        "dcatap:applicableLegislation": {"@id": EHDS},
        "dct:type": {"@id": TYPE},
        "dct:language": {"@id": ENGLISH},
        "dcat:theme": {"@id": THEME},
        "dcat:keyword": [_english(one) for one in ("ultrasound", "medical imaging")],
        "healthdcatap:healthCategory": {"@id": CATEGORY},
        "healthdcatap:hasCodingSystem": {"@id": CODES},
        "healthdcatap:hasStructuredData": {"@value": "true", "@type": "xsd:boolean"},
        "healthdcatap:hasVariables": _variables(index),
        "healthdcatap:numberOfRecords": _number(every.frames),
        "healthdcatap:numberOfUniqueIndividuals": _number(people_of(index)),
        "healthdcatap:populationCoverage": _english(
            "Patients who were scanned at the sites of the release; by region, organ, site, "
            "device, country, sex and age band in README.md."
        ),
        "dct:provenance": {
            "@type": "dct:ProvenanceStatement",
            "rdfs:label": _english(
                f"Curated by EchoAtlas {manifest.version} from "
                f"{number_of(len(sources), 'site')}: rebuilt headers, blacked-out text, "
                "duplicates removed. Sources stand in SOURCES.md."
            ),
        },
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "rdfs:label": _english("Scans of sites, from care or research; see SOURCES.md."),
        },
        "dpv:hasPurpose": {"@id": "https://w3id.org/dpv#AcademicResearch"},
        "dpv:hasPersonalData": {"@id": "https://w3id.org/dpv/pd#HealthRecord"},
        "dqv:hasQualityMeasurement": {
            "@type": "dqv:QualityMeasurement",
            "dqv:value": {"@value": str(score(quality(index))), "@type": "xsd:decimal"},
            "dct:description": _english("Data-quality score, 0 to 100; defined in README.md."),
        },
        "dcat:distribution": [_distribution(name, one) for name, one in sorted(digests.items())],
    }
    if ages["min"] is not None:
        record["healthdcatap:minTypicalAge"] = _number(ages["min"])
        record["healthdcatap:maxTypicalAge"] = _number(ages["max"])
    countries = sorted({one.country for one in sources if one.country})
    if countries:
        record["dct:spatial"] = [{"@id": f"{COUNTRY}{one}"} for one in countries]
    return json.dumps(record, indent=1, ensure_ascii=False).encode()


def _variables(index: pa.Table) -> dict[str, Any]:
    """The columns of the pull's table, as CSVW has them."""
    told = {one.name: one for one in index_columns()}
    columns = [
        {
            "@type": "csvw:Column",
            "csvw:name": field.name,
            "csvw:title": _english(field.name.replace("_", " ")),
            "dct:description": _english(_meaning(told.get(field.name), field.name)),
            "csvw:datatype": next((kind for test, kind in DATATYPES if test(field.type)), "string"),
        }
        for field in told_index(index).schema
    ]
    table = {"@type": "csvw:Table", "dct:title": _english(TABLE), "csvw:column": columns}
    title = _english("Samples of the release, a row each")
    return {"@type": "csvw:TableGroup", "dct:title": title, "csvw:table": [table]}


def _meaning(column: IndexColumn | None, name: str) -> str:
    if column is None:
        return f"Of the sample: {name.replace('_', ' ')}."
    return f"{column.meaning} Unit: {column.unit}." if column.unit else column.meaning


def shapes() -> str:
    """Our shapes (SHACL, Turtle) for what a record of ours has to have."""
    folder = files("echoatlas.pipeline.release.documents")
    return (folder / "dcat-shapes.ttl").read_text(encoding="utf-8")


def _distribution(name: str, digest: str) -> dict[str, Any]:
    return {
        "@type": "dcat:Distribution",
        "dct:title": _english(name),
        "dcatap:applicableLegislation": {"@id": EHDS},
        "dcat:mediaType": {
            "@id": "https://www.iana.org/assignments/media-types/application/vnd.apache.parquet"
        },
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256"},
            "spdx:checksumValue": {"@value": digest, "@type": "xsd:hexBinary"},
        },
    }


def _english(text: str) -> dict[str, str]:
    return {"@value": text, "@language": "en"}


def _number(number: int) -> dict[str, str]:
    return {"@value": str(number), "@type": "xsd:nonNegativeInteger"}
