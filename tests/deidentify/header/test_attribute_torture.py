"""No planted identifier survives, wherever in the file it was put."""

from __future__ import annotations

import base64
import gzip
import tarfile
import zipfile
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, PngImagePlugin
from pydicom import dcmread

from echoatlas.pipeline.deidentify.header.checker import leaks
from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.header.rebuild import part10, rebuild
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from tests.helpers.answer_key import checks, export, graded, mappings, passes, places
from tests.helpers.hiding import hiding_places
from tests.helpers.names import names_as_traps
from tests.helpers.scorer import Planted, leaked
from tests.helpers.torture import DEPTHS, Trap, make_key, quick_dataset, rows_as_traps, written

POLICY = Policy()


def cleaned(data: bytes, key: SiteKey, policy: Policy = POLICY) -> bytes:
    return part10(rebuild(dcmread(BytesIO(data)), policy, key).dataset)


@pytest.mark.parametrize("depth", DEPTHS)
def test_no_row_of_the_standards_table_leaks_at_any_depth(key, depth):
    traps = list(rows_as_traps(depth))
    planted = [one for trap in traps for one in trap.planted]

    out = [cleaned(trap.data, key) for trap in traps]

    assert len(planted) > 600
    assert leaked(out, planted) == []


@pytest.mark.parametrize("trap", hiding_places(), ids=lambda trap: trap.name)
def test_no_hiding_place_of_the_format_leaks(key, trap):
    assert list(trap.planted) == leaked([trap.data], trap.planted), "the trap is empty"

    out = cleaned(trap.data, key)

    assert leaked([out], trap.planted) == []


@pytest.mark.parametrize("trap", names_as_traps(), ids=lambda trap: trap.name)
def test_no_name_leaks_in_any_character_set(key, trap):
    assert leaked([trap.data], trap.planted), "the trap is empty"

    out = cleaned(trap.data, key)

    assert leaked([out], trap.planted) == []


def test_of_five_thousand_planted_values_none_leaks_under_any_policy(key):
    traps = [trap for depth in DEPTHS for trap in rows_as_traps(depth)]
    traps += [*hiding_places(), *names_as_traps()]
    planted = [one for trap in traps for one in trap.planted]
    strict = Policy(dates="removed", patient_characteristics=False, descriptors=False)

    found = {
        policy.digest: leaked([cleaned(trap.data, key, policy) for trap in traps], planted)
        for policy in (POLICY, strict)
    }

    assert len(set(planted)) >= 5000
    assert sum(one.nested for one in planted) > 4000
    assert planted == leaked([trap.data for trap in traps], planted), "a trap is empty"
    assert [one for ones in found.values() for one in ones] == []


def test_a_surname_inside_a_descriptor_goes_and_the_organ_stays(key):
    data = written(quick_dataset(StudyDescription="US BREAST Kowalski-Meyer left"))

    out = dcmread(BytesIO(cleaned(data, key)))

    assert out.StudyDescription == "thorax/breast"


def test_the_scorer_finds_what_was_left_in_place(key):
    trap = next(rows_as_traps("top"))

    found = leaked([trap.data], trap.planted)

    assert set(trap.planted) == set(found)


def test_the_scorer_finds_a_name_that_moved_to_another_element():
    data = written(quick_dataset(PatientComments="seen by Kowalski"))

    assert leaked([data], [Planted("Kowalski", "PatientName")])


def test_the_scorer_reads_names_of_files(tmp_path):
    (tmp_path / "Kowalski.png").write_bytes(b"")

    assert leaked([tmp_path], [Planted("Kowalski", "file name")])


@pytest.mark.parametrize(
    "shape",
    [
        lambda value: value.upper(),
        lambda value: value[::-1],
        lambda value: value.encode().hex(),
        lambda value: base64.b64encode(f"ab{value}!".encode()).decode(),
        lambda value: base64.b64encode(f"a{value}".encode()).decode(),
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: f"x{value}y",
    ],
)
def test_the_scorer_finds_a_value_in_another_shape(shape):
    data = written(quick_dataset(PatientComments=shape("kowalski-meyer")))

    assert leaked([data], [Planted("kowalski-meyer", "PatientName")])


@pytest.mark.parametrize("told", ["17.05.1923", "1923-05-17", "05/17/1923", "17051923"])
def test_the_scorer_finds_a_date_written_otherwise(told):
    data = written(quick_dataset(PatientComments=f"born {told}"))

    assert leaked([data], [Planted("19230517", "PatientBirthDate", "date_shifted")])


def test_the_scorer_reads_what_is_compressed_or_packed(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.txt", gzip.compress(b"seen by Kowalski"))
    pq.write_table(pa.table({"who": ["Nowak"] * 9}), tmp_path / "b.parquet", compression="zstd")
    with tarfile.open(tmp_path / "c.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("Wozniak.png"))
    noted = PngImagePlugin.PngInfo()
    noted.add_text("Comment", "Zielinski", zip=True)
    Image.new("L", (8, 8)).save(tmp_path / "d.png", pnginfo=noted)
    names = [Planted(name, "") for name in ("Kowalski", "Nowak", "Wozniak", "Zielinski", "Lis")]

    assert names[:4] == leaked([tmp_path], names)


def test_nothing_written_is_no_pass():
    with pytest.raises(AssertionError, match="nothing to search"):
        leaked([], [Planted("Kowalski", "PatientName")])


def test_an_answer_key_in_the_form_of_midi_b_is_passed_whole(key, tmp_path):
    traps = [next(rows_as_traps(depth)) for depth in DEPTHS] + list(hiding_places())[:12]
    answers = export(tmp_path / "key.db", traps)
    uids, patients = {}, {}
    outputs = {}
    for trap in traps:
        before = dcmread(BytesIO(trap.data))
        after = cleaned(trap.data, key)
        new = dcmread(BytesIO(after))
        outputs[new.SOPInstanceUID] = after
        patients[str(before.PatientID)] = new.PatientID
        for name in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
            uids[str(before[name].value)] = new[name].value
    mappings(tmp_path, uids, patients)

    found = graded(tmp_path / "key.db", outputs, uids, patients)

    assert {"text_removed", "date_shifted", "uid_changed", "uid_consistent"} <= set(answers)
    assert answers == {action: counts.total() for action, counts in found.items()}
    assert {action: counts[False] for action, counts in found.items() if counts[False]} == {}
    assert len((tmp_path / "uid_mapping.csv").read_text().splitlines()) == len(uids) + 1


def test_an_output_that_is_missing_or_untouched_fails_the_answer_key(tmp_path):
    trap = next(rows_as_traps("once"))
    export(tmp_path / "key.db", [trap])
    same = {"1.2.3.0.1": "1.2.3.0.1"}

    missing = graded(tmp_path / "key.db", {}, same, {})
    untouched = graded(tmp_path / "key.db", {"1.2.3.0.1": trap.data}, same, {})

    assert not sum(counts[True] for counts in missing.values())
    assert untouched["text_removed"][False] == untouched["text_removed"].total()
    assert untouched["tag_retained"][True] == untouched["tag_retained"].total()


def test_hidden_and_retained_pixels_are_told_apart(tmp_path):
    pixels = bytes(range(256)) * 2
    ds = quick_dataset(Rows=16, Columns=32, PixelData=pixels)
    trap = Trap("pixels", written(ds), ())
    blank = bytearray(pixels)
    for row in range(4):
        blank[row * 32 + 2 : row * 32 + 8] = bytes(6)
    box = (2, 0, 8, 4)
    hidden = checks(trap, [box])

    redacted = dict(places(quick_dataset(Rows=16, Columns=32, PixelData=bytes(blank))))
    before = dict(places(ds))
    retained = [one for one in checks(trap) if one["action"] == "<pixels_retained>"]

    (one,) = (one for one in hidden if one["action"] == "<pixels_hidden>")
    assert passes("pixels_hidden", one, redacted, {}, {})
    assert not passes("pixels_hidden", one, before, {}, {})
    assert [
        passes("pixels_retained", retained[0], said, {}, {}) for said in (before, redacted)
    ] == [
        True,
        False,
    ]


@pytest.mark.parametrize("depth", ["top", "private"])
def test_the_checker_objects_to_a_header_that_was_only_passed_on(depth):
    trap = next(rows_as_traps(depth))
    before = dcmread(BytesIO(trap.data))

    found = leaks(before, before, POLICY)

    assert {"kept", "unchanged"} & {one.why for one in found}


def test_the_checker_objects_to_a_name_that_moved():
    before = quick_dataset()
    after = quick_dataset(
        PatientName="x", PatientID="y", StudyDate=None, StationName="by Doe^Jane today"
    )

    found = leaks(before, after, POLICY)

    assert "identity" in {one.why for one in found if one.place == "00081010"}


def test_what_the_checker_says_holds_no_value():
    before = quick_dataset(PatientID="MRN-SECRET-1")

    told = " ".join(str(one) for one in leaks(before, before, POLICY))

    assert "MRN-SECRET-1" not in told


def test_two_keys_give_nothing_that_links(key):
    data = written(quick_dataset())

    one, other = (dcmread(BytesIO(cleaned(data, k))) for k in (key, make_key(2)))

    for keyword in ("PatientID", "SOPInstanceUID", "StudyInstanceUID", "StudyDate"):
        assert one[keyword].value != other[keyword].value


@pytest.fixture
def trap() -> Trap:
    return next(hiding_places())


def test_the_same_file_gives_the_same_bytes(key, trap):
    assert cleaned(trap.data, key) == cleaned(trap.data, key)
