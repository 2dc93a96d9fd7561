"""Commands about deployments and sites: ``init``, ``site``, ``quarantine``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from echoatlas.cli.output import Context, table
from echoatlas.pipeline.errors import UsageError

site_app = typer.Typer(no_args_is_help=True, help="Sites: add, check, list, receipt.")
quarantine_app = typer.Typer(no_args_is_help=True, help="Rejected objects: list, show, retry.")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(init)
    app.add_typer(site_app, name="site")
    app.add_typer(quarantine_app, name="quarantine")


def init(ctx: typer.Context, path: Path) -> None:
    """Make a new deployment: configuration, keys (0600), a folder for sites."""
    context: Context = ctx.obj
    from echoatlas.pipeline.deployment import Deployment

    made = Deployment.init(path, context.lake)
    context.say(
        f"a deployment at {made.root}\n"
        f"  configuration  {made.root / 'echoatlas.yaml'}\n"
        f"  keys           {made.root / made.config.vault} (back them up)\n"
        f"next: echoatlas site add FILE",
        {"deployment": made.root, "lake": made.lake.storage.uri},
    )


@site_app.command("add")
def add(ctx: typer.Context, file: Path, replace: bool = typer.Option(False)) -> None:
    """Add a site from its file, after checking it."""
    context: Context = ctx.obj
    from echoatlas.pipeline.sites.onboarding import check_site

    deployment = context.open("unused")
    checked = check_site(deployment, file)
    target = deployment.add_site(checked.site, replace=replace)
    context.say(
        f"site {checked.site.site}: {checked.said}\nnext: echoatlas run --site {checked.site.site}",
        {
            "site": checked.site.site,
            "file": target,
            "files": checked.files,
            "beside": checked.beside,
        },
    )


@site_app.command("check")
def check(ctx: typer.Context, file: Path) -> None:
    """Check a site's file and its bucket; changes nothing."""
    context: Context = ctx.obj
    from echoatlas.pipeline.sites.onboarding import check_site

    checked = check_site(context.open("unused"), file)
    warnings = checked.tables.warnings()
    if short := checked.tables.short(checked.site.sidecar):
        warnings.insert(0, short)
    good = "is right, but is to be looked at" if warnings else "is right"
    told = f"the file of site {checked.site.site} {good}; {checked.said}"
    context.say(
        "\n".join([told, *warnings]),
        {
            "site": checked.site.site,
            "files": checked.files,
            "beside": checked.beside,
            "bytes": checked.bytes,
            "ok": True,
            "tables": checked.tables,
            "warnings": warnings,
        },
    )


@site_app.command("list")
def list_sites(ctx: typer.Context) -> None:
    """The sites of this deployment."""
    context: Context = ctx.obj
    rows = [
        {"site": s.site, "bucket": s.bucket, "organ": s.labels.organ or "", "license": s.license}
        for s in context.open("unused").chosen(None)
    ]
    heads = ("site", "bucket", "organ", "license")
    context.say(table(heads, [[row[head] for head in heads] for row in rows]), rows)


@site_app.command()
def receipt(ctx: typer.Context, site: str, upload: str | None = typer.Argument(None)) -> None:
    """What became of each file that a site dropped (names files: for the site's own eyes)."""
    context: Context = ctx.obj
    from echoatlas.pipeline.sites.receipts import receipts

    deployment = context.open()
    found = receipts(deployment, deployment.site(site), [upload] if upload else None)
    if upload and not found:
        raise UsageError(f"site '{site}' has no upload '{upload}'")
    heads = ("status", "file", "why")
    context.say(
        table(heads, [(one.status, one.file, one.sentence) for one in found]),
        [
            {"file": r.file, "object_id": r.object_id, "status": r.status, "reason": r.reason}
            | ({"table": r.table} if r.table else {})
            for r in found
        ],
    )


HEADS = ("object_id", "site", "upload", "step", "reason", "detail")


@quarantine_app.command("list")
def list_quarantine(
    ctx: typer.Context,
    site: str | None = typer.Option(None),
    reason: str | None = typer.Option(None),
) -> None:
    """Rejected objects, and why."""
    context: Context = ctx.obj
    from echoatlas.pipeline.run.quarantine import quarantined

    found = [asdict(row) for row in quarantined(context.open(), site, reason)]
    rows = [{head: row[head] for head in HEADS} for row in found]
    context.say(
        table(
            ("object_id", "site", "step", "reason", "detail"),
            [
                (row["object_id"][:16], row["site"], row["step"], row["reason"], row["detail"])
                for row in rows
            ],
        ),
        rows,
    )


@quarantine_app.command()
def show(ctx: typer.Context, object_id: str) -> None:
    """All that is known of one rejected object."""
    context: Context = ctx.obj
    from echoatlas.pipeline.run.quarantine import one_quarantined

    row = asdict(one_quarantined(context.open(), object_id))
    context.say("\n".join(f"{name:12} {value}" for name, value in row.items()), row)


@quarantine_app.command()
def retry(
    ctx: typer.Context,
    reason: str | None = typer.Option(None, help="Only this reason."),
    site: str | None = typer.Option(None, help="Only this site."),
) -> None:
    """Take rejected objects out of quarantine; the next run works on them anew."""
    context: Context = ctx.obj
    from echoatlas.pipeline.run.quarantine import release_from_quarantine

    number = release_from_quarantine(context.open(), site, reason)
    context.say(f"{number} objects are pending again; next: echoatlas run", {"retried": number})
