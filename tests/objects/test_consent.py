"""Who refused consent is in no release, however few copies say so and whenever they say it."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pydicom
import pytest
from pydicom.sequence import Sequence

from echoatlas.cli import call
from echoatlas.pipeline.read.consent import header_consent, row_consent
from echoatlas.pipeline.release.manifest import index_table, manifest_of
from echoatlas.pipeline.sidecars.placed import Tables
from echoatlas.pipeline.sidecars.tables import read_sidecar
from echoatlas.schemas.config.site import Sidecar
from echoatlas.schemas.values import Consent
from echoatlas.simulate import make_still, write_dicom, write_png
from tests.helpers.rehearsal import Rehearsal


def still(seed: int) -> bytes:
    return write_png(make_still(seed=seed, fan="convex", size=(320, 240)))


def scan(seed: int, *items: tuple[str, str]) -> bytes:
    """A DICOM file whose header says of consent (flag, type of distribution)."""
    dataset = pydicom.dcmread(io.BytesIO(write_dicom(make_still(seed=seed, size=(320, 240)))))
    dataset.ConsentForClinicalTrialUseSequence = Sequence(
        [consented(flag, kind) for flag, kind in items]
    )
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def consented(flag: str, kind: str) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.ConsentForDistributionFlag = flag
    if kind:
        item.DistributionType = kind
    return item


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def released(made: Rehearsal, name: str, *words: str) -> tuple[dict[str, str], dict[str, int]]:
    """File to what is said of its consent, of those in a new release; and what was left out."""
    made.run("release", "create", name, *words)
    manifest = manifest_of(made.deployment.releases, name)
    said = {
        row["object_id"]: row["consent"]
        for row in index_table(made.deployment.releases, manifest).to_pylist()
    }
    files = {
        one["file"]: said[one["object_id"]]
        for site in made.deployment.sites
        for one in made.run("site", "receipt", site)
        if one["object_id"] in said
    }
    assert all(check["ok"] for check in made.run("verify", name)["checks"])
    return files, manifest.published["left_out"]


def test_a_refusal_holds_for_every_copy_and_for_all_of_its_patient(rehearsal: Rehearsal) -> None:
    """One row says no: of its picture, a copy at another site, the patient's other picture."""
    made = rehearsal
    table = b"file,PID,Consent\n1.png,7,no\n2.png,7,\n3.png,8,yes\n4.png,9,perhaps\n5.png,10,\n"
    put(made.site("here"), {"t.csv": table, **{f"{n}.png": still(n) for n in range(1, 6)}})
    put(made.site("there"), {"again.png": still(1), "other.png": still(6)})
    made.run("run")

    files, out = released(made, "one")

    assert files == {"3.png": "given", "5.png": "", "other.png": ""}
    assert out == {
        "consent was refused or withdrawn": 3,
        "what is said of consent is not understood": 1,
    }
    assert made.run("status")["consent"] == {"refused": 1, "unclear": 1, "given": 1}
    told = {one["file"]: one["sentence"] for one in made.run("site", "receipt", "here")}
    assert told["1.png"] == "Consent was refused: no release will hold it."
    assert "Consent (consent)" in told["t.csv"]
    assert "1 row refuses consent or withdraws it." in told["t.csv"]
    assert "In 1 row it is not understood" in told["t.csv"]
    warned = made.run("plan")["sites"][0]["warnings"]
    assert [one for one in warned if one.startswith("1 of 5 rows refuse consent")]
    card = made.deployment.releases.read("one/card.md").decode()
    assert "of 1 frame it is stated that patients consented, of 2 nothing is; 3 left out" in card


def test_a_refusal_that_comes_later_makes_it_leave_the_next_release(rehearsal: Rehearsal) -> None:
    made = rehearsal
    folder = made.site("here")
    put(folder, {f"{n}.png": still(n) for n in range(1, 4)})
    put(folder, {"t.csv": b"file,PID,consent\n1.png,7,yes\n2.png,8,yes\n3.png,9,\n"})
    made.run("run")
    before, _ = released(made, "one")

    (folder / "t.csv").write_text("file,PID,consent\n1.png,7,withdrawn\n2.png,8,yes\n3.png,9,\n")
    worked = made.run("run")["objects"]
    after, out = released(made, "two")
    changes = made.run("release", "diff", "one", "two")

    assert before == {"1.png": "given", "2.png": "given", "3.png": ""}
    assert worked == 1
    assert after == {"2.png": "given", "3.png": ""}
    assert out == {"consent was refused or withdrawn": 1}
    assert changes["why"] == {"consent": 1}


def test_silence_is_consent_unless_the_site_or_the_release_says_otherwise(
    rehearsal: Rehearsal,
) -> None:
    made = rehearsal
    table = b"file,consent\n1.png,ja\n2.png,\n"
    free = {"license": "CC0-1.0"}
    put(made.site("here", **free), {"t.csv": table, "1.png": still(1), "2.png": still(2)})
    put(
        made.site("strict", **free, consent={"required": True}),
        {"3.png": still(3), "4.dcm": scan(4)},
    )
    yes = scan(5, ("YES", "PUBLIC_RELEASE"))
    put(made.uploads / "strict", {"5.dcm": yes, "6.dcm": scan(6, ("YES", "RESTRICTED_REUSE"))})
    made.run("run")

    usual, out = released(made, "one")
    demanded, more = released(made, "two", "--consent", "required")
    shared = made.run("release", "create", "three", "--use", "sharing", "--dry-run")

    assert usual == {"1.png": "given", "2.png": "", "5.dcm": "given", "6.dcm": "restricted"}
    assert out == {"nothing says that consent was given": 2}
    assert demanded == {"1.png": "given", "5.dcm": "given", "6.dcm": "restricted"}
    assert more == {"nothing says that consent was given": 3}
    assert shared["left_out"]["consent was not given for this use"] == 1


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], Consent.UNSAID),
        ([("YES", "PUBLIC_RELEASE")], Consent.GIVEN),
        ([("YES", "NAMED_PROTOCOL")], Consent.RESTRICTED),
        ([("YES", "")], Consent.RESTRICTED),
        ([("NO", "")], Consent.REFUSED),
        ([("WITHDRAWN", "PUBLIC_RELEASE")], Consent.WITHDRAWN),
        ([("YES", "NAMED_PROTOCOL"), ("NO", "PUBLIC_RELEASE")], Consent.RESTRICTED),
        ([("YES", "PUBLIC_RELEASE"), ("WITHDRAWN", "NAMED_PROTOCOL")], Consent.WITHDRAWN),
        ([("YES", "PUBLIC_RELEASE"), ("JA", "")], Consent.UNCLEAR),
    ],
)
def test_items_of_a_header_are_joined_the_strictest_first(
    items: list[tuple[str, str]], expected: Consent
) -> None:
    header = pydicom.dcmread(io.BytesIO(scan(1, *items)))

    assert header_consent(header) is expected


@pytest.mark.parametrize(
    ("heading", "cell", "expected"),
    [
        ("consent", "Yes", "given"),
        ("Informed consent", "n/a", ""),
        ("Einwilligung", "widerrufen", "withdrawn"),
        ("Einverständniserklärung", "nein", "refused"),
        ("知情同意", "不同意", "refused"),
        ("是否同意", "是", "given"),
        ("동의여부", "철회", "withdrawn"),
        ("consent_status", "yes, but not for sharing", "unclear"),
        ("consent", "2021-03-04", "unclear"),
        ("consent", "✓", "given"),
        ("consent", "x", "unclear"),
        ("consent", "internal only", "restricted"),
        ("Opt-out", "no", ""),
        ("Opt-out", "1", "withdrawn"),
        ("date of withdrawal", "2021-03-04", "withdrawn"),
        ("date of withdrawal", "", ""),
        ("consent form version", "no", ""),
        ("consent", "Teil A", "restricted"),
        ("study arm", "no", ""),
    ],
)  # fmt: skip
def test_what_people_write_of_consent_is_one_of_few_words(
    heading: str, cell: str, expected: str
) -> None:
    rule = Sidecar(consent={"teil a": "restricted"})

    assert expected == row_consent({"file": "a.png", heading: cell}, rule)


def test_of_two_rows_and_two_tables_the_stricter_holds() -> None:
    near = b"file,consent\na.png,yes\na.png,no\nb.png,yes\nc.png,yes\n"
    far = b"file,consent\nnear/b.png,withdrawn\n"
    tables = Tables()
    for key, data in (("near/t.csv", near), ("t.csv", far)):
        table = read_sidecar(data, key, Sidecar())
        assert table is not None
        tables.add(key, table)
    tables.take(["near/a.png", "near/b.png", "near/c.png"])

    said = {name: row_consent(tables.row(f"near/{name}.png"), Sidecar()).value for name in "abc"}

    assert said == {"a": "refused", "b": "withdrawn", "c": "given"}


def test_the_tool_of_hospitals_lets_nothing_of_who_refused_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, dest, keyed = tmp_path / "in", tmp_path / "out", tmp_path / "a.key"
    keyed.write_text(random.Random(11).randbytes(32).hex())
    keyed.chmod(0o600)
    put(source, {f"{n}.png": still(n) for n in range(1, 3)})
    put(source, {"t.csv": b"file,consent\n1.png,no\n2.png,yes\n", "3.dcm": scan(4, ("NO", ""))})

    code = call(["deidentify", str(source), str(dest), "--key", str(keyed), "--workers", "1"])

    assert code == 1
    assert "2 no_consent" in capsys.readouterr().out
    (table,) = dest.glob("*.csv")
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert row["consent"] == "given"
    assert not list(dest.rglob("*.dcm"))


def test_the_tool_of_hospitals_heeds_a_list_of_patients_or_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, dest, keyed = tmp_path / "in", tmp_path / "out", tmp_path / "a.key"
    keyed.write_text(random.Random(11).randbytes(32).hex())
    keyed.chmod(0o600)
    put(source, {"t.csv": b"file,PID\n1.png,0012\n2.png,13\n"})
    put(source, {"1.png": still(1), "2.png": still(2)})
    words = ["deidentify", str(source), str(dest), "--key", str(keyed), "--workers", "1"]

    put(source, {"optout.csv": b"PatientID\n1.2E+11\n"})
    refused = call(words)
    told = capsys.readouterr().err
    put(source, {"optout.csv": b"PatientID\n12\n"})
    call(words)

    assert refused == 2
    assert "optout.csv has patient ids that a spreadsheet damaged" in told
    assert "1 no_consent" in capsys.readouterr().out
    (table,) = dest.glob("*.csv")
    assert len(list(csv.DictReader(table.read_text().splitlines()))) == 1
    assert not [one for one in dest.rglob("*") if "optout" in one.name]
