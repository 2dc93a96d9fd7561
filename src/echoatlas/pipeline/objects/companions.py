"""A scan with what lies beside its copies: annotations, and the size of its pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from echoatlas.pipeline.deidentify.pixels.marks import check_masks
from echoatlas.pipeline.objects.copies import best
from echoatlas.pipeline.sidecars.annotations import given, length, scores
from echoatlas.pipeline.sidecars.statements import in_words, joined, with_rows
from echoatlas.pipeline.sidecars.within import within
from echoatlas.taxonomy.collections import load

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
    from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
    from echoatlas.schemas.records import Origin, Scan, SourceAnnotation


def origin_of_all(scan: Scan, task: ObjectTask, context: SiteContext) -> Origin:
    """The origin by which an object's patient is known, its row filled up by those of copies."""
    origins = in_words(task.statements)
    first = best(scan.header, origins, context.site, context.key, context.config.deidentify)
    return with_rows(first, origins, context.site)


def with_companions(
    scan: Scan, origin: Origin, task: ObjectTask, context: SiteContext
) -> tuple[Scan, list[SourceAnnotation]]:
    """The scan with what tables and collection know of it, and what is marked on it."""
    site = context.site
    marked, flags = scores(site, origin.sidecar), frozenset[str]()
    rule = None
    if site.collection is not None:
        attached, adapter = joined(task.statements), load(site.collection)
        told, flags = given(attached, origin.facts, adapter, scan, context.config.read)
        marked += told
        rule = adapter.mask_within(origin.name)
    inner, unlike = within(scan, rule)
    marked += inner
    flags |= unlike
    size = length(origin.facts.get("mm_per_px", ""))
    spacing = scan.spacing or ((size, size) if size else None)
    return replace(scan, flags=(*scan.flags, *sorted(flags)), spacing=spacing), marked


def without_text(
    scan: Scan, marked: list[SourceAnnotation], config: RedactConfig
) -> tuple[Scan, list[SourceAnnotation]]:
    """The masks that show no text, and all else that is marked; the scan flagged "mask_text" if
    one did."""
    kinds: dict[tuple[str, str, str], list[NDArray[np.uint8]]] = {}
    for one in marked:
        if one.mask is not None:
            kinds.setdefault(_kind(one), []).append(one.mask)
    refused = {kind for kind, masks in kinds.items() if not check_masks(masks, scan.stack, config)}
    if not refused:
        return scan, marked
    kept = [one for one in marked if one.mask is None or _kind(one) not in refused]
    return replace(scan, flags=(*scan.flags, "mask_text")), kept


def _kind(one: SourceAnnotation) -> tuple[str, str, str]:
    return one.name, one.value, one.source
