"""The command ``deidentify``: needs neither lake nor deployment."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from echoatlas.cli.output import Context

Src = typer.Argument(exists=True, help="A file, a folder or an archive; it is only read.")
Dest = typer.Argument(help="A folder that is not there yet, or holds a run that was stopped.")
PolicyFile = typer.Option(None, "--policy", help="What may stay (YAML); default: see --what-if.")
Report = typer.Option(
    None, "--report", help="Where the report goes; default: DEST/_deidentification/report.json."
)
KeyFile = typer.Option(
    None, "--key", help="The key's file; default: ECHOATLAS_KEY_<SITE>, or one made on first use."
)
Names = typer.Option(
    None, "--names", help="Also say which input is which, in a file for your own eyes (0600)."
)
Site = typer.Option(
    "local", "--site", help="Whose key to use: a name, or the site's file (YAML) with its rules."
)
WhatIf = typer.Option(False, "--what-if", help="Say in words what would be done; do nothing.")
Workers = typer.Option(1, "--workers", min=1, help="Processes; the output does not depend on it.")
Seconds = typer.Option(600, "--seconds", min=1, help="Time that an input may take.")


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(deidentify)


def deidentify(
    ctx: typer.Context,
    src: Path = Src,
    dest: Path = Dest,
    policy: Path | None = PolicyFile,
    report: Path | None = Report,
    key: Path | None = KeyFile,
    names: Path | None = Names,
    site: str = Site,
    what_if: bool = WhatIf,
    workers: int = Workers,
    seconds: int = Seconds,
) -> None:
    """Files in, de-identified files and a report out; needs no lake."""
    context: Context = ctx.obj
    from echoatlas.pipeline.deidentify.header.policy import Policy, load_policy
    from echoatlas.pipeline.deidentify_tool.explain import explain, files
    from echoatlas.pipeline.deidentify_tool.run import REPORT, deidentify_files, summary_text
    from echoatlas.pipeline.vault.keys import key_of_tool
    from echoatlas.schemas.config.file import load
    from echoatlas.schemas.config.site import SiteConfig

    chosen = load_policy(policy) if policy else Policy()
    if what_if:
        sentences = [*explain(chosen), *files()]
        plain = "\n".join(f"- {sentence}" for sentence in sentences)
        context.say(plain, {"policy": chosen.digest, "deidentification": sentences})
        return
    rules = load(SiteConfig, Path(site)) if Path(site).is_file() else None
    made = key_of_tool(rules.site if rules else site, key)
    if made.new:
        context.progress.close()
        typer.echo(f"made the key {made.path}: back it up, and show it to no one", err=True)
    done = deidentify_files(
        src, dest, chosen, made.key, report, names, workers, float(seconds), context.progress, rules
    )
    told = report or dest / REPORT
    context.say(f"{summary_text(done, names)}\nreport: {told}", {**asdict(done), "report": told})
    raise typer.Exit(done.exit_code)
