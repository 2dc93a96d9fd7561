"""A review sheet: frames for a person to look at, some drawn at random, some by what is risky.

The random ones bound how much leaks; the risky ones are where a leak would be found first.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.frames.png import data_url
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
    told = list(frames)
    ranked = sorted(told, key=lambda row: _chance(seed, RANDOM, row["frame_id"]))
    random = ranked[: n - n // 2]
    taken = {row["frame_id"] for row in random}
    risky = [row for row in told if row["risk"] and row["frame_id"] not in taken]
    risky.sort(key=lambda row: _arrival(seed, row))
    chosen = [(RANDOM, row) for row in random] + [(RISK, row) for row in risky[: n // 2]]
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
    chosen = None
    if release is not None:
        index = index_columns_of(releases, manifest_of(releases, release), ["frame_id"])
        chosen = set(index["frame_id"].to_pylist())
    rows = [row for row in scored(lake) if chosen is None or row["frame_id"] in chosen]
    drawn = draw(rows, release or LAKE, n, seed)
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


def scored(lake: Lake) -> Iterator[dict[str, str]]:
    """Every frame with its device and what speaks against it."""
    verdicts = {
        row["object_id"]: set(row["verdicts"].split())
        for row in lake.read("audit", ["object_id", "verdicts"]).to_pylist()
    }
    for batch in lake.batches("frames", columns=SCORED):
        for row in batch.to_pylist():
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
    wanted = pc.field("frame_id").isin(pa.array(ids, pa.string()))
    stored = lake.read("frames", ["frame_id", "image"], wanted)
    found: dict[str, str] = {}
    for row in stored.to_pylist():
        try:
            found[row["frame_id"]] = data_url(decode(row["image"]))
        except ValueError:  # a reviewer must not pass what nobody saw
            raise CheckFailed(f"frame {row['frame_id']} cannot be shown on a sheet") from None
    return found
