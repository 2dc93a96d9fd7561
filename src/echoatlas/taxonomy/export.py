"""The tree for others: as text with counts, as JSON, as SKOS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

from echoatlas.taxonomy.tree import Node, Tree, tree

SCHEME = "urn:echoatlas:tree:"
OBO = "http://purl.obolibrary.org/obo/"
SNOMED = "http://snomed.info/id/"


def print_tree(counts: Mapping[str, int] | None = None, shown: Tree | None = None) -> str:
    """The tree as lines of text, an organ indented below its region.

    Args:
        counts: frames by path, each counted at its deepest known node; a region's line shows
            its own and those of its organs. Where not given, codes are shown instead.
    """
    shown = shown or tree()
    told = totals(counts, shown) if counts is not None else {}
    lines = [_line(node, told.get(node.path)) for node in _in_order(shown)]
    unknown = sum(count for path, count in (counts or {}).items() if path not in shown)
    return "\n".join([*lines, *([f"{'unknown':<48}{unknown:>12,}"] if unknown else [])])


def totals(counts: Mapping[str, int], shown: Tree | None = None) -> dict[str, int]:
    """Frames by node, those of a region's organs counted with the region."""
    shown = shown or tree()
    found = {node.path: counts.get(node.path, 0) for node in shown.nodes}
    for organ in shown.organs:
        found[organ.parent] += counts.get(organ.path, 0)
    return found


def _in_order(shown: Tree) -> Iterator[Node]:
    for region in shown.regions:
        yield region
        yield from shown.children(region.path)


def to_json(exported: Tree | None = None) -> dict[str, Any]:
    """The tree as plain data: version, hash, parents and nodes in the order of vectors over it."""
    exported = exported or tree()
    return {
        "version": exported.version,
        "hash": exported.hash,
        "parents": exported.parents.tolist(),
        "nodes": [
            {
                "path": node.path,
                "index": node.index,
                "name": node.name,
                "parent": node.parent or None,
                "codes": list(node.codes),
                "related": list(node.related),
                "paired": node.paired,
                "uberon": node.uberon or None,
                "fma": node.fma or None,
            }
            for node in exported.nodes
        ],
    }


def to_skos(exported: Tree | None = None) -> str:
    """The tree as SKOS in Turtle (W3C 2009): broader, notation, matches in SNOMED CT and UBERON."""
    exported = exported or tree()
    head = [
        "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .",
        f"@prefix ea: <{SCHEME}> .",
        f'<{SCHEME}> a skos:ConceptScheme ; skos:notation "{exported.hash}" .',
    ]
    return "\n".join([*head, *(_concept(node) for node in exported.nodes)]) + "\n"


def _concept(node: Node) -> str:
    return f"<{SCHEME}{node.path}> a skos:Concept ;\n    " + " ;\n    ".join(_facts(node)) + " ."


def _facts(node: Node) -> Iterator[str]:
    yield f"skos:inScheme <{SCHEME}>"
    yield f'skos:prefLabel "{escape(node.name)}"@en'
    yield f'skos:notation "{node.path}"'
    if node.parent:
        yield f"skos:broader <{SCHEME}{node.parent}>"
    else:
        yield f"skos:topConceptOf <{SCHEME}>"
    # A fetal organ has the adult's code in DICOM; it is no exact match of it.
    relation = "relatedMatch" if node.path.startswith("fetus/") else "exactMatch"
    if node.codes and node.codes[0].isdigit():
        yield f"skos:{relation} <{SNOMED}{node.codes[0]}>"
    if node.uberon:
        yield f"skos:closeMatch <{OBO}{node.uberon.replace(':', '_')}>"
    yield from (f"skos:narrowMatch <{SNOMED}{code}>" for code in node.related)


def _line(node: Node, count: int | None) -> str:
    name = f"{'  ' if node.parent else ''}{node.index:>2} {node.path}"
    told = f"{count:>12,}" if count is not None else f"  {node.codes[0] if node.codes else '-'}"
    return f"{name:<48}{told}"
