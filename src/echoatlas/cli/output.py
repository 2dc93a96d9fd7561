"""What commands share: the global options, opening a deployment or a lake, and saying things."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from echoatlas.cli.progress import Progress
from echoatlas.pipeline.storage.lake_place import demand_lake
from echoatlas.pipeline.storage.whereabouts import find_lake, find_releases

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.event_log import EventLog
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage.storage import Storage


@dataclass(slots=True)
class Context:
    """The global options, and what tells people how far a command is."""

    lake: str | None
    deployment: str | None
    as_json: bool
    progress: Progress = field(default_factory=lambda: Progress(quiet=True))

    def open(self, lake: Literal["read", "made", "unused"] = "read") -> Deployment:
        """The deployment that the command is about.

        What is imported from now on forgoes pandas.

        Args:
            lake: "read" if there has to be one; "made" if the command makes the one that the
                configuration names; "unused" if it does not matter.

        Raises:
            UsageError: there is no deployment, or no lake at the place that was named.
        """
        from echoatlas.pipeline.forgo import forgo_pandas

        forgo_pandas()
        from echoatlas.pipeline.deployment import Deployment

        folder = Path(self.deployment) if self.deployment else None
        found = Deployment.find(folder, self.lake)
        place = found.lake.storage
        if lake == "read" or (lake == "made" and place.uri != found.configured_lake.uri):
            demand_lake(place)
        elif lake == "made":
            place.is_there()  # or else says what is wrong with bucket or credentials
        return found

    def releases(self) -> Storage:
        """The releases of the lake that was named, or of the deployment around here.

        A trainer has neither keys nor the extra ``curate``: the lake's address is enough. What is
        imported from now on forgoes pandas, as with ``open``: commands begin with either.
        """
        from echoatlas.pipeline.forgo import forgo_pandas

        forgo_pandas()
        return find_releases(self.lake, Path(self.deployment) if self.deployment else None)

    def release_named(self, name: str) -> str:
        """The release that is meant by a name: where one was redacted, its successor, which is
        told."""
        releases = self.releases()
        from echoatlas.pipeline.release.notices import standing_name

        return standing_name(releases, name, self.warn)

    def has_lake(self) -> bool:
        """Whether there is a deployment around here, whose lake is there, and the extra for it."""
        return self.lake_or_none() is not None

    def events(self, letter: str) -> EventLog:
        """The event log of the deployment around here, for a command that only reads.

        It keeps nothing for a trainer, who has no deployment or only a base install; one that
        can't be written stops nothing.
        """
        from echoatlas.pipeline.event_log import EventLog, can_log, run_name

        place = find_lake(self.lake, Path(self.deployment) if self.deployment else None)
        return EventLog(place if can_log() else None, run_name(letter), optional=True)

    def lake_or_none(self) -> Lake | None:
        """The lake of the deployment around here; None for a trainer, who has only releases."""
        place = find_lake(self.lake, Path(self.deployment) if self.deployment else None)
        if place is None:
            return None
        try:
            from echoatlas.pipeline.lake.tables import Lake
        except ModuleNotFoundError:
            return None
        return Lake(place)

    def warn(self, said: str) -> None:
        """Print what a person should know beside what was asked, where no program reads it."""
        self.progress.close()
        typer.echo(f"echoatlas: {said}", err=True)

    def say(self, plain: str, data: Any) -> None:
        """Print text for people, or the data as JSON when asked for."""
        self.progress.close()
        text = json.dumps(as_data(data), ensure_ascii=False) if self.as_json else plain
        # Names of files need not be text: what is none is spelled out, as JSON and people read it
        typer.echo(text.encode(errors="backslashreplace").decode())


def as_data(value: Any) -> Any:
    """Dataclasses, mappings and sequences as JSON's plain values."""
    if is_dataclass(value) and not isinstance(value, type):
        return as_data(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): as_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_data(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as aligned columns, numbers to the right; what a terminal would obey is spelled out."""
    texts = [[on_one_line(str(cell)) for cell in row] for row in rows]
    if not texts:
        return "(none)"
    widths = [max(len(row[i]) for row in [list(heads), *texts]) for i in range(len(heads))]
    numeric = [
        all(row[i].replace(".", "", 1).isdigit() for row in texts) for i in range(len(heads))
    ]
    lines = []
    for row in [list(heads), *texts]:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def on_one_line(text: str) -> str:
    """A text on one line: a file's name may break lines, turn the others around, or hide them."""
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(one: str) -> str:
    return one if one.isprintable() else ascii(one)[1:-1]
