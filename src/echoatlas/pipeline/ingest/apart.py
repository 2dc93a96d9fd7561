"""Whether sites share a place: what lies in two buckets is taken in twice, under two keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from echoatlas.pipeline.dicomweb.address import is_service
from echoatlas.pipeline.storage.whereabouts import Steps, steps_to

if TYPE_CHECKING:
    from pathlib import Path

    from echoatlas.schemas.config.site import SiteConfig


def steps_of(root: Path, bucket: str) -> Steps:
    """Where a site's bucket lies; a service is a place of its own.

    Args:
        root: where relative paths start.
    """
    return (bucket.rstrip("/"),) if is_service(bucket) else steps_to(root, bucket)


def sharing(root: Path, sites: Iterable[SiteConfig]) -> dict[str, list[str]]:
    """Sites of which one's bucket is, or lies within, that of others; to the names of these."""
    known = {site.site: (site, steps_of(root, site.bucket)) for site in sites}
    at: dict[Steps, list[str]] = {}
    for name, (_, steps) in known.items():
        at.setdefault(steps, []).append(name)
    found: dict[str, set[str]] = {}
    for name, (site, steps) in known.items():
        for other in _above(at, steps):
            if other != name and _asks_alike(site, known[other][0]):
                found.setdefault(name, set()).add(other)
                found.setdefault(other, set()).add(name)
    return {name: sorted(others) for name, others in sorted(found.items())}


def _above(at: dict[Steps, list[str]], steps: Steps) -> Iterator[str]:
    for length in range(1, len(steps) + 1):
        yield from at.get(steps[:length], ())


def _asks_alike(one: SiteConfig, other: SiteConfig) -> bool:
    """Whether two sites of one service ask for the same series; of buckets all is taken."""
    if not is_service(one.bucket):
        return True
    return bool({*one.dicomweb.modalities} & {*other.dicomweb.modalities})


def shared_warning(others: Iterable[str]) -> str:
    """What to look at where a site shares its place with others."""
    names = ", ".join(f"'{name}'" for name in others)
    return (
        f"its bucket and that of {names} lie within each other: what lies in both is taken in "
        "twice, each patient under two pseudonyms; give each site a prefix of its own"
    )
