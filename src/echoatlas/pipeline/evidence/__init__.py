"""Collect label evidence while the text is still there; only codes leave.

Sources are read one by one: header, path, sidecar, adapter of a collection, prior of the site.
Each says which node of the tree, or which term of another axis, by which rule, and with what
weight; ``label`` fuses them later, and never sees a word of the texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from echoatlas.pipeline.evidence.config import EvidenceConfig
from echoatlas.pipeline.evidence.fetal import (
    ADULT,
    EXPLICIT,
    MOVED,
    PRESET,
    fetal_sources,
    readings,
    settled,
)
from echoatlas.pipeline.evidence.measurements import Measured, numbers
from echoatlas.pipeline.evidence.sources import Finding, findings
from echoatlas.pipeline.evidence.structured_report import measured
from echoatlas.pipeline.step import step
from echoatlas.schemas.records import Hint

if TYPE_CHECKING:
    from echoatlas.schemas.config.site import SiteConfig
    from echoatlas.schemas.records import Origin, Scan

__all__ = ["EvidenceConfig", "Measured", "all_hints", "evidence", "measured", "numbers"]


@step("evidence", version=5)
def evidence(
    scan: Scan, origin: Origin, site: SiteConfig, config: EvidenceConfig | None = None
) -> tuple[Hint, ...]:
    """Say in codes what an object's header, path, sidecar and site say it shows.

    Args:
        scan: trusted zone; its header and metadata texts are read here for the last time.
        origin: trusted zone; path below the site's prefix, and the sidecar's row.
        config: weights of the sources.

    Returns:
        Hints without a word of any text, each (axis, node, source, rule) once, sorted. Several
        anatomy hints of one source mean "one of these".
    """
    found = list(findings(scan, origin, site, config or EvidenceConfig()))
    speaking = fetal_sources(one for one in found if one.source not in EXPLICIT)
    hints: dict[tuple[str, str, str, str], Hint] = {}
    for source in dict.fromkeys(finding.source for finding in found):
        told = [finding for finding in found if finding.source == source]
        for hint in _hints(source, told, frozenset() if source in EXPLICIT else speaking):
            key = (hint.axis, hint.node, hint.source, hint.rule)
            if key not in hints or hints[key].weight < hint.weight:
                hints[key] = hint
    return tuple(hints[key] for key in sorted(hints))


def all_hints(said: Iterable[tuple[Hint, ...]]) -> tuple[Hint, ...]:
    """What several copies of an object say, as one says it."""
    hints: dict[tuple[str, str, str, str], Hint] = {}
    for hint in (hint for some in said for hint in some):
        key = (hint.axis, hint.node, hint.source, hint.rule)
        if key not in hints or hints[key].weight < hint.weight:
            hints[key] = hint
    return tuple(hints[key] for key in sorted(hints))


def _hints(source: str, told: list[Finding], speaking: frozenset[str]) -> list[Hint]:
    """One source's hints: weak terms only where nothing stronger is said, ancestors left out.

    Args:
        speaking: sources that speak of a fetus; none where there is no fetal context.
    """
    others = [finding for finding in told if finding.axis != "anatomy"]
    anatomy = [finding for finding in told if finding.axis == "anatomy"]
    if any(not finding.weak for finding in anatomy):
        anatomy = [finding for finding in anatomy if not finding.weak]
    placed = [(finding, finding.node) for finding in anatomy]
    paths = {path for _, path in placed}
    if speaking:
        placed = [(one, node) for one in anatomy for node in readings(one, source in speaking)]
        paths = {path for _, path in placed}
        paths = paths if source == PRESET else settled(paths)
    deepest = {path for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    kept = [(finding, path) for finding, path in placed if path in deepest]
    kept += [(finding, finding.node) for finding in others]
    return [
        Hint(finding.axis, path, source, round(finding.weight, 4), _rule(finding))
        for finding, path in kept
    ]


def _rule(finding: Finding) -> str:
    """The id of a hint's rule, which also says whether its words are an adult's alone."""
    adult = finding.adult and finding.node in MOVED
    return f"{finding.source}:{finding.rule}{ADULT if adult else ''}"
