"""A patient leaves: out of tables, logs, releases, crosswalk, caches; and does not come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from echoatlas.loader import load
from echoatlas.pipeline.deidentify.header.patient import (
    Identity,
    listed_mark,
    patient_identity,
    patient_pseudonym,
)
from echoatlas.pipeline.erase.request import request_of
from echoatlas.pipeline.errors import UsageError
from echoatlas.pipeline.release.manifest import index_table, manifest_of, names
from echoatlas.pipeline.release.pull import pull
from echoatlas.pipeline.release.verify import verify
from echoatlas.pipeline.vault.crosswalk import Crosswalk, Entry
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.rows.objects import CopyRow
from echoatlas.schemas.tables import to_arrow
from echoatlas.schemas.values import PatientSource
from tests.helpers.adversary import traces
from tests.helpers.leaving import (
    ERASED,
    KEPT,
    SHOTS,
    cut,
    erased,
    named,
    needles,
    pseudonym,
    request,
    traces_left,
)
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.tables import made as row
from tests.helpers.tables import no_label_passes, picture


@pytest.fixture
def there(built: Rehearsal, tmp_path: Path) -> Rehearsal:
    return built.copied(tmp_path)


@pytest.fixture(scope="module")
def left(built: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> tuple[Rehearsal, Any]:
    """What the patient has left, to be read alone; and what was said of it."""
    there = built.copied(tmp_path_factory.mktemp("left"))
    return there, erased(there)


@pytest.fixture
def gone(left: tuple[Rehearsal, Any], tmp_path: Path) -> Rehearsal:
    """A copy of that, in which it goes on."""
    return left[0].copied(tmp_path)


def test_an_adversary_finds_the_patient_before_and_nothing_after(
    built: Rehearsal, left: tuple[Rehearsal, Any]
) -> None:
    there, (done,) = left

    assert len(traces_left(built)) > 50
    assert traces_left(there) == []
    assert not any(done["proof"]["found"].values()) and done["proof"]["files"]["shards"]
    assert (done["objects"], done["frames"], done["copies"]) == (5, 7, 2)
    assert done["unknown"] == [2]
    frames = {one["frame_id"] for one in there.lake.read("frames").to_pylist()}
    assert frames == {named("f", n) for n in KEPT}
    assert there.run("status")["conservation"]
    assert done["books"] and there.run("status")["objects"]["erased"] == 5


@pytest.mark.heavy
def test_a_release_of_a_format_without_successors_says_what_to_do_instead(
    there: Rehearsal,
) -> None:
    """Its index says where samples lie, and its shards who is in them."""
    releases = there.deployment.releases
    (first, *_) = names(releases)
    told = json.loads(releases.read(f"{first}/manifest.json"))
    old = {key: value for key, value in told.items() if key != "places"} | {"format": 1}
    releases.write(f"{first}/manifest.json", json.dumps(old).encode())

    done = erased(there)[0]
    asked = there.here("pull", first, str(there.root / "pulled"))

    (followed,) = [one for one in done["releases"] if one["release"] == first]
    assert followed["successor"] == ""
    assert "cut another of the lake" in followed["instead"]
    assert asked.returncode == 2
    assert "cut another of the lake as it is now with `echoatlas release create`" in asked.stderr
    assert there.run("release", "create", "instead")["frames"]


def test_releases_are_cut_after_an_erasure_as_before(gone: Rehearsal) -> None:
    cut(gone, "later")

    assert gone.run("verify", "later")["ok"]
    assert {one.frame_id for one in load("later", lake=gone.lake_path)} == {
        named("f", n) for n in KEPT
    }


def test_releases_that_held_the_patient_are_followed_by_others(
    built: Rehearsal, left: tuple[Rehearsal, Any], tmp_path: Path
) -> None:
    of_before = built.deployment.releases
    before = index_table(of_before, manifest_of(of_before, "all"))
    there, (done,) = left
    releases = there.deployment.releases

    told = {one["release"]: (one["successor"], one["frames"]) for one in done["releases"]}
    assert told == {
        "all": ("all+r1", 7), "fast": ("fast+r1", 7), "other": ("other+r1", 0)
    }  # fmt: skip
    for name in ("all+r1", "fast+r1", "other+r1"):
        checks = verify(releases, name)
        assert [check for check in checks if not check.ok] == []
    after = index_table(releases, manifest_of(releases, "all+r1"))
    split = dict(zip(before["frame_id"].to_pylist(), before["split"].to_pylist(), strict=True))
    for one in after.to_pylist():
        assert one["split"] == split[one["frame_id"]]
        assert one["split_group"] in after["patient"].to_pylist()
    with pytest.warns(UserWarning, match=r"release all is redacted .*dsr-7.*: use all\+r1"):
        data = load("all", lake=there.lake_path)
    assert {sample.frame_id for sample in data} == {named("f", n) for n in KEPT}
    for sample in data:
        number = next(n for n in KEPT if named("f", n) == sample.frame_id)
        assert (sample.image == picture(SHOTS[number].shown)).all()
        assert [one.name for one in sample.annotations] == ["finding"]
    said: list[str] = []
    assert pull(releases, "fast", tmp_path / "pulled", "webdataset", tell=said.append) == len(KEPT)
    assert said and "fast+r1" in said[0]


def test_what_a_cache_holds_of_a_redacted_release_is_deleted(
    there: Rehearsal, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    len(load("all", lake=there.lake_path, cache=cache))
    shard = manifest_of(there.deployment.releases, "all").shards[0]
    (cache / "shards").mkdir()
    (cache / "shards" / Path(shard.file).name).write_bytes(b"as it came from S3")
    erased(there)

    with pytest.warns(UserWarning, match="use all"):
        load("all", lake=there.lake_path, cache=cache)

    assert not list((cache / "shards").iterdir())
    assert traces(needles(there), cache) == []


def test_neither_report_nor_logs_nor_tombstones_say_who_it_was(left: tuple[Rehearsal, Any]) -> None:
    there, _ = left

    pages = [there.root / "erasure-dsr-7.html", there.root / "erasure-dsr-7.json"]
    told = b"".join(page.read_bytes() for page in pages)
    assert not [one for one in needles(there) if one in told]
    assert "nothing was found for these lines of the file: 2" in told.decode().lower()
    stones = (there.lake_path / "tombstones/dsr-7.json").read_text()
    assert json.loads(stones)["patients"]
    assert not list((there.home / "vault" / "erasures").glob("*"))
    assert [e.patient for e in Crosswalk(there.deployment.vault.path, "st-elsewhere")] == [
        pseudonym(there, 2)
    ]


def test_the_same_request_again_is_the_same_erasure(
    left: tuple[Rehearsal, Any], gone: Rehearsal
) -> None:
    before = gone.rows()

    assert left[1] == erased(gone)
    assert before == gone.rows()


def test_a_second_patient_can_leave_after_the_first(gone: Rehearsal) -> None:
    (gone.root / "ids.txt").write_text("patient_id;name\nMRN-2;\n")

    done = gone.run(*request(gone, name="dsr-8"))[0]

    assert {one["release"]: one["successor"] for one in done["releases"]} == {
        "all+r1": "all+r2", "fast+r1": "fast+r2", "other+r1": "other+r2"
    }  # fmt: skip
    with pytest.warns(UserWarning, match="use all"):
        assert len(load("all", lake=gone.lake_path)) == 5
    assert traces([named("o", 2).encode(), pseudonym(gone, 2).encode()], gone.lake_path) == []


def test_a_site_leaves_with_all_it_sent_and_others_stay(there: Rehearsal) -> None:
    known = Crosswalk(there.deployment.vault.path, "qilu")
    known.add([Entry("of-one-in-quarantine", "key", "00")])

    done = there.run("erase", "qilu", "--whole", "--request", "exit-1", "--report", str(there.root))
    assert list(known) == []

    assert (done[0]["objects"], done[0]["whole"]) == (3, True)
    assert traces([named("f", 5).encode()], there.lake_path) == []  # which a selection named
    assert {one["site"] for one in there.lake.read("frames", ["site"]).to_pylist()} == {
        "st-elsewhere"
    }
    assert traces([named("o", 3).encode(), pseudonym(there, 5).encode()], there.lake_path) == []
    assert {one["release"]: one["successor"] for one in done[0]["releases"]} == {
        "all": "all+r1", "fast": "fast+r1", "other": ""
    }  # fmt: skip
    refused = there.here("pull", "other", str(there.root / "pulled"))
    assert refused.returncode == 2 and "nothing is left of it" in refused.stderr


def test_of_a_site_whose_file_was_taken_away_it_is_said_how_to_erase_it(there: Rehearsal) -> None:
    """What it sent is in lake and releases as before, and "no site" was all that was said."""
    file = there.home / "sites" / "qilu.yaml"
    file.unlink()
    words = ("erase", "qilu", "--whole", "--request", "exit-1", "--report", str(there.root))

    refused = there.here(*words)
    mistyped = there.here("erase", "quilu", *words[2:])
    file.write_text("site: qilu\nbucket: /gone/away\n")
    done = there.run(*words)

    assert refused.returncode == mistyped.returncode == 2
    assert f"put {file} back" in refused.stderr
    assert "no site 'quilu'" in mistyped.stderr
    assert done[0]["objects"] == 3
    assert traces([named("o", 3).encode(), pseudonym(there, 5).encode()], there.lake_path) == []


def test_a_dry_run_counts_and_touches_nothing(there: Rehearsal) -> None:
    before = there.rows()

    told = erased(there, "--dry-run")

    assert (told[0]["objects"], told[0]["frames"], told[0]["unknown"]) == (5, 7, [2])
    assert before == there.rows()
    assert not (there.lake_path / "tombstones").exists()


def test_nothing_is_erased_where_the_report_has_no_place(there: Rehearsal) -> None:
    """Its proof would be lost, and who reads the error believe that all is still there."""
    (there.root / "a file").touch()
    before = there.rows()

    refused = there.here(*request(there, "--report", str(there.root / "a file")))

    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert "--report: cannot write to" in refused.stderr
    assert before == there.rows()
    assert not (there.lake_path / "tombstones").exists()


def test_a_dry_run_says_of_each_line_how_it_was_read_and_whether_anybody_was_found(
    there: Rehearsal,
) -> None:
    table = ["patient_id,issuer,name,birth_date", "MRN-1", "MRN-9", ",,Doe,19700101", "MRN-8,H"]
    (there.root / "ids.txt").write_text("\n".join(table) + "\n")

    said = there.here(*request(there, "--dry-run")).stdout.splitlines()

    assert said[1:] == [
        "line 2, read by patient_id: found",
        "line 3, read by patient_id: NOBODY WHO IS KNOWN HERE",
        "line 4, read by name and birth_date: NOBODY WHO IS KNOWN HERE",
        "line 5, read by patient_id, issuer: NOBODY WHO IS KNOWN HERE",
    ]
    assert not [word for line in said for word in ("MRN", "Doe") if word in line]


def test_who_has_the_same_id_but_for_its_issuer_stays_and_is_told(there: Rehearsal) -> None:
    """One device writes the issuer, another does not: half of the patient stayed, unheard."""
    key = there.deployment.site_key("st-elsewhere")
    other = patient_pseudonym(key, "mrn 1", "Hospital")
    who = Identity(PatientSource.HEADER, patient_identity("mrn 1", "Hospital"))
    ids = {"object_id": named("o", 2), "site": "st-elsewhere", "known_as": listed_mark(key, who)}
    copy = row(CopyRow, **ids, patient=other, patient_source="header", locator=named("l", 99))
    there.lake.append("copies", to_arrow("copies", [copy]))

    counted = there.here(*request(there, "--dry-run")).stdout.splitlines()
    told = erased(there, "--dry-run")[0]["near"]
    done = erased(there)[0]

    assert counted[-2].startswith("1 other object is of the same ids as line 1, but for issuers")
    assert counted[-1] == other
    assert told == {"lines": [1], "objects": 1, "pseudonyms": [other]}
    assert (done["near"], done["near_objects"], done["objects"]) == ([1], 1, 5)
    report = (there.root / "erasure-dsr-7.html").read_text()
    assert "1 other object is of the same ids as line 1" in report and other not in report
    assert erased(there)[0] == done
    (there.root / "ids.txt").write_text(f"patient_id,pseudonym\nMRN-1,\n,{other}\n")
    assert erased_of(there, "dsr-8")["near"] == []
    assert named("o", 2) not in there.lake.read("objects", ["object_id"])["object_id"].to_pylist()


def erased_of(there: Rehearsal, name: str) -> Any:
    return there.run(*request(there, name=name))[0]


@pytest.mark.parametrize(
    ("text", "like"),
    [
        ('"patient_id"\n"MRN-1"\n', "MRN-1\n"),
        ('"PatientID";"Issuer Of Patient ID"\n"MRN-1";"H"\n', "patient_id,issuer\nMRN-1,H\n"),
        ("StudyInstanceUID\n1.2.3\n", "study_uid\n1.2.3\n"),
        ('Name,DOB\n"Doe, Jane",1970-01-31\n', "name,birth_date\nDoe^Jane,19700131\n"),
    ],
)
def test_a_table_is_read_as_spreadsheets_and_hospitals_write_it(
    key: SiteKey, tmp_path: Path, text: str, like: str
) -> None:
    found = []
    for one in (text, like):
        (tmp_path / "ids.txt").write_text(one)
        found.append(request_of("r1", "st-elsewhere", key, tmp_path / "ids.txt").pseudonyms)

    assert found[0] >= found[1] > set()


@pytest.mark.parametrize("heading", ["PatientID", "MRN", "Patient number", "patient_id"])
def test_a_heading_over_ids_is_nobodys_id(there: Rehearsal, heading: str) -> None:
    file = there.root / "ids.txt"
    file.write_text(f"{heading}\nMRN-1\n")

    asked = request_of("r1", "st-elsewhere", there.deployment.site_key("st-elsewhere"), file)

    assert [one.line for one in asked.patients] == [2]


def test_who_found_nobody_is_not_told_that_anything_was_erased(there: Rehearsal) -> None:
    """A script that looks at the exit code alone must not take one for the other."""
    (there.root / "ids.txt").write_text("MRN-8\nMRN-9\n")

    counted = there.here(*request(there, "--dry-run"))
    done = there.here(*request(there))
    again = there.here(*request(there))

    assert counted.returncode == 0
    assert "lines 1-2, read by patient_id: NOBODY WHO IS KNOWN HERE" in counted.stdout
    assert "NOBODY OF THE FILE WAS FOUND: nothing would be erased" in counted.stdout
    assert done.returncode == again.returncode == 1
    assert "NOBODY OF THE FILE WAS FOUND" in done.stdout
    assert "nobody of the file was found here, and nothing was erased" in done.stderr
    assert json.loads((there.root / "erasure-dsr-7.json").read_text())["unknown"] == [1, 2]


@pytest.mark.parametrize(
    ("text", "request_id", "told"),
    [
        ("MRN-1", "mrn-1", "this is what a patient is called"),
        ("MRN-1", "a b", "an opaque id"),
        ("", "r1", "names no patient"),
        ("PK\x03\x04 a workbook, cut off", "r1", "is no text"),
        ("patient_id,issuer\nMRN-1,H,too much", "r1", "line 2: more cells than columns"),
        ("patient_id,issuer\n,H", "r1", "line 2: nothing by which a patient is known"),
        ("patient_id,comment\nMRN-1,x\n", "r1", "line 1: more than a patient id"),
        ("MRN-0\nMRN-1;moved away\n", "r1", "line 2: more than a patient id"),
        ("PatientID\tnote\nMRN-1\tx\n", "r1", "line 1: more than a patient id"),
        ("MRN-1\n1.2E+11\n", "r1", "line 2: a spreadsheet made this of a long number"),
        ("patinet_id\nMRN-1\n", "r1", "line 1: nobody's id, .* did you mean .* patient_id"),
        ("PatientID,MRN\nMRN-1,2\n", "r1", "line 1: more than a patient id"),
        ("name\nDoe^Jane\n", "r1", "line 2: .* a name tells nobody apart without the birth_date"),
    ],
)
def test_a_request_that_can_not_be_carried_out_says_why_and_names_nobody(
    key: SiteKey, tmp_path: Path, text: str, request_id: str, told: str
) -> None:
    (tmp_path / "ids.txt").write_text(text)

    with pytest.raises(UsageError, match=told) as refused:
        request_of(request_id, "st-elsewhere", key, tmp_path / "ids.txt")

    assert "MRN-1" not in str(refused.value)


def test_what_is_left_anywhere_fails_the_proof_and_the_request_stays_open(
    there: Rehearsal,
) -> None:
    stray = there.lake_path / "exports/list.txt"
    stray.parent.mkdir()
    stray.write_text(f"x{named('o', 0)}y")

    first = there.here(*request(there))
    stray.unlink()

    assert first.returncode == 1 and "traces are left in: other" in first.stderr
    assert not (there.root / "erasure-dsr-7.json").exists()
    assert not any(erased(there)[0]["proof"]["found"].values())


def test_labels_that_an_erasure_makes_anew_pass_the_gate_and_nothing_of_who_left_waits_for_it(
    there: Rehearsal,
) -> None:
    with no_label_passes():
        refused = there.here(*request(there))

    assert refused.returncode == 1
    assert "labels: ExpectColumnValuesToBeInSet(region)" in refused.stderr
    kept = {named("f", n) for n in KEPT}
    for table in ("frames", "labels", "duplicates", "measures"):
        assert {one["frame_id"] for one in there.lake.read(table).to_pylist()} <= kept, table
    assert not (there.root / "erasure-dsr-7.json").exists()
    assert not any(erased(there)[0]["proof"]["found"].values())
    assert traces_left(there) == []


def test_no_digest_is_left_of_samples_that_went_and_the_proof_would_see_one(
    there: Rehearsal,
) -> None:
    """Who has the picture could tell by it that it was there."""
    releases = there.deployment.releases
    going, staying = {named("f", n) for n in ERASED}, {named("f", n) for n in KEPT}
    digests = {
        (row["frame_id"] in going): row["digest"]
        for name in ("all", "fast")
        for row in index_table(releases, manifest_of(releases, name)).to_pylist()
    }
    places = [there.lake_path]
    assert traces([digests[True]], *places) and traces([digests[False]], *places)
    stray = there.lake_path / "exports/table.parquet"
    stray.parent.mkdir()
    pq.write_table(pa.table({"what": [digests[True]]}), stray)

    first = there.here(*request(there))
    stray.unlink()

    assert first.returncode == 1 and "traces are left in: columns" in first.stderr
    erased(there)
    assert traces([digests[True]], *places) == []
    assert traces([digests[False]], *places)
    for name in ("all", "fast"):
        rows = index_table(releases, manifest_of(releases, f"{name}+r1")).to_pylist()
        assert {row["frame_id"] for row in rows if row["digest"]} <= staying
        assert there.run("verify", f"{name}+r1")["ok"]
