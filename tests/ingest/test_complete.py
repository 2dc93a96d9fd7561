"""An upload is taken when it has come whole: by manifest, by marker, or by being quiet."""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.pipeline.ingest.complete import (
    Completeness,
    completeness,
    is_control,
    listed_names,
)
from echoatlas.pipeline.ingest.unfinished import abort, unfinished
from echoatlas.pipeline.ingest.uploads import uploaded
from echoatlas.pipeline.storage.storage import Entry, Storage
from echoatlas.schemas.config.intake import Uploads
from echoatlas.schemas.config.site import SiteConfig
from tests.helpers import s3server

NOW = 1_000_000.0
A, B = "a" * 64, "b" * 64


def site(**rule: object) -> SiteConfig:
    return SiteConfig(site="st", bucket="x", uploads=Uploads(**rule))  # type: ignore[arg-type]


def looked_at(
    folder: Path, files: dict[str, float], texts: dict[str, str] | None = None, **rule: object
) -> Completeness:
    """Files by their age in minutes, and what stands in some."""
    for name, text in (texts or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    entries = [Entry(name, 5, "", NOW - 60 * age) for name, age in files.items()]
    return completeness(site(**rule), Storage.open(folder), entries, NOW)


def test_without_a_rule_all_is_taken_as_it_comes(tmp_path: Path) -> None:
    found = looked_at(tmp_path, {"up/a.dcm": 0, "b.dcm": 0})

    assert Completeness() == found


def test_an_upload_is_taken_when_nothing_of_it_has_changed_for_a_time(tmp_path: Path) -> None:
    files = {"old/a.dcm": 11, "new/a.dcm": 11, "new/deep/b.dcm": 3, "loose.dcm": 1}

    found = looked_at(tmp_path, files, quiet_minutes=10)

    assert {"new/a.dcm", "new/deep/b.dcm", "loose.dcm"} == found.waiting
    assert found.next_look == NOW + 7 * 60


def test_a_marker_says_that_all_that_is_older_has_come(tmp_path: Path) -> None:
    files = {"up/a.dcm": 3, "up/b.dcm": 2, "up/_COMPLETE": 2, "up/later.dcm": 1}

    found = looked_at(tmp_path, files, quiet_minutes=10)

    assert {"up/later.dcm"} == found.waiting


def test_where_only_marked_uploads_are_taken_silence_means_nothing(tmp_path: Path) -> None:
    files = {"up/a.dcm": 9999, "marked/a.dcm": 1, "marked/_COMPLETE": 0}

    found = looked_at(tmp_path, files, marked_only=True)

    assert {"up/a.dcm"} == found.waiting
    assert found.next_look is None


def test_a_manifest_holds_its_files_until_all_are_there(tmp_path: Path) -> None:
    manifest = {"up/_MANIFEST": f"{A}  a.dcm\n{B} *./deep/b.dcm\n"}
    half = {"up/a.dcm": 9999, "up/_MANIFEST": 9999}

    before = looked_at(tmp_path, half, manifest)
    after = looked_at(tmp_path, {**half, "up/deep/b.dcm": 0}, manifest, quiet_minutes=10)

    assert ({"up/a.dcm"}, {"up": ("./deep/b.dcm",)}) == (before.waiting, before.missing)
    assert (frozenset(), {}) == (after.waiting, after.missing)
    assert after.promised == {"up/a.dcm": A, "up/deep/b.dcm": B}


def test_a_manifest_that_comes_first_tells_all_that_is_missing(tmp_path: Path) -> None:
    found = looked_at(tmp_path, {"up/_MANIFEST": 0}, {"up/_MANIFEST": "a.dcm\nb.dcm\n"})

    assert found.missing == {"up": ("a.dcm", "b.dcm")}


def test_files_that_a_manifest_does_not_list_follow_the_other_rules(tmp_path: Path) -> None:
    files = {"up/a.dcm": 0, "up/extra.dcm": 0, "up/_MANIFEST": 0}

    found = looked_at(tmp_path, files, {"up/_MANIFEST": f"{A}  a.dcm\n"}, quiet_minutes=10)

    assert {"up/extra.dcm"} == found.waiting


@pytest.mark.parametrize(
    "said",
    [
        "up\\b ü.dcm",  # as Windows writes it, from above the folder
        unicodedata.normalize("NFD", "b ü.dcm"),  # as macOS does
        "\ufeffb ü.dcm\r",
    ],
)
def test_a_manifest_names_files_as_other_machines_do(tmp_path: Path, said: str) -> None:
    found = looked_at(tmp_path, {"up/b ü.dcm": 0, "up/_MANIFEST": 0}, {"up/_MANIFEST": said})

    assert found.missing == {}


def test_only_a_file_at_the_top_of_an_upload_closes_it() -> None:
    rule = Uploads()

    told = {
        key: is_control(rule, key) for key in ("_COMPLETE", "up/_MANIFEST", "up/deep/_COMPLETE")
    }

    assert told == {"_COMPLETE": True, "up/_MANIFEST": True, "up/deep/_COMPLETE": False}


NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12).filter(
    lambda name: not name.startswith(("#", "\\")) and len(name.splitlines()) == 1
)


@given(st.lists(st.tuples(NAMES, st.sampled_from(["", A, B])), min_size=1, max_size=5))
def test_whatever_names_are_listed_come_back(lines: list[tuple[str, str]]) -> None:
    text = "".join(f"{digest}  {name}\n" if digest else f"{name}\n" for name, digest in lines)

    assert lines == list(listed_names(text.encode("utf-16")))  # as a Windows shell redirects


def test_what_sha256sum_escapes_is_read_as_it_was() -> None:
    (only,) = listed_names(f"\\{A}  a\\\\b\\nc.dcm\n".encode())

    assert only == ("a\\b\nc.dcm", A)


def test_unfinished_multipart_uploads_are_seen_only_by_asking_for_them(
    bucket: Storage, s3: str
) -> None:
    name = bucket.bucket  # type: ignore[attr-defined]
    client = s3server.client(s3)
    begun = [
        client.create_multipart_upload(Bucket=name, Key=f"prefix/up/{key}")["Key"]
        for key in ("big.dcm", "more.dcm")
    ]
    client.create_multipart_upload(Bucket=name, Key="another/up/x.dcm")
    client.put_object(Bucket=name, Key="prefix/up/small.dcm", Body=b"x")

    found = unfinished(bucket)
    held = completeness(
        site(quiet_minutes=1e-9),
        bucket,
        uploaded(bucket),
        time.time() + 60,
        [one.key for one in found],
    )
    number = abort(bucket, found)

    assert 2 == len(begun) == number
    assert [one.key for one in found] == ["up/big.dcm", "up/more.dcm"]
    assert {"up/small.dcm"} == held.waiting  # as long as another file of its upload is on its way
    assert unfinished(bucket) == []
    abort(bucket, found)  # gone by now, which is no error
    listed = client.list_multipart_uploads(Bucket=name)["Uploads"]
    assert [one["Key"] for one in listed] == ["another/up/x.dcm"]
