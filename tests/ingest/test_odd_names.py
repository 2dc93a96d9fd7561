"""One site's odd names, or its missing bucket, cost no other site anything."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from echoatlas.simulate import make_still, write_png
from tests.helpers import s3server
from tests.helpers.rehearsal import Rehearsal

SCAN = write_png(make_still(seed=1, fan="convex", size=(400, 300)))
ODD = ["up/Wisniewska\tAnna.png", "up/Kowalczyk\x01.png", "up/x\ty.csv", "Nowak\tJan/scan.png"]


def add(made: Rehearsal, site: str, bucket: str) -> None:
    file = made.root / f"{site}.yaml"
    file.write_text(yaml.safe_dump({"site": site, "bucket": bucket, "cropped": True}))
    made.run("site", "add", str(file))


@pytest.fixture
def made(tmp_path: Path) -> Rehearsal:
    made = Rehearsal(tmp_path)
    made.engine(address="processes", workers=1)
    return made


# Great Expectations warns as it is imported, and here it is imported into this process
@pytest.mark.filterwarnings("ignore")
def test_odd_keys_are_rejected_one_by_one_and_named_to_their_site_alone(
    made: Rehearsal, s3: str
) -> None:
    client = s3server.client(s3)
    client.create_bucket(Bucket="oddities")
    for key in [*ODD, "up/plain.png"]:
        client.put_object(Bucket="oddities", Key=f"site/{key}", Body=SCAN)
    client.put_object(Bucket="oddities", Key="site/up/", Body=b"")  # as a console makes a folder
    add(made, "odd", "s3://oddities/site/")
    client.create_bucket(Bucket="soon-gone")
    add(made, "nowhere", "s3://soon-gone/x/")
    client.delete_bucket(Bucket="soon-gone")

    planned = made.here("plan", "--json")
    ran = made.here("run", "--json")
    told = {one["file"]: one for one in made.run("site", "receipt", "odd")}
    again = made.here("run", "--site", "odd", "--json")

    assert {one["site"]: one["new_files"] for one in json.loads(planned.stdout)["sites"]} == {
        "odd": 5,
        "nowhere": 0,
    }
    assert planned.returncode == 1 and "nowhere" in planned.stderr
    assert ran.returncode == 1
    assert "site 'nowhere' was left out: no such bucket" in ran.stderr
    done = json.loads(ran.stdout)
    assert (done["objects"], done["rejected"], done["conservation"]) == (5, {"bad_name": 4}, True)
    assert {"bad_name"} == {told[key]["reason"] for key in ODD}
    assert {*ODD, "up/plain.png"} == set(told)
    assert told["up/plain.png"]["status"] == "kept"
    assert again.returncode == 0 and json.loads(again.stdout)["objects"] == 0
    receipts = {
        one["Key"]: client.get_object(Bucket="oddities", Key=one["Key"])["Body"].read()
        for one in client.list_objects_v2(Bucket="oddities", Prefix="_receipts/site/")["Contents"]
    }
    assert any(b"Nowak\\tJan" in body for body in receipts.values())
    assert not any("Nowak" in key for key in receipts), "a key with a tab can't be written"
    everywhere = b"".join(p.read_bytes() for p in made.home.rglob("*") if p.is_file())
    everywhere += (ran.stdout + ran.stderr + planned.stdout + planned.stderr).encode()
    for name in (b"Wisniewska", b"Kowalczyk", b"Nowak"):
        assert name not in everywhere


@pytest.mark.filterwarnings("ignore")
def test_names_that_are_no_text_links_to_nothing_and_pipes_hold_up_nobody(
    made: Rehearsal,
) -> None:
    folder = made.root / "drop" / "up"
    folder.mkdir(parents=True)
    (folder / "plain.png").write_bytes(SCAN)
    latin = os.fsencode(folder) + b"/M\xfcller.png"
    Path(os.fsdecode(latin)).write_bytes(
        write_png(make_still(seed=2, fan="convex", size=(400, 300)))
    )
    (folder / "gone.png").symlink_to(folder / "nothing")
    (folder / "gone.csv").symlink_to(folder / "nothing")
    os.mkfifo(folder / "pipe.png")
    add(made, "local", str(made.root / "drop"))

    ran = made.run("run")
    receipt = (made.root / "drop" / "_receipts" / "up.json").read_bytes()

    assert (ran["objects"], ran["rejected"]) == (5, {"vanished": 2, "not_delivered": 1})
    assert {"plain.png", "gone.png", "gone.csv", "pipe.png", "M\udcfcller.png"} == {
        Path(one["file"]).name for one in json.loads(receipt)
    }
