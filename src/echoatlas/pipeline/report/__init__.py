"""The report: one HTML file, readable anywhere, of what a lake or a release holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import jinja2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.errors import UsageError, sentence_of
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.frames.png import data_url
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.release.manifest import index_table, manifest_of
from echoatlas.pipeline.run.overlaps import matrices
from echoatlas.pipeline.run.status import status
from echoatlas.pipeline.storage import Storage
from echoatlas.schemas.values import Relation
from echoatlas.taxonomy.tree import tree

if TYPE_CHECKING:
    from echoatlas.schemas.records import Picture


GALLERY = 48  # frames
PAIRS = 12  # clusters of duplicates
SIDE = 160  # pixels of a picture in the gallery
QUALITY = ("blur", "entropy", "speckle_snr", "fan_fill")


def write_report(
    lake: Lake,
    releases: Storage,
    name: str | None,
    dest: Path,
    collections: Mapping[str, str] | None = None,
) -> None:
    """Write the report of a release, or of the whole lake.

    Args:
        collections: site to collection, where it is of one.

    Raises:
        UsageError: there is no such release, or the file can't be written.
    """
    chosen = None
    manifest = None
    if name is not None:
        manifest = manifest_of(releases, name)
        chosen = set(index_table(releases, manifest).column("frame_id").to_pylist())
    found = status(lake)
    source = (files(__package__) / "report.html.j2").read_text("utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        source
    )
    html = template.render(
        title=f"Release {name}" if name else "The lake",
        manifest=manifest,
        status=found,
        tree=_tree(found),
        kinds=sorted({kind for counts in found["sites"].values() for kind in counts}),
        gallery=_gallery(lake, chosen),
        duplicates=_duplicates(lake),
        overlaps=_overlaps(lake, collections or {}),
        quarantine=[
            (code, sentence_of(code), number)
            for code, number in sorted(found["quarantine"].items(), key=lambda pair: -pair[1])
        ],
        histograms=[_histogram(name, lake) for name in QUALITY],
    )
    try:
        dest.parent.mkdir(parents=True, exist_ok=True)
        dest.write_text(html, "utf-8")
    except OSError as error:
        raise UsageError(f"cannot write to {dest} ({error.strerror})") from None


def _tree(found: dict[str, Any]) -> list[dict[str, Any]]:
    regions = []
    for region in tree().regions:
        organs = [
            {"name": organ.name, "frames": found["organs"].get(organ.id, 0)}
            for organ in tree().children(region.path)
        ]
        frames = found["regions"].get(region.id, 0)
        regions.append({"name": region.name, "frames": frames, "organs": organs})
    return regions


def _gallery(lake: Lake, chosen: set[str] | None) -> list[dict[str, str]]:
    """Frames spread over organs and objects, so that each kind is seen."""
    frames = {
        row["frame_id"]: row
        for row in lake.read(
            "frames", ["frame_id", "object_id", "frame_index", "site", "model", "mode"]
        ).to_pylist()
    }
    labels = lake.read("labels", ["frame_id", "region", "organ"]).to_pylist()
    seen: dict[str, int] = {}
    ranked = []
    objects: set[str] = set()
    for row in sorted(labels, key=lambda row: str(row["frame_id"])):
        frame = frames.get(row["frame_id"])
        if frame is None or frame["object_id"] in objects:
            continue
        if chosen is not None and row["frame_id"] not in chosen:
            continue
        objects.add(frame["object_id"])
        kind = f"{frame['site']}/{row['organ']}"
        seen[kind] = seen.get(kind, 0) + 1
        ranked.append((seen[kind], row["region"], row["organ"], row["frame_id"]))
    picked = sorted(sorted(ranked)[:GALLERY], key=lambda one: one[1:])
    images = _pictures(lake, [one[3] for one in picked])
    return [
        {
            "image": images[frame_id],
            "label": organ if organ != "unknown" else region,
            "site": frames[frame_id]["site"],
            "model": frames[frame_id]["model"],
        }
        for _, region, organ, frame_id in picked
    ]


def _duplicates(lake: Lake) -> list[dict[str, Any]]:
    clusters: dict[str, list[dict[str, Any]]] = {}
    for row in lake.read("duplicates").to_pylist():
        clusters.setdefault(row["cluster"], []).append(row)
    shown = [clusters[name] for name in sorted(clusters, key=lambda c: (-len(clusters[c]), c))]
    rows = [
        sorted(c, key=lambda r: (r["relation"] != Relation.REPRESENTATIVE, r["frame_id"]))[:4]
        for c in shown[:PAIRS]
    ]
    images = _pictures(lake, [row["frame_id"] for cluster in rows for row in cluster])
    return [
        {
            "size": len(whole),
            "members": [
                {"image": images[row["frame_id"]], "relation": row["relation"]} for row in part
            ],
        }
        for whole, part in zip(shown, rows, strict=False)
    ]


def _overlaps(lake: Lake, collections: Mapping[str, str]) -> list[dict[str, Any]]:
    """Who shares anything with whom; a matrix of collections only where it differs from sites'."""
    found = []
    sites, of = matrices(lake, collections)
    for matrix in (sites, of) if of.totals != sites.totals else (sites,):
        number = {(cell.one, cell.other): cell for cell in matrix.cells}
        met = [one for one in matrix.totals if any(one in pair for pair in number)]
        rows = [(one, matrix.totals[one], [number.get((one, o)) for o in met]) for one in met]
        found.append({"kind": matrix.kind, "names": met, "rows": rows})
    return found


def _pictures(lake: Lake, ids: Sequence[str]) -> dict[str, str]:
    """Frames as small PNGs in data URLs."""
    stored = lake.read(
        "frames", ["frame_id", "image"], pc.field("frame_id").isin(pa.array(ids, pa.string()))
    )
    return {row["frame_id"]: data_url(_small(decode(row["image"]))) for row in stored.to_pylist()}


def _small(pixels: Picture) -> Picture:
    return np.asarray(cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _histogram(name: str, lake: Lake) -> dict[str, Any]:
    """A measure's distribution as an inline SVG."""
    values = lake.read("measures", [name]).column(0).to_numpy()
    finite = values[np.isfinite(values)]
    counts, edges = np.histogram(finite, bins=32) if len(finite) else (np.zeros(32), [0.0, 1.0])
    top = max(int(counts.max()), 1)
    bars = "".join(
        f'<rect x="{i * 8}" y="{60 - 60 * c / top:.1f}" width="7" height="{60 * c / top:.1f}"/>'
        for i, c in enumerate(counts)
    )
    svg = f'<svg viewBox="0 0 256 60" role="img" aria-label="{escape(name)}">{bars}</svg>'
    return {"name": name, "svg": svg, "low": f"{edges[0]:.3g}", "high": f"{edges[-1]:.3g}"}
