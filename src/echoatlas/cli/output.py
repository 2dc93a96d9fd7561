"""What commands share: the global options, opening a deployment or a lake, and saying things."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from tqdm import tqdm

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.storage import Storage
from echoatlas.schemas.config import DeploymentConfig, load

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment


@dataclass(slots=True)
class Context:
    """The global options."""

    lake: str | None
    deployment: str | None
    as_json: bool

    def open(self) -> Deployment:
        """The deployment that the command is about (needs the extra ``curate``)."""
        try:
            from echoatlas.pipeline.deployment import Deployment
        except ModuleNotFoundError as missing:
            raise needs_curate(missing) from None
        return Deployment.find(Path(self.deployment) if self.deployment else None, self.lake)

    def releases(self) -> Storage:
        """Where releases lie: of the lake that was named, or of the deployment around here.

        A trainer has neither keys nor the extra ``curate``: the lake's address is enough.
        """
        folder = Path(self.deployment) if self.deployment else _around(Path.cwd())
        if folder and (folder / "echoatlas.yaml").is_file():
            config = load(DeploymentConfig, folder / "echoatlas.yaml")
            zone = config.zones.get("releases")
            if config.releases and not self.lake:
                return Storage.open(_from(folder, config.releases), zone)
            if not self.lake:
                return Storage.open(_from(folder, config.lake), zone).sub("releases")
        if not self.lake:
            raise UsageError("name the lake: --lake PATH or s3://..., or ECHOATLAS_LAKE")
        return Storage.open(self.lake).sub("releases")

    def say(self, plain: str, data: Any) -> None:
        """Print text for people, or the data as JSON when asked for."""
        typer.echo(json.dumps(as_data(data), ensure_ascii=False) if self.as_json else plain)


def needs_curate(missing: ModuleNotFoundError) -> UsageError:
    """The error of a command that needs the extra ``curate``, or another operating system."""
    if missing.name in sys.stdlib_module_names:
        return UsageError(
            f"this command does not run on {sys.platform} ({missing.name} is missing)"
        )
    return UsageError(
        f"this command needs `pip install echoatlas[curate]` ({missing.name} is missing)"
    )


def _around(folder: Path) -> Path | None:
    return next((p for p in (folder, *folder.parents) if (p / "echoatlas.yaml").is_file()), None)


def _from(folder: Path, place: str) -> str:
    return place if "://" in place else str(folder / Path(place).expanduser())


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
    """Rows as aligned columns, numbers to the right."""
    texts = [[str(cell) for cell in row] for row in rows]
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


class Progress:
    """A bar on a terminal, plain lines elsewhere, nothing with ``--json``."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: tqdm[Any] | None = None
        self._what = ""

    def __call__(self, what: str, done: int, of: int) -> None:
        if self._quiet:
            return
        if not sys.stderr.isatty():
            if what != self._what or done == of:
                typer.echo(f"{what}: {done} of {of}" if of > 1 else what, err=True)
        else:
            if what != self._what or self._bar is None:
                self.close()
                self._bar = tqdm(total=of, desc=what, leave=False)
            self._bar.update(done - self._bar.n)
        self._what = what

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
