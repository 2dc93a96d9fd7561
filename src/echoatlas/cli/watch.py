"""The command that runs by itself: ``watch``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from echoatlas.cli.output import Context
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.errors import EchoAtlasError
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.pipeline.run.summary import Summary

TOKEN = "ECHOATLAS_WATCH_TOKEN"
Sites = typer.Option(None, "--site", help="Only this site; may be given several times.")


def add_to(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(watch)


def watch(
    ctx: typer.Context,
    site: list[str] | None = Sites,
    every: float = typer.Option(300.0, min=1, help="Seconds between looks without an event."),
    listen: str | None = typer.Option(
        None,
        help="HOST:PORT at which a service posts its events (S3, SNS, EventBridge, SeaweedFS); "
        f"with a bearer token if {TOKEN} is set.",
    ),
    queue: str | None = typer.Option(
        None,
        help="URL of a queue (SQS) into which a bucket's events are put; read with the credentials "
        "of the zone `intake`.",
    ),
    look: bool = typer.Option(False, "--look", help="Only say once where something is due."),
) -> None:
    """Run whenever something has come: on a bucket's events, and every so often; until stopped."""
    context: Context = ctx.obj
    from contextlib import ExitStack

    from echoatlas.pipeline.run.watch import watch as watched
    from echoatlas.pipeline.sites.events import Hints, Listener
    from echoatlas.pipeline.sites.queue_events import QueueReader
    from echoatlas.schemas.config.deployment import Zone

    deployment = context.open("made")
    names = [one.site for one in deployment.chosen(site)] if site else []
    if look:
        _look(context, deployment, names or list(deployment.sites))
        return
    hints, token = Hints(deployment.sites), os.environ.get(TOKEN, "")
    # One that is empty is wrong too: a variable that nobody set, and no event would ever come
    listener = Listener(listen, hints, token) if listen is not None else None

    def report(what: Summary | EchoAtlasError) -> None:
        if isinstance(what, Exception):
            context.say(f"echoatlas: {what}", {"error": str(what)})
            return
        context.say(
            f"{what.run_id}: {number_of(what.objects, 'object')}, "
            f"{number_of(what.frames, 'frame')}, {sum(what.rejected.values())} quarantined, "
            f"{what.repeats} repeated, {what.seconds:.1f} s",
            {
                "run_id": what.run_id,
                "objects": what.objects,
                "frames": what.frames,
                "rejected": dict(what.rejected),
                "duplicates": what.repeats,
                "seconds": round(what.seconds, 2),
            },
        )

    with ExitStack() as stack:
        if listener:
            stack.enter_context(listener)
        if queue is not None:
            zone = deployment.config.zones.get("intake") or Zone()
            stack.enter_context(QueueReader(queue, hints, zone, report))
        place = f", events at http://{listener.address}" if listener else ""
        place += f", events from {queue}" if queue else ""
        context.say(
            f"watching {', '.join(names) or 'all sites'} every {every:g} s{place}",
            {
                "watching": names,
                "listening": listener.address if listener else "",
                "queue": queue or "",
            },
        )
        watched(lambda: context.open("made"), hints, names, every, report)


def _look(context: Context, deployment: Deployment, names: list[str]) -> None:
    from echoatlas.pipeline.run.watch import look_at

    seen = look_at(deployment, names)
    lines = [
        f"{site}: {number_of(number, 'object or list', 'objects or lists')} of patients due"
        for site, number in sorted(seen.due.items())
    ]
    lines += [f"{site}: {why}" for site, why in sorted(seen.faults.items())]
    context.say("\n".join(lines) or "nothing is due", {"due": seen.due, "faults": seen.faults})
