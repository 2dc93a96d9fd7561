"""The vocabulary as the matcher uses it: rules, context words, axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from echoatlas.schemas.packaged import packaged

LANGUAGES = ("en", "zh", "de", "fr", "es", "it", "pt")


@dataclass(frozen=True, slots=True)
class Rule:
    """What some words mean.

    Attributes:
        id: stable name, the only trace that a matched text leaves.
        axis: "anatomy", "view", "laterality", "application", "mode", "subject" or "shield".
        node: path of the tree, or term of the axis; "" for a shield.
        also: path of the tree that a term of another axis implies ("plax" shows the heart).
        weak: believed only where the same text says nothing stronger.
        adult: stays with the mother in a fetal context.
        exact: typos are not forgiven.
    """

    id: str
    axis: str
    node: str
    words: tuple[str, ...]
    also: str = ""
    weak: bool = False
    adult: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """Words that take back what stands beside them, and how texts are to be read."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    before_zh: tuple[str, ...]
    slashed: dict[str, str]
    no_typos: frozenset[str]


def vocabulary(name: str) -> Any:
    """The plain data of ``taxonomy/vocabulary/NAME.yaml``."""
    return packaged("echoatlas.taxonomy", f"vocabulary/{name}.yaml")


@cache
def anatomy_rules() -> tuple[Rule, ...]:
    """The rules of ``terms.yaml``, in order of the file; one whose terms only partly stay with
    the adult in a fetal context is two rules of the same id."""
    return tuple(rule for entry in vocabulary("terms") for rule in _rules(entry))


def _rules(entry: dict[str, Any]) -> Iterator[Rule]:
    words = [word for code in LANGUAGES for word in entry.get(code, ())]
    stays = entry.get("adult", ())
    adults = set(words) if stays is True else set(stays)
    if "fetal" in entry:
        adults = set(words) - set(entry["fetal"])
    for adult in (False, True):
        chosen = tuple(word for word in words if (word in adults) is adult)
        if chosen:
            yield Rule(
                id=entry["rule"],
                axis="anatomy" if entry["node"] else "shield",
                node=entry["node"] or "",
                words=chosen,
                weak=entry.get("weak", False),
                adult=adult,
                exact=entry.get("exact", False),
            )


@cache
def axis_rules() -> tuple[Rule, ...]:
    """The rules of ``axes.yaml``: laterality, application, mode, subject and view."""
    axes = vocabulary("axes")
    rules = [
        Rule(f"{axis}.{term}", axis, term, tuple(words), exact=True)
        for axis in ("laterality", "application", "mode", "subject")
        for term, words in axes[axis].items()
    ]
    rules += [
        Rule(f"view.{view}", "view", view, tuple(entry["words"]), also=entry["node"])
        for view, entry in axes["view"].items()
    ]
    shield = Rule("shield.side", "shield", "", tuple(axes["one_sided_parts"]), exact=True)
    return (*rules, shield)


@cache
def context() -> Context:
    """The context words of ``context.yaml``."""
    raw = vocabulary("context")
    return Context(
        before=tuple(raw["before"]),
        after=tuple(raw["after"]),
        before_zh=tuple(raw["before_zh"]),
        slashed=dict(raw["slashed"]),
        no_typos=frozenset(raw["no_typos"]),
    )
