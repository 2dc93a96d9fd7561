"""Numbers that tables state of studies come with samples, and nothing else of such tables does."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.pipeline.evidence.measurements import measured, ucum
from echoatlas.pipeline.release.manifest import index_table, manifest_of
from echoatlas.simulate import make_still, write_dicom
from tests.helpers.rehearsal import Rehearsal

DATE, SUBJECT = "2178-03-04 11:12:13", "10690270"
RULE = {
    "path": r"echo\.csv$", "study": "StudyUID", "name": "What", "value": "Value", "unit": "Unit",
    "names": {"LVEF": "lvef", "E velocity": "e_vel"},
}  # fmt: skip


def scan(seed: int, study: str, patient: str) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(write_dicom(make_still(seed=seed, size=(320, 240)))))
    dataset.StudyInstanceUID, dataset.PatientID = study, patient
    dataset.IssuerOfPatientID = ""
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def stated(made: Rehearsal, name: str) -> list[list[tuple[Any, ...]]]:
    """What a new release says of each of its samples' studies."""
    made.run("release", "create", name)
    index = index_table(made.deployment.releases, manifest_of(made.deployment.releases, name))
    return sorted(
        [(one["code"], one["number"], one["unit"]) for one in row]
        for row in index["measurements"].to_pylist()
    )


def test_a_hospital_s_table_of_measurements_is_told_with_the_pictures_of_its_studies(
    rehearsal: Rehearsal,
) -> None:
    made = rehearsal
    here = made.site("here", sidecar={"measurements": [RULE]})
    put(here, {"1.dcm": scan(1, "1.2.3", "A1"), "2.dcm": scan(2, "1.2.4", "A2")})
    head = "StudyUID,When,What,Value,Unit\n"
    lines = [
        f"1.2.3,{DATE},LVEF,55.123456,%", f"1.2.3,{DATE},E velocity,80,cm/sec",
        f"1.2.3,{DATE},Comment,Doe,", f"1.2.3,{DATE},LVEF,normal,%",
        f"1.2.3,{DATE},LVEF,50,furlong", f"1.2.9,{DATE},LVEF,20,%",
    ]  # fmt: skip
    put(here, {"echo.csv": (head + "\n".join(lines)).encode()})

    ran = made.run("run")
    first = stated(made, "one")
    version = made.lake.version("stated")
    made.run("run")
    put(here, {"echo.csv": (head + f"1.2.4,{DATE},LVEF,40,\n").encode()})
    made.run("run")
    second = stated(made, "two")

    assert first == [[], [("local/lvef", 55.12, "%"), ("local/e_vel", 80.0, "cm/s")]]
    assert second == [[], [("local/lvef", 40.0, "1")]]
    assert made.lake.version("stated") == version + 1
    assert [one for one in ran["warnings"] if "left out" in one] == [
        "here: measurements of 1 study: 2 numbers; left out: 1 in units that are not known, "
        "1 that are no numbers, 1 under names that are not listed"
    ]
    held = str(made.rows())
    assert not any(one in held for one in ("2178", "Doe", "furlong", "1.2.9"))
    assert made.run("status")["quarantine"] == {}


def test_the_tables_of_mimic_iv_echo_are_read_by_their_own_columns(rehearsal: Rehearsal) -> None:
    made = rehearsal
    here = made.site("mimic", collection="mimic-iv-echo")
    head = (
        "subject_id,measurement_id,measurement_datetime,test_type,measurement,"
        "measurement_description,result,unit\n"
    )
    rows = [
        f"{SUBJECT},71,{DATE},tte,lvef,Left Ventricle - Ejection Fraction,60,%",
        f"{SUBJECT},71,{DATE},tte,sinus_diam,Aorta - Sinus Diameter,3.4,cm",
        f"{SUBJECT},71,{DATE},tte,aortic_sinus,Aorta - Sinus Size,Nl <3.7,",
        f"{SUBJECT},71,{DATE},tte,mean_E_to_eprime,Mean E/e',9.5,",
        f"{SUBJECT},71,{DATE},tte,sept_e_prime,Septal e',0.07,m/s",
        f"{SUBJECT},71,{DATE},tte,height_cm,Height,171,cm",
        f"{SUBJECT},72,{DATE},tte,lvef,Left Ventricle - Ejection Fraction,20,%",
    ]
    studies = (
        "subject_id,study_id,study_datetime,measurement_id,measurement_datetime\n"
        f"{SUBJECT},95240362,{DATE},71,{DATE}\n"
    )
    put(here, {
        f"files/p10/p{SUBJECT}/s95240362/95240362_0001.dcm": scan(1, "1.2.3", "x"),
        f"files/p10/p{SUBJECT}/s95240999/95240999_0001.dcm": scan(2, "1.2.4", "x"),
        "structured-measurement.csv.gz": gzip.compress((head + "\n".join(rows)).encode()),
        "echo-study-list.csv": studies.encode(),
    })  # fmt: skip

    made.run("run")
    found = stated(made, "one")

    assert found == [
        [],
        [
            ("mimic-iv-echo/lvef", 60.0, "%"),
            ("mimic-iv-echo/sinus_diam", 3.4, "cm"),
            ("mimic-iv-echo/mean_e_to_eprime", 9.5, "1"),
            ("mimic-iv-echo/sept_e_prime", 0.07, "m/s"),
        ],
    ]
    assert not any(one in str(made.rows()) for one in ("2178", SUBJECT, "95240362"))


def test_what_a_table_states_goes_with_its_patient(rehearsal: Rehearsal) -> None:
    made = rehearsal
    here = made.site("here", sidecar={"measurements": [RULE]})
    put(here, {"1.dcm": scan(1, "1.2.3", "A1"), "2.dcm": scan(2, "1.2.4", "A2")})
    lines = ("1.2.3,LVEF,55,%", "1.2.4,LVEF,45,%")
    put(here, {"echo.csv": ("StudyUID,What,Value,Unit\n" + "\n".join(lines)).encode()})
    made.run("run")
    (made.root / "who.txt").write_text("A1\n")
    words = ("--patient-ids", str(made.root / "who.txt"), "--report", str(made.root))

    made.run("erase", "here", *words, "--request", "r1")
    gone = made.lake.read("stated")["number"].to_pylist()
    made.here("run")
    again = made.lake.read("stated")["number"].to_pylist()

    assert gone == [45.0]
    assert again == [45.0]


def test_a_table_that_lacks_a_column_is_told(rehearsal: Rehearsal) -> None:
    made = rehearsal
    here = made.site("here", sidecar={"measurements": [RULE]})
    put(here, {"1.dcm": scan(1, "1.2.3", "A1"), "echo.csv": b"StudyUID,What\n1.2.3,LVEF\n"})

    ran = made.run("run")

    assert [one for one in ran["warnings"] if "measurements" in one] == [
        "here: a table of measurements can't be read by the columns it is said to have"
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", "1"), ("%", "%"), ("mmHg", "mm[Hg]"), ("MM HG", "mm[Hg]"), ("cm²", "cm2"),
        ("bpm", "/min"), ("mL", "ml"), ("m/sec", "m/s"), ("cm", "cm"), ("furlong", None),
        ("Doe", None), (DATE, None),
    ],
)  # fmt: skip
def test_units_are_ucum_or_none(written: str, expected: str | None) -> None:
    assert expected == ucum(written)


@given(st.text(max_size=20))
def test_no_text_leaves_as_a_number_or_a_unit(text: str) -> None:
    found = measured("local", "lvef", text, "%")

    assert found is None or isinstance(found.number, float)
    assert ucum(text) is None or len(ucum(text) or "") < 12
