"""Whom a pseudonym stands for is kept only if asked for, and read only with a key of its own."""

from __future__ import annotations

import random
import stat
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from echoatlas.cli import call
from echoatlas.errors import ConfigError
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.errors import CheckFailed, UsageError
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.plan.batch import Batch
from echoatlas.pipeline.plan.work_item import WorkItem
from echoatlas.pipeline.run.worker import work
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.pipeline.vault.crosswalk import Crosswalk, Entry, make_key, read_key, seal, unseal
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.simulate import make_still, write_dicom

KEY = SiteKey.of("st-elsewhere", random.Random(1).randbytes(32))


@pytest.fixture
def public(tmp_path: Path) -> str:
    return make_key(tmp_path / "officer.key")


def sealed(public: str, identity: str = "mrn0042") -> Entry:
    return seal(public, "st-elsewhere", KEY.pseudonym("patient", identity), KEY.key_id, identity)


def test_only_the_private_key_reads_it(tmp_path, public):
    make_key(tmp_path / "other.key")
    entry = sealed(public)

    told = unseal(read_key(tmp_path / "officer.key"), "st-elsewhere", entry)

    assert told == "mrn0042"
    with pytest.raises(CheckFailed, match="not sealed to this key"):
        unseal(read_key(tmp_path / "other.key"), "st-elsewhere", entry)
    with pytest.raises(CheckFailed):
        unseal(KEY.secret, "st-elsewhere", entry)


@pytest.mark.parametrize("part", ["patient", "key_id", "sealed", "site"])
def test_an_entry_that_was_changed_is_not_believed(tmp_path, public, part):
    entry, site = sealed(public), "st-elsewhere"
    if part == "site":
        site = "qilu"
    elif part == "sealed":
        last = int(entry.sealed[-2:], 16)
        entry = replace(entry, sealed=f"{entry.sealed[:-2]}{last ^ 1:02x}")
    else:
        entry = replace(entry, **{part: "0" * 32})

    with pytest.raises(CheckFailed, match="or was changed"):
        unseal(read_key(tmp_path / "officer.key"), site, entry)


def test_the_same_patient_is_sealed_differently_each_time_and_kept_once(tmp_path, public):
    crosswalk = Crosswalk(tmp_path / "vault", "st-elsewhere")

    added = [crosswalk.add([sealed(public)]) for _ in range(3)]

    assert sealed(public).sealed != sealed(public).sealed
    assert added == [1, 0, 0]
    assert len(list(Crosswalk(tmp_path / "vault", "st-elsewhere"))) == 1


def test_its_file_is_its_owners_alone_and_holds_no_identity(tmp_path, public):
    crosswalk = Crosswalk(tmp_path / "vault", "st-elsewhere")

    crosswalk.add([sealed(public, "kowalski 1970")])

    assert stat.S_IMODE(crosswalk.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(crosswalk.path.parent.stat().st_mode) == 0o700
    assert b"kowalski" not in crosswalk.path.read_bytes()


def test_what_was_there_is_never_touched_but_by_erasure(tmp_path, public):
    crosswalk = Crosswalk(tmp_path / "vault", "st-elsewhere")
    crosswalk.add([sealed(public, "one"), sealed(public, "two")])
    before = crosswalk.path.read_bytes()

    crosswalk.add([sealed(public, "three")])
    appended = crosswalk.path.read_bytes()
    gone = crosswalk.forget({KEY.pseudonym("patient", "two")})

    assert appended.startswith(before)
    private = read_key(tmp_path / "officer.key")
    assert gone == 1
    assert [unseal(private, "st-elsewhere", entry) for entry in crosswalk] == ["one", "three"]


def test_a_line_that_a_killed_run_left_half_written_costs_no_other(tmp_path, public):
    crosswalk = Crosswalk(tmp_path / "vault", "st-elsewhere")
    crosswalk.add([sealed(public, "one")])
    whole = crosswalk.path.read_bytes()
    crosswalk.path.write_bytes(whole + b'{"patient": "ab')

    Crosswalk(tmp_path / "vault", "st-elsewhere").add([sealed(public, "two")])

    private = read_key(tmp_path / "officer.key")
    kept = list(Crosswalk(tmp_path / "vault", "st-elsewhere"))
    assert [unseal(private, "st-elsewhere", entry) for entry in kept] == ["one", "two"]


def test_a_key_is_made_once_and_for_its_owner(tmp_path, public):
    assert stat.S_IMODE((tmp_path / "officer.key").stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="already"):
        make_key(tmp_path / "officer.key")


@pytest.mark.parametrize("crosswalk", [None, "public"])
def test_a_batch_seals_its_patients_only_if_a_crosswalk_is_kept(tmp_path, public, crosswalk):
    scan = make_still(3, size=(400, 300))
    data = write_dicom(scan)
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket/a.dcm").write_bytes(data)
    batch = Batch(
        id="b",
        lake=Storage.open(str(tmp_path / "lake")),
        bucket=Storage.open(str(tmp_path / "bucket")),
        items=(WorkItem(_sighting(data), "a.dcm"),),
        site=SiteConfig(site="st-elsewhere", bucket=str(tmp_path / "bucket")),
        key=KEY,
        config=JourneyConfig(),
        retries=0,
        seconds=600,
        crosswalk=public if crosswalk else None,
    )

    done = work(batch)

    private = read_key(tmp_path / "officer.key")
    told = [unseal(private, "st-elsewhere", entry) for entry in done.sealed]
    assert (done.objects, dict(done.rejected)) == (1, {})
    assert ([scan.identity.patient_id.lower()] if crosswalk else []) == told


def _sighting(data: bytes) -> SightingRow:
    return SightingRow("l0", "o0", "c0", "st-elsewhere", "u-0", "", -1, 0, len(data))


def test_a_deployment_keeps_none_unless_its_file_names_a_public_key(tmp_path, public):
    made = Deployment.init(tmp_path / "deployment")
    config = yaml.safe_load((made.root / "echoatlas.yaml").read_text())
    (made.root / "echoatlas.yaml").write_text(yaml.safe_dump({**config, "crosswalk": "secret"}))

    assert made.config.crosswalk is None
    with pytest.raises(ConfigError, match="crosswalk"):
        Deployment.find(made.root)
    (made.root / "echoatlas.yaml").write_text(yaml.safe_dump({**config, "crosswalk": public}))
    assert Deployment.find(made.root).config.crosswalk == public


def test_the_officer_reads_it_by_the_command(tmp_path, capsys):
    made = Deployment.init(tmp_path / "deployment")
    made.add_site(SiteConfig(site="st-elsewhere", bucket=str(tmp_path)))
    place = ["--deployment", str(made.root)]
    assert call(["crosswalk", "make-key", str(tmp_path / "officer.key"), *place]) == 0
    public = capsys.readouterr().out.rpartition("crosswalk: ")[2].strip()
    Crosswalk(made.vault.path, "st-elsewhere").add([sealed(public), sealed(public, "mrn7")])
    read = ["crosswalk", "read", "st-elsewhere", "--key", str(tmp_path / "officer.key"), *place]

    everyone = call(read), capsys.readouterr().out
    one = call([*read, "--patient", KEY.pseudonym("patient", "mrn7")]), capsys.readouterr().out

    assert everyone[0] == one[0] == 0
    assert "mrn0042" in everyone[1] and "mrn7" in everyone[1]
    assert "mrn0042" not in one[1] and "mrn7" in one[1]


@pytest.mark.heavy
def test_a_run_keeps_each_patient_once_and_a_second_run_adds_none(tmp_path, public):
    from tests.helpers.rehearsal import Rehearsal, fill

    made = Rehearsal(tmp_path)
    folder = made.site("st-elsewhere")
    fill(folder, stills=3)
    config = yaml.safe_load((made.home / "echoatlas.yaml").read_text())
    (made.home / "echoatlas.yaml").write_text(yaml.safe_dump({**config, "crosswalk": public}))

    made.run("run")
    first = Crosswalk(made.home / "vault", "st-elsewhere").path.read_bytes()
    made.run("run")

    entries = list(Crosswalk(made.home / "vault", "st-elsewhere"))
    patients = {row["patient"] for row in made.rows()["frames"]}
    assert first == Crosswalk(made.home / "vault", "st-elsewhere").path.read_bytes()
    assert {entry.patient for entry in entries} <= patients
    assert len(entries) == len({entry.patient for entry in entries}) >= 2


def test_who_is_erased_is_in_no_line_that_a_killed_run_left_half_written(tmp_path, public):
    crosswalk = Crosswalk(tmp_path, "st-elsewhere")
    crosswalk.add([sealed(public, "one")])
    with crosswalk.path.open("a") as file:
        file.write(f'{{"patient": "{KEY.pseudonym("patient", "two")}", "key')

    gone = crosswalk.forget({KEY.pseudonym("patient", "two")})

    assert gone == 0
    assert [one.patient for one in crosswalk] == [KEY.pseudonym("patient", "one")]
    assert KEY.pseudonym("patient", "two") not in crosswalk.path.read_text()


def test_a_site_that_leaves_is_forgotten_altogether(tmp_path, public):
    crosswalk = Crosswalk(tmp_path, "st-elsewhere")
    crosswalk.add([sealed(public, "one"), sealed(public, "two")])

    assert crosswalk.forget(None) == 2
    assert list(crosswalk) == []
    assert Crosswalk(tmp_path, "another").forget(None) == 0
