"""The command that looks at all that a release promises: ``verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from echoatlas.cli.output import Context, as_data, table
from echoatlas.pipeline.errors import CheckFailed
from echoatlas.schemas.events import Ending, Stage
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.release.verify import Check

Against = typer.Option(
    None, "--against", help="Evaluation set, file of fingerprints or release; several times."
)


def add_to(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(verify)


def verify(ctx: typer.Context, name: str, against: list[str] | None = Against) -> None:
    """Leakage, checksums, counts, PHI scan; non-zero if anything fails.

    Where the lake is at hand, its edges are asked as well, and evaluation sets.
    """
    context: Context = ctx.obj
    name = context.release_named(name)
    from echoatlas.pipeline.release.verify import verify as looked

    with context.events("v") as log:
        log.begin(Stage.VERIFY)
        allowance = context.open("unused").lake.allowance if context.has_lake() else None
        checks = looked(context.releases(), name, allowance)
        checks += _by_the_lake(context, name, against or [])
        failed = [check for check in checks if not check.ok]
        log.counted(len(checks))
        log.ending = Ending.FAILED if failed else Ending.DONE
    rows = [("ok" if c.ok else "FAILED", c.name, c.detail) for c in checks]
    context.say(table(("", "check", "detail"), rows), {"ok": not failed, "checks": as_data(checks)})
    if failed:
        raise CheckFailed(f"{number_of(len(failed), 'check')} of release '{name}' failed")


def _by_the_lake(context: Context, name: str, against: list[str]) -> list[Check]:
    """What only the lake can tell of a release; a trainer has none."""
    if not against and not context.has_lake():
        return []
    from echoatlas.pipeline.erase.returned import nothing_erased_is_back
    from echoatlas.pipeline.release.manifest import manifest_of
    from echoatlas.pipeline.release.refused_since import consent_today
    from echoatlas.pipeline.run.contamination import held_against
    from echoatlas.pipeline.run.edges import no_edge_across

    deployment = context.open()
    manifest = manifest_of(deployment.releases, name)
    return [
        *consent_today(deployment.lake, deployment.releases, manifest),
        no_edge_across(deployment, name),
        *nothing_erased_is_back(deployment, name),
        *held_against(deployment, name, against),
    ]
