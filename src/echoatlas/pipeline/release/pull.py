"""Pull a release: as loose files, as WebDataset shards, or as Parquet.

Each has a README that tells ``datasets`` where its splits and what its columns are.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.release.annotations import (
    WHOLE,
    AnnotationRecord,
    mask_ending,
    told,
    with_masks,
)
from echoatlas.pipeline.release.huggingface import (
    PICTURE,
    README,
    Features,
    features,
    readme,
    shard_features,
    with_features,
)
from echoatlas.pipeline.release.manifest import MANIFEST, index_table
from echoatlas.pipeline.release.notices import Tell, living
from echoatlas.pipeline.release.packing import PAYLOAD
from echoatlas.pipeline.release.select import filter_rows
from echoatlas.pipeline.release.shard import ENDINGS, MARKS, OWN_CODECS, PLACES, pack
from echoatlas.pipeline.storage import LocalStorage, Storage
from echoatlas.schemas.index import ROLES, Role
from echoatlas.schemas.manifest import Manifest

MIXED = "mixed"  # of an old release's shards, which did not end at splits
FIRST = ROLES[Role.FIRST]


def pull(
    releases: Storage,
    name: str,
    dest: Path,
    format: str = "webdataset",
    expression: str = "",
    tell: Tell = warnings.warn,
) -> int:
    """Bring a release, or the part of it that an expression selects, to a folder.

    What is there already and whole is not fetched again. In the place of a release that was
    redacted its successor comes.

    Args:
        tell: is given what is said of the release.

    Returns:
        The number of samples.

    Raises:
        UsageError: an unknown release or format, or a wrong expression.
        CheckFailed: what arrived is not what was published.
    """
    if format not in FORMATS:
        raise UsageError(f"no format '{format}' (formats: {', '.join(sorted(FORMATS))})")
    manifest = living(releases, name, tell)
    index = filter_rows(index_table(releases, manifest), expression)
    if PAYLOAD in index.column_names:  # it speaks of shards that lie elsewhere
        index = index.drop_columns([PAYLOAD])
    try:
        dest.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {dest} ({error.strerror})") from None
    FORMATS[format](releases, manifest, index, LocalStorage(dest), bool(expression.strip()))
    return int(index.num_rows)


def _samples(releases: Storage, index: pa.Table) -> dict[str, tuple[bytes, list[AnnotationRecord]]]:
    """Images and annotations by frame, one shard read at a time."""
    found: dict[str, tuple[bytes, list[AnnotationRecord]]] = {}
    rows = index.select(["frame_id", *_with_marks(index, PLACES)]).to_pylist()
    for shard in sorted({row["shard"] for row in rows}):
        data = _whole(releases, shard)
        for row in rows:
            if row["shard"] == shard:
                image = data[row["offset"] : row["offset"] + row["length"]]
                found[row["frame_id"]] = image, with_masks(row.get(MARKS), data)
    return found


def _with_marks(index: pa.Table, columns: Sequence[str]) -> list[str]:
    """Columns, and that of the annotations if the release has it."""
    return [*columns, *({MARKS} & set(index.column_names))]


def _whole(releases: Storage, shard: str) -> bytes:
    data = releases.read(shard)
    if hashlib.sha256(data).hexdigest() not in shard:
        raise CheckFailed("a shard is damaged: run `echoatlas verify`")
    return data


def _files(
    releases: Storage, manifest: Manifest, index: pa.Table, dest: LocalStorage, filtered: bool
) -> None:
    ending = ENDINGS[manifest.image_codec]
    for shard in sorted(set(index.column("shard").to_pylist())):
        part = index.filter(pc.equal(index.column("shard"), shard))
        missing = [
            row
            for row in part.select(["frame_id", *_with_marks(index, PLACES)]).to_pylist()
            if not dest.exists(f"images/{row['frame_id']}.{ending}")
        ]
        if missing:
            data = _whole(releases, shard)
            for row in missing:
                masks = [mark["mask"] for mark in with_masks(row.get(MARKS), data) if mark["mask"]]
                for number, mask in enumerate(masks):
                    dest.write(f"masks/{row['frame_id']}.{mask_ending(number)}", mask)
                # The image last: where it is, its masks are too.
                image = data[row["offset"] : row["offset"] + row["length"]]
                dest.write(f"images/{row['frame_id']}.{ending}", image)
    dest.write("index.csv", _csv(index, {}))
    # What an image folder's reader looks for: beside the pictures, and one list a split
    dest.write("images/metadata.csv", _csv(index, {"file_name": f"{{frame_id}}.{ending}"}))
    lists = {split: f"{split}.parquet" for split in _splits(index)}
    told: Features = []
    for split, name in lists.items():
        part = index.filter(pc.equal(index.column("split"), split)).drop_columns(list(PLACES))
        paths = [f"images/{one}.{ending}" for one in part.column("frame_id").to_pylist()]
        marks = [_listed(row) for row in part.select(_with_marks(index, ["frame_id"])).to_pylist()]
        part = part.drop_columns(_with_marks(index, ())).append_column(MARKS, pa.array(marks))
        part = part.append_column("file_name", pa.array(paths))
        told = [one for one in features(part.schema) if one["name"] != "file_name"]
        sink = io.BytesIO()
        pq.write_table(part, sink, write_statistics=False)
        dest.write(name, sink.getvalue())
    files = {split: [name, f"images/*.{ending}"] for split, name in lists.items()}
    told.append({"name": "image", "dtype": "image"})
    if manifest.image_codec not in OWN_CODECS:
        how = {"metadata_filenames": sorted(lists.values()), "drop_labels": True}
        dest.write(README, readme(manifest, files, told, **how))


def _csv(index: pa.Table, more: dict[str, str]) -> bytes:
    """The index as a table of text; ``more`` are columns made of a row's others."""
    others = [c for c in index.column_names if c not in FIRST and c not in PLACES]
    columns = [*FIRST, *others]
    sink = io.StringIO()
    writer = csv.DictWriter(sink, [*more, *columns], lineterminator="\n")
    writer.writeheader()
    for row in index.select(columns).to_pylist():
        made = {name: pattern.format(**row) for name, pattern in more.items()}
        lists = {name: json.dumps(one) for name, one in row.items() if isinstance(one, list)}
        writer.writerow(made | row | lists | ({MARKS: _listed(row)} if MARKS in row else {}))
    return sink.getvalue().encode()


def _listed(row: dict[str, Any]) -> str:
    """Annotations as JSON, masks by the paths of their files; empty if there are none."""
    marks = told(row.get(MARKS) or ())
    for mark in marks:
        mark["mask"] = mark["mask"] and f"masks/{row['frame_id']}.{mark['mask']}"
    return json.dumps(marks, sort_keys=True) if marks else ""


def _webdataset(
    releases: Storage, manifest: Manifest, index: pa.Table, dest: LocalStorage, filtered: bool
) -> None:
    names = _numbered()
    if not filtered and manifest.places is None:  # else its shards say nothing of labels
        called = {shard.file: names(shard.split or MIXED) for shard in manifest.shards}
        for shard in manifest.shards:
            if not _is_there(dest, called[shard.file], shard.sha256):
                dest.write(called[shard.file], _whole(releases, shard.file))
        keys = [called[key] for key in index.column("shard").to_pylist()]
        index = index.set_column(index.column_names.index("shard"), "shard", pa.array(keys))
    else:
        filtered = True
        masks: list[list[AnnotationRecord]] = []
        packed = _whole_rows(releases, index, masks)
        for made in pack(packed, manifest.image_codec, manifest.config.shard_mb << 20):
            name = names(made.split)
            if not _is_there(dest, name, made.sha256):
                dest.write(name, made.data)
        if MARKS in index.column_names:
            place = index.column_names.index(MARKS)
            index = index.set_column(place, MARKS, pa.array(masks, WHOLE))
    plain = index.select([c for c in index.column_names if not filtered or c not in PLACES])
    sink = io.BytesIO()
    pq.write_table(plain, sink, write_statistics=False)
    dest.write("index.parquet", sink.getvalue())
    dest.write(MANIFEST, json.dumps(manifest.published, sort_keys=True, indent=1).encode())
    files = {split: [f"shards/{split}-*.tar"] for split in _splits(index)}
    dest.write(README, readme(manifest, files, shard_features(manifest)))


def _whole_rows(
    releases: Storage, index: pa.Table, masks: list[list[AnnotationRecord]]
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Rows with their annotations, and images; a shard's at a time, in the index's order.

    Args:
        masks: takes the annotations of each row.
    """
    keys = index.column("shard")
    ends = np.flatnonzero(pc.not_equal(keys[1:], keys[:-1]).to_numpy()) + 1
    for start, stop in pairwise([0, *ends.tolist(), index.num_rows]):
        part = index.slice(start, stop - start)
        samples = _samples(releases, part)
        for row in part.to_pylist():
            image, marks = samples[row["frame_id"]]
            masks.append(marks)
            yield row | {MARKS: marks}, image


def _numbered() -> Callable[[str], str]:
    """Names of shards, in order of each split: a brace range names all of a split."""
    numbers: Counter[str] = Counter()

    def name(split: str) -> str:
        numbers[split] += 1
        return f"shards/{split}-{numbers[split] - 1:05d}.tar"

    return name


def _is_there(dest: LocalStorage, key: str, sha256: str) -> bool:
    return dest.exists(key) and hashlib.sha256(dest.read(key)).hexdigest() == sha256


def _splits(index: pa.Table) -> list[str]:
    return sorted(set(index.column("split").to_pylist()))


def _parquet(
    releases: Storage, manifest: Manifest, index: pa.Table, dest: LocalStorage, filtered: bool
) -> None:
    codec = manifest.image_codec
    told: Features = []
    for split in _splits(index):
        mine = index.filter(pc.equal(index.column("split"), split))
        for number, shard in enumerate(sorted(set(mine.column("shard").to_pylist()))):
            part = mine.filter(pc.equal(mine.column("shard"), shard))
            samples = _samples(releases, part)
            images = [samples[one][0] for one in part.column("frame_id").to_pylist()]
            part = _whole_marks(part, samples).drop_columns(list(PLACES))
            part = _with_pictures(part, images, codec)
            told = features(part.schema)
            sink = io.BytesIO()
            pq.write_table(
                part, sink, compression="none", row_group_size=100, write_statistics=False
            )
            dest.write(f"{split}-{number:05d}.parquet", sink.getvalue())
    files = {split: [f"{split}-*.parquet"] for split in _splits(index)}
    dest.write(README, readme(manifest, files, told))


def _with_pictures(part: pa.Table, images: list[bytes], codec: str) -> pa.Table:
    """A table with its images, as pictures that viewers and loaders know where they can."""
    if codec in OWN_CODECS:  # bytes to them
        return part.append_column("image", pa.array(images, pa.binary()))
    names = [f"{one}.{ENDINGS[codec]}" for one in part.column("frame_id").to_pylist()]
    pictures = [{"bytes": data, "path": name} for data, name in zip(images, names, strict=True)]
    whole = part.append_column("image", pa.array(pictures, PICTURE))
    return with_features(whole, ["image"])


def _whole_marks(
    index: pa.Table, samples: dict[str, tuple[bytes, list[AnnotationRecord]]]
) -> pa.Table:
    """An index whose annotations hold their masks, for where they lie in no shard of its own."""
    if MARKS not in index.column_names:
        return index
    marks = [samples[one][1] for one in index.column("frame_id").to_pylist()]
    place = index.column_names.index(MARKS)
    return index.set_column(place, MARKS, pa.array(marks, WHOLE))


FORMATS: dict[str, Callable[[Storage, Manifest, pa.Table, LocalStorage, bool], None]] = {
    "files": _files,
    "webdataset": _webdataset,
    "parquet": _parquet,
}
