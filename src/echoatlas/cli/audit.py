"""Commands of the privacy officer: ``audit show``, ``report``, ``sample``, ``import``, ..."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from echoatlas.cli.output import Context, as_data, table
from echoatlas.pipeline.errors import UsageError
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.audit.reidentification import Reidentification

audit_app = typer.Typer(
    no_args_is_help=True, help="What de-identification did, and the proof of it."
)
Site = typer.Option(None, "--site", help="Objects of this site.")
Release = typer.Option(None, "--release", help="A release; default: the lake.")
Out = typer.Option(None, "--out", help="Write it there as Markdown.")
Dest = typer.Argument(help="A new folder.")
Source = typer.Argument(help="A review.csv that was filled in.")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(audit_app, name="audit")


@audit_app.command("show")
def show(
    ctx: typer.Context,
    object_id: str | None = typer.Argument(None, help="An object's id, or its beginning."),
    site: str | None = Site,
) -> None:
    """What was done to an object, or to each of a site's: codes, counts, hashes, no values."""
    context: Context = ctx.obj
    if (object_id is None) == (site is None):
        raise UsageError("name an object, or a site with --site")
    deployment = context.open()
    from echoatlas.pipeline.audit.trail import as_told, in_words, trail

    rows = trail(deployment, object_id, site)
    context.say("\n\n".join(in_words(row) for row in rows) or "(none)", [as_told(r) for r in rows])


@audit_app.command("report")
def report(ctx: typer.Context, out: Path | None = Out, site: str | None = Site) -> None:
    """What was done in sum: methods, attributes, areas, checks, detectors, policies, keys."""
    context: Context = ctx.obj
    deployment = context.open()
    from echoatlas.pipeline.audit.in_sum import page, summed
    from echoatlas.pipeline.file_faults import write_named

    told = summed(deployment, site)
    if out is None:
        context.say(page(told).rstrip(), told)
        return
    write_named(out, page(told).encode())
    context.say(f"a report at {out.absolute()}", {"report": out.absolute()})


@audit_app.command("sample")
def sample(
    ctx: typer.Context,
    dest: Path = Dest,
    n: int = typer.Option(200, "--n", min=1, help="Frames: half at random, half by risk."),
    seed: int = typer.Option(0, help="The same seed draws the same frames."),
    release: str | None = Release,
) -> None:
    """A sheet of de-identified frames for a person to review, and a table to fill in."""
    context: Context = ctx.obj
    deployment = context.open()
    from echoatlas.pipeline.audit.sheet import write_sheet
    from echoatlas.pipeline.release.findings import RANDOM

    key, release = deployment.key(), release and context.release_named(release)
    drawn = write_sheet(deployment.lake, deployment.releases, key, dest, n, seed, release)
    random = sum(one.drawn == RANDOM for one in drawn)
    context.say(
        f"{number_of(random, 'frame')} at random and {len(drawn) - random} by risk in "
        f"{dest.absolute()}: open review.html, fill in review.csv, then `echoatlas audit import`",
        {"random": random, "risk": len(drawn) - random, "dest": dest.absolute()},
    )


@audit_app.command("import")
def import_(
    ctx: typer.Context,
    file: Path = Source,
    by: str = typer.Option(..., "--by", help="Id of the reviewer."),
) -> None:
    """Write down what a reviewer found; objects that leak, or may, go into quarantine."""
    context: Context = ctx.obj
    from echoatlas.pipeline.audit.verdicts import import_sheet

    done = import_sheet(context.open(), file, by, datetime.now(UTC).date())
    lines = [", ".join(f"{number} {verdict}" for verdict, number in done.findings.items())]
    if done.gone:
        lines.append(f"{number_of(done.gone, 'frame is', 'frames are')} no longer in the lake")
    if done.quarantined:
        lines.append(
            f"{number_of(len(done.quarantined), 'object')} quarantined; back only by "
            "`quarantine retry --reason seen_by_reviewer`:"
        )
        lines += done.quarantined
        lines.append(
            "their pictures are still in old versions of the tables: `echoatlas audit purge` "
            "deletes them for good; delete sheets and reports that show them yourself"
        )
    lines += [
        f"release {name} holds such frames and cannot be changed: delete its folder, tell whoever "
        "pulled it, and make another with `echoatlas release create`"
        for name in done.releases
    ]
    context.say("\n".join(lines), done)


@audit_app.command("purge")
def purge(ctx: typer.Context) -> None:
    """Delete for good what only old versions of the lake's tables still hold."""
    context: Context = ctx.obj
    from echoatlas.pipeline.audit.verdicts import purge as purged

    files = purged(context.open())
    context.say(f"{number_of(files, 'file')} of old versions deleted", {"files": files})


@audit_app.command("bound")
def bound(ctx: typer.Context, release: str | None = Release) -> None:
    """How many frames may leak, by device: Clopper-Pearson, 95 %, over frames drawn at random."""
    context: Context = ctx.obj
    from echoatlas.pipeline.audit.leak_bound import bounds
    from echoatlas.pipeline.release.findings import LAKE

    found = bounds(context.open().lake, release or LAKE)
    heads = (
        "device",
        "reviewed",
        "leaks",
        "unsure",
        "open",
        "at least",
        "at most",
        "also, by risk",
    )
    rows = [
        (b.stratum, b.reviewed, b.leaks, b.unsure, b.open, f"{b.low:.4f}", f"{b.high:.4f}", b.also)
        for b in found
    ]
    context.say(table(heads, rows), as_data(found))


@audit_app.command("reidentify")
def reidentify(
    ctx: typer.Context,
    release: str | None = typer.Option(None, "--release", help="Only this release."),
    k: int = typer.Option(5, "--k", min=2, help="Classes smaller than this count as small."),
) -> None:
    """How unique patients are by site, age, sex and device, in the lake and in each release."""
    context: Context = ctx.obj
    from echoatlas.pipeline.audit.reidentification import reidentification

    deployment = context.open()
    release = release and context.release_named(release)
    found = reidentification(deployment.lake, deployment.releases, k, release)
    heads = ("of", "patients", "k", "alone", f"under {k}", "share")
    rows = [
        (one.population, a.patients, a.k, a.unique, a.under, f"{a.share_under:.4f}")
        for one in found
        for a in [one.anonymity]
    ]
    plain = "\n".join([table(heads, rows), *(line for one in found for line in _in_words(one, k))])
    context.say(plain, found)


def _in_words(one: Reidentification, k: int) -> list[str]:
    alone = one.anonymity.unique_without
    lines = [f"{one.population}: alone if it were not published: {_listed(alone)}"]
    if one.would:
        lines.append(
            f"{one.population}: min_k {k} would blank {_listed(one.would.blanked)}"
            f"{', make ages decades' if one.would.decades else ''}"
            f" and leave out {number_of(one.would.left_out, 'patient')}"
        )
    return lines


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())
