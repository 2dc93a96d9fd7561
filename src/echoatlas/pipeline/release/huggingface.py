"""What Hugging Face's ``datasets`` has to be told to read a release: splits, and types.

Told nothing it takes all files for one split, the columns of the first five samples for those of
all, and a column that begins with nothing for one of nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import yaml

from echoatlas.pipeline.release.annotations import LISTED, mask_ending
from echoatlas.pipeline.release.shard import ENDINGS, MARKS, META, OWN_CODECS
from echoatlas.schemas.tables import schema

if TYPE_CHECKING:
    from echoatlas.schemas.manifest import Manifest

README = "README.md"
DEFAULT = "default"  # the name of a folder's only configuration
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
DTYPES = {pa.string(): "string", pa.binary(): "binary", pa.bool_(): "bool", pa.null(): "null"}

Features = list[dict[str, Any]]


def readme_of_releases(manifests: Iterable[Manifest]) -> bytes:
    """The README beside the shards of all releases.

    Those of before format 2 are a configuration each. Shards of later ones say nothing of labels,
    and hold samples that a release leaves out: they are for readers of its index.
    """
    known = list(manifests)
    every = [
        one
        for one in known
        if one.places is None and all(shard.split is not None for shard in one.shards)
    ]
    header = {
        "pretty_name": "EchoAtlas",
        "configs": [_configuration(one.name, shards_by_split(one)) for one in every],
        "dataset_info": [
            {"config_name": one.name, "features": shard_features(one)} for one in every
        ],
    }
    lines = ["# Releases", "", "| release | frames | patients | shards |", "|---|---|---|---|"]
    lines += [
        f"| {one.name} | {one.frames} | {one.patients} | {len(one.shards)} |" for one in known
    ]
    lines += ["", "Bring one to a folder with `echoatlas pull NAME DEST`."]
    return _page(header, "\n".join([*lines, ""]))


def shards_by_split(manifest: Manifest) -> dict[str, list[str]]:
    """Split to the keys of its shards."""
    found: dict[str, list[str]] = {}
    for shard in manifest.shards:
        found.setdefault(shard.split or "", []).append(shard.file)
    return found


def shard_features(manifest: Manifest) -> Features:
    """What a sample of a release's shards is: picture, masks, and the JSON beside them."""
    codec = manifest.image_codec
    picture = {"dtype": "binary" if codec in OWN_CODECS else "image"}
    return [
        {"name": ENDINGS[codec], **picture},
        *({"name": mask_ending(n), "dtype": "image"} for n in range(manifest.masks)),
        {"name": "json", **meta_feature()},
    ]


def meta_feature(more: Iterable[pa.Field] = ()) -> dict[str, Any]:
    """What the JSON beside a sample's picture is, with ``more`` of a format's own."""
    types = {one.name: one.type for table in ("frames", "labels") for one in schema(table)}
    meta = pa.struct(
        [*((name, types.get(name, pa.string())) for name in META), (MARKS, LISTED), *more]
    )
    return _feature(meta)


def features(table: pa.Schema) -> Features:
    """What the columns of a table are."""
    return [{"name": one.name, **_feature(one.type)} for one in table]


def with_features(
    table: pa.Table,
    pictures: Iterable[str],
    lists: Iterable[str] = (),
    videos: Iterable[str] = (),
) -> pa.Table:
    """A table that says in its schema's metadata which columns are pictures, lists of them, or
    videos.
    """
    image = {"_type": "Image"}
    known: dict[str, Any] = dict.fromkeys(pictures, image)
    known |= {name: {"_type": "List", "feature": image} for name in lists}
    known |= {name: {"_type": "Video"} for name in videos}
    told = {"info": {"features": known}}
    kept = table.schema.metadata or {}
    return table.replace_schema_metadata({**kept, b"huggingface": json.dumps(told).encode()})


def _configuration(name: str, files: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    listed = [{"split": split, "path": list(paths)} for split, paths in files.items() if paths]
    return {"config_name": name, "data_files": listed}


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if kind == PICTURE:
        return {"dtype": "image"}
    if pa.types.is_struct(kind):
        return {"struct": [{"name": one.name, **_feature(one.type)} for one in kind]}
    if pa.types.is_list(kind):
        inner = _feature(kind.value_type)
        return {"list": inner.get("struct") or inner["dtype"]}
    if kind in DTYPES:
        return {"dtype": DTYPES[kind]}
    return {"dtype": {"double": "float64", "float": "float32"}.get(str(kind), str(kind))}


def _page(header: Mapping[str, Any], text: str) -> bytes:
    top = yaml.safe_dump(dict(header), sort_keys=False, allow_unicode=True)
    return f"---\n{top}---\n\n{text}".encode()
