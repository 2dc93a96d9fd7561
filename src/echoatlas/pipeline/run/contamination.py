"""Releases held against evaluation sets (``evaluation_sets``), and cut without them.

Where there are no sets, nothing is imported that finds what is near to one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.release.verify import Check
from echoatlas.pipeline.release.without import TRAINED_ON, NearFrames, Screen, amount_of, trained_on

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment
    from echoatlas.schemas.config.release import ReleaseConfig
    from echoatlas.schemas.manifest import Manifest


def screens(deployment: Deployment, without: Sequence[str]) -> list[Screen]:
    """What a release is held against: what it goes without, and all sets of the configuration."""
    asked = list(dict.fromkeys([*without, *deployment.config.evaluation]))
    return [_screen(deployment, name, leave_out=name in without) for name in asked]


def _screen(deployment: Deployment, name: str, *, leave_out: bool) -> Screen:
    from echoatlas.pipeline.run.evaluation_sets import near_frames, set_named

    some = set_named(deployment, name)

    @cache
    def looked(versions: tuple[tuple[str, int], ...]) -> NearFrames:
        return near_frames(deployment.lake, some, dict(versions))

    def look(versions: Mapping[str, int]) -> NearFrames:
        return looked(tuple(sorted(versions.items())))

    return Screen(some.name, some.digest, some.rows.num_rows, leave_out, look)


def cut_release(
    deployment: Deployment, config: ReleaseConfig, without: Sequence[str] = ()
) -> Manifest:
    """Cut a release, held against evaluation sets.

    Args:
        without: sets of which whatever is near is left out, with whole clips and patients.

    Raises:
        UsageError: there is no such set, or as ``create`` does.
        CheckFailed: what is not left out and near to a set of the configuration would be trained
            on, or as ``create`` does.
    """
    engine, held = deployment.config.engine, screens(deployment, without)
    sites = deployment.sites.values()
    return create(deployment.lake, deployment.releases, config, engine, sites, held)


def held_against(deployment: Deployment, name: str, more: Sequence[str] = ()) -> list[Check]:
    """One check a set: whether anything outside of a release's test split is near to it.

    Args:
        more: sets besides those of the configuration and those that the release goes without.
    """
    manifest = manifest_of(deployment.releases, name)
    told = [one.name for one in manifest.without]
    found = []
    wanted = dict.fromkeys([*deployment.config.evaluation, *more, *told])
    if wanted:
        from echoatlas.pipeline.run.evaluation_sets import near_frames, set_named

        index = index_columns_of(deployment.releases, manifest, TRAINED_ON)
    for asked in wanted:
        check = f"nothing to train on is near to {asked}"
        try:
            some = set_named(deployment, asked)
        except UsageError as error:
            if asked in more or asked in deployment.config.evaluation:
                raise
            found.append(Check(check, True, f"not looked at: {error}"))
            continue
        # As the lake stands: what came since the release was cut can't be in it
        rows = trained_on(index, near_frames(deployment.lake, some, {}).every)
        found.append(Check(check, not rows.num_rows, amount_of(rows) if rows.num_rows else ""))
    return found
