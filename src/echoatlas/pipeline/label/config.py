"""Settings of label fusion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from echoatlas.pipeline.evidence.config import EvidenceConfig
from echoatlas.pipeline.evidence.fetal import ADULT
from echoatlas.pipeline.step import setting

if TYPE_CHECKING:
    from echoatlas.schemas.records import Hint


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """When to answer.

    Attributes:
        min_belief: least belief at which a node is named.
        min_odds: how many times the belief against a node the belief in it has to be, at the least;
            10 is where evidence is called strong (Jeffreys 1961, "Theory of probability").
        slope, offset: of the curve from belief to confidence, in logits, where belief is at
            least ``min_belief``. ``python -m benchmarks labels`` fits them on simulated headers.
        max_conflict: share of contradictory evidence from which a person should look.
        beside: factor on priors where the object itself says something else.
        sources: source to a factor on its weight; 0 leaves it out.
        without: ids of rules that are not heard, such as "heart.echo", or "study:heart.echo" for
            one source. So rules are taken back without reading any scan again.
    """

    min_belief: float = setting(0.5, 0, 1, "belief", was="answer")
    min_odds: float = setting(10.0, 0, 1_000_000, "times", was="odds")
    max_conflict: float = setting(0.3, 0, 1, "share", was="conflict")
    beside: float = setting(0.4, 0, 1, "times")
    slope: float = setting(0.59, 0, 100)
    offset: float = setting(2.42, -100, 100)
    sources: Mapping[str, float] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = {one.name for one in fields(EvidenceConfig)} - {"weak", "typo"}
        for source, factor in self.sources.items():
            if source not in known:
                raise ValueError(f"'{source}' is no source ({', '.join(sorted(known))})")
            if not 0 <= factor <= 1:
                raise ValueError(f"the factor of '{source}' lies between 0 and 1")

    def calibrated(self, belief: float) -> float:
        """The confidence, 0 to 1, that a belief of 0 to 1 is worth."""
        kept = min(max(belief, 1e-6), 1 - 1e-6)
        logit = math.log(kept / (1 - kept))
        return 1 / (1 + math.exp(-self.slope * logit - self.offset))

    def heard(self, hint: Hint) -> Hint | None:
        """A hint with the weight that it is given here; None if it is not to be heard."""
        factor = self.sources.get(hint.source, 1.0)
        rule = hint.rule.removesuffix(ADULT)
        if not factor or rule in self.without or rule.partition(":")[2] in self.without:
            return None
        return hint if factor == 1.0 else replace(hint, weight=round(hint.weight * factor, 4))
