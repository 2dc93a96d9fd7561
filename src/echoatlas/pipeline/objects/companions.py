"""A scan with what lies beside its copies: annotations, and the size of its pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echoatlas.pipeline.objects.copies import best
from echoatlas.pipeline.sidecars.annotations import given, length, scores
from echoatlas.pipeline.sidecars.said import in_words, joined, with_rows
from echoatlas.taxonomy.collections import load

if TYPE_CHECKING:
    from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
    from echoatlas.schemas.records import Origin, Scan, SourceAnnotation


def origin_of_all(scan: Scan, task: ObjectTask, context: SiteContext) -> Origin:
    """The origin by which an object's patient is known, its row filled up by those of copies."""
    origins = in_words(task.said)
    first = best(scan.header, origins, context.site, context.key, context.config.deidentify)
    return with_rows(first, origins, context.site)


def with_companions(
    scan: Scan, origin: Origin, task: ObjectTask, context: SiteContext
) -> tuple[Scan, list[SourceAnnotation]]:
    """The scan with what tables and collection know of it, and what is marked on it."""
    site = context.site
    marked, flags = scores(site, origin.sidecar), frozenset[str]()
    if site.collection is not None:
        attached, adapter = joined(task.said), load(site.collection)
        told, flags = given(attached, origin.facts, adapter, scan, context.config.read)
        marked += told
    size = length(origin.facts.get("mm_per_px", ""))
    spacing = scan.spacing or ((size, size) if size else None)
    return replace(scan, flags=(*scan.flags, *sorted(flags)), spacing=spacing), marked
