"""Fingerprints from elsewhere: what they hold, whom they refuse, and what is found near them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoatlas.pipeline.deduplicate.against import Near, near
from echoatlas.pipeline.deduplicate.fingerprints import (
    KEY,
    SCHEMA,
    FingerprintSet,
    as_file,
    fingerprint_set,
    opened_file,
)
from echoatlas.pipeline.deduplicate.similarity import Verdict
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.storage.storage import LocalStorage
from echoatlas.schemas.records import Normalized
from tests.deduplicate.test_stage import put
from tests.helpers.shown import (
    Shown,
    cropped,
    flipped,
    pictures,
    pictures_of,
    reencoded,
    shown,
    table_of,
)
from tests.helpers.torture import make_key


def exported(root: Path, frames: list[Shown]) -> FingerprintSet:
    """The fingerprints of frames, as another deployment would write and this one read them."""
    lake = Lake(LocalStorage(root))
    put(lake, frames)
    key = make_key()
    made = fingerprint_set(
        lake,
        lake.read("frames", ["frame_id"]).column(0),
        "theirs",
        lambda kind, value: key.pseudonym(kind, value),
    )
    return opened_file(as_file(made), "theirs.parquet")


def told(found: list[Near]) -> dict[str, Verdict]:
    return {one.object_id: one.verdict for one in found}


def test_copies_are_found_and_other_patients_of_the_same_view_are_not(tmp_path: Path) -> None:
    """Also where the hashes of these are near: that speckle differs can be told without pixels."""
    theirs = [pictures(seed, fan="convex") for seed in (1, 2, 3, 4)]
    clip = pictures(5, frames=6)
    ours = [
        [reencoded(theirs[0][0], 60)],
        [cropped(theirs[1][0], 0.03)],
        [flipped(theirs[2][0])],
        theirs[3],
        [reencoded(one) for one in clip[1:5]],
        [clip[3]],
        pictures(6, fan="convex"),
        pictures(7, frames=4),
    ]
    some = exported(tmp_path, shown(*theirs, clip))
    frames = shown(*ours)

    found = near(table_of(frames), pictures_of(frames), some)

    assert told(found) == {f"o00{n}": Verdict.SAME for n in range(6)}
    assert found[3].correlation == 1.0
    assert len(found[4].frames) == 4
    assert {one.outside for one in found} <= set(some.rows.column("clip").to_pylist())


def test_near_hashes_alone_are_not_enough(tmp_path: Path) -> None:
    """A hash that is the same and a speckle that is not: two pictures; no speckle: undecided."""
    one, other = shown(pictures(1)), shown(pictures(2))
    some = exported(tmp_path, one)
    table = table_of(other)
    for column in ("fan_phash256", "mirror_phash256", "frame_phash256"):
        place = table.schema.get_field_index(column)
        table = table.set_column(place, column, table_of(one).column(column))
    blank = some.rows.set_column(
        SCHEMA.get_field_index("speckle"), SCHEMA.field("speckle"), pa.array([b""], pa.binary())
    )

    different = near(table, pictures_of(other), some)
    undecided = near(table, pictures_of(other), FingerprintSet("theirs", "", blank))

    assert different == []
    assert told(undecided) == {"o000": Verdict.UNDECIDED}


def test_a_file_holds_hashes_and_opaque_ids_alone(tmp_path: Path) -> None:
    frames = shown(pictures(1, frames=3), pictures(2))
    some = exported(tmp_path, frames)

    data = as_file(some)

    assert pq.ParquetFile(pa.BufferReader(data)).schema_arrow.names == SCHEMA.names
    assert some.rows.num_rows == 4
    assert some.clips == 2
    for one in frames:
        assert one.object_id.encode() not in data
        assert one.frame_id.encode() not in data
        assert one.measures.thumbnail not in data
    assert len(data) < 4 * 420 + 8000


def tampered(data: bytes, **changed: object) -> bytes:
    """The file with other words in its metadata."""
    rows = pq.read_table(pa.BufferReader(data))
    told = json.loads(rows.schema.metadata[KEY]) | changed
    sink = pa.BufferOutputStream()
    pq.write_table(rows.replace_schema_metadata({KEY: json.dumps(told)}), sink)
    return sink.getvalue().to_pybytes()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return as_file(exported(tmp_path_factory.mktemp("elsewhere"), shown(pictures(1))))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"hashes": "phash-lanczos-1"}, "made by phash-lanczos-1 and"),
        ({"speckle": "speckle-signs-0"}, "exported anew by the same version"),
        ({"format": 3}, "is of format 3, and this EchoAtlas knows 2"),
        ({"format": "x"}, "is no file of fingerprints"),
    ],
)
def test_a_file_of_another_version_is_refused(
    data: bytes, changed: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        opened_file(tampered(data, **changed), "theirs.parquet")


def half(one: Normalized) -> Normalized:
    return reencoded(cropped(one, 0.15))


@pytest.mark.parametrize("mirror", [False, True])
def test_what_was_cropped_is_found_by_landmarks(tmp_path: Path, mirror: bool) -> None:
    """... a still, and a cut of a clip whose landmarks are of other moments; and no stranger."""
    still, cine = pictures(1, fan="convex"), pictures(4, frames=24, fan="convex")
    some = exported(tmp_path, shown(still, cine))
    ours = [[half(still[0])], [half(one) for one in cine[7:19]], [half(pictures(51)[0])]]
    frames = shown(*([flipped(one) for one in clip] if mirror else clip for clip in ours))

    found = near(table_of(frames), pictures_of(frames), some)

    assert told(found) == {"o000": Verdict.SAME, "o001": Verdict.SAME}


def test_a_file_of_before_there_were_landmarks_is_read(data: bytes) -> None:
    rows = pq.read_table(pa.BufferReader(data))
    told = json.dumps(json.loads(rows.schema.metadata[KEY]) | {"format": 1})
    older = rows.drop_columns(["landmarks", "places"]).replace_schema_metadata({KEY: told})
    sink = pa.BufferOutputStream()
    pq.write_table(older, sink)

    found = opened_file(sink.getvalue().to_pybytes(), "theirs.parquet")

    assert found.rows.schema == SCHEMA
    assert set(found.rows.column("landmarks").to_pylist()) == {b""}


@pytest.mark.parametrize("column", ["fan", "speckle", "places", "clip", "frame", "thumbnail"])
def test_a_file_that_holds_anything_else_is_refused(data: bytes, column: str) -> None:
    rows = pq.read_table(pa.BufferReader(data))
    meta = rows.schema.metadata
    wrong = {
        "fan": pa.array([b"short"]), "speckle": pa.array([b"x" * 4096]),
        "places": pa.array([b"12345678"]), "clip": pa.array(["DOE^JANE"]),
        "frame": pa.array([-1]), "thumbnail": pa.array([b"jpeg"]),
    }[column]  # fmt: skip
    if column in rows.column_names:
        rows = rows.set_column(rows.column_names.index(column), column, wrong)
    else:
        rows = rows.append_column(column, wrong)
    sink = pa.BufferOutputStream()
    pq.write_table(rows.replace_schema_metadata(meta), sink)

    with pytest.raises(UsageError, match=f"'{column}'|its columns are not") as refused:
        opened_file(sink.getvalue().to_pybytes(), "theirs.parquet")

    assert "DOE" not in str(refused.value)


@pytest.mark.parametrize("bad", [b"", b"PAR1", b"clip,patient\n1,2\n"])
def test_what_is_no_such_file_is_told_in_one_line(bad: bytes) -> None:
    with pytest.raises(UsageError, match="is no file of fingerprints"):
        opened_file(bad, "theirs.csv")
