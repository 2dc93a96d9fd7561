"""Scans with headers that say what a test wants them to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydicom import Dataset

from echoatlas.pipeline.evidence import evidence
from echoatlas.pipeline.label.fusion import Label
from echoatlas.pipeline.sidecars.collection import origin_of
from echoatlas.schemas.config.file import parse
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Hint, Scan


def hints_of(
    name: str = "a/IM0001",
    *,
    sidecar: Mapping[str, str] | None = None,
    site: Mapping[str, Any] | None = None,
    regions: list[tuple[str, str]] | None = None,
    **attributes: Any,
) -> tuple[Hint, ...]:
    """Evidence of a scan with these attributes, at this place, of a site so configured."""
    header = Dataset()
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    if regions:
        header.AnatomicRegionSequence = [coded_item(*pair) for pair in regions]
    scan = Scan("dicom", "", 1, 1, 1, lambda: iter(()), header=header)
    config = parse(SiteConfig, {"site": "s", "bucket": "b", **(site or {})}, "site")
    return evidence(scan, origin_of(config, "u", name, sidecar or {}), config)


def coded_item(value: str, scheme: str, meaning: str = "") -> Dataset:
    """An item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def path_of(found: Label) -> str:
    """The primary path, or "unknown"."""
    return found.paths.split(" ")[0] or "unknown"
