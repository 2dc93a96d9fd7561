"""Public names that several rooms define, as docs/glossary.md lists them.

python -m tools.glossary        # what the list lacks, and what it has too much
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

TOP = Path(__file__).parents[1]
SOURCE = TOP / "src/echoatlas"
PAGE = TOP / "docs/glossary.md"
HEAD = "## Names with more than one meaning"

Pairs = set[tuple[str, str]]


def room(path: str) -> str:
    """The room of a module, by its path below the package."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "pipeline" and len(parts) > 2 else parts[0]


def clashes(sources: Mapping[str, str]) -> Pairs:
    """Public functions and classes by name and room, of names that several rooms define.

    The command line's functions are not counted: they are named as the commands are.

    Args:
        sources: a module's path below the package to its text.
    """
    rooms: dict[str, set[str]] = defaultdict(set)
    for path, text in sources.items():
        if room(path) == "cli":
            continue
        for node in ast.parse(text).body:
            if isinstance(
                node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            ) and not node.name.startswith("_"):
                rooms[node.name].add(room(path))
    return {(name, each) for name, all_ in rooms.items() if len(all_) > 1 for each in all_}


def listed(page: str) -> Pairs:
    """Name and room of the glossary's rows that say what the name means there."""
    rows = page.partition(HEAD)[2]
    return set(re.findall(r"^\| `(\w+)` \| `([\w/.]+)` \| \S.+ \|$", rows, re.M))


def sources() -> dict[str, str]:
    """The package's modules."""
    return {
        path.relative_to(SOURCE).as_posix(): path.read_text("utf-8")
        for path in sorted(SOURCE.rglob("*.py"))
    }


if __name__ == "__main__":
    defined, told = clashes(sources()), listed(PAGE.read_text("utf-8"))
    for name, place in sorted(defined - told):
        print(f"lacks: {name} in {place}")
    for name, place in sorted(told - defined):
        print(f"has too much: {name} in {place}")
    sys.exit(defined != told)
