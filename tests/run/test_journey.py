"""The whole journey: uploads of seven sites in, a release out, and nothing of anybody left."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from echoatlas.cli import call
from echoatlas.loader import load
from echoatlas.pipeline.deployment import Deployment
from echoatlas.simulate.uploads import build_uploads
from tests.helpers import s3server
from tests.helpers.rehearsal import Rehearsal, fill
from tests.helpers.scorer import Planted, leaked

SCALE = 0.15
Done = tuple[Any, Any]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("step", [20, pytest.param(1, marks=pytest.mark.heavy)])
def test_the_journey_runs_on_real_samples(
    one_ray: None, samples: Path, tmp_path: Path, step: int
) -> None:
    """On one in twelve, else it alone would take a quarter of the time that all tests have."""
    made = Rehearsal(tmp_path)
    # A copy: sites get receipts in their folders
    copied = shutil.copytree(samples, tmp_path / "samples", copy_function=shutil.copyfile)
    every = sorted(p for p in copied.rglob("*") if p.is_file() and p.parent != copied)
    for number, file in enumerate(every):
        if number % step:
            file.unlink()
    for folder in sorted(p for p in copied.iterdir() if p.is_dir()):
        file = tmp_path / f"{folder.name}.yaml"
        file.write_text(yaml.safe_dump({"site": folder.name, "bucket": str(folder)}))
        made.run("site", "add", str(file))

    ran = made.run("run")
    status = made.run("status")

    assert ran["failed"] == []
    assert status["conservation"]
    assert "crashed" not in status["quarantine"]
    files = len(every[::step])
    assert sum(status["objects"].values()) >= files - 2  # tables beside scans are no objects
    assert status["objects"]["kept"] > 0


def test_the_journey_runs_on_s3(s3: str, tmp_path: Path) -> None:
    client = s3server.client(s3)
    for name in ("intake", "lakehouse"):
        client.create_bucket(Bucket=name)
    fill(tmp_path / "local", stills=2, cine=False)
    for file in (tmp_path / "local").rglob("*.*"):
        key = file.relative_to(tmp_path / "local").as_posix()
        client.put_object(Bucket="intake", Key=f"st/{key}", Body=file.read_bytes())
    made = Rehearsal(tmp_path / "s3")
    made.lake_path = "s3://lakehouse/lake"
    config = made.home / "echoatlas.yaml"
    config.write_text(config.read_text().replace("lake: lake", "lake: s3://lakehouse/lake"))
    made.engine(workers=2, address="processes")
    (tmp_path / "st.yaml").write_text(yaml.safe_dump({"site": "st", "bucket": "s3://intake/st/"}))

    made.run("site", "add", str(tmp_path / "st.yaml"))
    made.alone("run")  # its workers have the credentials of their environment
    made.run("release", "create", "remote")

    assert made.run("verify", "remote")["ok"]
    assert made.run("run")["objects"] == 0
    data = load("remote", lake="s3://lakehouse/lake", cache=tmp_path / "cache")
    assert data[0].image.shape[0] == 256
    assert "kept" in {one["status"] for one in made.run("site", "receipt", "st")}
    assert "_receipts/st/upload-1.json" in {
        one["Key"] for one in client.list_objects_v2(Bucket="intake")["Contents"]
    }


@pytest.fixture(scope="module")
def done(one_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A rehearsal whose seven sites went all the way, and the truth about them."""
    root = tmp_path_factory.mktemp("journey")
    made = Rehearsal(root)
    truth = build_uploads(root / "uploads", SCALE, 3)
    for site in truth.sites:
        made.run("site", "add", str(root / "uploads" / f"{site}.yaml"))
    made.run("run")
    made.run("release", "create", "first")
    return made, truth


def told(made: Any, truth: Any) -> dict[tuple[str, str], dict[str, str]]:
    return {
        (site, one["file"]): one
        for site in truth.sites
        for one in made.run("site", "receipt", site)
    }


def test_every_object_ends_as_the_truth_says_or_in_quarantine(done: Done) -> None:
    made, truth = done

    outcomes = told(made, truth)

    for one in truth.objects:
        found = outcomes[one.site, one.path]
        if one.status == "rejected":
            assert (one.path, "rejected") == (one.path, found["status"])
            assert found["reason"] in one.reasons
        else:
            # fail closed: a good scan may be held back, a bad one may not pass
            assert found["status"] in (one.status, "rejected", "sidecar"), one.path
    kept = sum(one["status"] == "kept" for one in outcomes.values())
    assert kept >= 0.75 * sum(one.status == "kept" for one in truth.objects)


def test_labels_are_right_or_abstain(done: Done) -> None:
    made, truth = done
    labels = {row["object_id"]: row for row in made.lake.read("labels").to_pylist()}

    outcomes = told(made, truth)

    for one in truth.objects:
        label = labels.get(outcomes[one.site, one.path]["object_id"])
        if label and one.anatomy:
            assert label["region"] in (one.region, "unknown"), one.path
            assert label["organ"] in (one.organ, "unknown"), one.path


def test_nothing_that_identifies_is_written_or_said_anywhere(
    done: Done, capfd: pytest.CaptureFixture[str]
) -> None:
    made, truth = done
    planted = [Planted(text, "upload") for text in truth.canaries if len(text) >= 4]
    place = ("--deployment", str(made.home), "--lake", str(made.lake_path))
    codes = [
        call([*place, *words])
        for words in (
            ("pull", "first", str(made.root / "pulled")),
            ("report", "--out", str(made.root / "report.html")),
            ("audit", "sample", "--n", "60", str(made.root / "sheet")),
            ("audit", "report", "--out", str(made.root / "audit.md")),
            ("audit", "show", "--site", truth.sites[0]),
            ("audit", "reidentify", "--json"),
            ("release", "show", "first"),
            ("status",),
            ("plan",),
        )
    ]
    said = capfd.readouterr()

    # A public hash of an id or of a file is as good as the id: what begins with one is one
    plain = [text.encode() for text in truth.canaries]
    plain += [path.read_bytes() for path in (made.root / "uploads").rglob("*.*") if path.is_file()]
    digests = {
        hash_(data).hexdigest()[:16]
        for data in (*plain, *(text.strip() for text in plain), *(text.lower() for text in plain))
        for hash_ in (hashlib.md5, hashlib.sha1, hashlib.sha256)
    }
    planted += [Planted(digest, "hash") for digest in sorted(digests)]
    # The deployment whole: lake with all its versions and logs, releases, metrics, configuration
    written = [made.home, *(made.root / name for name in ("pulled", "sheet"))]
    written += [made.root / "report.html", made.root / "audit.md"]

    assert {0} == set(codes)
    assert len(planted) > 100
    assert leaked([*written, said.out.encode(), said.err.encode()], planted) == []


def test_the_books_balance_and_status_has_its_shape(done: Done) -> None:
    made, truth = done

    status = made.run("status")

    assert status["conservation"] is True
    assert set(truth.sites) == set(status["sites"])
    assert sum(status["quarantine"].values()) == status["objects"]["rejected"]
    assert status["frames"] == sum(status["regions"].values()) == sum(status["organs"].values())


def test_the_release_verifies_and_a_broken_one_does_not(done: Done) -> None:
    made, _ = done
    assert all(check["ok"] for check in made.run("verify", "first")["checks"])
    shard = next((made.lake_path / "releases" / "shards").glob("*.tar"))
    whole = shard.read_bytes()

    shard.write_bytes(whole[:-600] + b"x" + whole[-599:])
    broken = made.call("verify", "first", "--json")
    shard.write_bytes(whole)

    assert broken.returncode == 1
    assert '"ok": false' in broken.stdout


def test_a_trainer_reads_what_was_released(done: Done) -> None:
    made, _ = done
    data = load("first", lake=made.lake_path)

    once = [sample.frame_id for sample in data.shuffled(seed=1)]
    again = [sample.frame_id for sample in data.shuffled(seed=1)]
    rest = [sample.frame_id for sample in data.shuffled(seed=1, position=5)]

    assert once == again != [sample.frame_id for sample in data.shuffled(seed=2)]
    assert once[5:] == rest
    assert len(data) == len(set(once)) == made.run("release", "show", "first")["frames"]
    sample = data[0]
    assert sample.image.dtype == np.uint8 and sample.image.shape[:2] == (256, 256)
    assert sample.labels.shape == sample.asserted.shape == (61,)


def test_no_patient_is_in_two_splits(done: Done) -> None:
    made, _ = done
    splits: dict[str, set[str]] = {}

    for sample in load("first", lake=made.lake_path):
        splits.setdefault(sample.meta["patient"], set()).add(sample.split)

    assert all(len(found) == 1 for found in splits.values())


def test_pull_as_files_gives_images_and_an_index(done: Done, tmp_path: Path) -> None:
    made, _ = done

    number = made.run(
        "pull", "first", str(tmp_path), "--format", "files", "--where", "region = 'thorax'"
    )["samples"]

    assert number == len(list((tmp_path / "images").glob("*.png"))) > 0
    head = (tmp_path / "index.csv").read_text().split("\n")[0].split(",")
    assert {"frame_id", "site", "patient", "region", "organ", "split", "device", "license"} <= set(
        head
    )


def test_a_release_is_the_same_bytes_whoever_cuts_it(done: Done) -> None:
    made, _ = done

    made.run("release", "create", "twin")

    first, twin = (made.run("release", "show", name) for name in ("first", "twin"))
    assert first["shards"] == twin["shards"]
    assert first["index"] == twin["index"]


def test_trainers_need_the_base_install_alone(done: Done) -> None:
    made, _ = done
    program = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"ray", "deltalake", "prefect", "great_expectations", "pydicom",
                                  "av", "imagecodecs", "onnxruntime", "pandas", "boto3", "PIL"}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
import echoatlas
from echoatlas.cli import call
print(echoatlas.load("first", lake=sys.argv[1])[0].image.shape)
sys.exit(call(["--lake", sys.argv[1], "verify", "first"]))
"""

    done_ = subprocess.run(
        [sys.executable, "-c", program, str(made.lake_path)],
        capture_output=True,
        text=True,
        cwd="/",
        timeout=120,
    )

    assert done_.returncode == 0, done_.stderr
    assert "(256, 256" in done_.stdout


def test_receipts_lie_in_the_sites_own_zone(done: Done) -> None:
    made, truth = done

    found = list((made.root / "uploads" / truth.sites[0] / "_receipts").glob("*.json"))

    assert found
    assert made.run("plan")["sites"][0]["new_files"] == 0


def test_deployments_are_opened_where_one_stands(done: Done) -> None:
    made, _ = done

    assert made.home == Deployment.find(made.home).root
    assert (made.home / "vault").stat().st_mode & 0o077 == 0
