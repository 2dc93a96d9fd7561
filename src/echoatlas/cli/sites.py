"""Commands about deployments and sites: ``init``, ``site``, ``quarantine``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from echoatlas.cli.output import Context, table
from echoatlas.pipeline.errors import UsageError
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.sites.site_profile import SiteProfile

site_app = typer.Typer(no_args_is_help=True, help="Sites: add, check, list, guide, form, receipt.")
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
        "next: echoatlas site add FILE",
        {"deployment": made.root, "lake": made.lake.storage.uri},
    )


@site_app.command("add")
def add(
    ctx: typer.Context,
    file: Path,
    replace: bool = typer.Option(False),
    user: bool = typer.Option(
        False, help="Make a user of the S3 service with the site's policy alone, and its keys."
    ),
) -> None:
    """Add a site from its file, after checking it; on S3 make its bucket, policy and guide."""
    context: Context = ctx.obj
    from echoatlas.pipeline.sites.onboarding import check_site, hand_out

    deployment = context.open("unused")
    checked = check_site(deployment, file, make=True)
    site = checked.site
    target = deployment.add_site(site, replace=replace)
    handed = hand_out(deployment, site, user=user)
    lines = [f"site {site.site}: {checked.sentence}"]
    if handed:
        lines.append(f"for the site: guide, policy{' and keys' if handed.keys else ''} in")
        lines[-1] += f" {handed.folder}"
        if handed.user and not handed.keys:
            lines.append(f"user {handed.user} was there and keeps its keys")
    lines.append(f"next: echoatlas run --site {site.site}, or echoatlas watch")
    context.say(
        "\n".join(lines),
        {
            "site": site.site,
            "file": target,
            "files": checked.files,
            "beside": checked.beside,
            "handed": handed,
        },
    )


@site_app.command("guide")
def show_guide(ctx: typer.Context, site: str) -> None:
    """Write a site's upload guide and policy anew, and print the guide."""
    context: Context = ctx.obj
    from echoatlas.pipeline.sites.onboarding import hand_out

    deployment = context.open("unused")
    handed = hand_out(deployment, deployment.site(site))
    if handed is None:
        raise UsageError(f"site '{site}' sends nothing to a bucket of S3")
    context.say((handed.folder / "guide.txt").read_text("utf-8"), {"folder": handed.folder})


@site_app.command()
def form(
    ctx: typer.Context,
    site: str,
    upload: str,
    hours: float = typer.Option(24.0, help="For which the form is good."),
    max_mb: int | None = typer.Option(None, min=1, help="Largest file; default: uploads.max_mb."),
) -> None:
    """Sign a form by which a site without S3 tools sends files into one upload."""
    context: Context = ctx.obj
    from echoatlas.pipeline.sites.onboarding import hand_out_form

    deployment = context.open("unused")
    signed, (page, script) = hand_out_form(deployment, deployment.site(site), upload, hours, max_mb)
    context.say(
        f"good for {hours:g} h, files of at most {signed.max_bytes // 10**6} MB, into "
        f"{signed.prefix}\nfor a browser  {page}\nfor curl       {script}",
        {"page": page, "script": script, "prefix": signed.prefix, "max_bytes": signed.max_bytes},
    )


@site_app.command("check")
def check(
    ctx: typer.Context,
    site: str = typer.Argument(help="Its file, or its name."),
    objects: int = typer.Option(50, min=0, help="Look at so many objects of its uploads."),
) -> None:
    """Check a site's file and bucket, and try its first uploads; writes nothing."""
    context: Context = ctx.obj
    deployment = context.open("unused")
    from echoatlas.pipeline.plan.plan import checked as settings_checked
    from echoatlas.pipeline.plan.settings import label_config
    from echoatlas.pipeline.sites.onboarding import check_site, file_of
    from echoatlas.pipeline.sites.profile import profile_site

    checked = check_site(deployment, file_of(deployment, site))
    found = None
    if objects and checked.files:
        config = settings_checked(deployment.config)
        fusion = label_config(deployment.config)
        found = profile_site(deployment, checked.site, config, fusion, objects, context.progress)
    warnings = checked.warnings
    if short := checked.tables.short(checked.site.sidecar):
        warnings.insert(0, short)
    good = "is right, but is to be looked at" if warnings else "is right"
    told = f"the file of site {checked.site.site} {good}; {checked.sentence}"
    context.say(
        "\n".join([told, *warnings, *(["", profile_text(found)] if found else [])]),
        {
            "site": checked.site.site,
            "profile": found,
            "files": checked.files,
            "beside": checked.beside,
            "bytes": checked.bytes,
            "ok": True,
            "tables": checked.tables,
            "warnings": warnings,
        },
    )


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def profile_text(found: SiteProfile) -> str:
    """A profile for people."""
    share, least, most = found.rate or (0.0, 0.0, 0.0)
    looked, patients = number_of(found.looked, "object"), number_of(found.patients, "patient")
    parts = [
        f"{looked} looked at, of {patients}: {share:.0%} would be accepted (95 % sure of "
        f"{least:.0%} to {most:.0%})",
        f"{found.outside} have text outside the scanned area, where all is made black (headers "
        f"admit it of {found.stated}); {found.inside} have text inside it",
    ]
    if found.nameless:
        parts.append(f"{found.nameless} name no patient: each stands alone")
    understood = sum(found.organs.values()) - found.organs.get("unknown", 0)
    parts.append(f"{understood} of {sum(found.organs.values())} say what they show")
    counted: tuple[tuple[str, Mapping[str, int]], ...] = (
        ("not accepted", found.rejected),
        ("format", found.formats),
        ("device", found.devices),
        ("shows", found.organs),
        ("device not known, patients", found.unknown_devices),
    )
    for head, numbers in counted:
        if numbers:
            parts.append(table((head, "number"), _most_first(numbers)))
    rows = [
        (place, value, number)
        for place, some in found.unmapped.items()
        for value, number in _most_first(some)
    ]
    if rows:
        parts.append(table(("not understood", "value", "patients"), rows))
    if found.rare:
        parts.append(f"{number_of(found.rare, 'value')} that few patients have not shown")
    if found.suggestions:
        parts.append("\n".join(["lines for its file:", *found.suggestions]))
    return "\n\n".join(parts)


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
    deployment = context.open()
    from echoatlas.pipeline.plan.survey import arrived_at
    from echoatlas.pipeline.sites.receipts import receipts

    arrived = arrived_at(deployment, deployment.site(site))
    found = receipts(deployment, arrived, [upload] if upload else None)
    if upload and not found:
        raise UsageError(f"site '{site}' has no upload '{upload}'")
    heads = ("status", "file", "why", "what to do")
    context.say(
        table(heads, [(one.status, one.file, one.sentence, one.advice) for one in found]),
        [
            {
                "file": r.file,
                "object_id": r.object_id,
                "status": r.status,
                "reason": r.reason,
                "sentence": r.sentence,
                "advice": r.advice,
            }
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
    deployment = context.open()
    from echoatlas.pipeline.run.quarantine import quarantined
    from echoatlas.pipeline.sites.advice import advice_on, told_without_advice

    found = [asdict(row) for row in quarantined(deployment, site, reason)]
    rows: list[dict[str, Any]] = [
        {head: row[head] for head in HEADS} | {"advice": advice_on(row["reason"], row["detail"])}
        for row in found
    ]
    shown = [
        (row["object_id"][:16], row["site"], row["step"], row["reason"],
         told_without_advice(row["detail"]), row["advice"])
        for row in rows
    ]  # fmt: skip
    context.say(table(("object_id", "site", "step", "reason", "detail", "what to do"), shown), rows)


@quarantine_app.command()
def show(ctx: typer.Context, object_id: str) -> None:
    """All that is known of one rejected object."""
    context: Context = ctx.obj
    deployment = context.open()
    from echoatlas.pipeline.run.quarantine import one_quarantined
    from echoatlas.pipeline.sites.advice import advice_on

    row = asdict(one_quarantined(deployment, object_id))
    row["advice"] = advice_on(row["reason"], row["detail"])
    context.say("\n".join(f"{name:12} {value}" for name, value in row.items()), row)


@quarantine_app.command()
def retry(
    ctx: typer.Context,
    reason: str | None = typer.Option(None, help="Only this reason."),
    site: str | None = typer.Option(None, help="Only this site."),
) -> None:
    """Take rejected objects out of quarantine; the next run works on them anew."""
    context: Context = ctx.obj
    deployment = context.open()
    from echoatlas.pipeline.run.quarantine import release_from_quarantine

    number = release_from_quarantine(deployment, site, reason)
    back = number_of(number, "object is", "objects are")
    context.say(f"{back} pending again; next: echoatlas run", {"retried": number})
