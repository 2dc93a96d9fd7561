"""Lists of patients who left are heeded: by patient, whatever files a hospital names, if any."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import openpyxl
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.pipeline.deidentify.header.patient import (
    Identity,
    listed_mark,
    loose_id,
    patient_identity,
)
from echoatlas.pipeline.objects.listed import consent_rows, sentence_on, warnings_of
from echoatlas.pipeline.release.manifest import index_table, manifest_of
from echoatlas.pipeline.sidecars.patients import PatientList, patients_of
from echoatlas.pipeline.sidecars.site import looked_at
from echoatlas.pipeline.sidecars.tables import read_sheets
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.site import Sidecar, SiteConfig
from echoatlas.schemas.values import Consent, PatientSource
from echoatlas.simulate import make_still, write_dicom, write_png
from tests.helpers.rehearsal import Rehearsal

KEY = SiteKey.of("here", random.Random(7).randbytes(32))
HELD = "can't be heeded"


def still(seed: int) -> bytes:
    return write_png(make_still(seed=seed, fan="convex", size=(320, 240)))


def scan(seed: int, patient: str, issuer: str = "") -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(write_dicom(make_still(seed=seed, size=(320, 240)))))
    dataset.PatientID, dataset.IssuerOfPatientID = patient, issuer
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def sheet(*rows: tuple[object, ...], title: str = "Sheet", before: str = "") -> bytes:
    book = openpyxl.Workbook()
    if before:
        assert book.active is not None
        book.active.title = before
        book.active.append(["nothing to see"])
        chosen = book.create_sheet(title)
    else:
        chosen = book.active  # type: ignore[assignment]
        chosen.title = title
    for row in rows:
        chosen.append(list(row))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def listed(name: str, data: bytes, **rule: object) -> PatientList | None:
    site = SiteConfig.model_validate({"site": "here", "bucket": "x", "sidecar": rule})
    return looked_at(data, name, site)[1]


def said(name: str, data: bytes, **rule: object) -> dict[str, str]:
    found = listed(name, data, **rule)
    return {who: word.value for who, word in found.said.items()} if found else {}


def released(made: Rehearsal, name: str) -> tuple[list[str], dict[str, int]]:
    """Files in a new release, and what was left out of it."""
    made.run("release", "create", name)
    manifest = manifest_of(made.deployment.releases, name)
    here = {
        row["object_id"]: row["file"]
        for site in made.deployment.sites
        for row in made.run("site", "receipt", site)
    }
    rows = index_table(made.deployment.releases, manifest).to_pylist()
    assert all(check["ok"] for check in made.run("verify", name)["checks"])
    return sorted(here[row["object_id"]] for row in rows), manifest.published["left_out"]


TODAY = "consent as the lake knows it today"


def test_a_list_of_patients_takes_all_their_pictures_out_of_releases(rehearsal: Rehearsal) -> None:
    """By id alone: written as the scanner does, without zeros, without issuer; told everywhere."""
    made = rehearsal
    here = made.site("here")
    files = {
        "1.dcm": scan(1, "0012", "HOSPITAL"),
        "2.dcm": scan(2, "P7"),
        "3.dcm": scan(3, "P8"),
        "4.png": still(4),
        "t.csv": b"file,PID\n4.png,00-99\n",
        "5.dcm": scan(5, "QK-7001", "HOSPITAL"),
    }
    put(here, files)
    put(made.site("there"), {"same.dcm": files["1.dcm"], "other.dcm": scan(6, "0012")})
    made.run("run")
    before, _ = released(made, "one")

    left = (12, "x"), ("p7", "x"), (99, ""), ("QK 7001", "")
    put(here, {"optout.xlsx": sheet(("PatientID", "Date"), *left)})
    put(here, {"consents.csv": b"MRN;Consent\nP8;yes\nP7;yes\nPX4711;no\n"})
    planned = made.run("plan", "--site", "here")["sites"][0]["warnings"]
    worked = made.run("run")
    after, out = released(made, "two")

    # Of the same bytes at two sites that of the lower id of an upload stands, and ids are keyed
    both = sorted({"same.dcm": "1.dcm"}.get(file, file) for file in before)
    assert both == ["1.dcm", "2.dcm", "3.dcm", "4.png", "5.dcm", "other.dcm"]
    assert after == ["3.dcm", "other.dcm"]
    assert out["consent was refused or withdrawn"] >= 4
    assert worked["objects"] == 0
    assert any(one.startswith("lists take consent of 5 patients away") for one in planned)
    status = made.run("status")
    assert status["patient_lists"] == {
        "here": {"patients": 6, "leaving": 5, "known": 4, "unclear": 0, "held": 0}
    }
    assert any("of 1 of 5 patients" in one for one in worked["warnings"])
    told = {one["file"]: one["sentence"] for one in made.run("site", "receipt", "here")}
    assert "Consent was withdrawn" in told["1.dcm"]
    assert told["3.dcm"] == ""
    assert "4 withdrawn" in told["optout.xlsx"]
    assert "1 refused" in told["consents.csv"]
    assert made.run("release", "diff", "one", "two")["why"] == {"consent": 4}
    listed = {row["name"]: row["refused_since"] for row in made.run("release", "list")}
    assert listed == {"one": 4, "two": 0}
    said = {
        name: [one["detail"] for one in made.run("verify", name)["checks"] if TODAY in one["name"]]
        for name in ("one", "two")
    }
    assert said["two"] == []
    assert "4 patients in 4 frames of it refused or left since it was cut" in said["one"][0]
    assert not any(
        word in str(row.values())
        for rows in made.rows().values()
        for row in rows
        for word in ("px4711", "PX4711", "p7", "P7")
    )


def test_what_names_nobody_but_by_its_name_is_left_out_once_that_id_left(
    rehearsal: Rehearsal,
) -> None:
    made = rehearsal
    here = made.site("here")
    put(here, {"u/7340019/a.png": still(1), "u/Doe_0734-0019.png": still(2), "u/12.png": still(3)})
    put(here, {"u/97340019/b.png": still(4), "u/7340019/c.dcm": scan(5, "A5")})
    put(here, {"u/12_x.png": still(8), "u/scans.zip": zipped({"7340019.png": still(6)})})
    put(here, {"7340019.zip": zipped({"scan.png": still(7)})})
    stays = ["u/12_x.png", "u/7340019/c.dcm", "u/97340019/b.png", "u/scans.zip!7340019.png"]
    ran = made.run("run")
    every, _ = released(made, "before")

    put(here, {"optout.csv": b"PatientID\n7340019\n0012\n"})
    told = made.run("run")["warnings"]
    without, _ = released(made, "two")
    status = made.run("status")["patient_lists"]["here"]
    (here / "u/7340019/a.png").unlink()
    made.run("run")
    unlisted, _ = released(made, "three")
    count = len(made.lake.read("consents"))
    (here / "optout.csv").unlink()
    made.run("run")
    gone, _ = released(made, "four")
    put(here, {"optout.csv": b"PatientID\n12\n"})
    made.run("run")
    otherwise, _ = released(made, "five")

    assert not [one for one in ran["warnings"] if "nobody" in one]
    assert len(every) == 8
    assert without == stays
    assert any("4 scans that name nobody lie under names" in one for one in told)
    assert any("2 scans that name nobody lie in archives" in one for one in told)
    assert (status["patients"], status["leaving"]) == (2, 2)
    assert (unlisted, gone) == (stays, stays)
    assert count == 6  # two patients, and four scans of nobody
    assert otherwise == sorted([*stays, "7340019.zip!scan.png", "u/Doe_0734-0019.png"])


def test_what_a_list_said_holds_when_the_list_is_gone_and_not_when_it_says_otherwise(
    rehearsal: Rehearsal,
) -> None:
    made = rehearsal
    here = made.site("here")
    put(here, {"1.dcm": scan(1, "A1"), "2.dcm": scan(2, "A2"), "optout.txt": b"A1\nA2\n"})
    put(here, {"3.dcm": scan(3, "A3")})
    made.run("run")
    (here / "optout.txt").unlink()
    made.run("run")
    gone, _ = released(made, "gone")
    put(here, {"optout.txt": b"A2\n"})
    made.run("run")
    otherwise, _ = released(made, "otherwise")

    assert gone == ["3.dcm"]
    assert otherwise == ["1.dcm", "3.dcm"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("consent.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        ("list.csv", b"PatientID,Consent\n1.2E+11,no\n"),
    ],
)
def test_a_list_that_cannot_be_heeded_holds_all_of_its_site(
    rehearsal: Rehearsal, name: str, data: bytes
) -> None:
    made = rehearsal
    here = made.site("here")
    put(here, {"1.png": still(1), name: data})
    put(made.site("there"), {"2.png": still(2)})

    ran = made.here("run")
    kept, out = released(made, "one")
    held = made.run("status")["patient_lists"]["here"]["held"]
    (told,) = [one for one in made.run("site", "receipt", "here") if one["file"] == name]
    (here / name).unlink()
    again = made.here("run")
    freed, _ = released(made, "two")

    assert ran.returncode == 1
    assert HELD in ran.stderr + ran.stdout
    assert kept == ["2.png"]
    assert out == {"what is said of consent is not understood": 1}
    assert held == 1
    assert "until it is mended" in told["sentence"]
    assert again.returncode == 0
    assert freed == ["1.png", "2.png"]


def test_a_list_within_an_archive_holds_its_site_until_it_lies_beside_it(
    rehearsal: Rehearsal,
) -> None:
    made = rehearsal
    here = made.site("here")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("1.dcm", scan(1, "A1"))
        archive.writestr("2.dcm", scan(2, "A2"))
        archive.writestr("who.csv", b"PatientID,Consent\nA1,no\n")
    put(here, {"scans.zip": stream.getvalue()})
    put(made.site("there"), {"3.png": still(3)})

    ran = made.here("run")
    kept, _ = released(made, "one")
    reasons = made.run("status")["quarantine"]

    assert ran.returncode == 1
    assert HELD in ran.stderr + ran.stdout
    assert kept == ["3.png"]
    assert reasons == {"consent_list": 1}


def test_who_is_erased_is_in_no_list_of_the_lake_any_more(rehearsal: Rehearsal) -> None:
    made = rehearsal
    here = made.site("here")
    put(here, {"1.dcm": scan(1, "0012"), "2.dcm": scan(2, "A2")})
    put(here, {"optout.csv": b"PatientID\n12\n0012\nA2\n"})
    made.run("run")
    gone = {row["known_as"] for row in made.lake.read("consents").to_pylist()}
    (made.root / "who.txt").write_text("0012\n")
    words = ("--patient-ids", str(made.root / "who.txt"), "--request", "r1")

    done = made.run("erase", "here", *words, "--report", str(made.root))[0]
    after_erasure = made.lake.read("consents").to_pylist()
    made.here("run")
    after_run = made.lake.read("consents").to_pylist()

    assert not any(done["proof"]["found"].values())
    mark = listed_mark(made.deployment.site_key("here"), Identity(PatientSource.SIDECAR, "0012"))
    assert mark in gone
    assert len(after_erasure) == 1
    assert len(after_run) == 2
    assert not any(row["known_as"] == mark for row in (*after_erasure, *after_run))


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.csv", b"PatientID,Consent\n0012,no\n13,yes\n14,\n,no\n",
         {"0012": "refused", "13": "given"}),
        ("opt-out.csv", b"12\n13\n", {"12": "withdrawn", "13": "withdrawn"}),
        ("opt-out.csv", b"12", {"12": "withdrawn"}),
        ("opt-out.csv", b"Opt-outs, October\nPatient ID\n12\n", {"12": "withdrawn"}),
        ("list.csv", b"Patients who opted out\nPatient ID\n12\n", {"12": "withdrawn"}),
        ("optout.csv", b"PatientID\n", {}),
        ("Widerruf.csv", b"Pat.-Nr.;Geburtsdatum\n7;1.1.1970\n", {"7": "withdrawn"}),
        ("list.csv", b"PatientID,Name,DOB\n1,A,B\n", {"1": "unclear"}),
        ("list.csv", b"ID,date\n1,x\n", {"1": "unclear"}),
        ("optout.csv", b"ID,date\n1,x\n", {"1": "withdrawn"}),
        ("clinical.csv", b"PatientID,Age,Sex\n1,70,F\n", {}),
        ("l.csv", b"PatientID,opt-out date\n1,2020-01-01\n2,\n", {"1": "withdrawn"}),
        ("l.csv", b"MRN,Has the patient opted out?\n1,yes\n2,no\n", {"1": "withdrawn"}),
        ("l.csv", b"file,PID,consent\na.png,7,no\nb.png,8,yes\n", {"7": "refused"}),
        ("optout.json", b'[{"patient_id": "5", "date": "x"}]', {"5": "withdrawn"}),
        ("who.xlsx", sheet(("PatientID",), ("5",), title="Opt-outs", before="Notes"),
         {"5": "withdrawn"}),
        ("withdrawn.csv", b"PatientID,consent\n5,yes\n", {"5": "withdrawn"}),
        ("optout.csv", b"PatientID,opt out\n5,no\n6,yes\n", {"6": "withdrawn"}),
        ("\u64a4\u56de.csv", "\u75c5\u5386\u53f7\nZ9\n".encode(), {"Z9": "withdrawn"}),
    ],
)  # fmt: skip
def test_lists_are_told_by_their_columns_else_by_their_names(
    name: str, data: bytes, expected: dict[str, str]
) -> None:
    assert expected == said(name, data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("optout.csv", b""),
        ("optout.xls", b"\xd0\xcf\x11\xe0"),
        ("refused.csv", b"Name\nDoe Jane\nRoe Richard\n"),
        ("optout.csv", b"Doe Jane\nRoe Richard\n"),
        ("optout.csv", b"what,when\nx,y\n"),
        ("optout.pdf", b"%PDF-1.7\0"),
        ("consent.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        ("list.csv", b"Patient name,Consent\nDoe,no\n"),
        ("list.csv", b"PatientID,Consent\n1.2E+11,no\n"),
        ("list.xlsx", sheet(("file", "consent"), ("1.png", "no"))),
    ],
)
def test_a_list_that_says_not_whom_it_means_has_a_fault(name: str, data: bytes) -> None:
    found = listed(name, data, files="*.csv")

    assert found is not None
    assert found.fault


def test_a_site_says_what_its_lists_mean() -> None:
    data = b"PatientID\n1\n"

    assert said("agreed.csv", data, lists={"agreed*": "given"}) == {"1": "given"}
    assert said("optouts-trial.csv", data, lists={"optouts-*": "ignore"}) == {}


IDS = st.text("0123456789ABCxyz-. /_", min_size=1, max_size=12).filter(
    lambda one: any(map(str.isdigit, one)) and one.strip(" .-_/") and one.strip("0 .-_/")
)


@given(st.lists(IDS, min_size=1, max_size=8), st.sampled_from(",;\t"), st.booleans())
def test_no_id_of_a_list_is_lost_whatever_it_looks_like(
    ids: list[str], delimiter: str, told: bool
) -> None:
    head = ["Patient ID", "Consent"] if told else ["Patient ID", "Date"]
    lines = [head, *([f'"{one}"', "no"] for one in ids)]
    text = "\n".join(delimiter.join(line) for line in lines) + "\n"

    found = listed("optout.csv", text.encode())

    assert found is not None
    assert {one.strip() for one in ids} == set(found.said)
    assert not set(found.said.values()) & {Consent.UNSAID, Consent.GIVEN}


@given(st.binary(max_size=200))
def test_whatever_bytes_a_list_has_it_is_heeded_or_held(data: bytes) -> None:
    found = listed("optout.csv", data)
    empty = found is not None and found.alone and not found.said

    assert found is None or found.fault or found.said or found.nameless or empty
    if found is None:  # then it is a table of files, each of which left
        site = SiteConfig.model_validate({"site": "here", "bucket": "x"})
        table, _ = looked_at(data, "optout.csv", site)
        assert table is not None


@given(IDS, st.integers(0, 4), st.sampled_from(["", "HOSP", "1.2.3"]))
def test_zeros_and_issuers_do_not_hide_a_patient(who: str, zeros: int, issuer: str) -> None:
    bare = loose_id(patient_identity(who))
    padded = "0" * zeros + bare if bare[:1].isdigit() else bare

    assert loose_id(patient_identity(padded, issuer)) == bare
    assert loose_id(bare) == bare


@given(st.lists(st.text("ABCXYZ123", min_size=1), min_size=1), st.lists(st.sampled_from(" .-/_")))
def test_separators_do_not_hide_a_patient(parts: list[str], between: list[str]) -> None:
    joined = loose_id(patient_identity("".join(parts)))
    separated = parts[0] + "".join(
        (between[i % len(between)] if between else "") + part for i, part in enumerate(parts[1:])
    )

    assert loose_id(patient_identity(separated, "HOSP")) == joined


def test_what_an_earlier_version_hashed_is_found_by_a_list_of_today() -> None:
    """Copies whose file is gone keep the hash of their day: of ids of digits alone it is the same,
    of others it held the separators."""
    former = KEY.pseudonym("listed patient", "qk-7001")
    today = KEY.pseudonym("listed patient", "qk7001")

    rows = consent_rows(PatientList("optout.csv", True, {"QK-7001": Consent.WITHDRAWN}), KEY)
    number = consent_rows(PatientList("optout.csv", True, {"70-01": Consent.WITHDRAWN}), KEY)

    assert {row.known_as for row in rows} == {former, today}
    assert len({row.patient for row in rows}) == 1
    assert [row.known_as for row in number] == [KEY.pseudonym("listed patient", "7001")]


@given(st.dictionaries(IDS, st.sampled_from([*Consent][:5]), max_size=6))
def test_rows_of_a_list_hold_no_id(said_of: dict[str, Consent]) -> None:
    rows = consent_rows(PatientList("optout.csv", True, said_of), KEY)

    assert all(len(one.patient) == len(one.known_as) == len(one.told_by) == 32 for one in rows)
    assert len({(one.patient, one.known_as) for one in rows}) == len(rows)


@pytest.mark.parametrize(
    "data",
    [
        "Name,Birth Date,Opt-out\nDOE^JANE,19800101,yes\n",
        "Patient Name,DOB,Withdrawn\nDoe Jane,1980-01-01,yes\n",
        "Nachname;Vorname;Geburtsdatum;Widerruf\nDoe;Jane;1.1.1980;ja\n",
        "姓名,出生日期,撤回\n张三,1980-01-01,是\n",
    ],
)
def test_a_list_of_names_says_what_to_send_instead(data: str) -> None:
    """Who is written otherwise in a header would be missed, and released."""
    listed = patients_of("list.csv", read_sheets(data.encode()), None, Sidecar())

    assert listed is not None and listed.alone and not listed.said
    assert "send the numbers, one a row, in a column PatientID" in listed.fault
    assert "Doe" not in listed.fault and "DOE" not in listed.fault
    assert "1 row takes consent away" in " ".join(warnings_of([listed]))


def test_rows_that_give_a_name_and_a_birth_date_alone_are_counted() -> None:
    data = (
        b"PatientID,Name,Birth Date,Opt-out\n0017,DOE^JANE,19800101,yes\n"
        b",ROE^RICHARD,19810202,yes\n,POE^ANN,19820303,yes\n,MOE^MAX,19830404,no\n,,,\n"
    )

    listed = patients_of("list.csv", read_sheets(data), None, Sidecar())

    assert listed is not None and not listed.fault
    assert (listed.leaving, listed.nameless) == (1, 2)
    told = [*warnings_of([listed]), sentence_on(listed)]
    assert sum("2 rows take consent away and name nobody by number" in one for one in told) == 2
    assert not [one for one in told if "ROE" in one or "1981" in one]


NAMES = (
    "left", "withdrawn", "withdrawals", "opt_out", "opt-out", "optout", "erase", "erasure",
    "erased", "refused", "refusals", "objections", "revoked", "leavers", "removed", "excluded",
    "exclusions", "delete", "dropouts", "dsr-7", "gdpr", "patients_left", "do_not_use", "Widerruf",
    "retraits", "ohne_Einwilligung", "geloescht", "\u64a4\u56de", "\u5220\u9664",
)  # fmt: skip


@pytest.mark.parametrize("heading", ["", "PatientID\n", "id\n", "MRN\n", "Patient number\n"])
@pytest.mark.parametrize("ending", ["csv", "txt"])
def test_whatever_a_site_calls_a_list_of_who_left_its_ids_are_enough(
    heading: str, ending: str
) -> None:
    data = f"{heading}QK-7001\nQK-7002\n".encode()

    found = {name: said(f"{name}.{ending}", data) for name in NAMES}

    both = {"QK-7001": "withdrawn", "QK-7002": "withdrawn"}
    assert [name for name in NAMES if found[name] != both] == []


def test_a_name_that_means_a_side_or_a_table_of_pictures_takes_nobody_away() -> None:
    measured = b"PatientID,length,width\nQK-7001,102,55\n"
    pictures = b"file,note\n1.png,blurred\n"

    assert listed("left_kidney.csv", measured) is None
    assert listed("removed.csv", pictures, files="*.csv") is None
    assert listed("left.nii.gz", b"\x1f\x8b") is None


@pytest.mark.parametrize("name", ["patients.csv", "consent.txt"])
def test_a_list_of_which_nobody_knows_what_it_means_says_how_that_ends(
    rehearsal: Rehearsal, name: str
) -> None:
    made = rehearsal
    here = made.site("here")
    put(here, {"1.dcm": scan(1, "A1"), "2.dcm": scan(2, "A2"), name: b"PatientID\nA1\n"})

    planned = made.here("plan").stdout
    ran = made.here("run")
    status = made.here("status").stdout
    (told,) = [one for one in made.run("site", "receipt", "here") if one["file"] == name]
    (here / name).rename(here / "withdrawn.csv")
    made.run("run")
    again = made.here("status").stdout

    for said_of_it in (planned, ran.stdout + ran.stderr):
        assert "of 1 patient a list does not say what it means to be in it" in said_of_it
        assert "give it a column consent (yes, no, withdrawn)" in said_of_it
        assert name not in said_of_it
    assert ran.returncode == 0
    assert "of 1 it is not clear what is meant" in status
    assert "`echoatlas site receipt here` says which list, and what to do" in status
    assert "a name such as withdrawn.csv says it" in told["sentence"]
    assert "not clear" not in again


def test_a_list_that_is_said_to_mean_nothing_holds_nobody_back_any_more(
    rehearsal: Rehearsal,
) -> None:
    made = rehearsal
    here = made.site("here")
    put(here, {"1.dcm": scan(1, "A1"), "2.dcm": scan(2, "A2"), "cohort.csv": b"PatientID\nA1\n"})
    put(here, {"u/A1.png": still(3)})
    made.run("run")
    kept, _ = released(made, "one")
    file = made.home / "sites" / "here.yaml"
    file.write_text(file.read_text() + "\nsidecar: {lists: {'cohort*': ignore}}\n")

    made.run("run")
    freed, _ = released(made, "two")

    assert kept == ["2.dcm"]
    assert freed == ["1.dcm", "2.dcm", "u/A1.png"]
