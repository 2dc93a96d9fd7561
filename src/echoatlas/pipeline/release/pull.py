"""Pull a release, or a part of it, into a folder, as a trainer's own loader reads it.

Resumable, verified, and only what is needed: samples are checked as they are read, files that are
there whole are not made again, and what an earlier pull of something else left is removed.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from echoatlas.errors import UsageError, no_such
from echoatlas.pipeline.release.annotations import mask_ending
from echoatlas.pipeline.release.digests import DIGEST
from echoatlas.pipeline.release.documents.card_page import card_page
from echoatlas.pipeline.release.documents.changes import changes_of, changes_page, on_card
from echoatlas.pipeline.release.documents.croissant import (
    BOXES,
    IMAGES,
    MASKS,
    TABLE,
    boxes_parquet,
    croissant,
    index_parquet,
)
from echoatlas.pipeline.release.documents.dcat import dcat
from echoatlas.pipeline.release.documents.sources import sources_of, sources_page
from echoatlas.pipeline.release.exports.chat import Settings as ChatSettings
from echoatlas.pipeline.release.exports.chat import write_chat
from echoatlas.pipeline.release.exports.clips import Settings as ClipSettings
from echoatlas.pipeline.release.exports.clips import write_clips
from echoatlas.pipeline.release.exports.coco import Settings as CocoSettings
from echoatlas.pipeline.release.exports.coco import write_coco
from echoatlas.pipeline.release.exports.files import write_files
from echoatlas.pipeline.release.exports.hdf5 import Settings as Hdf5Settings
from echoatlas.pipeline.release.exports.hdf5 import write_hdf5
from echoatlas.pipeline.release.exports.imagefolder import Settings as FolderSettings
from echoatlas.pipeline.release.exports.imagefolder import write_imagefolder
from echoatlas.pipeline.release.exports.job import (
    FormatSettings,
    Hub,
    Progress,
    Pull,
    masked,
    without_places,
)
from echoatlas.pipeline.release.exports.lists import Settings as ListSettings
from echoatlas.pipeline.release.exports.lists import write_lists
from echoatlas.pipeline.release.exports.mds import write_mds
from echoatlas.pipeline.release.exports.monai import Settings as MonaiSettings
from echoatlas.pipeline.release.exports.monai import write_monai
from echoatlas.pipeline.release.exports.packing import Packing
from echoatlas.pipeline.release.exports.pairs import Settings as PairSettings
from echoatlas.pipeline.release.exports.pairs import write_pairs
from echoatlas.pipeline.release.exports.parquet import write_parquet
from echoatlas.pipeline.release.exports.sa_v import Settings as SavSettings
from echoatlas.pipeline.release.exports.sa_v import write_sa_v
from echoatlas.pipeline.release.exports.target import Target
from echoatlas.pipeline.release.exports.webdataset import write_webdataset
from echoatlas.pipeline.release.huggingface import README
from echoatlas.pipeline.release.manifest import MANIFEST, index_table, places_of
from echoatlas.pipeline.release.notices import Tell, living
from echoatlas.pipeline.release.reader import ShardReader
from echoatlas.pipeline.release.select import filter_rows
from echoatlas.pipeline.release.shard import PAYLOAD
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.file import parse


@dataclass(frozen=True)
class Format:
    """A layout: what writes it, what may be set, and who reads it."""

    write: Callable[[Pull[Any]], Hub | None]
    settings: type[FormatSettings]
    readers: str
    clips: bool = False  # whether releases of whole clips are written so, too


FORMATS: Mapping[str, Format] = {
    "files": Format(write_files, FormatSettings, "loose PNG, masks, index.csv: OpenUS, USF-MAE"),
    "webdataset": Format(write_webdataset, Packing, "numbered tar files: open_clip, Energon", True),
    "parquet": Format(write_parquet, Packing, "pictures in tables: Hugging Face's datasets", True),
    "imagefolder": Format(write_imagefolder, FolderSettings, "SPLIT/CLASS/: USFM, TinyUSFM"),
    "pairs": Format(write_pairs, PairSettings, "image and mask of one name: USFM, TinyUSFM"),
    "coco": Format(write_coco, CocoSettings, "instances as JSON: UltraSam, mmdetection"),
    "clips": Format(
        write_clips, ClipSettings, "videos: EchoFM, EchoJEPA, PanEcho, EchoPrime", True
    ),
    "sa-v": Format(
        write_sa_v, SavSettings, "pictures of clips, masks by object: SonoBase, SAM 2", True
    ),
    "mds": Format(write_mds, Packing, "shards of MosaicML's streaming"),
    "monai": Format(write_monai, MonaiSettings, "a datalist and NRRD: MONAI"),
    "hdf5": Format(write_hdf5, Hdf5Settings, "HDF5 and JSON lists: EchoCare's challenges"),
    "lists": Format(write_lists, ListSettings, "paths by split and client: UltraDINO, UltraFedFM"),
    "chat": Format(write_chat, ChatSettings, "images and conversations: EchoVLM, ms-swift, LLaVA"),
}


def settings_of(form: str) -> list[tuple[str, str, str, str]]:
    """Format, name, default and meaning of each setting of a format."""
    fields = FORMATS[form].settings.model_fields
    return [
        (form, name, str(field.default), field.description or "") for name, field in fields.items()
    ]


def _silent(what: str, done: int, of: int) -> None: ...


def _unheard(said: str) -> None: ...


def pull(
    releases: Storage,
    name: str,
    dest: Path,
    format: str = "webdataset",
    expression: str = "",
    tell: Tell = warnings.warn,
    settings: Mapping[str, Any] | None = None,
    progress: Progress = _silent,
    *,
    replace: bool = False,
    missing: Tell = _unheard,
) -> int:
    """Bring a release, or the part of it that an expression selects, to a folder.

    In the place of a release that was redacted its successor comes.

    Args:
        tell: is given what is said of the release.
        settings: of the format, as words of the command line; see its ``Settings``.
        progress: told what is done, how much of it, and of how much.
        replace: what another pull left in the folder, once this one is at its end.
        missing: is given what of the selection the format leaves out, and why, if it does.

    Returns:
        The number of samples.

    Raises:
        UsageError: an unknown release, format or setting, a wrong expression or one that fits
            nothing, or a folder that can't be written or holds another pull.
        CheckFailed: what arrived is not what was published.
    """
    if format not in FORMATS:
        raise no_such("format", format, FORMATS)
    form = FORMATS[format]
    chosen = parse(form.settings, dict(settings or {}), f"--format {format}")
    said: list[str] = []
    manifest = living(releases, name, said.append)
    for one in said:
        tell(one)
    if manifest.config.unit == "clip" and not form.clips:
        able = [one for one, other in FORMATS.items() if other.clips]
        some = f"{', '.join(able[:-1])} or {able[-1]}"
        raise UsageError(f"release '{manifest.name}' holds clips: pull them with --format {some}")
    places = None if manifest.places is None else places_of(releases, manifest)
    index = filter_rows(index_table(releases, manifest, places), expression)
    if not index.num_rows:
        some = "fits --where" if expression.strip() else "is left in it"
        raise UsageError(f"nothing to pull: no sample of release '{manifest.name}' {some}")
    asked = {
        "release": manifest.name,
        "index": manifest.index.sha256,
        "where": expression,
        "format": format,
        "settings": chosen.model_dump(mode="json"),
    }
    followed = name if name != manifest.name else ""
    target = Target(dest, asked, replace=replace, followed=followed)
    try:
        reader = ShardReader(releases, manifest, index, places, chosen.drawn)
        # These speak of shards that lie elsewhere
        index = index.drop_columns([one for one in (PAYLOAD, DIGEST) if one in index.column_names])
        job = Pull(reader, index, target, chosen, progress, said)
        hub = form.write(job)
        _documents(job, hub)
        target.close(samples=job.index.num_rows)
        if job.left_out:
            missing(job.left_out)
    finally:
        target.stop()
    return int(job.index.num_rows)


def _documents(job: Pull[Any], hub: Hub | None) -> None:
    """What explains a release, whatever its layout; of the rows that were pulled."""
    manifest, index, write = job.manifest, job.index, job.target.write
    sources = sources_of(manifest, index)
    boxes = boxes_parquet(index)
    tables = {TABLE: index_parquet(index)} | ({BOXES: boxes} if boxes else {})
    for name, data in tables.items():
        write(name, data)
    digests = {name: job.target.digest(name) for name in tables}
    found = hub or Hub({}, [])
    changed = changes_of(job.reader.releases, manifest)
    page = card_page(
        manifest, index, sources, found.files, found.features, job.notes, found.more,
        on_card(changed),
    )  # fmt: skip
    write(README, page)
    write("SOURCES.md", sources_page(manifest.name, sources).encode())
    write("CHANGES.md", changes_page(manifest, changed).encode())
    if changed is not None:
        write("CHANGES.json", json.dumps(changed.counts(), default=asdict, indent=1).encode())
    write("croissant.json", croissant(manifest, index, sources, digests, _pictures(job)))
    write("dcat.jsonld", dcat(manifest, index, sources, digests))
    write(MANIFEST, _as_json(manifest.published))


def _pictures(job: Pull[Any]) -> Mapping[str, str]:
    """Patterns of the files of images and masks, where each is a file of its own."""
    if not job.pictures:
        return {}
    drawn = any(masked(row) for row in without_places(job.index).to_pylist())
    masks = {MASKS: f"masks/*.{mask_ending(0).rpartition('.')[2]}"} if drawn else {}
    return {IMAGES: f"images/*.{job.ending}"} | masks


def _as_json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1).encode()
