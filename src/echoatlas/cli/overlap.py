"""Commands about what is there twice: ``overlap`` and ``fingerprints``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from echoatlas.cli.output import Context, as_data, table
from echoatlas.cli.verify import Against
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.deduplicate.overlap import Matrix

fingerprints_app = typer.Typer(
    no_args_is_help=True, help="What a set is known by elsewhere: hashes and opaque ids, no pixels."
)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(overlap)
    app.add_typer(fingerprints_app, name="fingerprints")


@fingerprints_app.command("export")
def export(
    ctx: typer.Context,
    dest: Path,
    release: str | None = typer.Argument(None, help="A release; the whole lake if not given."),
    where: str = typer.Option("", help="SQL expression over the index, e.g. \"split = 'test'\"."),
    name: str | None = typer.Option(
        None, help="What the set is called; the file's name if not given."
    ),
) -> None:
    """Write what is near to a set can be found by, where its pictures may not go."""
    context: Context = ctx.obj
    release = release and context.release_named(release)
    deployment = context.open()
    from echoatlas.pipeline.run.evaluation_sets import export_fingerprints

    made = export_fingerprints(deployment, dest, release, where, name)
    context.say(
        f"{number_of(made.rows.num_rows, 'frame')} of {number_of(made.clips, 'clip')} in "
        f"{dest.absolute()}: hashes and opaque ids, no pixels",
        {"file": dest.absolute(), "frames": made.rows.num_rows, "clips": made.clips},
    )


def overlap(ctx: typer.Context, against: list[str] | None = Against) -> None:
    """What sites and collections have in common, or the lake and sets that must stay out."""
    context: Context = ctx.obj
    deployment = context.open()
    from echoatlas.pipeline.run.overlaps import matrices, set_overlap

    if against:
        found = [set_overlap(deployment, name) for name in against]
        heads = ("set", "site", "frames", "clips", "patients", "undecided clips", "of its clips")
        rows = [
            [one.name, site, here["frames"], here["clips"], here["patients"], here["undecided"],
             f"{one.met} of {one.clips}"]
            for one in found for site, here in one.sites.items()
        ]  # fmt: skip
        said = table(heads, rows) if rows else "nothing is near"
        context.say(said, {"against": as_data(found)})
        return
    of = {site.site: site.collection or site.site for site in deployment.sites.values()}
    known = matrices(deployment.lake, of)
    context.say("\n\n".join(matrix_text(one) for one in known), {m.kind: as_data(m) for m in known})


def matrix_text(matrix: Matrix) -> str:
    """A matrix for people: of each, what each other one has as well; on the diagonal, repeats."""
    parts = []
    for unit in ("frames", "clips", "patients"):
        heads = (f"{unit} of {matrix.kind}", "all", *matrix.totals)
        parts.append(table(heads, matrix.rows(unit)))
    open_: Counter[str] = Counter()
    for cell in matrix.between:
        open_[f"{cell.one} and {cell.other}"] += cell.undecided
    parts += [
        f"{number_of(number, 'clip')} of {pair} can't be told apart"
        for pair, number in (+open_).items()
    ]
    return "\n\n".join(parts)
