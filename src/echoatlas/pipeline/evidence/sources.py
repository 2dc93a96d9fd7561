"""What each source says, one by one. Trusted zone: findings hold codes only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.evidence import dicom
from echoatlas.pipeline.evidence.charset import heard
from echoatlas.pipeline.read.headings import meaning
from echoatlas.taxonomy.codes import body_part, coded, modern
from echoatlas.taxonomy.collections import UNLISTED
from echoatlas.taxonomy.matching.matcher import Match, anatomy, axes
from echoatlas.taxonomy.matching.rules import vocabulary
from echoatlas.taxonomy.tree import tree

if TYPE_CHECKING:
    from echoatlas.pipeline.evidence.config import EvidenceConfig
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.records import Origin, Scan

# PS3.3 C.8.5.6.1.1.3; the flags that say more than "2D imaging".
MODES = {
    0x0002: "m_mode",
    0x0004: "spectral_doppler",
    0x0008: "spectral_doppler",
    0x0010: "color_doppler",
    0x0020: "m_mode",
    0x0040: "3d",
    0x0100: "power_doppler",
}
# PS3.3 C.8.5.5.1.1 and .2: region spatial format 2, and region data types.
TRACE_OF_MOTION = 2
REGION_MODES = {2: "color_doppler", 3: "spectral_doppler", 4: "spectral_doppler"}
ECG = 10  # recorded with hearts, hardly with anything else; supports, never decides alone
# PS3.16 CID 12035 and CID 244.
APPLICATIONS = {
    "125261": "external",
    "125262": "transesophageal",
    "125263": "endovaginal",
    "125264": "endorectal",
    "125265": "intravascular",
    "125266": "endocavitary",
    "125267": "intraoperative",
}
CODED_SIDES = {"24028007": "right", "7771000": "left", "51440002": "bilateral"}
SIDES = {"L": "left", "R": "right", "B": "bilateral", "U": "unpaired"}
# Folders that say how a collection is laid out, not what it shows.
LAYOUT = re.compile(r"^(images?|masks?|train|val|test|data|labels?|frames?|videos?|dicom)$", re.I)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a source says.

    Attributes:
        weak: to be overlooked where the same source says something stronger.
        alternative: one of several that a single code or term stands for.
        adult: stays what it is in a fetal context.
    """

    axis: str
    node: str
    source: str
    weight: float
    rule: str
    weak: bool = False
    alternative: bool = False
    adult: bool = False


def findings(
    scan: Scan, origin: Origin, site: SiteConfig, config: EvidenceConfig
) -> Iterator[Finding]:
    """All that header, metadata, path, sidecar and site say."""
    if scan.header is not None:
        yield from _coded(scan.header, config)
        for source, text in dicom.texts(scan.header):
            yield from findings_in(heard(text), source, config)
    yield from _regions(scan, config)
    for text in scan.text.values():
        yield from findings_in(text, "comment", config)
    # The layout of a collection is read by its adapter; its folders' names were not meant as words.
    if origin.facts.get("role", UNLISTED) == UNLISTED:
        yield from _path(origin.name, config)
    yield from _sidecar(origin, site, config)
    yield from _collection(origin, site, config)
    yield from _site(site, config)


def findings_in(text: str, source: str, config: EvidenceConfig) -> Iterator[Finding]:
    """What a free text says, on every axis."""
    for match in anatomy().find(text):
        yield _finding(match, match.rule.node, "anatomy", source, config)
    for match in axes().find(text):
        yield _finding(match, match.rule.node, match.rule.axis, source, config)
        if match.rule.also:
            yield _finding(match, match.rule.also, "anatomy", source, config)


def _finding(match: Match, node: str, axis: str, source: str, config: EvidenceConfig) -> Finding:
    factor = (config.weak if match.rule.weak else 1.0) * (config.typo if match.corrected else 1.0)
    weight = config.weight(source) * factor
    rule = match.rule
    return Finding(axis, node, source, weight, rule.id, rule.weak, adult=rule.adult)


def _coded(header: Any, config: EvidenceConfig) -> Iterator[Finding]:
    """Attributes with defined terms and codes."""
    for term in dicom.values(header, "BodyPartExamined"):
        nodes = body_part(term)
        yield from _nodes(nodes, "body_part", config.body_part, "L-1")
        if not nodes:
            yield from findings_in(heard(term), "body_part", config)
    for keyword in dicom.REGION_CODES:
        for code in dicom.codes(header, keyword):
            nodes = coded(code.value, code.scheme)
            yield from _nodes(nodes, "anatomic_region", config.anatomic_region, "snomed")
    for code in dicom.codes(header, "ViewCodeSequence"):
        if view := _views().get(code.value):
            yield Finding("view", view[0], "view", config.view, "cid12226")
            yield Finding("anatomy", view[1], "view", config.view, "cid12226")
    yield from _exam_type(header, config)
    bits = dicom.modes(header)
    for bit, mode in MODES.items():
        if bits & bit:
            yield Finding("mode", mode, "image_type", config.image_type, f"bit{bit:04x}")
    for keyword in ("ImageLaterality", "FrameLaterality", "Laterality"):
        for side in dicom.values(header, keyword):
            if side.upper() in SIDES:
                yield Finding("laterality", SIDES[side.upper()], "body_part", 0.95, "tag")
    for region in dicom.items(header, "AnatomicRegionSequence"):
        for code in dicom.codes(region, "AnatomicRegionModifierSequence"):
            if stated := CODED_SIDES.get(modern(code.value) or code.value):
                yield Finding("laterality", stated, "anatomic_region", 0.95, "cid244")
    for kind in dicom.values(header, "TransducerType"):
        for head, term in vocabulary_transducers():
            if kind.upper().startswith(head):
                yield Finding("application", term, "transducer", 0.8, f"type.{term}")
    for code in dicom.codes(header, "TransducerApplicationCodeSequence"):
        if applied := APPLICATIONS.get(code.value):
            yield Finding("application", applied, "transducer", 0.95, "cid12035")
    if "YES" in dicom.values(header, "QualityControlImage"):
        yield Finding("subject", "phantom", "image_type", 0.95, "quality_control")
    if dicom.values(header, "PatientSpeciesDescription") or dicom.items(
        header, "PatientSpeciesCodeSequence"
    ):
        yield from _species(header)


def _regions(scan: Scan, config: EvidenceConfig) -> Iterator[Finding]:
    """What the kinds of ultrasound regions say: modes, and an ECG of the heart."""
    source, weight = "ultrasound_region", config.ultrasound_region
    for region in scan.regions:
        if region.spatial_format == TRACE_OF_MOTION:
            yield Finding("mode", "m_mode", source, weight, "format.2")
        if mode := REGION_MODES.get(region.data_type):
            yield Finding("mode", mode, source, weight, f"type.{region.data_type}")
        if region.data_type == ECG:
            yield Finding("anatomy", "thorax/heart", source, config.transducer, "type.10")


def _species(header: Any) -> Iterator[Finding]:
    words = dicom.values(header, "PatientSpeciesDescription")
    words += [code.meaning for code in dicom.codes(header, "PatientSpeciesCodeSequence")]
    human = any("homo sapiens" in word.lower() or "human" in word.lower() for word in words)
    yield Finding("subject", "human" if human else "animal", "body_part", 0.95, "species")


def _exam_type(header: Any, config: EvidenceConfig) -> Iterator[Finding]:
    for term in dicom.exam_types(header):
        entry = exam_terms().get(" ".join(term.replace("_", " ").split()))
        if entry is None:
            yield from findings_in(term, "image_type", config)
            continue
        nodes = entry["node"] or ()
        nodes = (nodes,) if isinstance(nodes, str) else tuple(nodes)
        rule = "term." + re.sub(r"[^a-z]+", "_", term.lower())
        yield from _nodes(nodes, "image_type", config.image_type, rule)
        for node in entry.get("beside", ()):
            yield Finding("anatomy", node, "image_type", config.image_type, rule, alternative=True)
        if application := entry.get("application"):
            yield Finding("application", application, "image_type", config.image_type, rule)


def _nodes(nodes: Iterable[str], source: str, weight: float, rule: str) -> Iterator[Finding]:
    """Findings for a term's nodes: an axis other than anatomy is written before a colon."""
    listed = tuple(nodes)
    for node in listed:
        axis, colon, term = node.partition(":")
        if colon:
            yield Finding(axis, term, source, weight, rule)
        else:
            yield Finding("anatomy", node, source, weight, rule, alternative=len(listed) > 1)


def _path(name: str, config: EvidenceConfig) -> Iterator[Finding]:
    """Folders and file name; a folder nearer to the file says more, so it is heard alone."""
    *folders, file = re.split(r"[/\\!]", name)
    yield from findings_in(re.sub(r"\.\w{1,5}(\.gz)?$", "", file), "name", config)
    for folder in reversed(folders):
        if LAYOUT.match(folder):
            continue
        told = list(findings_in(folder, "folder", config))
        yield from told
        if any(finding.axis == "anatomy" and not finding.weak for finding in told):
            return


def _sidecar(origin: Origin, site: SiteConfig, config: EvidenceConfig) -> Iterator[Finding]:
    for column, value in origin.sidecar.items():
        means = meaning(column, site.sidecar)
        if means == "laterality":
            yield from (f for f in _side(value))
        if means not in ("label", "description", "view", "class"):
            continue
        path = value.strip().strip("/").lower()
        if path in tree():
            yield Finding("anatomy", path, "sidecar", config.sidecar, "path")
            continue
        nodes = body_part(value) or ()
        if nodes:
            yield from _nodes(nodes, "sidecar", config.sidecar, "L-1")
        else:
            yield from findings_in(value, "sidecar", config)


def _collection(origin: Origin, site: SiteConfig, config: EvidenceConfig) -> Iterator[Finding]:
    """What the adapter of the site's collection says by the path and the collection's tables."""
    if site.collection is None:
        return
    told = origin.facts
    weight = config.collection
    yield from _nodes(told["organ"].split(), "collection", weight, site.collection)
    for path in told.get("also", "").split():
        yield Finding("also", path, "collection", weight, site.collection)
    if told["subject"] != "human":
        yield Finding("subject", told["subject"], "collection", weight, site.collection)
    for column in ("view", "laterality"):
        if value := told.get(column):
            yield from (f for f in findings_in(value, "collection", config) if f.axis == column)
            if column == "laterality":
                yield from _side(value)


def _side(value: str) -> Iterator[Finding]:
    side = SIDES.get(value.strip().upper()[:1])
    if side:
        yield Finding("laterality", side, "sidecar", 0.95, "column")


def _site(site: SiteConfig, config: EvidenceConfig) -> Iterator[Finding]:
    if site.labels.organ and site.labels.organ in tree():
        yield Finding("anatomy", site.labels.organ, "site_prior", config.site_prior, "config")
    if site.labels.subject != "human":
        yield Finding("subject", site.labels.subject, "site_prior", config.site_prior, "config")


@cache
def exam_terms() -> dict[str, dict[str, Any]]:
    """ImageType value 3: defined terms and seen ones."""
    raw = vocabulary("image_types")
    return {**raw["seen"], **raw["defined"]}


@cache
def _views() -> dict[str, tuple[str, str]]:
    """CID 12226 by SNOMED CT code: (view, node)."""
    return {
        code: (view, entry["node"])
        for view, entry in vocabulary("axes")["view"].items()
        for code in entry["codes"]
    }


@cache
def vocabulary_transducers() -> tuple[tuple[str, str], ...]:
    """Beginnings of TransducerType terms, and the application that each means."""
    return tuple(vocabulary("axes")["transducer"].items())
