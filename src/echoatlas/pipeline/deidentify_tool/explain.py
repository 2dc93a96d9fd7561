"""What de-identification will do, in words that come from the rules themselves.

``python -m echoatlas.pipeline.deidentify_tool.explain > docs/deidentification.md`` writes the page.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from pydicom.datadict import tag_for_keyword

from echoatlas.pipeline.deidentify.header.allow_list import RULES
from echoatlas.pipeline.deidentify.header.policy import METHODS, OPTION_CODES, Policy
from echoatlas.pipeline.deidentify.header.ps315 import profile, sop_classes, tables
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify.pixels.own_network import TrainedDetector
from echoatlas.pipeline.deidentify.pixels.paddle import PaddleDetector
from echoatlas.pipeline.deidentify.pixels.temporal import SPANS
from echoatlas.pipeline.deidentify_tool.containers.tables import CLOSED, LABELS, NUMBERS
from echoatlas.pipeline.deidentify_tool.outcome import FILTERS
from echoatlas.pipeline.deidentify_tool.rewrite import WRITERS
from echoatlas.pipeline.ingest.listing import DEIDENTIFICATION

if TYPE_CHECKING:
    from echoatlas.pipeline.deidentify.header.rules import Rule

HEAD = """\
# What de-identification does

This page is generated from the rules (`python -m echoatlas.pipeline.deidentify_tool.explain`); a
test holds it to them. A header is not edited: a new one is built from the attributes below, each by
its rule, at every depth where the IOD of the SOP class has it. What is not listed does not leave:
no private attribute, overlay, curve, graphic, icon, ICC profile, signature, encrypted or original
attributes, nothing of the preamble or file meta, and nothing behind the dataset. As no graphics
ever stay, there is no switch to clean them, and code 113103 is never recorded. A number whose
digits are those of a record number, an accession number or the birth date is dropped wherever it
stands. Every output is then held against Tables E.1-1 and E.3.4-1 of PS3.15 (edition 2026d,
{rows} and {concepts} rows) by a checker that does not know these rules; what it objects to is
quarantined as `not_clean`.
"""


START, END = "<!-- deidentification: start -->", "<!-- deidentification: end -->"
ACTIONS = {
    "K": "kept if it is a known code, a defined term or a number in range, and written anew",
    "C": "cleaned: dates moved, descriptions reduced to terms of the tree, ages capped",
    "U": "UIDs mapped under the site's key, the same wherever they stand",
    "D": "replaced by a keyed pseudonym, or by the same for everyone",
    "Z": "emptied, where the standard wants the attribute to be there",
    "X": "removed: all else, whatever it is, at every depth",
}


COMMAND = """\
`echoatlas deidentify SRC DEST` needs neither lake nor deployment. SRC is a file, a folder or an
archive, and is only read. DEST gets `PATIENT/CONTENT.suffix`, both keyed pseudonyms, and
`{own}` with `report.json` (what was done to each input: codes, areas, hashes; no names and no
values) and `masks` (a PNG for each output, white where pixels were kept, gray where they lost their
color alone); a later upload of DEST passes over that folder. Every input ends as released,
quarantined or filtered; exit code 0 if nothing is in quarantine, else 1, and 2 for wrong usage.
Inputs are worked on one at a time, each in a process that may die without the others; one that
crashes or takes longer than `--seconds` is quarantined as `crashed`. Files get their names only
when they are whole; a run that was killed goes on when it is started again with the same policy and
key; no two write into one DEST.
`--names FILE` says which input is which, for the site's own eyes; a name that begins as a formula
does has an apostrophe before it. `--what-if` prints what follows for a policy, and does nothing.
"""


def explain(policy: Policy) -> list[str]:
    """What a policy means for a DICOM file: a sentence each, in the order of the allow-list."""
    told = [f"{', '.join(keywords)}: {sentence}" for sentence, keywords in _grouped(policy).items()]
    return [*told, *_rest(policy)]


def brief(policy: Policy) -> list[str]:
    """The same in a few lines: attributes are counted by what becomes of them."""
    counts = _counts(policy)
    told = [
        f"{words} ({counts[code]} attributes)" for code, words in ACTIONS.items() if code != "X"
    ]
    return [*told, *_rest(policy)]


def _rest(policy: Policy) -> list[str]:
    return [
        "All else: dropped, at every depth; private attributes, overlays, curves, icons, "
        "signatures, preamble, file meta and trailing bytes among it.",
        f"SOP classes other than the {len(sop_classes())} listed: quarantined.",
        f"Recorded as followed, where they made a difference: {_options(policy)}.",
        *pixels(policy),
    ]


def pixels(policy: Policy) -> list[str]:
    """What becomes of pictures."""
    settings = RedactConfig()
    detector, ours = PaddleDetector(), TrainedDetector()
    return [
        "Pictures: black outside the scanned area, which header and picture have to agree on; "
        "BurnedInAnnotation is recorded and never trusted.",
        f"Text inside the scanned area: looked for by strokes on minima over "
        f"{', '.join(str(span) for span, _ in SPANS)} and {settings.look.block} frames, by "
        f"{ours.id}, and where that fires at all ({settings.look.fires:g}) by {detector.id} at "
        f"{settings.look.enlarged:g} times their size, and by reading whether they are letters; "
        "blacked out, along its way where it moves.",
        f"In {settings.witness:.0%} of the objects, drawn under the site's key, {detector.id} sees "
        f"all there is, wherever {ours.id} fires; the audit tells what only one of them saw.",
        *(
            ["Of that, left standing: what reads as measurements, all through the clip."]
            if policy.keep_measurements
            else []
        ),
        "Volumes and arrays, whose pictures may lie along other axes than they say: looked at in "
        "every plane, turned and mirrored too; text there, or a fan that shows better there: "
        "quarantined.",
        "Masks that come with pictures: left out where text is found in them, in every plane of "
        "arrays too; of few, solid and smooth areas they are not looked at.",
        "What is written is decoded and looked at again; text that is left, pictures without "
        "dynamic range, or anything outside the mask: quarantined.",
    ]


def files() -> list[str]:
    """What becomes of files that are not DICOM, and of what is no scan."""
    columns = ", ".join(sorted(LABELS | NUMBERS | set(CLOSED)))
    return [
        "DICOM: native stays native, JPEG (also within JPEG XL) is redacted by blocks, video "
        "becomes H.264 (High Profile, level 4.1) where it fits, all else JPEG-LS lossless.",
        "Redacted by blocks: those without a hidden pixel stay as they are; those that the mask's "
        "edge goes through are coded anew without their color (8 pixels of it, 16 where color is "
        "coded by halves), or go black where the coding is too coarse for an edge; the mask is "
        "gray or black there.",
        "JPEG files: redacted by blocks, or written as PNG where that can't be, as "
        "where a table of quantizers could spell a name.",
        *(f"{', '.join(writer.formats)}: {writer.sentence}." for writer in WRITERS),
        "Tables (CSV, JSON, XLSX) that name files: a CSV of the new names, the patient's "
        f"pseudonym, and of {columns} the values that are numbers or known terms.",
        "Masks in a picture's own file (HDF5, MATLAB): not written, and told as 'masks_left_out'.",
        "Archives: opened; members' names and times are dropped.",
        *(f"Passed over as '{code}': {sentence}" for code, sentence in FILTERS.items()),
    ]


def short_table(policy: Policy | None = None) -> str:
    """What becomes of attributes, as a short Markdown table between two markers."""
    counts = _counts(policy or Policy())
    others = len(set(_rows()) - {_tag(keyword) for keyword in RULES})
    lines = ["| action | what becomes of the value | attributes |", "|---|---|---|"]
    for action, words in ACTIONS.items():
        more = f" and all that are not listed, {others} rows of Table E.1-1 among them"
        lines.append(f"| {action} | {words} | {counts[action]}{more if action == 'X' else ''} |")
    return "\n".join([START, *lines, END])


def _counts(policy: Policy) -> Counter[str]:
    """Listed attributes by PS3.15's code for what becomes of them under a policy."""
    counts: Counter[str] = Counter()
    for keyword, rule in RULES.items():
        off = rule.needs is not None and rule.needs not in policy.options
        tag = tag_for_keyword(keyword)
        listed = tag is not None and profile(tag) is not None
        action = "K" if rule.action == "D" and not listed else rule.action
        counts["X" if off else action] += 1
    return counts


def _rows() -> list[str]:
    """The rows of Table E.1-1, as tags are written here."""
    return [f"({tag[:4]},{tag[4:]})" for tag in tables()[0]]


def page() -> str:
    """The page docs/deidentification.md."""
    attributes, concepts = tables()
    lines = [HEAD.format(rows=len(attributes), concepts=len(concepts))]
    lines += ["## Command\n", COMMAND.format(own=DEIDENTIFICATION), "## Attributes\n"]
    lines += ["| attribute | tag | rule |", "|---|---|---|"]
    lines += [
        f"| {keyword} | {_tag(keyword)} | {rule.sentence} |"
        for keyword, rule in sorted(RULES.items())
    ]
    lines += ["\n## Actions of PS3.15 under the default policy\n", short_table()]
    lines += ["\n## Pictures\n", *(f"- {sentence}" for sentence in pixels(Policy()))]
    lines += ["\n## Files\n", *(f"- {sentence}" for sentence in files())]
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
