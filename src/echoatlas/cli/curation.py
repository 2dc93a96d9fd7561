"""Commands that run the pipeline: ``plan``, ``run``, ``status``, ``compact`` and others."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from echoatlas.cli.labels import changes_rows, changes_text, forecast_text
from echoatlas.cli.output import Context, table
from echoatlas.pipeline.errors import CheckFailed
from echoatlas.wording import number_of

Out = typer.Option(Path("report.html"), help="Where to write it.")
Dest = typer.Argument(Path("demo"), help="A new folder.")
Headers = typer.Option(
    100, min=0, help="Headers to read for a forecast, where words or rules changed."
)
Sites = typer.Option(None, "--site", help="Only this site; may be given several times.")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (plan, run, status, validate, compact, report, demo):
        app.command()(command)


def plan(ctx: typer.Context, site: list[str] | None = Sites, headers: int = Headers) -> None:
    """What would run, on how many objects, why; what de-identification will do, in words."""
    context: Context = ctx.obj
    deployment = context.open("made")
    from echoatlas.pipeline.deidentify_tool.explain import brief, explain
    from echoatlas.pipeline.plan.plan import plans_of, surveys_of
    from echoatlas.pipeline.plan.settings import journey_config
    from echoatlas.pipeline.run.forecast import forecast
    from echoatlas.pipeline.run.label_inputs import label_changes

    surveys, faults = surveys_of(deployment, site)
    sites = plans_of(deployment, surveys, faults)
    policy = journey_config(deployment.config).deidentify
    heads = ("site", "new files", "waiting", "pending", "renewed", "headers", "up to date", "lost")
    rows = [
        (s.site, s.new_files, s.waiting, s.pending, s.renewed, s.reread, s.up_to_date, s.lost)
        for s in sites
    ]
    lines = [table(heads, rows), *(f"{s.site}: left out: {s.fault}" for s in sites if s.fault)]
    by_reason: dict[str, list[str]] = {}
    for one in sites:
        for reason in one.why:
            by_reason.setdefault(reason, []).append(one.site)
    for reason, names in by_reason.items():
        lines.append(f"{reason} ({'all sites' if len(names) == len(sites) else ', '.join(names)})")
    lines += [f"{one.site}: {warning}" for one in sites for warning in one.warnings]
    lines += [
        f"{one.site}: {number_of(one.archives, 'new archive')} not looked into: what is in "
        "there, and whom tables in there name, is counted by `run`"
        for one in sites
        if one.archives
    ]
    changed = label_changes(deployment.lake, deployment.config)
    if changed:
        lines += ["", changes_text(changed)]
    ahead = forecast(deployment, surveys, headers)
    if ahead.of:
        lines += ["", forecast_text(ahead)]
    lines += ["", "De-identification:", *(f"- {sentence}" for sentence in brief(policy))]
    context.say(
        "\n".join(lines),
        {
            "sites": [asdict(s) for s in sites],
            "labels": changes_rows(changed),
            "forecast": {
                "read": ahead.read,
                "of": ahead.of,
                "labels": changes_rows(ahead.changes),
            },
            "deidentification": explain(policy),
        },
    )
    unlisted = [one.site for one in sites if one.fault]
    if unlisted:
        raise CheckFailed(f"buckets that can't be listed: {', '.join(unlisted)}")


def run(ctx: typer.Context, site: list[str] | None = Sites) -> None:
    """Ingest to duplicates: what is new or changed, resumable at any moment."""
    context: Context = ctx.obj
    deployment = context.open("made")
    from echoatlas.pipeline.run.idle import rested
    from echoatlas.pipeline.run.summary import must_hold

    summary = rested(deployment, site)
    if summary is None:
        from echoatlas.pipeline.run.run import curate

        summary = curate(deployment, site, context.progress)
    data = {
        "run_id": summary.run_id,
        "named": summary.named,
        "waiting": summary.waiting,
        "differing": summary.differing,
        "objects": summary.objects,
        "reread": summary.reread,
        "frames": summary.frames,
        "duplicates": summary.repeats,
        "rejected": dict(sorted(summary.rejected.items())),
        "seconds": round(summary.seconds, 2),
        "step_seconds": {k: round(v, 3) for k, v in sorted(summary.step_seconds.items())},
        "notes": summary.notes,
        "gate": [{"name": n, "ok": ok, "detail": detail} for n, ok, detail in summary.gate],
        "conservation": summary.balance.holds,
        "failed": summary.failed,
        "warnings": summary.warnings,
    }
    plain = (
        f"{number_of(summary.objects, 'object')}, {number_of(summary.frames, 'frame')}, "
        f"{sum(summary.rejected.values())} quarantined, {summary.repeats} repeated, "
        f"{summary.seconds:.1f} s"
        if summary.named or summary.objects
        else "nothing to do"
    )
    if summary.reread:
        more = f"; {plain}" if summary.objects else f", {summary.seconds:.1f} s"
        reread = number_of(summary.reread, "object")
        plain = f"evidence of {reread} read anew, no pixels touched{more}"
    if summary.waiting:
        waits = number_of(summary.waiting, "file waits", "files wait")
        plain += f"\n{waits} for the rest of their uploads"
    if summary.differing:
        waits = number_of(summary.differing, "file waits", "files wait")
        plain += f"\n{waits}: other bytes than a manifest names"
    for note in summary.notes:
        plain += f"\n{note}"
    for name in summary.silent:
        plain += f"\n{name}: its bucket is read-only for us; receipts by `echoatlas site receipt`"
    context.say("\n".join([plain, *summary.warnings]), data)
    must_hold(summary)


def validate(ctx: typer.Context) -> None:
    """All rows of the lake against the expectations, by Great Expectations; a run looks at what it
    brings alone."""
    context: Context = ctx.obj
    deployment = context.open()
    from echoatlas.pipeline.gate.whole_lake import whole_lake

    checks = whole_lake(deployment.lake, deployment.sites, context.progress)
    failed = [(name, said) for name, ok, said in checks if not ok]
    plain = f"{number_of(len(checks), 'expectation')}, of which {len(failed)} do not hold"
    if failed:
        plain += "\n\n" + table(("expectation", "rows"), failed)
    data = {"checks": [{"name": n, "ok": ok, "detail": said} for n, ok, said in checks]}
    context.say(plain, data)
    if failed:
        raise CheckFailed(f"{failed[0][0]}: {failed[0][1]}")


def compact(
    ctx: typer.Context,
    sweep: int | None = typer.Option(
        None,
        min=0,
        metavar="DAYS",
        help="Then delete files older than this that no release and no newest version needs.",
    ),
) -> None:
    """Make many small files of the lake into few large ones; releases stay as they are."""
    context: Context = ctx.obj
    deployment = context.open()
    from echoatlas.pipeline.run.compact import compact_lake

    found, deleted = compact_lake(deployment.lake, deployment.releases, sweep, context.progress)
    rows = [(name, one.before, one.after) for name, one in found.items() if one.before]
    plain = table(("table", "files before", "after"), rows)
    if sweep is not None:
        plain += f"\n\n{number_of(deleted, 'file')} deleted"
    data = {"tables": {name: asdict(one) for name, one in found.items()}, "deleted": deleted}
    context.say(plain, data)


def status(ctx: typer.Context) -> None:
    """Counts by site, region, organ, device; conservation; quarantine by reason."""
    context: Context = ctx.obj
    deployment = context.open()
    from echoatlas.pipeline.run.status import status as stands
    from echoatlas.pipeline.run.status import without_file

    found = stands(deployment.lake)
    found["without_file"] = without_file(found["sites"], deployment.sites)
    context.say(status_text(found), found)


def status_text(found: dict[str, Any]) -> str:
    """The status for people."""
    from echoatlas.pipeline.objects.heeded import Heeded

    kinds = sorted({kind for counts in found["sites"].values() for kind in counts})
    parts = [
        f"{number_of(found['frames'], 'frame')}; the books "
        f"{'' if found['conservation'] else 'DO NOT '}balance",
        *found["faults"],
        *([found["erasure"]] if found["erasure"] else []),
        table(
            ("site", *kinds),
            [
                (site, *(counts.get(kind, 0) for kind in kinds))
                for site, counts in found["sites"].items()
            ],
        ),
    ]
    for name in ("regions", "organs", "devices", "modes", "duplicates", "quarantine"):
        if found[name]:
            parts.append(table((name, "number"), _most_first(found[name])))
    if found["label_conflicts"]:
        told = ", ".join(f"{number} {name}" for name, number in found["label_conflicts"].items())
        parts.append(f"duplicates whose labels differ: {told} (echoatlas label conflicts)")
    for site, one in found["held"].items():
        parts.append(
            f"{site}: {one['objects']} of the pending objects were held back by the gate "
            f"({', '.join(one['failed'])}): {one['page']} below the lake"
        )
    for site in found.get("without_file", ()):
        parts.append(
            f"{site} has no file among the sites any more: what it sent stays, in releases too, "
            "until it is erased"
        )
    if found["patients_differ"]:
        said = "copies that name several patients (flag patients_differ)"
        number = found["patients_differ"]
        parts.append(number_of(number, f"object has {said}", f"objects have {said}"))
    if found["masks_left_out"]:
        parts.append(
            f"{number_of(found['masks_left_out'], 'object')} with masks that were "
            "left out (receipts)"
        )
    if found["consent"]:
        told = ", ".join(f"{number} {said}" for said, number in found["consent"].items())
        parts.append(f"objects by what is said of consent: {told}")
    for site, one in found["patient_lists"].items():
        parts.append(Heeded(**one).sentence(site))
    if found["tables"]:
        heads = ("tables", "idle", "rows", "unmatched", "files", "named")
        rows = [(site, *(one[h] for h in heads)) for site, one in found["tables"].items()]
        parts.append(table(("tables of", *heads), rows))
    return "\n\n".join(parts)


def _most_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def report(
    ctx: typer.Context,
    name: str | None = typer.Argument(None, help="A release; the whole lake if not given."),
    out: Path = Out,
) -> None:
    """An HTML report: tree, sites, devices, quality, gallery, quarantine."""
    context: Context = ctx.obj
    deployment = context.open()
    from echoatlas.pipeline.report import write_report

    of = {site.site: site.collection or site.site for site in deployment.sites.values()}
    name = name and context.release_named(name)
    write_report(deployment.lake, deployment.releases, name, out, of)
    context.say(f"a report at {out.absolute()}", {"report": out.absolute()})


def demo(
    ctx: typer.Context,
    dest: Path = Dest,
    scale: float = typer.Option(1.0, help="Size of the simulated uploads."),
    seed: int = typer.Option(0, help="Of the simulated uploads."),
) -> None:
    """The whole journey on sample scans, on this machine, ending with a report to open."""
    context: Context = ctx.obj
    from echoatlas.cli.demo import rehearse

    done = rehearse(dest, scale, seed, context.progress)
    context.say(
        f"{status_text(done['status'])}\n\n"
        f"release {done['release']}: {number_of(done['samples'], 'sample')}, "
        f"{sum(c['ok'] for c in done['checks'])} of {len(done['checks'])} checks passed; pulled to "
        f"{done['pulled']}\n{done['seconds']:.0f} s; open {done['report']}",
        done,
    )
