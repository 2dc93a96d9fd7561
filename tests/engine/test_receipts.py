"""A site's receipts follow what became of its uploads, and old uploads are left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.receipt import write_receipts


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


def test_one_upload_is_asked_for_by_its_folder_or_by_its_opaque_id(undisturbed: Any) -> None:
    everything = undisturbed.run("site", "receipt", "st-elsewhere")
    opaque = undisturbed.rows()["objects"][0]["upload"]

    by_folder = undisturbed.run("site", "receipt", "st-elsewhere", "upload-1")
    by_id = undisturbed.run("site", "receipt", "st-elsewhere", opaque)
    none = undisturbed.call("site", "receipt", "st-elsewhere", "upload-2")

    assert everything == by_folder == by_id
    assert none.returncode == 2
    assert none.stderr == "echoatlas: site 'st-elsewhere' has no upload 'upload-2'\n"
