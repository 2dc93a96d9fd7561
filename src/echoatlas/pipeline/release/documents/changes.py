"""What is otherwise than in the release before: told as a release is published, and kept beside it.

Only then the lake is at hand, which knows why frames are gone. Whoever pulls a release of before
that was kept has it compared anew, without the reasons.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import EchoAtlasError
from echoatlas.pipeline.release.diff import (
    COMPARED,
    UNKNOWN,
    Diff,
    Why,
    as_text,
    diff,
    difference,
    why_removed,
)
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.release.notices import cut_at, living_names

if TYPE_CHECKING:
    import pyarrow as pa

    from echoatlas.pipeline.database import Connection
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest

FILE = "changes.json"  # beside the manifest
Reasons = Callable[["pa.Table", "Manifest"], Why]


def changes_since(
    asked: Connection, releases: Storage, manifest: Manifest, reasons: Reasons
) -> Diff | None:
    """Compare a release that is about to be published with the one before; None if there is none,
    or if it can't be read.

    Args:
        asked: has the index of the release as ``new``.
        reasons: why frames of the one before are not in it.
    """
    before = _before(releases, manifest)
    if before is None:
        return None
    try:
        old = index_columns_of(releases, manifest_of(releases, before), COMPARED)
        return difference(asked, before, manifest, old, reasons, listed=False)
    except EchoAtlasError:
        return None


def keep_changes(releases: Storage, name: str, found: Diff) -> None:
    """Write down beside a release what changed."""
    data = json.dumps(found.counts(), default=asdict, sort_keys=True, indent=1)
    releases.write(f"{name}/{FILE}", data.encode())


def changes_of(releases: Storage, manifest: Manifest) -> Diff | None:
    """What changed since the release before, as it was written down, else as far as indexes tell;
    None if there is none before, or if it can't be read."""
    try:
        return Diff.of(json.loads(releases.read(f"{manifest.name}/{FILE}")))
    except FileNotFoundError:
        pass
    before = _before(releases, manifest)
    if before is None:
        return None
    try:
        return diff(
            releases,
            before,
            manifest.name,
            lambda rows, _: dict.fromkeys(rows.column("frame_id").to_pylist(), UNKNOWN),
            lambda said: None,
        )
    except EchoAtlasError:
        return None


def changes_page(manifest: Manifest, found: Diff | None) -> str:
    """CHANGES.md of a pull."""
    if found is None:
        return (
            f"# {manifest.name}\n\nThe first release: there is none before it to compare it with.\n"
        )
    return "\n".join([as_text(found), *on_moves(manifest)]) + "\n"


def on_moves(manifest: Manifest) -> list[str]:
    """Who stands in another split than before, as lines behind a comparison."""
    if not manifest.moved_since:
        return []
    return [
        "",
        "## Patients in another split",
        "",
        *(f"- {one.sentence}" for one in manifest.moved_since),
    ]


def on_card(found: Diff | None) -> list[str]:
    """The part of a card that says what changed."""
    if found is None:
        return []
    lines = [f"## Changes since {found.before}", "", found.sentence]
    return lines + (["", *why_removed(found)] if found.why else [])


def _before(releases: Storage, manifest: Manifest) -> str | None:
    if manifest.redacts is not None:
        return manifest.redacts.release
    told = []
    for name in living_names(releases):
        try:
            other = manifest_of(releases, name)
        except EchoAtlasError:  # of a newer kind, or damaged: not what this release is about
            continue
        if other.config.unit == manifest.config.unit:  # no frame of one is a sample of the other
            told.append((cut_at(releases, other), name))
    earlier = [one for one in told if one < (manifest.created, manifest.name)]
    return max(earlier)[1] if earlier else None
