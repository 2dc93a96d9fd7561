"""Labels as others want them: a class's number, a folder's name, a sentence.

Words come from the label tree, closed vocabularies and coded annotations alone: nothing that a
site wrote stands in them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from echoatlas.taxonomy.tree import UNKNOWN, tree

MODES = {"b_mode": "B-mode", "m_mode": "M-mode", "color_doppler": "color Doppler"}


def classes() -> list[str]:
    """Names of the classes by number: unknown, then the nodes of the tree."""
    return [UNKNOWN, *(node.path for node in tree().nodes)]


def class_of(row: Mapping[str, Any]) -> int:
    """The number of a sample's primary label among ``classes``."""
    path = tree().path(row["region"], row["organ"])
    return tree().positions[path] + 1 if path else 0


def class_folder(text: str) -> str:
    """A value as a folder's name."""
    return text.replace("/", "-").replace(" ", "-")


def caption(row: Mapping[str, Any], marks: Sequence[Mapping[str, Any]] = ()) -> str:
    """What a sample shows, as a sentence."""
    mode = MODES.get(row["mode"], row["mode"].replace("_", " "))
    said = [f"{mode} ultrasound" if mode else "Ultrasound", place(row)]
    side = row["laterality"]
    said += [f"{side} side"] if side in ("left", "right") else []
    said += [f"view {spoken(row['view'])}"] if row["view"] else []
    said += [finding(mark) for mark in marks if mark["kind"] in ("class", "scalar")]
    sentence = ", ".join(part for part in said if part)
    return f"{sentence[0].upper()}{sentence[1:]}."


def place(row: Mapping[str, Any]) -> str:
    """Where on the body: "of the liver (abdomen)"; empty if it is not known."""
    path = tree().path(row["region"], row["organ"])
    if not path:
        return ""
    node = tree().node(path)
    region = f" ({tree().node(node.parent).name.lower()})" if node.parent else ""
    return f"of the {node.name.lower()}{region}"


def finding(mark: Mapping[str, Any]) -> str:
    """A class or a scalar: "finding benign", "ejection fraction 55 %"."""
    name = spoken(mark["name"])
    if mark["kind"] == "scalar":
        number = "" if mark["number"] is None else f"{mark['number']:g}"
        return " ".join(part for part in (name, number, mark["unit"]) if part)
    return " ".join(part for part in (name, spoken(mark["value"])) if part)


def spoken(code: str) -> str:
    """A code as words; a keyword of DICOM too ("EjectionFraction")."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", code).replace("_", " ").replace("-", " ")
