"""Fuse coded hints into a label, or abstain.

Dempster-Shafer evidence on the tree (Gordon and Shortliffe 1985, "A method for managing
evidential reasoning in a hierarchical hypothesis space", Artificial Intelligence 26): a hint is a
simple support for the set of leaves below its node. Sources that copy from each other are not
counted twice (the cautious rule of Denoeux 2008, Artificial Intelligence 172, on simple supports:
the stronger one counts). Decided from the root down: region first, organ within it; a level that
is not settled is left unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from echoatlas.pipeline.evidence.config import EvidenceConfig
from echoatlas.pipeline.step import step
from echoatlas.taxonomy.tree import UNKNOWN, tree

if TYPE_CHECKING:
    from echoatlas.schemas.records import Hint

Places = frozenset[str]  # a set of hypotheses: regions, or children of one region
EVERYTHING: Places = frozenset({"*"})  # what the ignorant believe: no place is ruled out


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """When to answer.

    Attributes:
        answer: least belief at which a node is named.
        margin: least distance to the belief in the runner-up.
        conflict: share of contradictory evidence from which a person should look.
        beside: factor on priors where the object itself says something.
        sources: source to a factor on its weight; 0 leaves it out.
        without: ids of rules that are not heard, such as "heart.echo", or "study:heart.echo" for
            one source. So rules are taken back without reading any scan again.
    """

    answer: float = 0.5
    margin: float = 0.45
    conflict: float = 0.3
    beside: float = 0.4
    sources: Mapping[str, float] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = {one.name for one in fields(EvidenceConfig)} - {"weak", "typo"}
        for source, factor in self.sources.items():
            if source not in known:
                raise ValueError(f"'{source}' is no source ({', '.join(sorted(known))})")
            if not 0 <= factor <= 1:
                raise ValueError(f"the factor of '{source}' lies between 0 and 1")

    def heard(self, hint: Hint) -> Hint | None:
        """A hint with the weight that it is given here; None if it is not to be heard."""
        factor = self.sources.get(hint.source, 1.0)
        if not factor or hint.rule in self.without or hint.rule.partition(":")[2] in self.without:
            return None
        return hint if factor == 1.0 else replace(hint, weight=round(hint.weight * factor, 4))


@dataclass(frozen=True, slots=True)
class Label:
    """What fusion concluded: the columns of ``labels`` but for ids, tree and fingerprint."""

    region: str = UNKNOWN
    organ: str = UNKNOWN
    confidence: float = 0.0
    region_index: int = 0
    organ_index: int = 0
    paths: str = ""
    laterality: str = UNKNOWN
    view: str = ""
    application: str = UNKNOWN
    conflict: bool = False
    review: bool = False
    decided_by: str = "none"


@dataclass(frozen=True, slots=True)
class Decision:
    """One level of the tree, decided or not.

    Attributes:
        place: the winner, or "" where nothing wins.
        belief: in the winner, 0 to 1, conflict set aside.
        conflict: mass of evidence that contradicts itself, 0 to 1.
    """

    place: str = ""
    belief: float = 0.0
    conflict: float = 0.0


# Sources that are written from each other, or by the same hand at the same moment.
FAMILIES = {
    "study": "text",
    "series": "text",
    "protocol": "text",
    "procedure": "text",
    "comment": "text",
    "folder": "path",
    "name": "path",
    "anatomic_region": "coded",
    "body_part": "coded",
    "view": "coded",
}
PRIORS = frozenset({"site_prior"})


@step("label", version=1)
def label(hints: Sequence[Hint], config: LabelConfig | None = None) -> Label:
    """Fuse the hints about an object into one label.

    Args:
        hints: coded evidence; several anatomy hints of one source mean "one of these", hints on
            the axis "also" are further paths of the same picture.

    Returns:
        The deepest node that the evidence agrees on; "unknown" below it, and everywhere if there
        is nothing to go by. Contradicting evidence sets ``conflict`` and ``review``.
    """
    config = config or LabelConfig()
    hints = [one for one in map(config.heard, hints) if one is not None]
    anatomy = [hint for hint in hints if hint.axis == "anatomy"]
    supports = _supports(anatomy, config)
    region = _decide(_level(supports, ""), config)
    organ = Decision()
    if region.place:
        organ = _decide(_level(supports, region.place), config)
    path = f"{region.place}/{organ.place}" if organ.place else region.place
    abstained = _abstained(region, organ, config)
    contradicted = max(region.conflict, organ.conflict) >= config.conflict
    primary = [path] if path else []
    return Label(
        region=region.place or UNKNOWN,
        organ=organ.place or UNKNOWN,
        confidence=round(min(region.belief, organ.belief or 1.0), 4),
        region_index=tree().region_index(path),
        organ_index=tree().organ_index(path),
        paths=" ".join([*primary, *_further(hints, path)]),
        laterality=_side(hints, path),
        view=_term(hints, "view", ""),
        application=_term(hints, "application", UNKNOWN),
        conflict=abstained,
        review=abstained or contradicted,
        decided_by="fusion" if path else "none",
    )


def _abstained(region: Decision, organ: Decision, config: LabelConfig) -> bool:
    """Whether a level was left open because evidence contradicts itself."""
    return any(not level.place and level.conflict >= config.conflict for level in (region, organ))


def _supports(hints: Iterable[Hint], config: LabelConfig) -> dict[Places, float]:
    """Simple supports: set of paths to weight, families merged cautiously."""
    by_source: dict[str, list[Hint]] = defaultdict(list)
    for hint in hints:
        by_source[hint.source].append(hint)
    direct = any(source not in PRIORS for source in by_source)
    families: dict[tuple[str, Places], float] = {}
    for source, said in by_source.items():
        weight = max(hint.weight for hint in said)
        if source in PRIORS and direct:
            weight *= config.beside
        paths = frozenset(hint.node for hint in said)
        key = (FAMILIES.get(source, source), paths)
        families[key] = max(families.get(key, 0.0), weight)
    doubts: dict[Places, float] = defaultdict(lambda: 1.0)
    for (_, paths), weight in families.items():
        doubts[paths] *= 1.0 - min(weight, 0.99)
    return {paths: 1.0 - doubt for paths, doubt in doubts.items()}


def _level(supports: dict[Places, float], region: str) -> dict[Places, float]:
    """The supports as seen at one level: among regions (""), or among a region's organs.

    Within a region, evidence for other regions has been weighed already and is left out.
    """
    seen: dict[Places, float] = defaultdict(lambda: 1.0)
    for paths, weight in supports.items():
        if not region:
            places = frozenset(path.partition("/")[0] for path in paths)
        else:
            inside = [path for path in paths if path.partition("/")[0] == region]
            if not inside or region in inside:
                continue
            places = frozenset(path.partition("/")[2] for path in inside)
        seen[places] *= 1.0 - weight
    return {places: 1.0 - doubt for places, doubt in seen.items()}


def _decide(supports: dict[Places, float], config: LabelConfig) -> Decision:
    """Combine simple supports by Dempster's rule, conflict kept apart, and pick a winner."""
    masses: dict[Places, float] = {EVERYTHING: 1.0}
    conflict = 0.0
    for places, weight in sorted(supports.items(), key=lambda item: sorted(item[0])):
        combined: dict[Places, float] = defaultdict(float)
        for focal, mass in masses.items():
            combined[focal] += mass * (1.0 - weight)
            meet = places if focal == EVERYTHING else focal & places
            if meet:
                combined[meet] += mass * weight
            else:
                conflict += mass * weight
        masses = dict(combined)
    left = 1.0 - conflict
    beliefs: dict[str, float] = defaultdict(float)
    for focal, mass in masses.items():
        if len(focal) == 1 and focal != EVERYTHING:
            beliefs[next(iter(focal))] += mass / left
    ranked = sorted(beliefs.items(), key=lambda item: (-item[1], item[0]))
    if not ranked:
        return Decision(conflict=conflict)
    (place, belief), second = ranked[0], ranked[1][1] if len(ranked) > 1 else 0.0
    if belief < config.answer or belief - second < config.margin:
        return Decision(conflict=conflict)
    return Decision(place, belief, conflict)


def _further(hints: Sequence[Hint], primary: str) -> list[str]:
    """Further paths of the same picture ("also" hints), in order of the tree."""
    known = {hint.node for hint in hints if hint.axis == "also" and hint.node in tree()}
    return sorted(known - {primary}, key=lambda path: tree().positions[path])


def _side(hints: Sequence[Hint], path: str) -> str:
    """Left, right or bilateral where it is said; unpaired where the organ has no sides."""
    paired = "/" not in path or tree().node(path).paired
    return _term(hints, "laterality", UNKNOWN if paired else "unpaired")


def _term(hints: Sequence[Hint], axis: str, otherwise: str) -> str:
    """The term of an axis with most weight; ``otherwise`` where two are equally said."""
    weights: dict[str, float] = defaultdict(float)
    for hint in hints:
        if hint.axis == axis:
            weights[hint.node] = max(weights[hint.node], hint.weight)
    ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return otherwise
    return ranked[0][0]
