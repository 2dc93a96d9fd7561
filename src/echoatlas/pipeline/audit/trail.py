"""What de-identification did, object by object and in sum, straight from the ``audit`` table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from echoatlas.pipeline.deidentify.header.policy import METHODS
from echoatlas.pipeline.errors import Reason, UsageError, sentence_of
from echoatlas.schemas.records import WITNESSED, Alone
from echoatlas.schemas.rows.objects import AuditRow
from echoatlas.schemas.values import AuditVerdict
from echoatlas.taxonomy.devices import named_device
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from echoatlas.pipeline.deployment import Deployment

ACTIONS = {
    "X": "removed",
    "Z": "emptied",
    "D": "replaced by a dummy",
    "U": "UID mapped",
    "C": "cleaned",
    "K": "kept by rule",
}


def trail(
    deployment: Deployment, object_id: str | None = None, site: str | None = None
) -> list[AuditRow]:
    """Rows of ``audit``: of one object, or of a site, or all, by site and object.

    Args:
        object_id: the beginning of an id; of whichever site.

    Raises:
        UsageError: no such site, or no or several objects of that id.
    """
    if site is not None:
        deployment.site(site)
    mine = None if site is None else pc.field("site") == site
    if object_id is not None:
        mine = pc.starts_with(pc.field("object_id"), object_id)
    rows = [AuditRow(**row) for row in deployment.lake.read("audit", where=mine).to_pylist()]
    if object_id is not None and len({row.object_id for row in rows}) != 1:
        many = "several objects start" if rows else "no object starts"
        raise UsageError(f"{many} with '{object_id}' in the audit")
    return sorted(rows, key=lambda row: (row.site, row.object_id))


def as_told(row: AuditRow) -> dict[str, Any]:
    """A row as data, its lists and counts taken apart."""
    told = {name: getattr(row, name) for name in AuditRow.__slots__}
    split = {name: told[name].split() for name in ("methods", "verdicts", "geometry")}
    return {**told, **split, "actions": json.loads(row.actions)}


def in_words(row: AuditRow) -> str:
    """A row for people, one fact a line."""
    actions = json.loads(row.actions)
    lines = [f"{row.object_id} of {row.site}: {row.verdict} ({row.verdicts or 'no checks'})"]
    if row.methods:
        lines += [f"method {code}: {METHODS[code]}" for code in row.methods.split()]
        lines += [f"attributes {name}: {actions[code]}" for code, name in _acted(actions)]
        lines += [
            f"burned-in annotation, as stated: {row.burned_in_annotation or 'not stated'}",
            f"scanned area found by {row.geometry}; {row.outside_area:.1%} of the picture black "
            "outside it",
            f"text: {number_of(row.text_boxes, 'box', 'boxes')}, {row.text_area:.2%} of the "
            "scanned area black",
            f"detector {row.detector}, weights {row.model}",
            f"policy {row.policy}, key {row.key_id}, device {_device(row)}",
        ]
    return "\n".join(lines)


def summed(rows: Sequence[AuditRow]) -> dict[str, Any]:
    """What was done to many objects: counts by code, areas, hashes. Holds no value of any."""
    done = [row for row in rows if row.methods]
    actions: Counter[str] = Counter()
    for row in done:
        actions.update(json.loads(row.actions))
    return {
        "objects": len(rows),
        "verdicts": _counted(row.verdict for row in rows),
        "sites": {
            site: _counted(row.verdict for row in rows if row.site == site)
            for site in sorted({row.site for row in rows})
        },
        "reasons": _counted(
            code for row in rows if row.verdict != AuditVerdict.RELEASED for code in _reasons(row)
        ),
        "checks": _counted(code for row in done for code in row.verdicts.split()),
        "witnesses": _witnesses(done),
        "methods": _counted(code for row in done for code in row.methods.split()),
        "actions": {code: actions[code] for code, _ in _acted(actions)},
        "burned_in_annotation": {
            stated or "not stated": _text_found(done, stated)
            for stated in sorted({row.burned_in_annotation for row in done})
        },
        "geometry": _counted(code for row in done for code in row.geometry.split()),
        "outside_area": _mean([row.outside_area for row in done]),
        "text_area": _mean([row.text_area for row in done]),
        "text_area_most": max((row.text_area for row in done), default=0.0),
        "text_boxes": sum(row.text_boxes for row in done),
        "devices": {
            name: _text_found([row for row in done if _device(row) == name])
            for name in sorted({_device(row) for row in done})
        },
        "detectors": _counted(f"{row.detector} {row.model}" for row in done),
        "policies": _counted(row.policy for row in done),
        "keys": _counted(f"{row.site} {row.key_id}" for row in done),
    }


def _device(row: AuditRow) -> str:
    return named_device(row.maker, row.device)


def page(told: dict[str, Any]) -> str:
    """The sums as Markdown."""
    lines = [
        "# What de-identification did",
        "",
        f"{number_of(told['objects'], 'object')}; {_listed(told['verdicts'])}. Codes, "
        "counts and hashes only.",
        "",
        f"- {told['outside_area']:.1%} of the pictures black outside the scanned area, on average",
        f"- {number_of(told['text_boxes'], 'box', 'boxes')} of text inside, "
        f"{told['text_area']:.3%} of the scanned area on average, "
        f"{told['text_area_most']:.1%} at most",
    ]
    reasons = {f"{code}: {sentence_of(code)}": n for code, n in told["reasons"].items()}
    methods = {f"{code} {METHODS[code]}": n for code, n in told["methods"].items()}
    actions = {ACTIONS.get(code, code): n for code, n in told["actions"].items()}
    for head, counts in (
        ("Quarantined, by reason", reasons),
        ("Methods (CID 7050)", methods),
        ("Attributes, by action", actions),
        ("Checks", told["checks"]),
        ("Scanned area, found by", told["geometry"]),
        ("Detectors and weights", told["detectors"]),
        ("Policies", told["policies"]),
        ("Keys", told["keys"]),
    ):
        lines += ["", f"## {head}", "", "| | number |", "|---|---|"]
        lines += [f"| {name} | {number} |" for name, number in counts.items()]
    seen = told["witnesses"]
    lines += [
        "",
        "## Witnesses: two networks, trained on different pictures",
        "",
        "| | objects |",
        "|---|---|",
        f"| drawn, and looked at whole by the detector | {seen['drawn']} |",
        f"| of these, with text only where our own network is silent | {seen['detector_alone']} |",
        f"| in which text was blacked out; the detector looked there | {seen['redacted']} |",
        f"| of these, with text that only our own network found | {seen['own_network_alone']} |",
    ]
    for head, groups in (
        ("Burned-in annotation, as stated", told["burned_in_annotation"]),
        ("Devices", told["devices"]),
    ):
        lines += ["", f"## {head}", "", "| | objects | with text redacted |", "|---|---|---|"]
        lines += [f"| {name} | {n['objects']} | {n['with_text']} |" for name, n in groups.items()]
    return "\n".join(lines) + "\n"


def _witnesses(rows: Sequence[AuditRow]) -> dict[str, int]:
    """In how many objects both networks were asked, and in how many only one found some text."""
    codes = [row.verdicts.split() for row in rows]
    return {
        "drawn": sum(WITNESSED in one for one in codes),
        "redacted": sum("text_redacted" in one for one in codes),
        **{
            alone.value: sum(alone.value in one for one in codes)
            for alone in (Alone.DETECTOR, Alone.OWN)
        },
    }


def _acted(actions: Iterable[str]) -> list[tuple[str, str]]:
    """Codes that occur with their words, in the order of the standard's list."""
    known = [code for code in ACTIONS if code in actions]
    return [
        (code, ACTIONS.get(code, code)) for code in [*known, *sorted(set(actions) - set(known))]
    ]


def _reasons(row: AuditRow) -> list[str]:
    return [code for code in row.verdicts.split() if code in set(Reason)]


def _text_found(rows: Sequence[AuditRow], stated: str | None = None) -> dict[str, int]:
    chosen = [row for row in rows if stated in (None, row.burned_in_annotation)]
    return {"objects": len(chosen), "with_text": sum(row.text_boxes > 0 for row in chosen)}


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())
