"""A hospital de-identifies before it uploads: files in, clean files and a report out, no lake."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import random
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from echoatlas.cli import call
from echoatlas.pipeline.deidentify_tool.containers import stills
from echoatlas.pipeline.deidentify_tool.containers.tables import cleaned
from echoatlas.pipeline.ingest.listing import arrivals
from echoatlas.pipeline.sidecars.tables import SidecarTable
from echoatlas.pipeline.silence import SILENT
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.site import Sidecar, SiteConfig
from echoatlas.schemas.records import WITNESSED, Alone
from echoatlas.simulate import SimulatedScan, make_still, write_dicom, write_png
from tests.helpers.hospital import Ran
from tests.helpers.planted import SIZE, dicom, unpacked, words
from tests.helpers.torture import make_key, quick_dataset, written

NATIVE = "1.2.840.10008.1.2.1"


def scan(seed: int, **options: Any) -> SimulatedScan:
    return make_still(seed, size=SIZE, screen="none", burned_in=(), **options)


def everything(folder: Path) -> bytes:
    """All names and bytes below a folder, unpacked."""
    parts = []
    for path in sorted(folder.rglob("*")):
        parts.append(path.relative_to(folder).as_posix().encode())
        if path.is_file():
            parts.append(unpacked(path.read_bytes()))
    return b"\0".join(parts)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as hospitals have them: patients' names in names, litter, a table, an archive."""
    folder = tmp_path_factory.mktemp("hospital")
    visit = folder / "KOWALSKI^ANNA 19700101"
    visit.mkdir()
    one = write_dicom(scan(1), NATIVE)
    (visit / "kowalski_1.dcm").write_bytes(one)
    (visit / "kowalski_2.dcm").write_bytes(write_dicom(scan(2), NATIVE))
    (visit / "copy.dcm").write_bytes(one)
    (visit / "notes.txt").write_text("Anna Kowalski is fine")
    (folder / "loose.png").write_bytes(write_png(scan(3)))
    (folder / "labels.csv").write_text(
        "filename,patient_id,label,comment\nloose.png,MRN88123,liver,Anna Kowalski\n"
    )
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"KOWALSKI^ANNA")
    (folder / "Thumbs.db").write_bytes(b"kowalski")
    (folder / "link.dcm").symlink_to(visit / "kowalski_1.dcm")
    with zipfile.ZipFile(folder / "kowalski.zip", "w") as archive:
        archive.writestr("KOWALSKI^JAN/1.dcm", write_dicom(scan(4), NATIVE))
        archive.writestr("KOWALSKI^JAN/2.dcm", one)
    return folder


@pytest.fixture(scope="module")
def once(hospital: Path, keyed: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The hospital's folder, de-identified once, by two workers."""
    dest = tmp_path_factory.mktemp("once")
    said, complained = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(complained):
        words = ["deidentify", str(hospital), str(dest), "--key", str(keyed), "--workers", "2"]
        code = call(words)
    return Ran(dest, code, said.getvalue(), complained.getvalue())


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key's file."""
    path = tmp_path_factory.mktemp("keys") / "st-elsewhere.key"
    path.write_text(random.Random(11).randbytes(32).hex())
    path.chmod(0o600)
    return path


def test_every_input_is_released_quarantined_or_filtered_and_nothing_tells_names(once):
    ran, report = once, once.report

    assert ran.code == 1
    assert report["counts"] == {"released": 5, "quarantined": 1, "filtered": 5}
    assert report["reasons"] == {
        "duplicate": 2,
        "index": 1,
        "link": 1,
        "litter": 1,
        "unsupported_format": 1,
    }
    assert report["inputs"] == 11 == len(report["outcomes"]) == sum(report["counts"].values())
    assert sorted(range(11)) == sorted(one["input"] for one in report["outcomes"])
    assert "11 inputs = 5 released + 1 quarantined + 5 filtered" in ran.said
    said = (everything(ran.dest) + f"{ran.said}{ran.complained}".encode()).lower()
    for seed in (1, 2, 3, 4):
        who = scan(seed).identity
        assert who.patient_id.lower().encode() not in said
    assert b"kowalski" not in said and b"mrn88123" not in said and b"anna" not in said


def test_a_table_keeps_its_files_and_known_columns_and_nothing_else(once):
    ran = once

    (table,) = [path for path in ran.outputs if path.suffix == ".csv"]
    head, row = table.read_text().splitlines()

    assert head == "file,label,patient"
    file, label, patient = row.split(",")
    assert (ran.dest / file).is_file() and file.startswith(f"{patient}/")
    assert label == "abdomen/liver"


@pytest.mark.parametrize("listed", ["a.png", "b.png", "z/c.png"])
def test_what_a_table_says_of_any_copy_holds_for_the_one_that_is_written(keyed, tmp_path, listed):
    """Copies come in the order of their names, and the one that is named may be the last."""
    src = tmp_path / "src"
    (src / "z").mkdir(parents=True)
    for name in ("a.png", "b.png", "z/c.png"):
        (src / name).write_bytes(write_png(scan(3)))
    (src / "other.png").write_bytes(write_png(scan(5)))
    (src / "t.csv").write_text(f"filename,patient_id\n{listed},MRN1\nother.png,MRN1\n")

    code = call(["deidentify", str(src), str(tmp_path / "out"), "--key", str(keyed)])

    patients = {
        path.parent.name
        for path in (tmp_path / "out").glob("*/*.png")
        if path.parent.name[0] != "_"
    }
    assert (code, len(patients)) == (0, 1), "one patient, of whom there are two pictures"


def test_a_table_speaks_of_its_own_folder_and_not_of_files_of_the_same_name_beside_it(
    tool, tmp_path
):
    """Else two patients become one, and one's diagnosis is the other's."""
    for number, (folder, label) in enumerate((("A", "liver"), ("B", "thyroid"), ("C", ""))):
        (tmp_path / "in" / folder).mkdir(parents=True)
        (tmp_path / "in" / folder / "1.png").write_bytes(write_png(scan(number)))
        if label:
            rows = f"filename,patient_id,label\n1.png,MRN-{folder},{label}\n"
            (tmp_path / "in" / folder / "labels.csv").write_text(rows)

    ran = tool(tmp_path / "in")

    scans = [path for path in ran.outputs if path.suffix == ".png"]
    tables = [path.read_text().splitlines() for path in ran.outputs if path.suffix == ".csv"]
    told = sorted(line.split(",")[1] for lines in tables for line in lines[1:])
    files = [line.split(",")[0] for lines in tables for line in lines[1:]]
    assert len({path.parent for path in scans}) == 3
    assert len(told) == 2 and "abdomen/liver" in told
    assert len(set(files)) == 2 and all((ran.dest / file).is_file() for file in files)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_is_read_as_a_folder_is(tool, tmp_path, kind):
    data = write_dicom(scan(5), NATIVE)
    packed = tmp_path / f"KOWALSKI.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("KOWALSKI^ANNA.dcm", data)
    else:
        with tarfile.open(packed, "w:gz") as archive:
            member = tarfile.TarInfo("KOWALSKI^ANNA.dcm")
            member.size, member.mtime, member.uname = len(data), 1_700_000_017, "kowalski"
            archive.addfile(member, io.BytesIO(data))

    ran = tool(packed)

    assert ran.code == 0
    assert len(ran.outputs) == 1
    assert b"kowalski" not in everything(ran.dest).lower()


def test_a_volume_in_two_files_is_one_input_and_its_values_are_passed_over(tool, tmp_path):
    src = tmp_path / "src"
    src.mkdir()
    picture = scan(7).pictures[0]
    gray = picture if picture.ndim == 2 else picture[..., 1]
    height, width = gray.shape
    (src / "scan.mhd").write_text(
        f"ObjectType = Image\nNDims = 2\nDimSize = {width} {height}\n"
        "ElementType = MET_UCHAR\nElementDataFile = scan.raw\n"
    )
    (src / "scan.raw").write_bytes(gray.tobytes())
    # Compressed, as SimpleITK writes it, the values look like an archive of one file
    (src / "mirrored.nhdr").write_text(
        f"NRRD0004\ntype: uint8\ndimension: 2\nsizes: {width} {height}\nencoding: gzip\n"
        "data file: mirrored.raw.gz\n"
    )
    (src / "mirrored.raw.gz").write_bytes(gzip.compress(gray[:, ::-1].tobytes()))

    ran = tool(src)

    assert ran.report["counts"] == {"released": 2, "quarantined": 0, "filtered": 2}
    assert ran.report["reasons"] == {"values": 2}


def test_a_bomb_is_quarantined_and_what_lies_beside_it_is_not(tool, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.dcm", b"\0" * (600 << 20))
    (folder / "b.dcm").write_bytes(write_dicom(scan(5), NATIVE))

    ran = tool(folder)

    assert ran.report["reasons"] == {"unsafe_archive": 2}  # the member, and what is behind it
    assert ran.report["counts"]["released"] == 1


def test_a_copy_shares_the_fate_of_the_file_that_it_repeats(tool, tmp_path):
    """Else a site that looks for the copy reads "duplicate" and takes it for uploaded."""
    folder = tmp_path / "in"
    folder.mkdir()
    good, bad = write_dicom(scan(5), NATIVE), b"no scan at all"
    table = "filename,label\n1.dcm,liver\n"
    for name, data in (("1.dcm", good), ("2.dcm", good), ("3.dcm", bad), ("4.dcm", bad)):
        (folder / name).write_bytes(data)
    for name in ("5.csv", "6.csv"):
        (folder / name).write_text(table)

    ran = tool(folder)

    told = [(one["status"], one["reason"]) for one in ran.report["outcomes"]]
    first, second, third, fourth, *_ = ran.report["outcomes"]
    assert ran.code == 1
    assert Counter(told) == {
        ("released", ""): 2,
        ("filtered", "duplicate"): 2,
        ("quarantined", "unsupported_format"): 2,
    }
    assert first["status"] == "released"
    assert second["detail"] == ("The same bytes as input 0, which was released: not written twice.")
    assert fourth["detail"] == f"The same bytes as input 2. {third['detail']}"
    assert ran.report["counts"] == {"released": 2, "quarantined": 2, "filtered": 2}


def test_a_table_on_which_the_parser_breaks_is_named_and_costs_one_input(
    tool, tmp_path, monkeypatch
):
    """To pass it over in silence would put its patients' scans under other pseudonyms."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "1.png").write_bytes(write_png(scan(3)))
    (folder / "table.csv").write_text("filename,patient_id\n1.png,MRN88123\n")

    def breaks(*_: object, **__: object) -> None:
        raise MemoryError("Anna Kowalski")

    monkeypatch.setattr("csv.reader", breaks)

    ran = tool(folder)

    assert ran.report["counts"] == {"released": 1, "quarantined": 1, "filtered": 0}
    assert ran.report["reasons"] == {"crashed": 1}
    assert "MemoryError" in ran.report["outcomes"][1]["detail"]
    assert b"kowalski" not in (everything(ran.dest) + ran.complained.encode()).lower()


def test_a_text_that_is_no_table_is_judged_as_any_other_file(tool, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("Anna Kowalski")
    for depth in range(960, 1000, 4):  # about where Python gives up to write what it has read
        deep = "[" * depth + "]" * depth
        text = f'[{{"file": "x.png", "x": {deep}}}, {{"file": "{depth}.png", "x": 1}}]'
        (folder / f"{depth}.json").write_text(text)

    ran = tool(folder)

    assert set(ran.report["reasons"]) <= {"unsupported_format"}
    assert ran.report["inputs"] == 11


def test_a_report_of_measurements_is_released_without_its_text(tool, tmp_path):
    secret = words("report", 1)[0]
    header = quick_dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", Modality="SR")
    for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"):
        delattr(header, keyword)
    item, name, value, unit = Dataset(), Dataset(), Dataset(), Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = "11820-8", "LN", secret
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "mm", "UCUM", secret
    item.RelationshipType, item.ValueType = "CONTAINS", "NUM"
    value.NumericValue, value.MeasurementUnitsCodeSequence = "47.5", Sequence([unit])
    item.ConceptNameCodeSequence, item.MeasuredValueSequence = Sequence([name]), Sequence([value])
    text = Dataset()
    text.RelationshipType, text.ValueType, text.TextValue = "CONTAINS", "TEXT", secret
    text.ConceptNameCodeSequence = Sequence([name])
    header.ContentSequence = Sequence([item, text])
    (tmp_path / "report.dcm").write_bytes(written(header))

    ran = tool(tmp_path / "report.dcm")

    (out,) = ran.outputs
    made = dcmread(out)
    assert ran.code == 0
    assert [float(i.MeasuredValueSequence[0].NumericValue) for i in made.ContentSequence] == [47.5]
    assert secret.encode() not in everything(ran.dest)
    assert ran.report["outcomes"][0]["mask"] == ""
    assert "113101" not in ran.report["outcomes"][0]["methods"]


def test_a_document_in_dicom_is_quarantined(tool, tmp_path):
    header = quick_dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1")
    header.EncapsulatedDocument = b"%PDF-1.4 Kowalski"
    (tmp_path / "pdf.dcm").write_bytes(written(header))

    ran = tool(tmp_path / "pdf.dcm")

    assert ran.code == 1
    assert ran.outputs == []


def test_the_first_key_is_made_for_its_owner_said_and_used_again(tool, tmp_path):
    (tmp_path / "a.dcm").write_bytes(write_dicom(scan(1), NATIVE))
    place = tmp_path / "config/echoatlas/keys/local.key"

    first = tool(tmp_path / "a.dcm", dest=tmp_path / "one")
    again = tool(tmp_path / "a.dcm", dest=tmp_path / "two")

    assert str(place) in first.complained and str(place) not in again.complained
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert tree(first.dest) == tree(again.dest)
    assert place.read_text().strip().encode() not in everything(first.dest)


def at_home(folder, scratch):
    """The command, as run by a user whose home is in ``folder``."""
    (folder / "a.dcm").write_bytes(write_dicom(scan(1), "1.2.840.10008.1.2.4.50"))
    (folder / "home").mkdir()
    scratch.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in (*SILENT, "CI")}
    kept = {name: value for name, value in kept.items() if not name.startswith("XDG_")}
    words = ["deidentify", str(folder / "a.dcm"), str(folder / "clean")]
    return subprocess.run(
        [sys.executable, "-m", "echoatlas.cli", *words],
        env={**kept, "HOME": str(folder / "home"), "TMPDIR": str(scratch)},
        capture_output=True,
        timeout=120,
        text=True,
    )


def test_the_tool_leaves_nothing_at_home_and_reports_to_nobody(tmp_path):
    """onnxruntime would keep a machine's id and a queue of events for its maker there."""
    with tempfile.TemporaryDirectory() as scratch:
        done = at_home(tmp_path, Path(scratch))
        left = tree(Path(scratch))

    assert done.returncode == 0, done.stderr
    assert list(tree(tmp_path / "home")) == [".config/echoatlas/keys/local.key"]
    assert left == {}


def test_a_folder_for_scratch_that_no_socket_can_be_in_is_said_in_one_line(tmp_path):
    done = at_home(tmp_path, tmp_path / ("long" * 25))

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("TMPDIR is too long for a socket")
    assert "Traceback" not in done.stderr


def test_a_key_from_the_environment_is_taken_and_none_is_made(tool, tmp_path, monkeypatch):
    monkeypatch.setenv("ECHOATLAS_KEY_ST_ELSEWHERE", random.Random(12).randbytes(32).hex())
    (tmp_path / "a.dcm").write_bytes(write_dicom(scan(1), NATIVE))

    ran = tool(tmp_path / "a.dcm", "--site", "st-elsewhere")

    assert ran.code == 0
    assert not (tmp_path / "config").exists()


def test_of_a_folder_of_nothing_there_is_nothing_to_do_and_that_is_told(tool, tmp_path):
    (tmp_path / "empty" / "below").mkdir(parents=True)

    ran = tool(tmp_path / "empty")

    assert ran.code == 2
    assert "there is no file in" in ran.complained
    assert not ran.dest.exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--key", "nowhere.key"], "no key nowhere.key"),
        (["--key", "weak.key"], "not random"),
        (["--key", "open.key"], "chmod 600"),
        (["--policy", "policy.yaml"], "did you mean 'institution'"),
        (["--policy", "nowhere.yaml"], "there is no file"),
        (["--site", "St Elsewhere"], "no name of a key"),
        (["--wat-if"], "No such option"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(tool, tmp_path, monkeypatch, options, told):
    monkeypatch.chdir(tmp_path)
    Path("a.dcm").write_bytes(b"")
    Path("weak.key").write_text("00" * 32)
    Path("weak.key").chmod(0o600)
    Path("open.key").write_text(random.Random(1).randbytes(32).hex())
    Path("open.key").chmod(0o644)
    Path("policy.yaml").write_text("institutions: true\n")

    ran = tool(Path("a.dcm"), *options)

    assert ran.code == 2
    assert told in ran.complained and len(ran.complained.splitlines()) == 1
    assert not ran.dest.exists()


@pytest.mark.parametrize("where", ["in src", "not empty", "a file", "no src"])
def test_places_that_would_do_harm_are_refused(tool, tmp_path, where):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.dcm").write_bytes(b"x")
    places = {
        "in src": (folder, folder / "out"),
        "not empty": (folder / "a.dcm", folder),
        "a file": (folder, folder / "a.dcm"),
        "no src": (tmp_path / "nowhere", tmp_path / "out"),
    }
    src, dest = places[where]

    ran = tool(src, dest=dest)

    assert ran.code == 2
    assert len(ran.complained.splitlines()) <= 2  # the second says which key was made
    assert tree(folder) == {"a.dcm": b"x"}


@pytest.mark.parametrize("option", ["--names", "--report"])
@pytest.mark.parametrize("place", ["a scan", "beside a scan", "the key"])
def test_no_report_is_written_over_a_scan_or_a_key(tool, keyed, tmp_path, option, place):
    folder = tmp_path / "in"
    folder.mkdir()
    data, secret = write_dicom(scan(1), NATIVE), keyed.read_text()
    (folder / "a.dcm").write_bytes(data)
    target = {"a scan": folder / "a.dcm", "beside a scan": folder / "new", "the key": keyed}[place]

    ran = tool(folder, "--key", str(keyed), option, str(target))

    assert ran.code == 2 and len(ran.complained.splitlines()) == 1
    assert tree(folder) == {"a.dcm": data} and keyed.read_text() == secret
    assert not ran.dest.exists()


def test_a_report_and_a_list_of_names_are_written_again_where_they_were(tool, tmp_path):
    (tmp_path / "a.dcm").write_bytes(write_dicom(scan(1), NATIVE))
    places = ["--names", str(tmp_path / "names.csv"), "--report", str(tmp_path / "told.json")]

    codes = [tool(tmp_path / "a.dcm", *places, dest=tmp_path / name).code for name in "bc"]

    assert codes == [0, 0]


def test_a_full_disk_is_said_in_one_line(tool, tmp_path):
    (tmp_path / "a.dcm").write_bytes(write_dicom(scan(1), NATIVE))

    ran = tool(tmp_path / "a.dcm", "--names", "/dev/full")

    assert ran.code == 2
    assert "cannot write /dev/full (No space left on device)" in ran.complained
    assert "Traceback" not in ran.complained


def test_what_if_says_in_words_what_would_be_done_and_does_nothing(tool, tmp_path):
    (tmp_path / "a.dcm").write_bytes(write_dicom(scan(1), NATIVE))
    (tmp_path / "policy.yaml").write_text("institution: true\ndates: removed\n")

    plain = tool(tmp_path / "a.dcm", "--what-if")
    kept = tool(tmp_path / "a.dcm", "--what-if", "--policy", str(tmp_path / "policy.yaml"))
    data = tool(tmp_path / "a.dcm", "--what-if", "--json")

    assert plain.code == 0 and not plain.dest.exists() and not (tmp_path / "config").exists()
    assert "PatientName, PatientID: replaced by the patient's keyed pseudonym" in plain.said
    assert "InstitutionalDepartmentName: dropped: the option 'retain institution" in plain.said
    assert "InstitutionalDepartmentName: dropped; kept as it stands under" in kept.said
    assert len(json.loads(data.said)["deidentification"]) == len(plain.said.splitlines())


def test_json_is_the_summary(tool, tmp_path):
    (tmp_path / "a.dcm").write_bytes(write_dicom(scan(1), NATIVE))

    ran = tool(tmp_path / "a.dcm", "--json", "--report", str(tmp_path / "told.json"))

    told = json.loads(ran.said)
    assert told["counts"] == {"released": 1, "quarantined": 0, "filtered": 0}
    assert told["report"] == str(tmp_path / "told.json")
    report = json.loads((tmp_path / "told.json").read_text())
    assert report["key_id"] == told["key_id"]
    assert report["outcomes"][0]["output"] == ran.outputs[0].relative_to(ran.dest).as_posix()
    assert (
        hashlib.sha256(ran.outputs[0].read_bytes()).hexdigest() == report["outcomes"][0]["sha256"]
    )


def test_a_run_that_was_killed_goes_on_and_equals_one_that_was_not(
    tool, once, hospital, keyed, tmp_path
):
    dest = tmp_path / "killed"
    command = [sys.executable, "-m", "echoatlas.cli", "deidentify", str(hospital)]
    process = subprocess.Popen(
        [*command, str(dest), "--key", str(keyed)],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not list(dest.rglob("*.dcm")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    half = set(tree(dest))

    gone_on = tool(hospital, "--key", str(keyed), dest=dest)

    assert any("unfinished" in name for name in half)
    assert tree(gone_on.dest) == tree(once.dest)
    assert not [name for name in tree(dest) if "unfinished" in name or name.endswith(".part")]


def test_a_stopped_run_does_not_go_on_under_another_key(tool, hospital, keyed, tmp_path):
    unfinished = tmp_path / "clean/_deidentification/unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "run.json").write_text('{"key": "of another run"}')

    ran = tool(hospital, "--key", str(keyed))

    assert ran.code == 2
    assert "under another policy, key or version" in ran.complained


def test_two_keys_cannot_be_linked_and_no_public_hash_matches(tool, once, hospital, tmp_path):
    other = tmp_path / "other.key"
    other.write_text(random.Random(13).randbytes(32).hex())
    other.chmod(0o600)

    one, two = once, tool(hospital, "--key", str(other))

    assert one.report["key_id"] != two.report["key_id"]
    assert not {part for p in one.outputs for part in p.relative_to(one.dest).parts} & {
        part for p in two.outputs for part in p.relative_to(two.dest).parts
    }
    headers = [
        [dcmread(path) for path in ran.outputs if path.suffix == ".dcm"] for ran in (one, two)
    ]
    for keyword in ("PatientID", "StudyInstanceUID", "SOPInstanceUID", "StudyDate"):
        here, there = ({str(h[keyword].value) for h in some} for some in headers)
        assert not here & there
    said = everything(one.dest) + everything(two.dest)
    known = [scan(seed).identity for seed in (1, 2, 3, 4)]
    originals = [path.read_bytes() for path in hospital.rglob("*") if path.is_file()]
    ids = [who.patient_id.encode() for who in known] + originals + [b"MRN88123"]
    for public in ("md5", "sha1", "sha256"):
        for identity in ids:
            digest = hashlib.new(public, identity)
            assert digest.hexdigest()[:16].encode() not in said
            assert digest.digest() not in said


def test_a_dicom_that_hides_words_everywhere_comes_out_without_them(tool, tmp_path):
    made = dicom("one more", NATIVE)
    (tmp_path / f"{made.words[0]}.dcm").write_bytes(made.data)

    ran = tool(tmp_path / f"{made.words[0]}.dcm")

    assert ran.code == 0
    assert [word for word in made.words if word.encode() in everything(ran.dest)] == []
    assert made.words[0] not in ran.said + ran.complained


@pytest.mark.parametrize(
    ("text", "allowed", "keep"),
    [("17.5 mm", False, False), ("17.5 mm", True, True), ("KOWALSKI", True, False)],
)
def test_text_inside_stays_only_by_policy_and_if_it_is_a_measurement(
    tool, tmp_path, text, allowed, keep
):
    made = make_still(7, size=(400, 300), screen="none", burned_in=((text, "fan"),))
    (tmp_path / "a.dcm").write_bytes(write_dicom(made, NATIVE))
    (tmp_path / "policy.yaml").write_text(f"keep_measurements: {str(allowed).lower()}\n")
    box = made.texts[-1].box
    place = (slice(box.y0, box.y1), slice(box.x0, box.x1))

    ran = tool(tmp_path / "a.dcm", "--policy", str(tmp_path / "policy.yaml"))

    out = dcmread(ran.outputs[0])
    kept = (out.pixel_array[place] == made.pictures[0][place]).mean()
    assert bool(kept > 0.99) is keep
    assert out.BurnedInAnnotation == "NO"
    told = set(ran.report["outcomes"][0]["verdicts"]) - {*Alone, WITNESSED}
    assert {"text_kept" if keep else "text_redacted"} == told
    assert "113101" in [code.CodeValue for code in out.DeidentificationMethodCodeSequence]


SITE_FILE = """
site: st-elsewhere
bucket: s3://uploads/st-elsewhere/
patient: {source: name, pattern: "^([0-9]+)_"}
"""


def test_the_site_s_own_file_tells_its_patients_apart(tool, tmp_path):
    (tmp_path / "in").mkdir()
    for seed, name in enumerate(("4711_left.png", "4711_right.png", "4712_left.png")):
        (tmp_path / "in" / name).write_bytes(stills.png(scan(seed).pictures[0]))
    (tmp_path / "st-elsewhere.yaml").write_text(SITE_FILE)
    (tmp_path / "wrong.yaml").write_text(SITE_FILE.replace("patient", "pateint"))

    ran = tool(tmp_path / "in", "--site", str(tmp_path / "st-elsewhere.yaml"))
    refused = tool(tmp_path / "in", "--site", str(tmp_path / "wrong.yaml"), dest=tmp_path / "no")

    assert sorted(Counter(path.parent.name for path in ran.outputs).values()) == [1, 2]
    assert (refused.code, refused.dest.exists()) == (2, False)
    assert "did you mean 'patient'" in refused.complained


def test_what_was_written_can_be_uploaded_whole_and_only_scans_are_taken(once):
    site = SiteConfig(site="st-elsewhere", bucket=str(once.dest))

    taken = [one.key for one in arrivals(site, Storage.open(str(once.dest)), make_key())]

    assert [path.relative_to(once.dest).as_posix() for path in once.outputs] == sorted(taken)


def test_a_site_may_list_which_input_is_which_for_its_own_eyes(tool, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/kowalski.dcm").write_bytes(write_dicom(scan(1), NATIVE))
    (tmp_path / "in/notes.txt").write_text("Anna Kowalski")

    refused = tool(tmp_path / "in", "--names", str(tmp_path / "clean/names.csv"))
    assert not refused.dest.exists()
    ran = tool(tmp_path / "in", "--names", str(tmp_path / "names.csv"))

    lines = (tmp_path / "names.csv").read_text().splitlines()
    output = ran.outputs[0].relative_to(ran.dest).as_posix()
    assert refused.code == 2 and "put it elsewhere" in refused.complained
    assert stat.S_IMODE((tmp_path / "names.csv").stat().st_mode) == 0o600
    assert f"0,kowalski.dcm,released,,,{output}" in lines
    assert lines[-1].startswith("1,notes.txt,quarantined,unsupported_format,")
    assert b"kowalski" not in everything(ran.dest).lower()


def started(src: Path, dest: Path, key: Path, *options: str) -> subprocess.Popen[str]:
    """The command in a process of its own, once its first output is there."""
    command = [sys.executable, "-m", "echoatlas.cli", "deidentify", str(src), str(dest)]
    process = subprocess.Popen(
        [*command, "--key", str(key), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A background job's children ignore Ctrl-C, and theirs after them
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(dest.rglob("*.dcm")) and time.monotonic() < deadline:
        time.sleep(0.01)
    return process


def test_a_run_is_left_alone_by_others_and_goes_on_after_ctrl_c(tool, keyed, tmp_path):
    src, dest, names = tmp_path / "in", tmp_path / "dest", tmp_path / "names.csv"
    src.mkdir()
    for seed in range(10):
        (src / f"{seed}.dcm").write_bytes(write_dicom(scan(seed), NATIVE))
    process = started(src, dest, keyed, "--names", str(names))
    process.send_signal(signal.SIGSTOP)  # so that it is at it still when the others come
    listed = names.read_text()

    into_dest = tool(src, "--key", str(keyed), dest=dest)
    into_names = tool(src, "--key", str(keyed), "--names", str(names), dest=tmp_path / "other")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    said, complained = process.communicate(timeout=60)
    gone_on = tool(src, "--key", str(keyed), "--names", str(names), dest=dest)

    assert (into_dest.code, into_names.code, process.returncode) == (2, 2, 130)
    assert f"another run is writing to {dest}: wait for it to end" in into_dest.complained
    assert f"another run is writing {names}: name another file" in into_names.complained
    assert not (tmp_path / "other").exists()
    assert listed.startswith("input,name,") and names.read_text().startswith(listed)
    assert complained.splitlines()[-1] == "echoatlas: stopped; run again to go on"
    assert said == "" and "Traceback" not in complained
    assert (gone_on.code, len(gone_on.outputs)) == (0, 10)
    assert not list(dest.rglob("unfinished"))


def test_a_folder_is_no_place_for_a_report_and_that_is_said_before_the_work(tool, tmp_path):
    (tmp_path / "a.dcm").write_bytes(write_dicom(scan(1), NATIVE))

    for option in ("--report", "--names"):
        ran = tool(tmp_path / "a.dcm", option, str(tmp_path))

        assert ran.code == 2 and not ran.dest.exists()
        assert f"echoatlas: {tmp_path} is a folder: name a file" in ran.complained


def test_a_name_in_the_list_is_no_formula_for_a_spreadsheet(tool, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("=cmd|' !A1.dcm", "+1.dcm", "-1.dcm", "@sum.dcm"):
        (tmp_path / "in" / name).write_bytes(b"no scan")

    tool(tmp_path / "in", "--names", str(tmp_path / "names.csv"))

    with (tmp_path / "names.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    assert [row["name"][:2] for row in rows] == ["'+", "'-", "'=", "'@"]


def test_a_number_in_a_table_is_written_anew(key):
    rows = {"1.png": {"filename": "1.png", "score": "0012.345678", "mm_per_px": "0.123456"}}
    rows["2.png"] = {"filename": "2.png", "score": "123456789", "grade": "-2", "=cmd": "=1+1"}
    table = SidecarTable("filename", ("filename", "score", "mm_per_px", "grade", "=cmd"), rows, 2)
    outputs = {"1.png": ["p/a.png"], "2.png": ["p/b.png"]}

    told = cleaned(table, outputs, key, Sidecar()).decode().splitlines()

    assert told == ["file,grade,mm_per_px,score", "p/a.png,,0.1235,12.35", "p/b.png,-2,,"]


def test_what_was_held_back_says_why_the_status_is_1_and_how_to_find_it(tool, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "letter.pdf").write_bytes(b"%PDF-1.7 to whom it may concern")
    names = tmp_path / "names.csv"

    bare = tool(folder)
    listed = tool(folder, "--names", str(names), dest=tmp_path / "other")

    assert (bare.code, listed.code) == (1, 1)
    assert "exit status 1, since 1 of them was held back: run again with `--names" in bare.said
    assert f"{names} says which file is which" in listed.said
    assert "letter" in names.read_text() and "letter" not in bare.said + listed.said


def test_a_list_of_names_that_was_refused_leaves_no_file_behind(tool, tmp_path):
    (tmp_path / "a.dcm").write_bytes(write_dicom(scan(1), NATIVE))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("not of this command")
    names = tmp_path / "names.csv"

    ran = tool(tmp_path / "a.dcm", "--names", str(names), dest=tmp_path / "taken")

    assert ran.code == 2
    assert not names.exists()


def test_the_patients_column_that_a_site_names_is_a_pseudonym_in_the_table_too(key):
    rows = {"1.png": {"filename": "1.png", "wer": "Ada Vance", "label": "liver"}}
    table = SidecarTable("filename", ("filename", "wer", "label"), rows, 1)

    told = cleaned(table, {"1.png": ["p/a.png"]}, key, Sidecar(columns={"wer": "patient"}))

    assert told.decode().splitlines()[0] == "file,label,patient"
    assert b"Ada" not in told and b"Vance" not in told
