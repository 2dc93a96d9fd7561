"""What benchmarks measured, as ``benchmarks/results.json`` has it, and how figures are written."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


class Results:
    """Measured rows, by benchmark; remembers which benchmarks were asked for."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._entries: dict[str, Any] = told["benchmarks"]
        self.used: dict[str, None] = {}

    def rows(self, benchmark: str) -> dict[str, Row]:
        """All rows of a benchmark.

        Raises:
            ValueError: it is not measured in full.
        """
        entry = self._entries.get(benchmark, {"status": "missing"})
        if entry["status"] not in ("measured", "carried") or entry.get("quick"):
            what = "quick" if entry.get("quick") else entry["status"]
            raise ValueError(f"no figures of '{benchmark}' for the README: {what}")
        self.used[benchmark] = None
        rows: dict[str, Row] = entry["rows"]
        return rows

    def row(self, benchmark: str, name: str) -> Row:
        """One row of a benchmark."""
        return self.rows(benchmark)[name]

    def foot(self) -> str:
        """Where the figures that were asked for come from."""
        measured: dict[str, list[str]] = {}
        carried: dict[str, list[str]] = {}
        for name in sorted(self.used):
            entry = self._entries[name]
            if entry.get("carried"):
                carried.setdefault(entry["commit"], []).append(f"`{name}`")
            else:
                place = entry["environment"]
                machine = f"{place['processor']}, {place['cores']} cores, Python {place['python']}"
                one = f"`{name}` (commit {place['commit']}, load {place['load']:g})"
                measured.setdefault(machine, []).append(one)
        parts = [f"Measured on {one}: {', '.join(of)}." for one, of in measured.items()]
        parts += [
            f"Carried over from commit {commit}, not measured since: {', '.join(of)}."
            for commit, of in carried.items()
        ]
        return " ".join(parts)


def percent(share: float, digits: int = 1) -> str:
    """A share as the README writes it."""
    return f"{100 * share:.{digits}f} %"


def span(values: list[float], digits: int = 1) -> str:
    """The least and the most of some values, or one where they round to the same."""
    low, high = (f"{edge(values):.{digits}f}" for edge in (min, max))
    return low if low == high else f"{low} to {high}"
