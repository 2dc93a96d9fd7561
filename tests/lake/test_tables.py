"""The lake takes each group of parts exactly once, on a local disk and on S3."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from echoatlas.pipeline.lake.compaction import compact
from echoatlas.pipeline.lake.staged import Part, write_part
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.lake.write_ahead_log import Intent, forget, log, pending
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.rows.labels import EvidenceRow
from echoatlas.schemas.rows.objects import ObjectRow
from echoatlas.schemas.tables import TABLES, schema, subject_columns, to_arrow
from tests.helpers.tables import made


def row(name: str, fingerprint: str = "f1") -> EvidenceRow:
    return EvidenceRow(name, "site", "anatomy", "thorax", "body_part", 0.5, "rule", fingerprint)


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return Storage.open(tmp_path / "lake")
    return request.getfixturevalue("bucket")


def test_an_intent_carried_out_twice_adds_its_rows_once(storage: Storage) -> None:
    part = write_part(storage, to_arrow("evidence", [row("a"), row("b")]), "evidence", "part-1")
    intent = Intent("run-g0", (part,))

    Lake(storage).apply(intent)
    Lake(storage).apply(intent)

    assert Lake(storage).count("evidence") == 2


def test_whether_a_commit_came_is_told_without_opening_a_table(storage: Storage) -> None:
    lake = Lake(storage)
    none = lake.state("evidence")
    lake.append("evidence", to_arrow("evidence", [row("a")]))
    first = lake.state("evidence")
    before = lake.has_moved("evidence", none), lake.has_moved("evidence", first)
    lake.append("evidence", to_arrow("evidence", [row("b")]))

    assert before == (True, False)
    assert lake.has_moved("evidence", first)
    assert not lake.has_moved("evidence", lake.state("evidence"))
    assert not lake.has_moved("labels", lake.state("labels"))


def test_while_it_is_kept_open_a_table_is_opened_once_and_what_is_written_is_read(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    Lake(storage).append("evidence", to_arrow("evidence", [row("a")]))
    opened: list[str] = []

    def counted(uri: str, **options: object) -> DeltaTable:
        opened.append(uri)
        return DeltaTable(uri, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("echoatlas.pipeline.lake.reader.DeltaTable", counted)
    lake = Lake(storage)

    with lake.kept_open():
        before = lake.count("evidence"), lake.state("evidence"), len(lake.files("evidence"))
        lake.append("evidence", to_arrow("evidence", [row("b")]))
        lake.drop_rows("evidence", "object_id", {"a"}, "r-1")
        after = lake.read("evidence").column("object_id").to_pylist(), lake.state("evidence")
        within = len(opened)
    Lake(storage).append("evidence", to_arrow("evidence", [row("c")]))

    assert within == 1
    assert before == (1, before[1], 1)
    assert after == (["b"], after[1])
    assert after[1] not in ("", before[1])
    assert lake.count("evidence") == 2


def test_a_version_that_was_read_is_kept_open_too_and_stays_what_it_was(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        Lake(storage).append("evidence", to_arrow("evidence", [row(name)]))
    opened: list[object] = []

    def counted(uri: str, **options: object) -> DeltaTable:
        opened.append(options["version"])
        return DeltaTable(uri, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("echoatlas.pipeline.lake.reader.DeltaTable", counted)
    lake = Lake(storage)

    with lake.kept_open():
        newest = lake.version("evidence")
        for _ in range(2):
            assert len(lake.read("evidence", version=newest)) == 3
            assert len(lake.read("evidence", version=newest - 1)) == 2
        Lake(storage).append("evidence", to_arrow("evidence", [row("d")]))
        lake.append("evidence", to_arrow("evidence", [row("e")]))
        sizes = [len(lake.read("evidence", version=newest - back)) for back in (1, 0)]
        assert [*sizes, len(lake.read("evidence"))] == [2, 3, 5]

    assert opened.count(newest - 1) == 1


def test_what_was_promised_is_found_by_who_comes_after(storage: Storage) -> None:
    part = write_part(storage, to_arrow("evidence", [row("a")]), "evidence", "part-1")
    intent = Intent("run-g0", (part,), ("a",))

    log(storage, intent)

    assert [intent] == pending(storage)
    forget(storage, [intent])
    assert pending(storage) == []


def test_renewed_objects_lose_their_old_rows(storage: Storage) -> None:
    lake = Lake(storage)
    old = write_part(storage, to_arrow("evidence", [row("a"), row("b")]), "evidence", "part-1")
    lake.apply(Intent("run1-g0", (old,)))
    new = write_part(storage, to_arrow("evidence", [row("a", "f2")]), "evidence", "part-2")

    lake.apply(Intent("run2-g0", (new,), ("a",)))
    lake.apply(Intent("run2-g0", (new,), ("a",)))

    found = lake.read("evidence", ["object_id", "fingerprint"]).to_pylist()
    assert sorted((r["object_id"], r["fingerprint"]) for r in found) == [("a", "f2"), ("b", "f1")]


def written(storage: Storage, stem: str, *rows: EvidenceRow) -> tuple[Part, ...]:
    return (write_part(storage, to_arrow("evidence", rows), "evidence", stem),)


def said(storage: Storage) -> list[tuple[str, str]]:
    found = Lake(storage).read("evidence", ["object_id", "fingerprint"]).to_pylist()
    return sorted((one["object_id"], one["fingerprint"]) for one in found)


def test_many_intents_replace_rows_in_one_commit_and_touch_no_other_file(storage: Storage) -> None:
    lake = Lake(storage)
    lake.apply(Intent("run1-g0", written(storage, "part-1", row("a"), row("b"), row("c"))))
    lake.apply(Intent("run1-g1", written(storage, "part-2", row("d"))))
    lake.apply(Intent("run1-g2", written(storage, "part-3", row("e"), row("e2"))))
    version = lake.version("evidence")

    lake.apply(
        Intent("run2-g0", written(storage, "part-4", row("a", "f2")), reread=("a",)),
        Intent("run2-g1", written(storage, "part-5", row("b", "f2")), renewed=("b",)),
        Intent("run2-g2", (), reread=("e", "e2")),
    )

    assert said(storage) == [("a", "f2"), ("b", "f2"), ("c", "f1"), ("d", "f1")]
    assert lake.version("evidence") == version + 1
    assert "part-2.parquet" in lake.files("evidence") and len(lake.files("evidence")) == 4
    rest = next(file for file in lake.files("evidence") if "-rest-" in file)
    assert rest.startswith("part-run2-g0-"), "a file that an interrupted run could not sweep away"


def test_of_many_intents_those_carried_out_before_are_passed_over(storage: Storage) -> None:
    lake = Lake(storage)
    lake.apply(Intent("run1-g0", written(storage, "part-1", row("a"), row("b"))))
    first = Intent("run2-g0", written(storage, "part-2", row("a", "f2")), reread=("a",))
    second = Intent("run2-g1", written(storage, "part-3", row("b", "f2")), reread=("b",))
    lake.apply(first)

    for _ in range(2):
        lake.apply(first, second)

    assert said(storage) == [("a", "f2"), ("b", "f2")]


def test_a_further_sighting_of_the_same_bytes_stays_when_its_object_is_renewed(
    tmp_path: Path,
) -> None:
    lake = Lake(Storage.open(tmp_path / "lake"))
    rows = [
        made(ObjectRow, locator=place, object_id="a", status=status)
        for place, status in (("first", "kept"), ("second", "duplicate"))
    ]
    part = write_part(lake.storage, to_arrow("objects", rows), "objects", "part-1")
    lake.apply(Intent("run1-g0", (part,)))

    lake.apply(Intent("run2-g0", (), renewed=("a",)))

    assert lake.read("objects", ["locator"]).column(0).to_pylist() == ["second"]


@pytest.fixture
def four(storage: Storage) -> Lake:
    """A lake of four objects' evidence, two of each site, in one file."""
    lake = Lake(storage)
    rows = [replace(row(name), site=site) for name, site in zip("abcd", "qqss", strict=True)]
    lake.apply(Intent("run-g0", written(storage, "part-1", *rows)))
    return lake


def test_others_can_filter_a_table_after_rows_of_a_file_were_removed(four: Lake) -> None:
    four.drop_rows("evidence", "object_id", ["a", "no such row"], "retry-1")

    folder = four.storage.sub("tables/evidence")
    table = DeltaTable(folder.uri, storage_options=folder.options() or None)
    by_arrow = table.to_pyarrow_dataset().to_table(filter=pc.field("site") == "q")
    rows = table.to_pyarrow_dataset()
    by_duckdb = duckdb.sql("SELECT object_id FROM rows WHERE site = 's' ORDER BY 1").fetchall()
    assert by_arrow.column("object_id").to_pylist() == ["b"]
    assert by_duckdb == [("c",), ("d",)]
    assert {pa.string()} == {f.type for f in rows.schema if f.name != "weight"}


def test_rows_are_removed_once_and_by_any_column(four: Lake) -> None:
    four.drop_rows("evidence", "site", ["s"], "retry-1")
    version = four.version("evidence")

    four.drop_rows("evidence", "site", ["s"], "retry-1")
    four.drop_rows("evidence", "object_id", [], "retry-2")

    assert version == four.version("evidence")
    assert said(four.storage) == [("a", "f1"), ("b", "f1")]


def test_a_lake_that_delta_itself_rewrote_is_read_as_before(tmp_path: Path) -> None:
    """Its files hold other types, and statistics that pyarrow can't compare with ours."""
    storage = Storage.open(tmp_path / "lake")
    lake = Lake(storage)
    rows = [replace(row(name), site=site) for name, site in zip("abcd", "qqss", strict=True)]
    lake.apply(Intent("run-g0", written(storage, "part-1", *rows)))

    DeltaTable(storage.sub("tables/evidence").uri).delete("object_id = 'a'")
    found = lake.read("evidence", ["object_id"], pc.field("site") == "q")
    lake.drop_rows("evidence", "object_id", ["c"], "retry-1")

    assert found.column("object_id").to_pylist() == ["b"]
    assert said(storage) == [("b", "f1"), ("d", "f1")]


def test_an_empty_text_is_no_missing_one_also_when_files_are_put_together(tmp_path: Path) -> None:
    """Delta has one way to write both of a partition's value: a table is of no partitions."""
    lake = Lake(Storage.open(tmp_path / "lake"))
    for name, site in zip("abc", ("", "q", ""), strict=True):
        lake.append("evidence", to_arrow("evidence", [replace(row(name), site=site)]))
    table = DeltaTable(lake.storage.sub("tables/evidence").uri)

    compact(lake, "evidence", "run-1")
    ours = said_of_sites(lake)
    table.update_incremental()
    table.optimize.compact()

    assert table.metadata().partition_columns == []
    assert ours == said_of_sites(lake) == [("a", ""), ("b", "q"), ("c", "")]


def said_of_sites(lake: Lake) -> list[tuple[str, str]]:
    rows = lake.read("evidence", ["object_id", "site"]).to_pylist()
    return sorted((one["object_id"], one["site"]) for one in rows)


def test_create_has_one_winner(storage: Storage) -> None:
    storage.write("name", b"first", create=True)

    with pytest.raises(FileExistsError):
        storage.write("name", b"second", create=True)

    assert storage.read("name") == b"first"


def test_storage_reads_parts_and_lists_in_order(storage: Storage) -> None:
    for key in ("b/2", "a/1", "b/10"):
        storage.write(key, b"0123456789")

    assert storage.read("a/1", 3, 3) == b"345"
    assert [entry.key for entry in storage.list("b/")] == ["b/10", "b/2"]
    storage.delete(["a/1", "never was"])
    assert not storage.exists("a/1")
    with pytest.raises(FileNotFoundError):
        storage.read("a/1")


def test_no_statistics_of_subjects_stand_in_the_log(tmp_path: Path) -> None:
    storage = Storage.open(tmp_path)
    lake = Lake(storage)

    lake.append("evidence", to_arrow("evidence", [row("0badc0de0badc0de")]))

    log = b"".join(file.read_bytes() for file in tmp_path.rglob("_delta_log/*"))
    assert b"0badc0de0badc0de" not in log


@pytest.mark.parametrize("name", TABLES)
def test_every_column_says_what_it_means(name: str) -> None:
    for field in schema(name):
        sentence = field.metadata[b"comment"].decode()

        assert sentence.endswith("."), field.name
        assert len(sentence.split()) > 1, field.name
        assert sentence.strip(".").lower() != field.name.replace("_", " "), field.name
    assert subject_columns(name) <= set(schema(name).names)
