"""Fuse coded hints into a label, or abstain.

Dempster-Shafer evidence on the tree (Gordon and Shortliffe 1985, "A method for managing
evidential reasoning in a hierarchical hypothesis space", Artificial Intelligence 26): a hint is a
simple support for the set of places below its node. Sources that copy from each other are not
counted twice (the cautious rule of Denoeux 2008, Artificial Intelligence 172, on simple supports:
the stronger one counts). Decided from the root down: region first, organ within it; a level that
is not settled is left unknown. Belief becomes a confidence that means how often such answers are
right (Platt 1999, "Probabilistic outputs for support vector machines": a logistic curve, here
over the logit of the belief).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from echoatlas.pipeline.label.config import LabelConfig
from echoatlas.pipeline.step import step
from echoatlas.schemas.values import DecidedBy
from echoatlas.taxonomy.tree import UNKNOWN, tree

if TYPE_CHECKING:
    from echoatlas.schemas.records import Hint

Places = int  # a set of hypotheses, one bit each: an organ, or what else there is of a region
EVERYTHING: Places = (1 << len(tree())) - 1  # what the ignorant believe: nothing is ruled out


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
    decided_by: DecidedBy = DecidedBy.NONE


@dataclass(frozen=True, slots=True)
class Decision:
    """One level of the tree, decided or not.

    Attributes:
        node: the winner's path, or "" where nothing wins.
        confidence: in the winner, 0 to 1.
    """

    node: str = ""
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Belief:
    """What the evidence comes to.

    Attributes:
        masses: what is believed of each set of places and no smaller one.
        between, within: mass that contradicts itself, between regions and within them, 0 to 1.
    """

    masses: Mapping[Places, float]
    between: float
    within: float

    def of(self, places: Places) -> float:
        """Belief that it is one of these, 0 to 1, conflict set aside."""
        inside = sum(mass for focal, mass in self.masses.items() if focal & places == focal)
        return inside / (1.0 - self.between - self.within)


# Sources that are written from each other, or by the same hand at the same moment: what was ordered
# is copied into the protocol, what is typed at the scanner is not.
FAMILIES = {
    "study": "order",
    "procedure": "order",
    "protocol": "order",
    "series": "typed",
    "comment": "typed",
    "folder": "path",
    "name": "path",
    "anatomic_region": "coded",
    "body_part": "coded",
    "view": "coded",
}
PRIORS = frozenset({"site_prior"})


@step("label", version=3)
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
    belief = _combined(_supports(anatomy, config))
    region = _decide(belief, (node.path for node in tree().regions), config)
    organ = Decision()
    if region.node:
        organ = _decide(belief, (node.path for node in tree().children(region.node)), config)
    path = organ.node or region.node
    contradicted = (belief.within if region.node else belief.between + belief.within) >= (
        config.max_conflict
    )
    abstained = contradicted and not organ.node
    primary = [path] if path else []
    return Label(
        region=region.node or UNKNOWN,
        organ=organ.node.partition("/")[2] or UNKNOWN,
        confidence=round(min(region.confidence, organ.confidence or 1.0), 4),
        region_index=tree().region_index(path),
        organ_index=tree().organ_index(path),
        paths=" ".join([*primary, *_further(hints, path)]),
        laterality=_side(hints, path),
        view=_term(hints, "view", ""),
        application=_term(hints, "application", UNKNOWN),
        conflict=abstained,
        review=belief.between + belief.within >= config.max_conflict,
        decided_by=DecidedBy.FUSION if path else DecidedBy.NONE,
    )


def _supports(hints: Iterable[Hint], config: LabelConfig) -> dict[Places, float]:
    """Simple supports: set of places to weight, families merged cautiously."""
    by_source: dict[str, list[Hint]] = defaultdict(list)
    for hint in hints:
        by_source[hint.source].append(hint)
    direct = [_places(h.node for h in said) for s, said in by_source.items() if s not in PRIORS]
    families: dict[tuple[str, Places], float] = {}
    for source, said in by_source.items():
        weight, places = max(hint.weight for hint in said), _places(hint.node for hint in said)
        if source in PRIORS and not all(places & others for others in direct):
            weight *= config.beside
        key = (FAMILIES.get(source, source), places)
        families[key] = max(families.get(key, 0.0), weight)
    doubts: dict[Places, float] = defaultdict(lambda: 1.0)
    for (_, places), weight in families.items():
        doubts[places] *= 1.0 - min(weight, 0.99)
    return {places: 1.0 - doubt for places, doubt in doubts.items()}


def _places(paths: Iterable[str]) -> Places:
    """All that "one of these" may mean."""
    whole = 0
    for path in paths:
        whole |= _below()[path]
    return whole


@cache
def _below() -> dict[str, Places]:
    """Path to the places at or below it: one bit an organ, one for the rest of each region."""
    bits = {path: 1 << place for path, place in tree().positions.items()}
    for organ in tree().organs:
        bits[organ.parent] |= bits[organ.path]
    return bits


def _combined(supports: Mapping[Places, float]) -> Belief:
    """Simple supports combined by Dempster's rule, conflict kept apart."""
    masses: dict[Places, float] = {EVERYTHING: 1.0}
    between = within = 0.0
    for places, weight in sorted(supports.items()):
        combined: dict[Places, float] = defaultdict(float)
        for focal, mass in masses.items():
            combined[focal] += mass * (1.0 - weight)
            if meet := focal & places:
                combined[meet] += mass * weight
            elif _regions(focal) & _regions(places):
                within += mass * weight
            else:
                between += mass * weight
        masses = dict(combined)
    return Belief(masses, between, within)


@cache
def _regions(places: Places) -> Places:
    """The places widened to their regions."""
    below = _below()
    return _places(region.path for region in tree().regions if below[region.path] & places)


def _decide(belief: Belief, nodes: Iterable[str], config: LabelConfig) -> Decision:
    """The node that is believed enough, and far more than all else; none otherwise."""
    node = max(sorted(nodes), key=lambda one: belief.of(_below()[one]))
    believed, against = (belief.of(places) for places in (_below()[node], ~_below()[node]))
    if believed < config.min_belief or believed < config.min_odds * against:
        return Decision()
    return Decision(node, config.calibrated(believed))


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
