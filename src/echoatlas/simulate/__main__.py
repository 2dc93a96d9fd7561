"""``python -m echoatlas.simulate FOLDER``: write the uploads of made-up sites."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from echoatlas.simulate.uploads import build_uploads
from echoatlas.wording import number_of


def main(
    folder: Annotated[Path, typer.Argument(help="Gets SITE/UPLOAD/... and SITE.yaml.")],
    scale: Annotated[float, typer.Option(help="1.0 is about 100 objects.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
) -> None:
    """Write uploads of several sites, with their truth in FOLDER/truth.json."""
    truth = build_uploads(folder, scale, seed)
    counted = ", ".join(f"{count} {status}" for status, count in sorted(truth.counts().items()))
    typer.echo(f"{number_of(len(truth.sites), 'site')} in {folder}: {counted}")


if __name__ == "__main__":
    typer.run(main)
