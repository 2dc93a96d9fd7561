"""What an ultrasound structured report measured, as codes. Trusted zone: texts are not read.

A report says of which organs measurements were taken in its study, so that a picture of the study
shows one of these. What its codes mean is data (``taxonomy/vocabulary/reports.yaml``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from echoatlas.pipeline.evidence.config import EvidenceConfig
from echoatlas.pipeline.evidence.dicom import Code, codes, items, values
from echoatlas.pipeline.evidence.fetal import MOVED
from echoatlas.pipeline.read.dicom.sop_classes import ULTRASOUND
from echoatlas.schemas.records import Hint
from echoatlas.taxonomy.codes import SNOMED_CT, SNOMED_RT, coded, modern
from echoatlas.taxonomy.matching.rules import vocabulary

if TYPE_CHECKING:
    from echoatlas.schemas.records import Scan

SOURCE = "report"
FINDING_SITE = "SCT/363698007"
REFERRING = (
    *("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"),
    *("ReferencedSeriesSequence", "ReferencedSOPSequence", "ContentSequence"),
)


def measured(report: Scan, config: EvidenceConfig) -> tuple[Hint, ...]:
    """Say in codes what an ultrasound report measured.

    Args:
        report: trusted zone; its header holds the content tree.

    Returns:
        Hints of the source "report", sorted, the deepest nodes only: one of these is shown.
        Nothing if it is no report of ultrasound.
    """
    rules, root = vocabulary("reports"), report.header
    title = code_key(next(iter(codes(root, "ConceptNameCodeSequence")), Code("", "", "")))
    stated = items(root, "ContentTemplateSequence")
    template = next((text for one in stated for text in values(one, "TemplateIdentifier")), "")
    ours = title in rules["titles"] or template in rules["templates"]
    if not ours and not ({title, template} & {*rules["general"]} and _of_ultrasound(root)):
        return ()
    known = rules["titles"].get(title), rules["templates"].get(template)
    about: list[str] = next((nodes for nodes in known if nodes), [])
    fetal = any(node.startswith("fetus") for node in about)
    found = {(node, title or template) for node in about}
    for kind, key, code in _measurements(root):
        nodes = _measurements_known().get(key, ()) if kind == "NUM" else _site(key, code, fetal)
        found |= {(node, key) for node in nodes}
    paths = {node for node, _ in found}
    deepest = {path for path in paths if not any(one.startswith(f"{path}/") for one in paths)}
    # What was measured is told by the title only where no measurement tells it.
    told = {node for node, key in found if key not in (title, template)} & deepest
    hints = {
        Hint("anatomy", node, SOURCE, config.report, f"{SOURCE}:{key}")
        for node, key in found
        if node in (told or deepest)
    }
    return tuple(sorted(hints, key=lambda hint: (hint.node, hint.rule)))


def _of_ultrasound(item: Any) -> bool:
    """Whether a report refers to a picture of an ultrasound class, as evidence or in its tree."""
    if ULTRASOUND.intersection(values(item, "ReferencedSOPClassUID")):
        return True
    return any(_of_ultrasound(one) for keyword in REFERRING for one in items(item, keyword))


def _measurements(item: Any) -> Iterator[tuple[str, str, Code]]:
    """("NUM", key, concept) of each number, and ("CODE", key, site) of each finding site over one.

    A section without a number says what may be measured, not what was.
    """
    for child in items(item, "ContentSequence"):
        concepts = codes(child, "ConceptNameCodeSequence")
        kind = values(child, "ValueType")
        if kind == ["NUM"] and items(child, "MeasuredValueSequence"):
            yield from (("NUM", code_key(code), code) for code in concepts)
        if FINDING_SITE in map(code_key, concepts) and _measures(item):
            yield from (
                ("CODE", code_key(site), site) for site in codes(child, "ConceptCodeSequence")
            )
        yield from _measurements(child)


def _measures(item: Any) -> bool:
    """Whether a number stands here or below."""
    if values(item, "ValueType") == ["NUM"] and items(item, "MeasuredValueSequence"):
        return True
    return any(_measures(child) for child in items(item, "ContentSequence"))


def code_key(code: Code) -> str:
    """A code as SCHEME/VALUE, SNOMED in its present generation."""
    if code.scheme in SNOMED_RT:
        return f"SCT/{modern(code.value)}"
    return f"{'SCT' if code.scheme in SNOMED_CT else code.scheme}/{code.value}"


def _site(key: str, code: Code, fetal: bool) -> tuple[str, ...]:
    """The nodes of a finding site; nothing if it is not known."""
    if not fetal:
        return coded(code.value, code.scheme) or _sites("sites").get(key, ())
    moved = tuple(MOVED.get(node, node) for node in coded(code.value, code.scheme))
    return _sites("fetal_sites").get(key, ()) or moved


@cache
def _measurements_known() -> dict[str, tuple[str, ...]]:
    told: dict[str, list[str]] = vocabulary("reports")["measurements"]
    return {key: (node,) for node, keys in told.items() for key in keys}


@cache
def _sites(name: str) -> dict[str, tuple[str, ...]]:
    """Key of a site to its nodes, by the context groups of pydicom's dictionary."""
    from pydicom.sr._cid_dict import cid_concepts
    from pydicom.sr._concepts_dict import concepts

    found: dict[str, set[str]] = {}
    for group, node in vocabulary("reports")[name].items():
        for scheme, keywords in cid_concepts[int(group)].items():
            for keyword in keywords:
                for value in concepts[scheme][keyword]:
                    found.setdefault(f"{scheme}/{value}", set()).add(node)
    return {key: tuple(sorted(nodes)) for key, nodes in found.items()}
