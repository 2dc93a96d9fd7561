"""Commands about labels: ``label``, ``tree``, ``collections``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import typer
import yaml

from echoatlas.cli.output import Context, table
from echoatlas.pipeline.errors import UsageError, no_such
from echoatlas.wording import number_of

label_app = typer.Typer(no_args_is_help=True, help="Labels: review, label anew, how they stand.")
review_app = typer.Typer(no_args_is_help=True, help="Uncertain labels: to a person and back.")
if TYPE_CHECKING:
    from echoatlas.pipeline.run.forecast import Forecast

FORMATS = ("text", "json", "skos")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    label_app.add_typer(review_app, name="review")
    app.add_typer(label_app, name="label")
    app.command()(tree)
    app.command()(collections)


@review_app.command("export")
def export(
    ctx: typer.Context,
    dest: Path,
    most: int | None = typer.Option(None, min=1, help="At most this many, least certain first."),
) -> None:
    """Write what a person should look at: DEST/review.csv and DEST/thumbnails/."""
    context: Context = ctx.obj
    lake = context.open().lake
    from echoatlas.pipeline.label.review import export as written
    from echoatlas.pipeline.run.label_conflicts import label_conflicts, to_review

    number = written(lake, dest, most, to_review(label_conflicts(lake)))
    context.say(
        f"{number_of(number, 'object')} to look at in {dest.absolute() / 'review.csv'}\n"
        "fill in the column 'decision': a path of `echoatlas tree`, several separated by blanks, "
        "'unknown', or 'ok'"
        if number
        else "no label asks for a person",
        {"objects": number, "file": dest.absolute() / "review.csv"},
    )


@review_app.command("import")
def import_(
    ctx: typer.Context,
    file: Path,
    by: str = typer.Option(..., help="Id of the reviewer (no name)."),
    on: str | None = typer.Option(None, help="Date of the decisions, ISO 8601; default: today."),
) -> None:
    """Take decisions back: they stand above what fusion concludes, whatever is run again."""
    context: Context = ctx.obj
    lake = context.open().lake
    from echoatlas.pipeline.label.review import import_ as taken

    number = taken(lake, file, by, _day(on))
    context.say(
        f"{number_of(number, 'decision')} by {by}; next: echoatlas label run",
        {"decisions": number, "author": by},
    )


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text) if text else date.today()
    except ValueError:
        raise UsageError(f"'{text}' is no date: write it as 2026-11-24") from None


@label_app.command("conflicts")
def conflicts(ctx: typer.Context) -> None:
    """Duplicates whose labels differ, and what a release makes of them."""
    context: Context = ctx.obj
    lake = context.open().lake
    from echoatlas.pipeline.run.label_conflicts import label_conflicts
    from echoatlas.taxonomy.tree import UNKNOWN

    found = label_conflicts(lake)
    rows = [
        [one.outcome, one.paths or UNKNOWN, object_id, site, paths or UNKNOWN]
        for one in found
        for object_id, site, paths in one.members
    ]
    data = [
        {
            "outcome": one.outcome,
            "paths": one.paths,
            "objects": [
                {"object_id": object_id, "site": site, "paths": paths}
                for object_id, site, paths in one.members
            ],
        }
        for one in found
    ]
    heads = ("outcome", "label of all", "object", "site", "label of its own")
    context.say(table(heads, rows) if rows else "duplicates agree on their labels", data)


@label_app.command("run")
def run(ctx: typer.Context) -> None:
    """Label anew from evidence and decisions as they stand: no scan is opened.

    Where words or rules of evidence changed, `echoatlas run` reads headers anew first."""
    context: Context = ctx.obj
    deployment = context.open()
    from echoatlas.pipeline.run.lake_steps import relabel

    changed, done = relabel(deployment)
    context.say(
        f"{number_of(sum(changed.values()), 'frame')} labeled otherwise"
        if done
        else "nothing to do",
        {"done": done, "changes": changes_rows(changed)},
    )


@label_app.command()
def status(ctx: typer.Context) -> None:
    """How labels were decided, how many abstain, and how many ask for a person."""
    context: Context = ctx.obj
    lake = context.open().lake
    from echoatlas.pipeline.label.relabel import standing

    found = standing(lake)
    context.say(table(("labels", "number"), list(found.items())), found)


def changes_text(changed: Mapping[tuple[str, str], int]) -> str:
    """What would be labeled otherwise, for people."""
    ranked = sorted(changed.items(), key=lambda item: (-item[1], item[0]))
    rows = [(old, new, number) for (old, new), number in ranked]
    head = f"{number_of(sum(changed.values()), 'frame')} would be labeled otherwise:"
    return f"{head}\n{table(('from', 'to', 'frames'), rows)}"


def forecast_text(ahead: Forecast) -> str:
    """What words or rules that changed will do, for people."""
    head = (
        f"evidence of {number_of(ahead.of, 'object')} will be read anew from headers, names and "
        f"tables, no pixels; of {ahead.read} read for this plan, "
    )
    return head + (changes_text(ahead.changes) if ahead.changes else "no label would change")


def changes_rows(changed: Mapping[tuple[str, str], int]) -> list[dict[str, str | int]]:
    """What would be labeled otherwise, as JSON's plain values."""
    return [
        {"from": old, "to": new, "frames": number} for (old, new), number in sorted(changed.items())
    ]


def tree(
    ctx: typer.Context,
    format: str = typer.Option("text", help="text, json or skos (the last two without counts)."),
) -> None:
    """The label tree, with the number of frames at each node."""
    context: Context = ctx.obj
    from echoatlas.taxonomy import export as exported
    from echoatlas.taxonomy.tree import tree as anatomy

    if format not in FORMATS:
        raise no_such("format", format, FORMATS)
    if format == "skos":
        context.say(exported.to_skos().rstrip(), {"skos": exported.to_skos()})
        return
    if format == "json":
        context.say(json.dumps(exported.to_json(), ensure_ascii=False), exported.to_json())
        return
    from echoatlas.pipeline.label.relabel import counted

    counts = counted(context.open().lake)
    totals = exported.totals(counts)
    context.say(
        exported.print_tree(counts),
        [{"path": n.path, "name": n.name, "frames": totals[n.path]} for n in anatomy().nodes],
    )


def collections(
    ctx: typer.Context,
    name: str | None = typer.Argument(None, help="One of them: all that its adapter says."),
) -> None:
    """Public collections that a site's file may name (`collection: busi`)."""
    context: Context = ctx.obj
    from echoatlas.taxonomy.collections import load, names

    if name:
        adapter = load(name)
        plain = adapter.model_dump(mode="json", exclude_defaults=True)
        context.say(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).rstrip(), plain)
        return
    rows = [
        {
            "name": one.name,
            "title": one.title,
            "organs": " ".join(one.organs),
            "license": one.license,
            "uncertain": " ".join(one.uncertain),
        }
        for one in map(load, names())
    ]
    heads = ("name", "organs", "license", "uncertain", "title")
    context.say(table(heads, [[row[head] for head in heads] for row in rows]), rows)
