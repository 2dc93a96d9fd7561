"""docs/performance.md, from ``benchmarks/results.json``: ``python -m tools.performance``.

Where time and memory go, now and before. No figure in it is typed; what the file does not have is
named at the end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tools.figures import RESULTS, TOP
from tools.results import Results, Row

PAGE = TOP / "docs" / "performance.md"
START = """\
# Performance

Where time and memory go. Generated from `benchmarks/results.json` (`python -m tools.performance`;
how that file comes about: [benchmarks.md](benchmarks.md)). Times are CPU seconds on one core unless
a heading says otherwise; compare ratios, since processors and their other load differ.
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: a figure by its name in the results.

    Attributes:
        digits: after the point. percent: a share is written as one.
    """

    heading: str
    name: str
    digits: int = 1
    percent: bool = False

    def written(self, row: Row) -> str:
        """The figure of a row, or nothing where it has none."""
        value = row.get(self.name)
        if not isinstance(value, int | float):
            return str(value or "")
        if self.percent:
            return f"{100 * value:.{self.digits}f} %"
        return f"{value:,.{self.digits}f}"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a benchmark.

    Attributes:
        rows: pattern of their whole names; what its groups hold is how they are called here.
        first: heading of the first column.
    """

    benchmark: str
    first: str
    rows: str
    columns: tuple[Column, ...]

    def lines(self, found: Results) -> Iterator[str]:
        """As Markdown; nothing where no row is named so."""
        told = [
            (" ".join(match.groups()) or name, row)
            for name, row in found.rows(self.benchmark).items()
            if (match := re.fullmatch(self.rows, name))
            and any(column.name in row for column in self.columns)
        ]
        if not told:
            return
        yield "| " + " | ".join([self.first, *(one.heading for one in self.columns)]) + " |"
        yield "|---" * (len(self.columns) + 1) + "|"
        for name, row in told:
            yield "| " + " | ".join([name, *(one.written(row) for one in self.columns)]) + " |"
        yield ""


@dataclass(frozen=True, slots=True)
class Section:
    """What is told of one subject."""

    title: str
    text: str
    tables: tuple[Table, ...] = field(default_factory=tuple)


SECTIONS = (
    Section(
        "A picture's way",
        "From bytes to storage, beside decoding alone. Steps are shares of the whole; `redact`, "
        "`check` and `look again` are the looks for text.",
        (
            Table(
                "journey", "scans", r"([^,]+)",
                (
                    Column("ms an image", "an_image_ms", 2),
                    Column("times decoding", "times_decoding"),
                    Column("but text", "but_text_times_decoding"),
                    Column("text", "text_share", 0, percent=True),
                ),
            ),
            Table(
                "journey", "step of a cine", r"the whole journey, (.+)",
                (Column("share", "share", 0, percent=True),),
            ),
        ),
    ),
    Section(
        "Commands, as a lake grows",
        "A lake of 23 sites. `exponent` is of CPU seconds over start, from the size before; memory "
        "is of the command's own process, and the last columns go straight on to 4.5 M frames.",
        (
            Table(
                "scale", "command", r"(.+, [\d,]+ frames)",
                (
                    Column("CPU s", "cpu_s"),
                    Column("MB", "peak_mb", 0),
                    Column("a worker's MB", "worker_mb", 0),
                    Column("exponent", "exponent", 2),
                    Column("kB a row", "kb_a_row", 2),
                    Column("CPU s at 4.5 M", "at_4500k_s", 0),
                    Column("MB at 4.5 M", "at_4500k_mb", 0),
                ),
            ),
            Table(
                "scale", "now and before", r"(.+, [\d,]+ frames), beside \w+",
                (
                    Column("times less CPU", "times_less_cpu"),
                    Column("over start", "times_less_over_start"),
                    Column("times less memory", "times_less_memory"),
                ),
            ),
            Table(
                "survey", "finding what is due", r"(.+)",
                (
                    Column("CPU s", "cpu_s", 2),
                    Column("before", "cpu_s_before", 2),
                    Column("MB over start", "over_start_mb", 0),
                    Column("before", "over_start_mb_before", 0),
                    Column("times less CPU", "times_less_cpu"),
                    Column("times less memory", "times_less_memory"),
                ),
            ),
            Table(
                "gate", "gate", r"(.+)",
                (
                    Column("CPU s", "cpu_s", 2),
                    Column("MB over imports", "over_imports_mb", 0),
                    Column("times the CPU", "times_cpu"),
                    Column("times the memory", "times_memory"),
                ),
            ),
        ),
    ),
    Section(
        "Duplicates",
        "Joining hashes of 256 bits within a distance of 32, and the whole stage beside its joins.",
        (
            Table(
                "hamming", "codes", r"(.+)",
                (
                    Column("CPU s", "join_s"),
                    Column("MB", "peak_mb", 0),
                    Column("planted pairs", "planted", 0),
                    Column("found", "planted_found", 0),
                    Column("times ours", "times_ours"),
                ),
            ),
            Table(
                "deduplicate_stage", "stage at", r"(.+)",
                (
                    Column("joins, CPU s", "join_s"),
                    Column("stage", "stage_s"),
                    Column("times its joins", "times_join", 2),
                    Column("with 1 % more", "share_of_first", 1, percent=True),
                    Column("MB", "peak_mb", 0),
                ),
            ),
        ),
    ),
    Section(
        "Releases and trainers",
        "What a successor writes anew, of its predecessor's bytes; reading, as a share of decoding "
        "the same bytes from memory.",
        (
            Table(
                "releases", "release", r"(.+)",
                (
                    Column("frames", "frames", 0),
                    Column("written anew", "share", 2, percent=True),
                    Column("limit", "limit", 0, percent=True),
                    Column("driver's MB", "driver_mb", 0),
                    Column("MB", "mb", 0),
                ),
            ),
            Table(
                "loader", "reading", r"((?:zstd|png|clips), (?!decoding).+)",
                (
                    Column("least", "share_least", 2),
                    Column("median", "share_median", 2),
                    Column("fastest round", "share_fastest", 2),
                ),
            ),
            Table(
                "loader", "opening a release of 4.5 M rows", r"(opening, .+|and .+)",
                (
                    Column("MB over imports", "memory_mb", 0),
                    Column("MB", "whole_mb", 0),
                    Column("CPU s", "cpu_s", 2),
                ),
            ),
            Table(
                "erase", "patients leave", r"(.+)",
                (
                    Column("shards", "shards", 0),
                    Column("touched", "touched", 0),
                    Column("MB moved", "moved_mb"),
                    Column("a touched shard", "moved_a_touched_mb"),
                    Column("CPU s", "cpu_s"),
                ),
            ),
        ),
    ),
    Section(
        "Arrival",
        "Seconds of the clock from PUT to accepted.",
        (
            Table(
                "arrival", "told", r"(.+)",
                (
                    Column("median s", "median_s"),
                    Column("most s", "most_s"),
                    Column("times a run by hand", "times_the_limit", 2),
                ),
            ),
            Table(
                "soak", "uploads of many sites at once, killed meanwhile", r"(.+)",
                (
                    Column("objects", "objects", 0),
                    Column("seconds", "seconds_s"),
                    Column("objects a second", "objects_per_s", 2),
                    Column("median lag, s", "lag_median_s"),
                    Column("of 95 %, s", "lag_p95_s"),
                    Column("lost", "lost", 0),
                    Column("twice", "twice", 0),
                ),
            ),
        ),
    ),
    Section(
        "One process's memory",
        "Peak resident memory of the whole journey, beside what a worker declares "
        "(`engine.memory_mb`).",
        (
            Table(
                "memory", "scans", r"(.+)",
                (
                    Column("frames", "frames", 0),
                    Column("but text, MB", "but_text_mb", 0),
                    Column("journey, MB", "journey_mb", 0),
                    Column("peak, MB", "peak_mb", 0),
                    Column("declared, MB", "declared_mb", 0),
                    Column("at 1,200 frames, MB", "at_1200_mb", 0),
                ),
            ),
        ),
    ),
)  # fmt: skip


def page(results: dict[str, Any]) -> str:
    """The whole page, as Markdown."""
    known = results["benchmarks"]
    kept = {
        name
        for name, one in known.items()
        if one["status"] in ("measured", "carried") and not one.get("quick")
    }
    lines, missing = [START], []
    for section in SECTIONS:
        found, told = Results(results), list[str]()
        for table in section.tables:
            if table.benchmark in kept:
                told += table.lines(found)
            elif table.benchmark not in missing:
                missing.append(table.benchmark)
        if told:
            lines += [f"## {section.title}", "", section.text, "", *told, found.foot(), ""]
    if missing:
        lines.append(f"Not measured in full yet: {', '.join(f'`{one}`' for one in missing)}.\n")
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(json.loads(RESULTS.read_text("utf-8"))), "utf-8")


if __name__ == "__main__":
    main()
