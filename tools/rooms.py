"""The map in the README, from the first sentence of each room: ``python -m tools.rooms``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).parents[1]
START, END = "<!-- rooms: start -->", "<!-- rooms: end -->"
# What the design calls each part, and where it lies; the pipeline's rooms follow from the tree.
CARDS = {
    "the nouns": "schemas",
    "the words": "taxonomy",
    "the verbs": "pipeline",
    "the when": "flows",
    "the face": "loader",
    "the command line": "cli",
    "the rehearsal": "simulate",
}
BESIDE = {
    "the where": ("infra", "Image, compose, KubeRay, Prefect's pools, Slurm, dashboards, alerts."),
    "the proof": ("tests", "Mirrors the rooms; `tests/helpers` holds servers, factories, judges."),
    "the figures": ("benchmarks", "Every claim of speed and memory, beside a peer or a limit."),
    "the surprises": ("findings", "What libraries and formats do that nobody would guess."),
}


def rows() -> Iterator[tuple[str, str, str]]:
    """Name, folder and sentence of each part, in the order in which they may import each other."""
    for card, folder in CARDS.items():
        place = TOP / "src/echoatlas" / folder
        yield card, f"src/echoatlas/{folder}", sentence(place)
        if folder == "pipeline":
            for room in sorted(place.iterdir()):
                if (room / "__init__.py").is_file():
                    yield "", f"pipeline/{room.name}", sentence(room)
    yield from ((card, *told) for card, told in BESIDE.items() if (TOP / told[0]).is_dir())


def sentence(room: Path) -> str:
    """The first sentence of a package's docstring."""
    told = ast.get_docstring(ast.parse((room / "__init__.py").read_text("utf-8"))) or ""
    return re.split(r"(?<=\.)\s", " ".join(told.split()))[0]


def table() -> str:
    """The map as Markdown."""
    lines = [f"| {card} | `{folder}` | {told} |" for card, folder, told in rows()]
    return "\n".join(["| part | folder | what it is |", "|---|---|---|", *lines])


def main() -> None:
    """Write the map into the README."""
    readme = TOP / "README.md"
    before, _, rest = readme.read_text("utf-8").partition(START)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{START}\n{table()}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
