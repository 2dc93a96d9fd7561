"""A site's receipts follow what became of its uploads, and old uploads are left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.run.quarantine import release_from_quarantine
from echoatlas.pipeline.sites.receipts import write_receipts
from echoatlas.schemas.config import SiteConfig
from tests.helpers.rehearsal import Rehearsal


def test_an_interrupted_run_owes_its_receipts_and_the_next_one_pays(undisturbed: Any) -> None:
    deployment = Deployment.find(undisturbed.home)
    site = deployment.site("st-elsewhere")
    receipt = undisturbed.uploads / "st-elsewhere" / "_receipts" / "upload-1.json"
    told = receipt.read_text()
    receipt.unlink()
    deployment.lake.storage.delete(["_receipts/st-elsewhere.json"])

    undisturbed.run("run")

    assert told == receipt.read_text()
    receipt.write_text("the site's own note")
    assert write_receipts(deployment, site)
    assert receipt.read_text() == "the site's own note"  # nothing new to say
    receipt.write_text(told)


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
    write_receipts(made.deployment, made.deployment.site("st-elsewhere"))

    assert (first["status"], copy["status"]) == ("rejected", "duplicate")
    assert first["reason"] == copy["reason"] == "unsupported_format"
    assert first["sentence"] == copy["sentence"]
    assert first["object_id"] == copy["object_id"]
    again = told(folder, "upload-1"), told(folder, "upload-2")
    assert [(one["status"], one["reason"]) for one in again] == [("pending", ""), ("duplicate", "")]


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
    assert none.stderr == "echoatlas: site 'st-elsewhere' has no upload 'upload-2'\n"
