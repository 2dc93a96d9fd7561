"""What de-identification did in sum: of many objects few different things are said."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.audit.trail import ACTIONS, acted
from echoatlas.pipeline.deidentify.header.policy import METHODS
from echoatlas.pipeline.errors import Reason, sentence_of
from echoatlas.schemas.records import WITNESSED, Alone
from echoatlas.schemas.values import AuditVerdict
from echoatlas.taxonomy.devices import named_device
from echoatlas.wording import number_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.deployment import Deployment

# What is said of an object in words: many are alike in all of them
WORDS = (
    *("site", "verdict", "policy", "key_id", "methods", "actions", "burned_in_annotation"),
    *("geometry", "detector", "model", "verdicts", "maker", "device"),
)
AREAS = ("outside_area", "text_area")
BOXES, WITH_TEXT, OBJECTS = "text_boxes", "with_text", "objects"
Shares: TypeAlias = "NDArray[np.float64]"
Alike = dict[str, Any]  # ``WORDS``, whether there was text, and how many objects are such


def summed(deployment: Deployment, site: str | None = None) -> dict[str, Any]:
    """What was done to all objects, or to a site's: counts by code, areas, hashes. Holds no value
    of any.

    Raises:
        UsageError: no such site.
    """
    if site is not None:
        deployment.site(site)
    alike: list[pa.Table] = []
    areas: dict[str, list[Shares]] = {name: [] for name in AREAS}
    boxes = 0
    for _, rows in deployment.lake.by_file("audit", [*WORDS, *AREAS, BOXES]):
        mine = rows if site is None else rows.filter(pc.equal(rows.column("site"), site))
        alike.append(_alike(mine))
        done = mine.filter(pc.not_equal(mine.column("methods"), ""))
        boxes += pc.sum(done.column(BOXES)).as_py() or 0
        for name in AREAS:
            areas[name].append(done.column(name).to_numpy())
    whole = {name: np.concatenate([np.empty(0), *some]) for name, some in areas.items()}
    return _told(_put_together(alike), whole, boxes)


def _alike(rows: pa.Table) -> pa.Table:
    """How many of some rows say the same in words."""
    told = rows.select(WORDS).append_column(WITH_TEXT, pc.greater(rows.column(BOXES), 0))
    found = told.group_by([*WORDS, WITH_TEXT]).aggregate([([], "count_all")])
    return found.select([*WORDS, WITH_TEXT, "count_all"])


def _put_together(parts: Sequence[pa.Table]) -> list[Alike]:
    if not parts:
        return []
    every = pa.concat_tables(parts).group_by([*WORDS, WITH_TEXT])
    found: list[Alike] = every.aggregate([("count_all", "sum")]).to_pylist()
    return [row | {OBJECTS: row["count_all_sum"]} for row in found]


def _told(every: Sequence[Alike], areas: dict[str, Shares], boxes: int) -> dict[str, Any]:
    done = [row for row in every if row["methods"]]
    actions: Counter[str] = Counter()
    for row in done:
        actions.update({one: n * row[OBJECTS] for one, n in json.loads(row["actions"]).items()})
    held_back = [row for row in every if row["verdict"] != AuditVerdict.RELEASED]
    return {
        "objects": _number(every),
        "verdicts": _counted(every, _word("verdict")),
        "sites": {
            site: _counted([row for row in every if row["site"] == site], _word("verdict"))
            for site in sorted({row["site"] for row in every})
        },
        "reasons": _counted(held_back, _reasons),
        "checks": _counted(done, _codes("verdicts")),
        "witnesses": _witnesses(done),
        "methods": _counted(done, _codes("methods")),
        "actions": {code: actions[code] for code, _ in acted(actions)},
        "burned_in_annotation": _text_found(
            done, lambda row: row["burned_in_annotation"] or "not stated"
        ),
        "geometry": _counted(done, _codes("geometry")),
        "outside_area": _mean(areas["outside_area"]),
        "text_area": _mean(areas["text_area"]),
        "text_area_most": float(areas["text_area"].max(initial=0.0)),
        "text_boxes": boxes,
        "devices": _text_found(done, lambda row: named_device(row["maker"], row["device"])),
        "detectors": _counted(done, lambda row: [f"{row['detector']} {row['model']}"]),
        "policies": _counted(done, _word("policy")),
        "keys": _counted(done, lambda row: [f"{row['site']} {row['key_id']}"]),
    }


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


def _number(rows: Iterable[Alike]) -> int:
    return sum(row[OBJECTS] for row in rows)


def _word(name: str) -> Callable[[Alike], list[str]]:
    return lambda row: [row[name]]


def _codes(name: str) -> Callable[[Alike], list[str]]:
    return lambda row: str(row[name]).split()


def _reasons(row: Alike) -> list[str]:
    return [code for code in row["verdicts"].split() if code in set(Reason)]


def _counted(rows: Iterable[Alike], said: Callable[[Alike], Iterable[str]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for row in rows:
        for one in said(row):
            counts[one] += row[OBJECTS]
    return dict(sorted(counts.items()))


def _witnesses(rows: Sequence[Alike]) -> dict[str, int]:
    """In how many objects both networks were asked, and in how many only one found some text."""
    codes = _counted(rows, lambda row: {*row["verdicts"].split()})
    names = {"drawn": WITNESSED, "redacted": "text_redacted"}
    names |= {alone.value: alone.value for alone in (Alone.DETECTOR, Alone.OWN)}
    return {name: codes.get(code, 0) for name, code in names.items()}


def _text_found(rows: Sequence[Alike], kind: Callable[[Alike], str]) -> dict[str, dict[str, int]]:
    """How many objects there are of each kind, and how many with text."""
    return {
        name: {
            "objects": _number(row for row in rows if kind(row) == name),
            "with_text": _number(row for row in rows if kind(row) == name and row[WITH_TEXT]),
        }
        for name in sorted({kind(row) for row in rows})
    }


def _mean(values: Shares) -> float:
    """The same in whatever order they come."""
    return math.fsum(values) / len(values) if len(values) else 0.0


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())
