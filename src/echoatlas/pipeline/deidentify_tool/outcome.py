"""What became of inputs, and the report of it: counts that add up, codes, sizes, no values."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from echoatlas.schemas.values import AuditVerdict

HEAD_OF_REPORT = '{\n "counts": {'  # by which a report is known
# Why an input that is no scan was passed over: not quarantined, as nothing is wrong with it.
FILTERS = {
    "litter": "What file systems, browsers and EchoAtlas itself leave behind.",
    "link": "A link or a device; links are not followed.",
    "values": "The values of a volume, read with the header beside them.",
    "list": "A list of patients: it says who left, and is not handed on.",
    "index": "A DICOMDIR: names of patients and files, and no picture.",
    "duplicate": "The same bytes came before, and were released.",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input. Holds nothing of the input's name, text or header values.

    Attributes:
        input: place in the listing of SRC, folder by folder and sorted within each, archives'
            members counted one by one, from 0.
        status: as the lake's audit calls it.
        reason: code of why it was not released, else empty; detail: the sentence for it.
        output, mask: paths below DEST, made of pseudonyms.
        sha256: of the output.
        pixels: "native", "dct", "lossless", "video" or empty.
        fans: how each scanned area was found, its shape and verdict.
        boxes: (x0, y0, x1, y1) of text blacked out inside, in pixels of the picture.
        outside_area, text_area: shares blacked out, of the picture and of the scanned area.
        actions: PS3.15 action code to the number of attributes it became of.
        methods: codes of CID 7050 of what was really done.
        detector, model: what looked for text, and the hash of its weights.
        verdicts: codes, one for each check of the pixels ("no_text", "text_redacted", ...).
    """

    input: int
    status: str
    reason: str = ""
    detail: str = ""
    format: str = ""
    codec: str = ""
    output: str = ""
    mask: str = ""
    sha256: str = ""
    pixels: str = ""
    frames: int = 0
    burned_in_annotation: str = ""
    fans: tuple[str, ...] = ()
    boxes: tuple[tuple[int, int, int, int], ...] = ()
    outside_area: float = 0.0
    text_area: float = 0.0
    actions: Mapping[str, int] = field(default_factory=dict)
    methods: tuple[str, ...] = ()
    detector: str = ""
    model: str = ""
    verdicts: tuple[str, ...] = ()


def filtered(index: int, code: str) -> Outcome:
    """The outcome of an input that is no scan."""
    return Outcome(index, AuditVerdict.FILTERED, code, FILTERS[code])


def repeated(index: int, first: Outcome) -> Outcome:
    """The outcome of an input whose bytes came before: it shares their fate.

    What was released is not written twice; what was held back is held back wherever it lies, and
    a site that looks for the copy's outcome reads the same reason.
    """
    if first.status == AuditVerdict.QUARANTINED:
        told = f"The same bytes as input {first.input}. {first.detail}"
        return Outcome(index, AuditVerdict.QUARANTINED, first.reason, told)
    told = f"The same bytes as input {first.input}, which was released: not written twice."
    return Outcome(index, AuditVerdict.FILTERED, "duplicate", told)


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of all inputs.

    Attributes:
        policy, key_id: which policy and key were used, as public ids.
        counts: inputs by status; they add up to ``inputs``.
        reasons: inputs that were not released, by reason.
    """

    policy: str
    key_id: str
    inputs: int
    counts: Mapping[str, int]
    reasons: Mapping[str, int]

    @staticmethod
    def of(policy: str, key_id: str, outcomes: Iterable[Outcome]) -> Summary:
        """Count outcomes, holding none of them."""
        statuses, reasons = Counter[str](), Counter[str]()
        for outcome in outcomes:
            statuses[outcome.status] += 1
            if outcome.reason:
                reasons[outcome.reason] += 1
        counts = {status.value: statuses[status] for status in AuditVerdict}
        return Summary(policy, key_id, statuses.total(), counts, dict(sorted(reasons.items())))

    @property
    def exit_code(self) -> int:
        """0 if nothing is in quarantine, else 1."""
        return int(self.counts[AuditVerdict.QUARANTINED] > 0)


def report(summary: Summary, outcomes: Iterable[Outcome]) -> Iterator[str]:
    """The report as JSON, piece by piece: the same for the same input, policy and key."""
    head = json.dumps(asdict(summary), indent=1, sort_keys=True)
    yield head.removesuffix("\n}") + ',\n "outcomes": ['
    for number, outcome in enumerate(outcomes):
        yield ("," if number else "") + "\n  " + to_json(outcome)
    yield "\n ]\n}\n"


def to_json(outcome: Outcome) -> str:
    """One outcome as a line of JSON."""
    return json.dumps(asdict(outcome), sort_keys=True)


def from_json(line: str | bytes) -> Outcome:
    """The inverse of ``to_json``.

    Raises:
        ValueError, TypeError: the line is no outcome.
    """
    raw: dict[str, Any] = json.loads(line)
    for name in ("fans", "methods", "verdicts"):
        raw[name] = tuple(raw[name])
    raw["boxes"] = tuple(tuple(box) for box in raw["boxes"])
    return Outcome(**raw)
