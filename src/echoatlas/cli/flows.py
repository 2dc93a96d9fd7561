"""The command that serves Prefect's flows: ``serve``."""

from __future__ import annotations

import typer

from echoatlas.cli.output import Context


def add_to(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(serve)


def serve(ctx: typer.Context) -> None:
    """Prefect deployments of all flows, from the server that PREFECT_API_URL names; until Ctrl-C.

    They are called FLOW/NAME, NAME being that of the deployment: `prefect deployment run
    curate/echoatlas`.
    """
    context: Context = ctx.obj
    deployment = context.open("unused")
    from echoatlas.flows.serving import serve_flows

    serve_flows(deployment)
