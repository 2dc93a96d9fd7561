"""The commands of those who take a release away: ``pull``, ``formats``."""

from __future__ import annotations

from pathlib import Path

import typer

from echoatlas.cli.output import Context, table
from echoatlas.pipeline.errors import UsageError
from echoatlas.wording import number_of

Settings = typer.Option(
    None, "--set", metavar="KEY=VALUE", help="A setting of the format: see `formats`."
)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(pull)
    app.command()(formats)


def pull(
    ctx: typer.Context,
    name: str,
    dest: Path,
    format: str = typer.Option("webdataset", help="The layout: see `formats`."),
    where: str = typer.Option("", help="SQL expression over the index."),
    settings: list[str] | None = Settings,
    even: bool = typer.Option(False, "--even", help="Clips at an even rate: `--set even=true`."),
    replace: bool = typer.Option(False, "--replace", help="What another pull left in the folder."),
) -> None:
    """Bring a release, or a part of it, to a folder, as a trainer's own loader reads it."""
    context: Context = ctx.obj
    releases = context.releases()
    from echoatlas.pipeline.release.notices import standing_name
    from echoatlas.pipeline.release.pull import pull as bring
    from echoatlas.pipeline.storage.whereabouts import demand_outside

    demand_outside(dest, releases, context.lake, context.deployment)
    chosen = pairs([*(settings or []), *(["even=true"] if even else [])])
    said = context.warn, chosen, context.progress
    number = bring(
        releases, name, dest, format, where, *said, replace=replace, missing=context.warn
    )
    came = standing_name(releases, name, lambda _: None)
    context.say(
        f"{number_of(number, 'sample')} of {came} in {dest.absolute()}",
        {"release": came, "samples": number, "dest": dest.absolute(), "format": format},
    )


def pairs(settings: list[str]) -> dict[str, str]:
    """What several ``--set KEY=VALUE`` say.

    Raises:
        UsageError: one of them is no such pair.
    """
    pairs = [one.partition("=") for one in settings]
    wrong = next((key for key, equals, _ in pairs if not equals), None)
    if wrong is not None:
        raise UsageError(f"--set {wrong}: say KEY=VALUE")
    return {key.strip(): value for key, _, value in pairs}


def formats(ctx: typer.Context) -> None:
    """The layouts that `pull` writes, who reads each, and what may be set with --set."""
    context: Context = ctx.obj
    from echoatlas.pipeline.release.pull import FORMATS, settings_of

    rows = [(name, form.readers) for name, form in FORMATS.items()]
    lines = [table(("format", "read by"), rows), ""]
    listed = [row for name in FORMATS for row in settings_of(name)]
    lines.append(table(("format", "setting", "default", "meaning"), listed))
    heads = ("setting", "default", "meaning")
    data = {
        name: {
            "readers": form.readers,
            "settings": [dict(zip(heads, row[1:], strict=True)) for row in settings_of(name)],
        }
        for name, form in FORMATS.items()
    }
    context.say("\n".join(lines), data)
