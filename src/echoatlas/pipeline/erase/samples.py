"""Which samples of releases go, by what their indexes say."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.release.digests import DIGEST
from echoatlas.pipeline.release.manifest import index_groups, manifest_of
from echoatlas.pipeline.release.notices import living_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.pipeline.erase.doomed import Doomed
    from echoatlas.pipeline.storage.storage import Storage
    from echoatlas.schemas.manifest import Manifest

BY = ("frame_id", "object_id", "patient", "pixel_hash")  # columns that say whether a sample goes


def columns_asked(manifest: Manifest) -> list[str]:
    """The columns of a release's index that ``going`` looks at."""
    return [*BY, *(["frame_ids"] if manifest.config.unit == "clip" else [])]


def going(index: pa.Table, gone: Doomed) -> NDArray[np.bool_]:
    """Which rows of an index go, (n,)."""
    named = {
        "frame_id": gone.frames,
        "object_id": gone.objects,
        "patient": (*gone.patients, *gone.aliases),
        "pixel_hash": gone.pixels,
    }
    goes = np.zeros(index.num_rows, bool)
    for column in named.keys() & set(index.column_names):
        values = pa.array(named[column], pa.string())
        known = pc.is_in(index.column(column).cast(pa.string()), values)
        goes |= known.to_numpy().astype(bool)
    if "frame_ids" in index.column_names:
        lists = index.column("frame_ids").combine_chunks()
        inside = pc.is_in(lists.flatten().cast(pa.string()), pa.array(gone.frames, pa.string()))
        goes[np.unique(pc.list_parent_indices(lists).to_numpy()[inside.to_numpy(False)])] = True
    return goes


def digests_of(releases: Storage, gone: Doomed) -> set[str]:
    """The digests that releases publish of samples that go, in hexadecimal."""
    found: set[str] = set()
    for name in living_names(releases):
        manifest = manifest_of(releases, name)
        with suppress(CheckFailed):  # of a damaged index; who redacts the release says so
            for index in index_groups(releases, manifest, [*columns_asked(manifest), DIGEST]):
                if DIGEST in index.column_names:
                    told = index.column(DIGEST).filter(pa.array(going(index, gone)))
                    found |= {one.hex() for one in told.drop_null().to_pylist()}
    return found
