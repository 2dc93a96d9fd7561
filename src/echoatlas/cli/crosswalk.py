"""Commands of the crosswalk: ``crosswalk make-key``, ``crosswalk read``."""

from __future__ import annotations

from pathlib import Path

import typer

from echoatlas.cli.output import Context, table

crosswalk_app = typer.Typer(
    no_args_is_help=True, help="Which patient a pseudonym stands for, if that is kept at all."
)
File = typer.Argument(help="Of the private key; keep it away from where the pipeline runs.")
Key = typer.Option(..., "--key", help="The private key's file.")
Patient = typer.Option(None, "--patient", help="Only this pseudonym; may be given several times.")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(crosswalk_app, name="crosswalk")


@crosswalk_app.command("make-key")
def make_key(ctx: typer.Context, file: Path = File) -> None:
    """Make the key that reads a crosswalk; prints the public half for echoatlas.yaml."""
    context: Context = ctx.obj
    from echoatlas.pipeline.vault.crosswalk import make_key as made

    public = made(file)
    context.say(
        f"the private key is {file}: without it the crosswalk can't be read\n"
        f"to switch the crosswalk on, put into echoatlas.yaml:\ncrosswalk: {public}",
        {"private": file, "crosswalk": public},
    )


@crosswalk_app.command()
def read(
    ctx: typer.Context, site: str, key: Path = Key, patient: list[str] | None = Patient
) -> None:
    """Pseudonyms of a site and whom they stand for. What it prints identifies patients."""
    context: Context = ctx.obj
    from echoatlas.pipeline.vault.crosswalk import Crosswalk, read_key, unseal

    deployment = context.open("unused")
    name = deployment.site(site).site
    private = read_key(key)
    rows = [
        {
            "patient": entry.patient,
            "identity": unseal(private, name, entry).replace("\0", " | "),
            "key_id": entry.key_id,
        }
        for entry in Crosswalk(deployment.vault.path, name)
        if not patient or entry.patient in patient
    ]
    heads = ("patient", "identity", "key_id")
    context.say(table(heads, [[row[head] for head in heads] for row in rows]), rows)
