"""Where the scans of a release come from: sites, collections, licenses, what to cite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from echoatlas.taxonomy.collections import load as load_collection

if TYPE_CHECKING:
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Source:
    """A site, and the public collection that it holds, if it does.

    Attributes:
        country: ISO 3166-1 alpha-2, or empty. licenses: of its frames in the release.
    """

    site: str
    country: str
    licenses: tuple[str, ...]
    title: str = ""
    url: str = ""
    citation: str = ""
    defects: tuple[str, ...] = ()
    frames: int = 0


def published_sources(sites: Iterable[SiteConfig]) -> dict[str, dict[str, str]]:
    """What a manifest says of sites: country and collection, no more."""
    return {
        one.site: {"country": one.country or "", "collection": one.collection or ""}
        for one in sites
    }


def sources_of(manifest: Manifest, index: pa.Table) -> list[Source]:
    """The sources of some rows, in order of sites."""
    told: Mapping[str, Any] = manifest.published.get("sources") or {}
    rows = zip(index.column("site").to_pylist(), index.column("license").to_pylist(), strict=True)
    licenses: dict[str, dict[str, int]] = {}
    for site, one in rows:
        mine = licenses.setdefault(site, {})
        mine[one] = mine.get(one, 0) + 1
    return [_source(site, told.get(site) or {}, licenses[site]) for site in sorted(licenses)]


def countries_of(told: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Site to country, of those whose country is known.

    Args:
        told: what a manifest says of sites.
    """
    found = {site: _source(site, one, {}).country for site, one in told.items()}
    return {site: country for site, country in found.items() if country}


def _source(site: str, told: Mapping[str, str], licenses: Mapping[str, int]) -> Source:
    known = tuple(sorted(one or "unknown" for one in licenses))
    frames = sum(licenses.values())
    name = told.get("collection", "")
    if not name:
        return Source(site, told.get("country", ""), known, frames=frames)
    found = load_collection(name)
    country = told.get("country") or (found.countries[0] if len(found.countries) == 1 else "")
    return Source(
        site, country, known, found.title, found.url, found.citation, found.defects, frames
    )


def sources_page(name: str, sources: Iterable[Source]) -> str:
    """SOURCES.md: each site with its licenses, and what its authors ask to be cited."""
    lines = [f"# Sources of {name}", ""]
    for one in sources:
        lines += [f"## {one.site}", ""]
        told = {
            "collection": one.title,
            "where": one.url,
            "cite": one.citation,
            "country": one.country,
            "license": ", ".join(one.licenses),
            "frames": str(one.frames),
        }
        lines += [f"- {key}: {value}" for key, value in told.items() if value]
        lines += [f"- known to be wrong with it: {defect}" for defect in one.defects] + [""]
    return "\n".join(lines)


def as_json(sources: Iterable[Source]) -> list[dict[str, Any]]:
    """Sources as plain data."""
    return [asdict(one) for one in sources]
