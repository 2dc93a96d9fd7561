"""HealthDCAT-AP: a release as a record of a catalog of health data (EHDS, Regulation 2025/327).

What only the data holder can say (publisher, contact point, health data access body, retention)
is not invented: ``REMAINS`` names it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.release.documents.population import quality, score, whole_of
from echoatlas.pipeline.release.documents.sources import Source

if TYPE_CHECKING:
    from echoatlas.schemas.manifest import Manifest

REMAINS = (
    "dct:publisher",
    "dcat:contactPoint",
    "healthdcatap:hdab",
    "healthdcatap:retentionPeriod",
)
RIGHTS = "http://publications.europa.eu/resource/authority/access-right/NON_PUBLIC"
THEME = "http://publications.europa.eu/resource/authority/data-theme/HEAL"
EHDS = "http://data.europa.eu/eli/reg/2025/327/oj"
COUNTRY = "http://publications.europa.eu/resource/authority/country/"
CONTEXT: Mapping[str, Any] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "dqv": "http://www.w3.org/ns/dqv#",
    "healthdcatap": "http://healthdataportal.eu/ns/health#",
    "prov": "http://www.w3.org/ns/prov#",
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
            f"{every.frames} de-identified ultrasound frames of {every.patients} patients, labeled "
            "on a tree of 9 regions and 52 organs."
        ),
        "dct:identifier": f"{manifest.name}@{manifest.index.sha256}",
        "dcat:version": manifest.name,
        "dct:issued": {"@value": manifest.created, "@type": "xsd:dateTime"},
        "dct:accessRights": {"@id": RIGHTS},
        "dcatap:applicableLegislation": {"@id": EHDS},
        "dcat:theme": {"@id": THEME},
        "dcat:keyword": [_english(one) for one in ("ultrasound", "medical imaging")],
        "healthdcatap:healthCategory": {
            "@id": "http://healthdataportal.eu/authority/health-categories/IMAGING"
        },
        "healthdcatap:hasCodingSystem": {"@id": "http://snomed.info/sct"},
        "healthdcatap:numberOfRecords": _number(every.frames),
        "healthdcatap:numberOfUniqueIndividuals": _number(every.patients),
        "healthdcatap:populationCoverage": _english(
            "Patients who were scanned at the sites of the release; by region, organ, site, "
            "device, country, sex and age band in README.md."
        ),
        "dct:provenance": {
            "@type": "dct:ProvenanceStatement",
            "dct:description": _english(
                f"Curated by EchoAtlas {manifest.version} from {len(sources)} sites: rebuilt "
                "headers, blacked-out text, duplicates removed. Sources stand in SOURCES.md."
            ),
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


def shapes() -> str:
    """Our shapes (SHACL, Turtle) for what a record of ours has to have."""
    folder = files("echoatlas.pipeline.release.documents")
    return (folder / "dcat-shapes.ttl").read_text(encoding="utf-8")


def _distribution(name: str, digest: str) -> dict[str, Any]:
    return {
        "@type": "dcat:Distribution",
        "dct:title": _english(name),
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
