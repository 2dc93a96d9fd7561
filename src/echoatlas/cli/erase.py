"""The command of those who leave: ``erase``."""

from __future__ import annotations

from pathlib import Path

import typer

from echoatlas.cli.output import Context
from echoatlas.pipeline.errors import CheckFailed, UsageError

Patients = typer.Option(
    None,
    "--patient-ids",
    help="One patient id a line; or a table with some of the columns patient_id, issuer, name, "
    "birth_date, study_uid, folder, pseudonym.",
)
Report = typer.Option(Path(), "--report", help="Folder for the report, as HTML and as JSON.")


def add_to(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(erase)


def erase(
    ctx: typer.Context,
    site: str = typer.Argument(help="A site; with --whole also a collection."),
    request: str = typer.Option(
        ..., "--request", help="Opaque id of the request, such as a file number: no name."
    ),
    patient_ids: Path | None = Patients,
    whole: bool = typer.Option(False, "--whole", help="All that the site ever sent: it leaves."),
    again: bool = typer.Option(
        False, "--again", help="What this request erased before, if a backup brought it back."
    ),
    report: Path = Report,
    dry_run: bool = typer.Option(False, "--dry-run", help="Only count what would go."),
) -> None:
    """Take patients, a site or a collection out of lake and releases for good, and prove it.

    Exit code 1 where nobody of the file was found: a report is written, and nothing was erased.
    """
    context: Context = ctx.obj
    from echoatlas.pipeline.erase.erase import erase as carry_out
    from echoatlas.pipeline.erase.plan import found_in_lake
    from echoatlas.pipeline.erase.report import as_text_of, make_folder, would_go, write_reports
    from echoatlas.pipeline.erase.request import request_of, sites_of

    if [patient_ids is not None, whole, again].count(True) != 1:
        raise UsageError(
            "name a file with --patient-ids, or say --whole if all of the site goes, or --again if "
            "what the request erased is back"
        )
    deployment = context.open()
    names = sites_of(deployment, site, whole=whole or again)
    asked = []
    for name in names:
        called = request if len(names) == 1 else f"{request}-{name}"
        # A site that left whole does so again: there are no patients to be told by tombstones
        some = again and name not in deployment.tombstones(called).sites
        key = deployment.site_key(name)
        asked.append(request_of(called, name, key, patient_ids, again=some))
    unheard = [one.name for one in asked if again and not deployment.tombstones(one.name)]
    if unheard:
        raise UsageError(f"--again: there was no request '{unheard[0]}'")
    if dry_run:
        found = [found_in_lake(deployment, one) for one in asked]
        context.say(
            "\n".join(would_go(one, each) for one, each in zip(found, asked, strict=True)),
            [
                {
                    "site": one.site,
                    "objects": len(one.objects),
                    "frames": len(one.frames),
                    "unknown": one.unknown,
                    "near": {
                        "lines": one.near,
                        "objects": one.near_objects,
                        "pseudonyms": one.near_patients,
                    },
                    "in_names": {
                        "lines": one.in_names,
                        "objects": one.in_names_objects,
                        "pseudonyms": one.in_names_patients,
                    },
                    "lines": [
                        {
                            "line": line.line,
                            "read_as": line.read_as,
                            "found": line.line not in one.unknown,
                        }
                        for line in each.patients
                    ],
                }
                for one, each in zip(found, asked, strict=True)
            ],
        )
        return
    make_folder(report)
    done = [carry_out(deployment, one, context.progress) for one in asked]
    for one in done:
        write_reports(one, report)
    context.say("\n\n".join(as_text_of(one, report) for one in done), done)
    if all(one.of_nobody for one in done):
        raise CheckFailed(
            "nobody of the file was found here, and nothing was erased: see that ids are written "
            "as the scanner has them. Who comes later under these is refused"
        )
