"""What licenses of collections permit, as far as a release has to know.

By what their texts say of making and passing on changed copies (a normalized frame is one) and of
commercial use. A license that is not known permits what happens within the institution alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum


class Use(StrEnum):
    """What a release is made for; each includes those before it, but for ``SHARING``."""

    INTERNAL = "internal"  # within the institution that holds the data
    RESEARCH = "research"  # training and evaluation, no commercial use
    COMMERCIAL = "commercial"  # a product
    SHARING = "sharing"  # passing the release on


EVERY = frozenset(Use)
NOT_COMMERCIAL = EVERY - {Use.COMMERCIAL}
NOT_SHARED = EVERY - {Use.SHARING}
RESEARCH_ONLY = frozenset({Use.INTERNAL, Use.RESEARCH})
# The first that a license's name matches; names are lower case, blanks and underscores hyphens
RULES: tuple[tuple[str, frozenset[Use]], ...] = (
    (r"none|no-training.*|all-rights-reserved|withdrawn", frozenset()),
    (r"cc-by-nc-nd.*", RESEARCH_ONLY),
    (r"cc-by-nc.*", NOT_COMMERCIAL),
    (r"cc-by-nd.*", NOT_SHARED),
    (r"cc0.*|cc-by(-sa)?(-\d.*|,.*)?|pddl.*|odc-by.*|odbl.*|public-domain", EVERY),
    (r"mit|apache.*|bsd.*", EVERY),
    (r".*(research-use|research-only|non-?commercial|academic|credentialed).*", RESEARCH_ONLY),
    (r".*(use-agreement|competition|challenge|on-request).*", RESEARCH_ONLY),
    (r".*", frozenset({Use.INTERNAL})),
)


def permitted(license: str) -> frozenset[Use]:
    """What a license permits; of several joined by AND what all do, by OR what any does."""
    text = license.strip()
    parts = _parts(text, "AND")
    if len(parts) > 1:
        return frozenset.intersection(*map(permitted, parts))
    parts = _parts(text, "OR")
    if len(parts) > 1:
        return frozenset.union(*map(permitted, parts))
    if text.startswith("(") and text.endswith(")"):
        return permitted(text[1:-1])
    name = re.sub(r"[\s_]+", "-", text.lower())
    return next(uses for rule, uses in RULES if re.fullmatch(rule, name))


def _parts(text: str, joint: str) -> list[str]:
    """The sides of a word that stands outside parentheses."""
    found, depth = [""], 0
    for piece in re.split(rf"( {joint} |[()])", text):
        depth += (piece == "(") - (piece == ")")
        if piece == f" {joint} " and not depth:
            found.append("")
        else:
            found[-1] += piece
    return [one.strip() for one in found]


def is_known(license: str) -> bool:
    """Whether a license says more than that the data are there."""
    return permitted(license) != frozenset({Use.INTERNAL})


def forbidden(licenses: Iterable[str], use: Use) -> dict[str, str]:
    """Those licenses that do not permit a use, each with the reason, in words."""
    told = {
        Use.INTERNAL: "forbids any use of the data",
        Use.RESEARCH: "is not known to permit research",
        Use.COMMERCIAL: "does not permit commercial use",
        Use.SHARING: "does not permit passing on changed copies",
    }
    return {
        one: f"license '{one}' {told[use]}"
        for one in sorted(set(licenses))
        if use not in permitted(one)
    }
