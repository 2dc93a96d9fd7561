"""Croissant 1.1: what the files of a pull are, for programs, with the fields of responsible AI.

Tables are Parquet: from text, ids that begin with zeros would be read as numbers. Images and masks
are record sets of their own where each is a file: their names say whose they are.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from echoatlas.pipeline.release.documents.population import QUALITY, quality, score, whole_of
from echoatlas.pipeline.release.documents.sources import Source
from echoatlas.pipeline.release.shard import MARKS, PLACES
from echoatlas.schemas.values import Consent
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.schemas.manifest import Manifest

IMAGES, MASKS = "images", "masks"  # record sets of files
# What the name of a file tells: field to its type and pattern
NAMED: Mapping[str, Mapping[str, tuple[str, str]]] = {
    IMAGES: {"frame_id": ("sc:Text", r"^([^.]+)\.[a-z]+$")},
    MASKS: {
        "frame_id": ("sc:Text", r"^([^.]+)\.mask-\d+\.[a-z]+$"),
        "number": ("sc:Integer", r"^[^.]+\.mask-(\d+)\.[a-z]+$"),
    },
}
TYPES = {"png": "image/png", "jpg": "image/jpeg"}
TABLE, BOXES = "tables/index.parquet", "tables/boxes.parquet"
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "prov": "http://www.w3.org/ns/prov#",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def index_parquet(index: pa.Table) -> bytes:
    """The rows of a pull, without where they lie in the release's shards."""
    return _parquet(told_index(index))


def told_index(index: pa.Table) -> pa.Table:
    """The columns of an index that a pull's table has."""
    gone = [one for one in (*PLACES, MARKS) if one in index.column_names]
    return index.drop_columns(gone)


def boxes_parquet(index: pa.Table) -> bytes:
    """The boxes of a pull: frame, name, and x, y, width, height in pixels; empty if it has none."""
    rows: dict[str, list[Any]] = {"frame_id": [], "name": [], "box": []}
    if MARKS in index.column_names:
        ids = index.column("frame_id").to_pylist()
        for frame_id, marks in zip(ids, index.column(MARKS).to_pylist(), strict=True):
            for mark in marks or ():
                if mark["kind"] == "box" and len(mark["points"]) == 4:
                    x0, y0, x1, y1 = np.asarray(mark["points"], np.float32).tolist()
                    rows["frame_id"].append(frame_id)
                    rows["name"].append(mark["name"])
                    rows["box"].append([min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)])
    if not rows["box"]:
        return b""
    types = {"frame_id": pa.string(), "name": pa.string(), "box": pa.list_(pa.float32())}
    return _parquet(pa.table({name: pa.array(rows[name], types[name]) for name in rows}))


def croissant(
    manifest: Manifest,
    index: pa.Table,
    sources: Sequence[Source],
    digests: Mapping[str, str],
    pictures: Mapping[str, str] | None = None,
) -> bytes:
    """The record, as JSON-LD.

    Args:
        index: the rows that were pulled.
        digests: file to SHA-256, of the tables that the record describes.
        pictures: patterns of the files of ``IMAGES`` and ``MASKS``, where there are any.
    """
    sets = [_record_set("samples", TABLE, _fields(told_index(index)), ["frame_id"])]
    if BOXES in digests:
        told = {"frame_id": "sc:Text", "name": "sc:Text", "box": "cr:Float32"}
        sets.append(_record_set("boxes", BOXES, told, []))
    shown = dict(pictures or {})
    sets += [_picture_set(name) for name in shown]
    licenses = sorted({one for source in sources for one in source.licenses})
    every = whole_of(index)
    record = {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": f"EchoAtlas-{manifest.name}".replace(".", "-"),
        "description": f"{number_of(every.frames, 'de-identified ultrasound frame')} of "
        f"{number_of(every.clips, 'clip')} and {number_of(every.patients, 'patient')}, labeled on "
        "a tree of 9 regions and 52 organs, with masks, boxes and measurements where they came "
        "with the data.",
        "version": _version(manifest.name),
        "datePublished": manifest.created,
        "license": licenses,
        "url": f"urn:echoatlas:{manifest.index.sha256}",
        "creator": {"@type": "sc:Organization", "name": "Sites of the release, see SOURCES.md"},
        "citeAs": "; ".join(one.citation for one in sources if one.citation) or manifest.name,
        "isLiveDataset": False,
        "prov:wasGeneratedBy": {"@type": "prov:Activity", "name": f"EchoAtlas {manifest.version}"},
        **_responsible(manifest, index, sources),
        "distribution": [
            *(_file(name, digests[name]) for name in digests),
            *(_file_set(name, pattern) for name, pattern in shown.items()),
        ],
        "recordSet": sets,
    }
    return json.dumps(record, indent=1).encode()


def _version(name: str) -> str:
    """A version as Croissant wants it, of three numbers, from a release's name if it has any."""
    numbers = "".join(c if c.isdigit() else " " for c in name).split()[:3]
    return ".".join(str(int(one)) for one in [*numbers, "0", "0", "0"][:3])


def _file(name: str, digest: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "encodingFormat": "application/x-parquet",
        "sha256": digest,
    }


def _file_set(name: str, pattern: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{name}-files",
        "name": f"{name}-files",
        "encodingFormat": TYPES[pattern.rpartition(".")[2]],
        "includes": pattern,
    }


def _picture_set(name: str) -> dict[str, Any]:
    """A record a file: the picture, and what the file's name tells."""

    def field(column: str, kind: str, extract: str, regex: str = "") -> dict[str, Any]:
        source: dict[str, Any] = {
            "fileSet": {"@id": f"{name}-files"}, "extract": {"fileProperty": extract}
        }  # fmt: skip
        source |= {"transform": {"regex": regex}} if regex else {}
        path = f"{name}/{column}"
        return {"@type": "cr:Field", "@id": path, "name": path, "dataType": kind, "source": source}

    told = [field(one, kind, "filename", regex) for one, (kind, regex) in NAMED[name].items()]
    picture = field(name.removesuffix("s"), "sc:ImageObject", "content")
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "key": [{"@id": one["@id"]} for one in told],
        "field": [*told, picture],
    }


def _fields(index: pa.Table) -> dict[str, str]:
    kinds = ((pa.types.is_boolean, "sc:Boolean"), (pa.types.is_integer, "sc:Integer"),
             (pa.types.is_floating, "sc:Float"))  # fmt: skip
    return {
        one.name: next((name for test, name in kinds if test(one.type)), "sc:Text")
        for one in index.schema
    }


def _record_set(name: str, file: str, fields: Mapping[str, str], key: list[str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "key": [{"@id": f"{name}/{one}"} for one in key],
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": f"{name}/{column}",
                "dataType": kind,
                "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
                **({"isArray": True, "arrayShape": "4"} if kind == "cr:Float32" else {}),
            }
            for column, kind in fields.items()
        ],
    }


def _responsible(
    manifest: Manifest, index: pa.Table, sources: Sequence[Source]
) -> dict[str, str | list[str]]:
    shares = quality(index)
    defects = [f"{one.site}: {defect}" for one in sources for defect in one.defects]
    return {
        "rai:dataCollection": "Scans that sites uploaded in the course of care or research.",
        "rai:dataCollectionType": ["Secondary Data analysis", "Software Collection"],
        "rai:dataCollectionMissingData": "Unknown labels, spacings, ages and sexes stay unknown; "
        "none is imputed.",
        "rai:dataPreprocessingProtocol": [
            "Headers rebuilt from an allow-list (PS3.15); everything outside the scanned area "
            "black; text inside it looked for and blacked out; looked at again.",
            "Cropped to the scanned area and letterboxed, never stretched; duplicates "
            f"{manifest.config.duplicates}.",
        ],
        "rai:dataAnnotationProtocol": "Labels are fused from headers, names, tables and sites' "
        "priors, on a label tree; annotations came with the data.",
        "rai:dataBiases": "Counts by region, organ, site, device, country, sex and age band stand "
        "in README.md: sites and devices are not evenly represented.",
        "rai:dataLimitations": [
            "Labels are weak: they come from what files say of themselves.",
            "Patients under different ids at different sites can't be recognized.",
            f"Data quality {score(shares)} of 100, the mean of: "
            + "; ".join(f"{QUALITY[name]} ({100 * one:.1f} %)" for name, one in shares.items()),
            *defects,
        ],
        "rai:dataImputationProtocol": "None: what is not stated stays unknown.",
        "rai:machineAnnotationTools": [f"EchoAtlas {manifest.version}"],
        "rai:dataSocialImpact": "Models learn the sites, devices and patients that are in it: what "
        "holds for these need not hold for others. Whoever leaves is taken out of releases; who "
        "has a copy heeds the notices of the release that it is of.",
        "rai:dataUseCases": "Pre-training and evaluation of models of ultrasound images; no "
        "decision on a patient may rest on it.",
        "rai:personalSensitiveInformation": "Health data, pseudonymized under keys of each site; "
        "age capped at 90, sex; no names, dates or ids of patients. " + _consent(index),
        "rai:dataReleaseMaintenancePlan": "Releases are immutable; corrections and withdrawals "
        "come as new releases, and notices name them.",
    }


def _consent(index: pa.Table) -> str:
    """What is said of consent, where it was asked."""
    if "consent" not in index.column_names:
        return "What sites say of consent was not asked."
    said = index.column("consent").to_pylist()
    given, silent = said.count(Consent.GIVEN), said.count(Consent.UNSAID)
    return (
        f"Of {given} of {number_of(len(said), 'sample')} it is stated that the patient "
        f"consented, of {silent} "
        "nothing is; who refused or withdrew is left out."
    )


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_statistics=False)
    return sink.getvalue()
