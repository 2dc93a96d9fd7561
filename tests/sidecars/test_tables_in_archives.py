"""A table speaks of the members of an archive, wherever it lies: in the archive, or beside it."""

from __future__ import annotations

import io
import zipfile

import cv2
import pytest

from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.plan.survey import arrived_at
from echoatlas.pipeline.sites.receipts import receipts
from echoatlas.simulate import make_still
from tests.helpers.rehearsal import Rehearsal

SITE = """
site: tele-clinic
bucket: {bucket}
sidecar:
  columns: {{who: patient, what: label}}
"""
INSIDE = "file;who;what\na/1.png;Ada Vance;liver\na/2.png;Ada Vance;kidney\n"
BESIDE = "file,who,what\n1.png,Bo Ek,thyroid\n3.png,Ada Vance,liver\n"
NO_TABLE = "The probe was changed on Monday.\n"


def still(seed: int) -> bytes:
    picture = make_still(seed=seed, fan="convex", size=(400, 300)).pictures[0]
    return cv2.imencode(".png", picture)[1].tobytes()


def zipped(**members: bytes | str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Two archives: one with a table in it, the other with a table beside it."""
    made = Rehearsal(tmp_path_factory.mktemp("archives"))
    made.engine(batch=8, workers=1)
    bucket = tmp_path_factory.mktemp("tele-clinic")
    inside = zipped(**{"a/1.png": still(1), "a/2.png": still(2), "a/index.csv": INSIDE})
    beside = zipped(**{"b/1.png": still(3), "b/3.png": still(4), "b/notes.csv": NO_TABLE})
    for name, data in {"one.zip": inside, "two/two.zip": beside, "two/list.csv": BESIDE}.items():
        (bucket / name).parent.mkdir(exist_ok=True)
        (bucket / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    site = bucket.with_suffix(".yaml")
    site.write_text(SITE.format(bucket=bucket))
    made.run("site", "add", str(site))
    made.run("run")
    return made


def test_members_have_the_patients_and_labels_that_tables_give_them(made):
    rows = made.rows()
    told = {row["object_id"]: row["patient"] for row in rows["frames"]}
    labels = {row["object_id"]: row["organ"] for row in rows["labels"]}
    site = Deployment.find(made.home)
    names = {
        one.object_id: one.file
        for one in receipts(site, arrived_at(site, site.site("tele-clinic")))
    }

    found = {names[each]: (told[each], labels[each]) for each in told}

    ada = found["one.zip!a/1.png"][0]
    assert found == {
        "one.zip!a/1.png": (ada, "liver"),
        "one.zip!a/2.png": (ada, "kidney"),
        "two/two.zip!b/1.png": (found["two/two.zip!b/1.png"][0], "thyroid"),
        "two/two.zip!b/3.png": (ada, "liver"),
    }
    assert found["two/two.zip!b/1.png"][0] != ada


def test_tables_are_no_objects_and_what_only_looks_like_one_is_quarantined(made):
    site = Deployment.find(made.home)

    said = {
        one.file: one.status for one in receipts(site, arrived_at(site, site.site("tele-clinic")))
    }

    assert said["one.zip!a/index.csv"] == said["two/list.csv"] == "sidecar"
    assert said["two/two.zip!b/notes.csv"] == "rejected"
    assert [row["reason"] for row in made.rows()["quarantine"]] == ["unsupported_format"]
