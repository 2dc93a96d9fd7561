"""Codes and terms of the standards that name a node: SNOMED CT and RT, BodyPartExamined."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from echoatlas.schemas.packaged import packaged
from echoatlas.taxonomy.tree import tree

# Schemes in which the same identifiers go by several names (PS3.16 8.1, and what files write).
SNOMED_CT = frozenset({"SCT", "SNOMED", "2.16.840.1.113883.6.96", "http://snomed.info/sct"})
SNOMED_RT = frozenset({"SRT", "SNM3", "99SDM"})


def body_part(term: str) -> tuple[str, ...]:
    """The nodes of a BodyPartExamined term; several mean "one of these".

    Args:
        term: as in PS3.16 Table L-1, in any case; blanks and underscores are overlooked.

    Returns:
        Paths of the tree, ``("subject:phantom",)`` for PHANTOM, or nothing if it is no term.
    """
    key = "".join(sign for sign in term.upper() if sign.isalnum())
    entry = body_parts().get(key)
    return entry[1] if entry else ()


def coded(value: str, scheme: str) -> tuple[str, ...]:
    """The nodes that a code names, in any of its three generations.

    Args:
        value: CodeValue: SNOMED CT (retired identifiers too) or SNOMED RT.
        scheme: CodingSchemeDesignator.

    Returns:
        Paths of the tree; several mean "one of these"; nothing if the code is not known.
    """
    if scheme.upper() in SNOMED_CT or scheme in SNOMED_CT:
        return _by_code().get(value, ())
    if scheme.upper() in SNOMED_RT:
        return _by_code().get(value, ()) or _by_code().get(modern(value), ())
    return ()


@cache
def body_parts() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Table L-1: term to (SNOMED CT identifier, nodes)."""
    raw: dict[str, dict[str, Any]] = packaged("echoatlas.taxonomy", "vocabulary/body_parts.yaml")
    return {term: (entry["code"], _tuple(entry["node"])) for term, entry in raw.items()}


@cache
def _by_code() -> dict[str, tuple[str, ...]]:
    """Code to nodes; what the tree itself says comes before what Table L-1 says."""
    found = {
        code: nodes for code, nodes in body_parts().values() if not nodes[0].startswith("subj")
    }
    adults = [node for node in tree().nodes if not node.path.startswith("fetus/")]
    for node in adults:
        found.update(dict.fromkeys(node.related, (node.path,)))
    # Regions last: DICOM has no fetal codes, so adult nodes own theirs.
    for node in adults:
        found.update(dict.fromkeys(node.codes, (node.path,)))
    return found


def modern(value: str) -> str:
    """The SNOMED CT identifier of a SNOMED RT one, by PS3.16; "" if unknown."""
    return retired().get(value, "")


@cache
def retired() -> dict[str, str]:
    """SNOMED RT identifiers to those of SNOMED CT (``tools/deid_tables.py``)."""
    text = files("echoatlas.taxonomy").joinpath("vocabulary/srt.tsv").read_text("utf-8")
    return dict(line.split("\t") for line in text.splitlines())


def _tuple(node: str | list[str]) -> tuple[str, ...]:
    return (node,) if isinstance(node, str) else tuple(node)
