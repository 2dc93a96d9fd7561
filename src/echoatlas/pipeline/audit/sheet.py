"""A review sheet: frames for a person to look at, some drawn at random, some by what is risky.

The random ones bound how much leaks; the risky ones are where a leak would be found first.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.frames.png import data_url
from echoatlas.pipeline.lake.ids import SortedIds
from echoatlas.pipeline.lake.picked import picked
from echoatlas.pipeline.release.findings import LAKE, RANDOM, RISK
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.templates import filled
from echoatlas.taxonomy.devices import UNKNOWN, named_device

if TYPE_CHECKING:
    from echoatlas.pipeline.lake.tables import Lake
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.pipeline.vault.pseudonyms import SiteKey

COLUMNS = (
    "frame_id", "population", "drawn", "stratum", "risk", "ticket", "verdict", "note",
)  # fmt: skip
# Weights: how much likelier a frame is drawn for each thing that speaks against it.
RISKS = {
    "text_kept": 8.0,  # the site's policy let text stand
    "text_doubtful": 8.0,  # what may have been text was blacked out; more of it may stand
    "geometry_review": 4.0,  # the fan is not certain, so what lies outside is not
    "text_redacted": 4.0,  # where there was text, there may be more
    "low_score": 2.0,
    "unknown_device": 2.0,  # nobody has looked at its screen layout before
}
LOW_SCORE = 0.8  # of the fan: a fan that is accepted scores above it as a rule
AT_ONCE = 4096  # frames of which something is said as Python objects
SCORED = ["frame_id", "object_id", "maker", "model", "fan_verdict", "fan_score"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A frame on a sheet. ``risk``: codes of ``RISKS``, in order of weight."""

    frame_id: str
    population: str
    drawn: str
    stratum: str
    risk: str

    def ticket(self, key: SiteKey) -> str:
        """Proof that this frame was drawn so: a sheet can't be made up, nor a draw be renamed."""
        said = "\0".join((self.frame_id, self.population, self.drawn, self.stratum, self.risk))
        return key.pseudonym("review sheet", said)


def draw(frames: Iterable[Mapping[str, Any]], population: str, n: int, seed: int) -> list[Drawn]:
    """Draw ``n`` frames: half at random, half by their risk, without replacement.

    The random half is drawn first and from all, so it is a random sample of the population, and
    within each device of the device's frames. The same seed draws the same frames, in whatever
    order they come (Efraimidis and Spirakis, IPL 97 (2006): the first arrivals).

    Args:
        frames: with ``frame_id``, ``stratum`` and ``risk``.

    Returns:
        In an order that says nothing of how they were drawn; fewer than ``n`` if there are not
        enough frames with a risk.
    """
    random: list[Mapping[str, Any]] = []
    risky: list[Mapping[str, Any]] = []
    told = iter(frames)
    while some := list(islice(told, AT_ONCE)):
        random = nsmallest(
            n - n // 2, random + some, lambda row: _chance(seed, RANDOM, row["frame_id"])
        )
        # As many more as may be among the random ones
        risky = nsmallest(
            n, risky + [row for row in some if row["risk"]], lambda row: _arrival(seed, row)
        )
    taken = {row["frame_id"] for row in random}
    others = [row for row in risky if row["frame_id"] not in taken]
    chosen = [(RANDOM, row) for row in random] + [(RISK, row) for row in others[: n // 2]]
    chosen.sort(key=lambda pair: _chance(seed, "order", pair[1]["frame_id"]))
    return [
        Drawn(row["frame_id"], population, drawn, row["stratum"], row["risk"])
        for drawn, row in chosen
    ]


def write_sheet(
    lake: Lake,
    releases: Storage,
    key: SiteKey,
    dest: Path,
    n: int,
    seed: int = 0,
    release: str | None = None,
) -> list[Drawn]:
    """Draw frames and write ``dest/review.html`` to look at and ``dest/review.csv`` to fill in.

    The pictures are frames of the lake, as trainers get them. A leaking one would show on the
    sheet: it is for the privacy officer.

    Args:
        key: of the deployment.
        release: draw from it instead of from the lake.

    Raises:
        UsageError: no such release, or a sheet is there already: it may have been filled in.
        CheckFailed: there are no frames, or one can't be shown.
    """
    if (dest / "review.csv").exists():
        raise UsageError(f"there is a sheet at {dest} already: name another folder")
    among = None
    if release is not None:
        index = index_columns_of(releases, manifest_of(releases, release), ["frame_id"])
        among = SortedIds.named(index["frame_id"])
    drawn = draw(scored(lake, among), release or LAKE, n, seed)
    if not drawn:
        raise CheckFailed("there are no frames to review: run the pipeline first")
    template = (files(__package__) / "sheet.html.j2").read_text("utf-8")
    pictures = _pictures(lake, [one.frame_id for one in drawn])
    html = filled(
        template,
        frames=[(one, pictures[one.frame_id]) for one in drawn],
        tickets=[one.ticket(key) for one in drawn],
        columns=COLUMNS,
    )
    try:
        dest.mkdir(parents=True, exist_ok=True)
        (dest / "review.html").write_text(html, "utf-8")
        with (dest / "review.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            for one in drawn:
                told = (one.frame_id, one.population, one.drawn, one.stratum, one.risk)
                writer.writerow([*told, one.ticket(key), "", ""])
    except OSError as error:
        raise UsageError(f"cannot write to {dest} ({error.strerror})") from None
    return drawn


def scored(lake: Lake, among: SortedIds | None = None) -> Iterator[dict[str, str]]:
    """Every frame, or those of some ids, with its device and what speaks against it."""
    audit = lake.read("audit", ["object_id", "verdicts"])
    doubted = audit.filter(pc.match_substring_regex(audit.column("verdicts"), "|".join(RISKS)))
    verdicts = {row["object_id"]: {*row["verdicts"].split()} for row in doubted.to_pylist()}
    del audit, doubted
    for _, rows in lake.by_file("frames", SCORED):
        mine = rows if among is None else rows.filter(pa.array(among.have(rows.column("frame_id"))))
        for row in (row for batch in mine.to_batches(AT_ONCE) for row in batch.to_pylist()):
            codes = verdicts.get(row["object_id"], set()) & set(RISKS)
            if row["fan_verdict"] != "accept":
                codes.add("geometry_review")
            if row["fan_score"] < LOW_SCORE:
                codes.add("low_score")
            if UNKNOWN in (row["maker"], row["model"]):
                codes.add("unknown_device")
            yield {
                "frame_id": row["frame_id"],
                "stratum": named_device(row["maker"], row["model"]),
                "risk": " ".join(code for code in RISKS if code in codes),
            }


def _chance(seed: int, purpose: str, frame_id: str) -> float:
    """A number in (0, 1) that belongs to a frame, whatever else is drawn."""
    text = f"{seed}\0{purpose}\0{frame_id}".encode()
    return (int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") + 0.5) / 2**64


def _arrival(seed: int, row: Mapping[str, Any]) -> float:
    """Exponential with the rate of its weight: the smallest are drawn."""
    weight = sum(RISKS[code] for code in row["risk"].split())
    return -math.log(_chance(seed, RISK, row["frame_id"])) / weight


def _pictures(lake: Lake, ids: list[str]) -> dict[str, str]:
    stored = picked(lake, "frames", ["frame_id", "image"], "frame_id", ids)
    found: dict[str, str] = {}
    for row in (row for rows in stored for row in rows.to_pylist()):
        try:
            found[row["frame_id"]] = data_url(decode(row["image"]))
        except ValueError:  # a reviewer must not pass what nobody saw
            raise CheckFailed(f"frame {row['frame_id']} cannot be shown on a sheet") from None
    return found
