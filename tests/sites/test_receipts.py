"""A site's receipts follow what became of its uploads, and old uploads are left alone."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.plan.survey import arrived_at
from echoatlas.pipeline.run.quarantine import release_from_quarantine
from echoatlas.pipeline.sites.outbox import write_receipts
from echoatlas.schemas.config.site import SiteConfig
from tests.helpers.rehearsal import Rehearsal


def test_an_interrupted_run_owes_its_receipts_and_the_next_one_pays(undisturbed: Any) -> None:
    owing = undisturbed.elsewhere("owing", with_lake=True)
    deployment = Deployment.find(owing.home)
    site = deployment.site("st-elsewhere")
    receipt = owing.uploads / "st-elsewhere" / "_receipts" / "upload-1.json"
    told = receipt.read_text()
    receipt.unlink()
    deployment.lake.storage.delete(["_receipts/st-elsewhere.json"])

    owing.run("run")

    assert told == receipt.read_text()
    receipt.write_text("the site's own note")
    assert write_receipts(deployment, arrived_at(deployment, site))
    assert receipt.read_text() == "the site's own note"  # nothing new to say
    receipt.write_text(told)


def test_what_a_site_wrote_over_its_receipt_is_written_over(undisturbed: Any) -> None:
    deployment = Deployment.find(undisturbed.elsewhere("noted", with_lake=True).home)
    site = deployment.site("st-elsewhere")
    arrived = arrived_at(deployment, site)
    receipt = undisturbed.uploads / "st-elsewhere" / "_receipts" / "upload-1.json"
    told = receipt.read_text()

    for note in ("mine", "[]", '[{"file": 1}]', "7", "[" * 100_000):
        receipt.write_text(note)
        deployment.lake.storage.delete(["_receipts/st-elsewhere.json"])
        assert write_receipts(deployment, arrived)
        assert told == receipt.read_text()


def test_a_receipt_says_of_each_file_what_the_lake_says_of_its_object(undisturbed: Any) -> None:
    receipt: Path = undisturbed.uploads / "st-elsewhere" / "_receipts" / "upload-1.json"

    told = {one["file"]: one for one in json.loads(receipt.read_text())}

    outcomes = undisturbed.rows()["objects"]
    assert len(outcomes) == len(told)
    assert told["upload-1/scan0.dcm"]["status"] == "duplicate" or (
        told["upload-1/scan0-again.dcm"]["status"] == "duplicate"
    )
    assert (
        told["upload-1/notes.txt"]["status"],
        told["upload-1/notes.txt"]["reason"],
    ) == ("rejected", "unsupported_format")
    assert told["upload-1/notes.txt"]["sentence"]


def test_a_copy_of_a_rejected_file_says_why_until_that_is_retried(rehearsal: Rehearsal) -> None:
    made = rehearsal
    folder = made.uploads / "st-elsewhere"
    for upload in ("upload-1", "upload-2"):
        (folder / upload).mkdir(parents=True)
        (folder / upload / "notes.txt").write_text("nothing to see")
    made.deployment.add_site(SiteConfig(site="st-elsewhere", bucket=str(folder)))
    made.run("run")
    first, copy = told(folder, "upload-1"), told(folder, "upload-2")

    release_from_quarantine(made.deployment, reason="unsupported_format")
    site = made.deployment.site("st-elsewhere")
    write_receipts(made.deployment, arrived_at(made.deployment, site))

    assert (first["status"], copy["status"]) == ("rejected", "duplicate")
    assert first["reason"] == copy["reason"] == "unsupported_format"
    assert first["sentence"] == copy["sentence"]
    assert first["object_id"] == copy["object_id"]
    again = told(folder, "upload-1"), told(folder, "upload-2")
    assert [(one["status"], one["reason"]) for one in again] == [("pending", ""), ("duplicate", "")]


def test_an_archive_that_can_be_opened_now_is_named_anew_when_it_is_retried(
    rehearsal: Rehearsal,
) -> None:
    """What could not be opened when it came is put right here in its place."""
    good, damaged = zipped_notes()
    folder = rehearsal.uploads / "st-elsewhere"
    rehearsal.deployment.add_site(SiteConfig(site="st-elsewhere", bucket=str(folder)))
    places = [folder / upload / "notes.zip" for upload in ("upload-1", "upload-2")]
    for place in places:
        place.parent.mkdir(parents=True)
        place.write_bytes(damaged)
    rehearsal.run("run")
    before = told(folder, "upload-1"), told(folder, "upload-2")
    for place in places:
        times = place.stat()
        place.write_bytes(good)
        os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))

    released = release_from_quarantine(rehearsal.deployment, reason="unsafe_archive")
    rehearsal.run("run")

    after = json.loads((folder / "_receipts" / "upload-1.json").read_text())
    copies = json.loads((folder / "_receipts" / "upload-2.json").read_text())
    assert released == 1
    assert [one["reason"] for one in before] == ["unsafe_archive", "unsafe_archive"]
    assert [one["file"] for one in after] == [f"upload-1/notes.zip!{n}.txt" for n in "ab"]
    assert [one["status"] for one in copies] == ["duplicate", "duplicate"]
    assert rehearsal.run("status")["conservation"]


def test_metrics_are_those_of_the_newest_run_in_one_file(rehearsal: Rehearsal) -> None:
    """A collector that finds a file a run goes on showing the oldest."""
    folder = rehearsal.uploads / "st-elsewhere" / "upload-1"
    folder.mkdir(parents=True)
    site = SiteConfig(site="st-elsewhere", bucket=str(folder.parent))
    rehearsal.deployment.add_site(site)
    storage = rehearsal.deployment.lake.storage
    storage.write("metrics/20260101T000000-of-an-older-version.prom", b"echoatlas_run_frames 7\n")
    for number in range(2):
        (folder / f"notes{number}.txt").write_text(f"nothing to see, {number}")
        rehearsal.run("run")

    found = [entry.key for entry in storage.list("metrics/")]
    told = storage.read("metrics/echoatlas.prom").decode()

    assert found == ["metrics/echoatlas.prom", "metrics/queue.prom"]
    assert 'echoatlas_objects{site="st-elsewhere",status="rejected"} 2.0' in told
    assert 'echoatlas_rejected{reason="unsupported_format"} 1.0' in told


def zipped_notes() -> tuple[bytes, bytes]:
    """An archive of two texts, and the same with a directory that leads nowhere."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "nothing to see")
        archive.writestr("b.txt", "nor here")
    good = stream.getvalue()
    return good, good.replace(b"PK\x01\x02", b"XX\x01\x02")


def told(folder: Path, upload: str) -> dict[str, str]:
    """The only file of a receipt."""
    (one,) = json.loads((folder / "_receipts" / f"{upload}.json").read_text())
    assert isinstance(one, dict)
    return one


def test_one_upload_is_asked_for_by_its_folder_or_by_its_opaque_id(undisturbed: Any) -> None:
    everything = undisturbed.run("site", "receipt", "st-elsewhere")
    opaque = undisturbed.rows()["objects"][0]["upload"]

    by_folder = undisturbed.run("site", "receipt", "st-elsewhere", "upload-1")
    by_id = undisturbed.run("site", "receipt", "st-elsewhere", opaque)
    none = undisturbed.call("site", "receipt", "st-elsewhere", "upload-2")

    assert everything == by_folder == by_id
    assert none.returncode == 2
    # On a busy machine lines of how far it is stand before it
    *_, last = none.stderr.splitlines()
    assert last == "echoatlas: site 'st-elsewhere' has no upload 'upload-2'"
