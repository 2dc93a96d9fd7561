"""The report: one HTML file, readable anywhere, of what a lake or a release holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow as pa

from echoatlas.pipeline.database import engines_kept
from echoatlas.pipeline.errors import sentence_of
from echoatlas.pipeline.file_faults import write_named
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.frames.png import data_url
from echoatlas.pipeline.lake.picked import picked
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.lake.views import views
from echoatlas.pipeline.release.manifest import index_columns_of, manifest_of
from echoatlas.pipeline.run.overlaps import matrices
from echoatlas.pipeline.run.status import status
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.pipeline.templates import filled
from echoatlas.schemas.values import Relation
from echoatlas.taxonomy.tree import UNKNOWN, tree

if TYPE_CHECKING:
    from echoatlas.schemas.manifest import Manifest
    from echoatlas.schemas.records import Picture


GALLERY = 48  # frames
PAIRS = 12  # clusters of duplicates
SIDE = 160  # pixels of a picture in the gallery
MEMBERS = 4  # frames that are shown of a cluster
QUALITY = ("blur", "entropy", "speckle_snr", "fan_fill")
# A frame an object, and the first of all kinds before the second of any
SPREAD = f"""
WITH one AS (
    SELECT min(frame_id) AS frame_id FROM f {{only}} SEMI JOIN l USING (frame_id)
    GROUP BY object_id
)
SELECT frame_id, site, model, region, organ FROM one JOIN f USING (frame_id)
    JOIN l USING (frame_id)
ORDER BY row_number() OVER (PARTITION BY site, organ ORDER BY frame_id), region, organ, frame_id
LIMIT {GALLERY}
"""
LARGEST = f"""
WITH sized AS (
    SELECT cluster, count(*) AS size FROM d GROUP BY cluster ORDER BY size DESC, cluster
    LIMIT {PAIRS}
)
SELECT cluster, size, frame_id, relation FROM d JOIN sized USING (cluster)
QUALIFY row_number() OVER (
    PARTITION BY cluster ORDER BY relation <> '{Relation.REPRESENTATIVE}', frame_id
) <= {MEMBERS}
ORDER BY size DESC, cluster, relation <> '{Relation.REPRESENTATIVE}', frame_id
"""


@engines_kept()
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
        chosen = index_columns_of(releases, manifest, ["frame_id"])
    with lake.kept_open():
        found, measures = status(lake), lake.read("measures", QUALITY)
        shown, clusters = _spread(lake, chosen), _largest(lake)
        # Together, since whoever looks where frames lie looks through all
        images = _pictures(lake, {one["frame_id"] for one in [*shown, *clusters]})
        overlaps = _overlaps(lake, collections or {})
    source = (files(__package__) / "report.html.j2").read_text("utf-8")
    html = filled(
        source,
        title=f"Release {name}" if name else "The lake",
        manifest=manifest,
        status=found,
        tree=_tree(found if manifest is None else _frames_of(manifest)),
        counted=found if manifest is None else _frames_of(manifest),
        sites=None if manifest is None else manifest.population.get("site", {}),
        kinds=sorted({kind for counts in found["sites"].values() for kind in counts}),
        gallery=_gallery(shown, images),
        duplicates=_duplicates(clusters, images),
        overlaps=overlaps,
        quarantine=[
            (code, sentence_of(code), number)
            for code, number in sorted(found["quarantine"].items(), key=lambda pair: -pair[1])
        ],
        histograms=[_histogram(name, measures) for name in QUALITY],
    )
    write_named(dest, html.encode())


def _frames_of(manifest: Manifest) -> dict[str, Mapping[str, int]]:
    """Frames of a release as ``status`` counts those of the lake."""
    found: dict[str, Mapping[str, int]] = {}
    for name in ("region", "organ", "device", "mode"):
        told = manifest.counts.get(name, {})
        if name in manifest.population:  # of clips it knows their frames
            told = {one: said["frames"] for one, said in manifest.population[name].items()}
        found[f"{name}s"] = {one or UNKNOWN: number for one, number in told.items()}
    return found


def _tree(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    regions = []
    for region in tree().regions:
        organs = [
            {"name": organ.name, "frames": found["organs"].get(organ.id, 0)}
            for organ in tree().children(region.path)
        ]
        frames = found["regions"].get(region.id, 0)
        regions.append({"name": region.name, "frames": frames, "organs": organs})
    return regions


def _spread(lake: Lake, chosen: pa.Table | None) -> list[dict[str, Any]]:
    """Frames spread over organs and objects, so that each kind is seen."""
    tables = (
        ("f", "frames", ["frame_id", "object_id", "site", "model"]),
        ("l", "labels", ["frame_id", "region", "organ"]),
    )
    with views(lake, tables) as asked:
        if chosen is not None:
            asked.register("chosen", chosen)
        only = "" if chosen is None else "SEMI JOIN chosen USING (frame_id)"
        found: list[dict[str, Any]] = (
            asked.sql(SPREAD.format(only=only)).to_arrow_table().to_pylist()
        )
    return sorted(found, key=lambda one: (one["region"], one["organ"], one["frame_id"]))


def _gallery(shown: list[dict[str, Any]], images: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {
            "image": images[one["frame_id"]],
            "label": one["organ"] if one["organ"] != "unknown" else one["region"],
            "site": one["site"],
            "model": one["model"],
        }
        for one in shown
    ]


def _largest(lake: Lake) -> list[dict[str, Any]]:
    """The largest clusters of duplicates, and a few frames of each."""
    with views(lake, (("d", "duplicates", ["frame_id", "cluster", "relation"]),)) as asked:
        found: list[dict[str, Any]] = asked.sql(LARGEST).to_arrow_table().to_pylist()
    return found


def _duplicates(rows: list[dict[str, Any]], images: Mapping[str, str]) -> list[dict[str, Any]]:
    shown: dict[str, dict[str, Any]] = {}
    for row in rows:
        cluster = shown.setdefault(row["cluster"], {"size": row["size"], "members": []})
        member = {"image": images[row["frame_id"]], "relation": row["relation"]}
        cluster["members"].append(member)
    return list(shown.values())


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


def _pictures(lake: Lake, ids: Collection[str]) -> dict[str, str]:
    """Frames as small PNGs in data URLs."""
    found = picked(lake, "frames", ["frame_id", "image"], "frame_id", ids)
    return {
        row["frame_id"]: data_url(_small(decode(row["image"])))
        for rows in found
        for row in rows.to_pylist()
    }


def _small(pixels: Picture) -> Picture:
    return np.asarray(cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _histogram(name: str, measures: pa.Table) -> dict[str, Any]:
    """A measure's distribution as an inline SVG."""
    values = measures.column(name).to_numpy()
    finite = values[np.isfinite(values)]
    counts, edges = np.histogram(finite, bins=32) if len(finite) else (np.zeros(32), [0.0, 1.0])
    top = max(int(counts.max()), 1)
    bars = "".join(
        f'<rect x="{i * 8}" y="{60 - 60 * c / top:.1f}" width="7" height="{60 * c / top:.1f}"/>'
        for i, c in enumerate(counts)
    )
    svg = f'<svg viewBox="0 0 256 60" role="img" aria-label="{escape(name)}">{bars}</svg>'
    return {"name": name, "svg": svg, "low": f"{edges[0]:.3g}", "high": f"{edges[-1]:.3g}"}
