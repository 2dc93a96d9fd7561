"""CHANGES.md: what is otherwise than in the release before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echoatlas.pipeline.errors import EchoAtlasError
from echoatlas.pipeline.release.diff import UNKNOWN, as_text, diff
from echoatlas.pipeline.release.manifest import manifest_of, names

if TYPE_CHECKING:
    from echoatlas.pipeline.storage import Storage
    from echoatlas.schemas.manifest import Manifest


def changes_page(releases: Storage, manifest: Manifest) -> str:
    """What came, went and changed since the release that was published before this one."""
    before = _before(releases, manifest)
    if before is None:
        return f"# {manifest.name}\n\nThe first release: there is none before it.\n"
    try:
        found = diff(
            releases,
            before,
            manifest.name,
            lambda rows, _: dict.fromkeys(rows.column("frame_id").to_pylist(), UNKNOWN),
            lambda said: None,
        )
    except EchoAtlasError as error:
        return f"# {manifest.name}\n\nNot compared with {before}: {error}.\n"
    return as_text(found) + "\n"


def _before(releases: Storage, manifest: Manifest) -> str | None:
    told = []
    for name in names(releases):
        try:
            other = manifest_of(releases, name)
        except EchoAtlasError:  # of a newer kind, or damaged: not what this release is about
            continue
        if (other.created, other.name) < (manifest.created, manifest.name):
            told.append((other.created, other.name))
    return max(told)[1] if told else None
