"""What de-identification will do, in words that come from the rules themselves.

``python -m echoatlas.pipeline.deidentify.explain > docs/deidentification.md`` writes the page.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pydicom.datadict import tag_for_keyword

from echoatlas.pipeline.deidentify.allowed import RULES
from echoatlas.pipeline.deidentify.policy import METHODS, OPTION_CODES, Policy
from echoatlas.pipeline.deidentify.standard import sop_classes, tables

if TYPE_CHECKING:
    from echoatlas.pipeline.deidentify.rules import Rule

HEAD = """\
# What de-identification does to a DICOM header

This page is generated from the rules (`python -m echoatlas.pipeline.deidentify.explain`); a test
holds it to them. A header is not edited: a new one is built from the attributes below, each by
its rule, at every depth where the IOD of the SOP class has it. What is not listed does not leave:
no private attribute, overlay, curve, graphic, icon, ICC profile, signature, encrypted or original
attributes, nothing of the preamble or file meta, and nothing behind the dataset. Every output is
then held against Tables E.1-1 and E.3.4-1 of PS3.15 (edition 2026d, {rows} and {concepts} rows)
by a checker that does not know these rules; what it objects to is quarantined as `not_clean`.
"""


def explain(policy: Policy) -> list[str]:
    """What a policy means, a sentence each, in the order of the allow-list."""
    told = [f"{', '.join(keywords)}: {sentence}" for sentence, keywords in _grouped(policy).items()]
    return [
        *told,
        "All else: dropped, at every depth; private attributes, overlays, curves, icons, "
        "signatures, preamble, file meta and trailing bytes among it.",
        f"SOP classes other than the {len(sop_classes())} listed: quarantined.",
        f"Recorded as followed, where they made a difference: {_options(policy)}.",
    ]


def page() -> str:
    """The page docs/deidentification.md."""
    attributes, concepts = tables()
    lines = [HEAD.format(rows=len(attributes), concepts=len(concepts)), "## Attributes\n"]
    lines += ["| attribute | tag | rule |", "|---|---|---|"]
    lines += [
        f"| {keyword} | {_tag(keyword)} | {rule.sentence} |"
        for keyword, rule in sorted(RULES.items())
    ]
    lines += ["\n## SOP classes\n", "| UID | rebuilt as |", "|---|---|"]
    lines += [f"| {uid} | {name} |" for uid, name in sop_classes().items()]
    lines += ["\n## Options\n", "| option of PS3.15 E.3 | code of CID 7050 | default |"]
    lines += ["|---|---|---|"]
    default = Policy().options
    lines += [
        f"| {METHODS[code]} | {code} | {'on' if option in default else 'off'} |"
        for option, code in OPTION_CODES.items()
    ]
    lines += ["\n## Policy file\n", "| key | default | meaning |", "|---|---|---|"]
    lines += [
        f"| `{name}` | `{field.default}` | {field.description} |"
        for name, field in Policy.model_fields.items()
    ]
    return "\n".join(lines) + "\n"


def _grouped(policy: Policy) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for keyword, rule in RULES.items():
        found.setdefault(_sentence(rule, policy), []).append(keyword)
    return found


def _sentence(rule: Rule, policy: Policy) -> str:
    if rule.needs is None or rule.needs in policy.options:
        return rule.sentence
    return f"dropped: the option '{rule.needs.replace('_', ' ')}' is off."


def _tag(keyword: str) -> str:
    tag = tag_for_keyword(keyword)
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})" if tag is not None else ""


def _options(policy: Policy) -> str:
    codes = (METHODS[OPTION_CODES[option]] for option in sorted(policy.options))
    return ", ".join(["Basic Application Confidentiality Profile", *codes])


if __name__ == "__main__":
    sys.stdout.write(page())
