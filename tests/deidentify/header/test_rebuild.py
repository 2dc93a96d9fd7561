"""What is kept, shifted, mapped and refused."""

from __future__ import annotations

import struct
from copy import deepcopy
from datetime import date
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from echoatlas.errors import ConfigError
from echoatlas.pipeline.deidentify.header.allow_list import BY_TAG
from echoatlas.pipeline.deidentify.header.attributes import clean
from echoatlas.pipeline.deidentify.header.checker import demand_clean, leaks
from echoatlas.pipeline.deidentify.header.policy import Policy, load_policy
from echoatlas.pipeline.deidentify.header.ps315 import profile
from echoatlas.pipeline.deidentify.header.rebuild import part10, rebuild
from echoatlas.pipeline.deidentify.header.rules import items
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.vault.pseudonyms import normalized
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Origin, Scan
from tests.helpers.torture import quick_dataset, written

POLICY = Policy()
SITE = SiteConfig(site="st-elsewhere", bucket="/uploads")


def day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def scan(header: Dataset | None) -> Scan:
    return Scan("dicom" if header else "png", "", 1, 8, 8, lambda: iter(()), header=header)


def test_intervals_between_a_patients_studies_are_kept(key):
    first = rebuild(quick_dataset(StudyDate="20230517"), POLICY, key).dataset
    later = rebuild(quick_dataset(StudyDate="20230601"), POLICY, key).dataset

    assert (day(later.StudyDate) - day(first.StudyDate)).days == 15
    assert first.StudyDate != "20230517"
    assert first.LongitudinalTemporalInformationModified == "MODIFIED"


@pytest.mark.parametrize("times", [False, True])
def test_a_date_is_moved_alike_with_and_without_a_time_beside_it(key, times):
    """``findings/a_day_before_its_study.sh``."""
    stated = {"StudyDate": "20240229", "StudyTime": "233000", "AcquisitionTime": "233500"}
    alone = {"ContentDate": "20240229", "AcquisitionDateTime": "20240229233500.5"}
    policy = Policy(times=times)

    out = rebuild(quick_dataset(**stated, **alone), policy, key).dataset

    assert out.StudyDate == out.ContentDate == out.AcquisitionDateTime[:8] != "20240229"
    told = [out.get(name) or "" for name in ("StudyTime", "AcquisitionTime", "AcquisitionDateTime")]
    assert [one[-6:] for one in told[:2]] == (["233000", "233500"] if times else ["", ""])
    assert told[2][8:] == ("233500" if times else "")


def test_two_patients_dates_move_by_different_offsets(key):
    shifts = {
        (day(rebuild(quick_dataset(PatientID=f"P{n}"), POLICY, key).dataset.StudyDate))
        for n in range(20)
    }

    assert len(shifts) > 15


@pytest.mark.parametrize(
    ("stated", "told"), [("053Y", "053Y"), ("090Y", "090Y"), ("103Y", "090Y"), ("006M", "006M")]
)
def test_ages_over_89_are_one(key, stated, told):
    out = rebuild(quick_dataset(PatientAge=stated), POLICY, key).dataset

    assert told == out.PatientAge


def test_an_age_that_birth_and_study_dates_tell_is_capped_too(key):
    header = quick_dataset(PatientAge=None, PatientBirthDate="19200101", StudyDate="20230517")

    out = rebuild(header, POLICY, key).dataset

    assert out.PatientAge == "090Y"
    assert not out.PatientBirthDate


def test_references_between_objects_survive_the_mapping(key):
    image = quick_dataset(SOPInstanceUID="1.2.9.1")
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = (
        image.SOPClassUID,
        "1.2.9.1",
    )
    other = quick_dataset(SOPInstanceUID="1.2.9.2", SourceImageSequence=Sequence([reference]))

    one, two = (rebuild(header, POLICY, key).dataset for header in (image, other))

    assert one.SOPInstanceUID == two.SourceImageSequence[0].ReferencedSOPInstanceUID
    assert one.SOPInstanceUID.startswith("2.25.")


def test_the_scanners_regions_are_kept_number_for_number(key):
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 2
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 10, 20
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 630, 470
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = -0.01234, 0.01234

    out = rebuild(quick_dataset(SequenceOfUltrasoundRegions=Sequence([region])), POLICY, key)

    assert region == out.dataset.SequenceOfUltrasoundRegions[0]


def test_a_code_keeps_the_dictionarys_meaning_not_the_senders(key):
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "76752008", "SCT"
    code.CodeMeaning = "Breast of Jane Doe"

    out = rebuild(quick_dataset(AnatomicRegionSequence=Sequence([code])), POLICY, key).dataset

    assert out.AnatomicRegionSequence[0].CodeMeaning == "Breast"


@pytest.mark.parametrize(
    "sop_class",
    [None, "", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.104.1", "1.2.3.private"],
)
def test_other_classes_and_encapsulated_documents_are_refused(key, sop_class):
    with pytest.raises(Reject) as refused:
        rebuild(quick_dataset(SOPClassUID=sop_class), POLICY, key)

    assert Reason.UNKNOWN_SOP_CLASS is refused.value.reason


def test_only_codes_of_what_was_done_are_recorded(key):
    bare = quick_dataset(StudyDate="", PatientSex="", PatientAge="", PatientBirthDate="")

    out = rebuild(bare, POLICY, key)

    assert out.methods == ("113100",)
    assert [c.CodeValue for c in out.dataset.DeidentificationMethodCodeSequence] == ["113100"]


@pytest.mark.parametrize(
    ("policy", "keyword", "value"),
    [
        (Policy(dates="full"), "StudyDate", "20230517"),
        (Policy(dates="removed"), "StudyDate", ""),
        (Policy(times=True), "StudyTime", "101112"),
        (POLICY, "StudyTime", ""),
        (Policy(uids=True), "StudyInstanceUID", "1.2.3.4"),
        (Policy(institution=True), "InstitutionName", "General"),
        (Policy(device_identity=True), "DeviceSerialNumber", "SN1"),
        (Policy(patient_characteristics=False), "PatientSex", ""),
        (Policy(descriptors=False), "SeriesDescription", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_each_option_of_the_standard_is_a_switch(key, policy, keyword, value):
    header = quick_dataset(
        InstitutionName="General", DeviceSerialNumber="SN1", SeriesDescription="liver"
    )

    out = rebuild(header, policy, key).dataset

    assert (value or None) == (out.get(keyword) or None)
    demand_clean(header, out, policy)


def test_a_private_number_stays_only_if_the_policy_names_it(key):
    header = quick_dataset()
    block = header.private_block(0x0029, "ACME 1.0", create=True)
    block.add_new(0x10, "DS", "12.5")
    block.add_new(0x11, "DS", "13.5")
    named = {"creator": "ACME 1.0", "element": "0029,10", "low": 0, "high": 50}
    policy = Policy.model_validate({"safe_private": [named]})

    out = rebuild(header, policy, key)

    assert [e.value for e in out.dataset if e.tag.is_private and e.VR == "FD"] == [12.5]
    assert "113111" in out.methods
    assert not [e for e in rebuild(header, POLICY, key).dataset if e.tag.is_private]


def test_a_report_keeps_measurements_and_loses_text_and_names(key):
    report = quick_dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", Modality="SR")
    report.ContentSequence = Sequence(
        [
            _content("NUM", ("11820-8", "LN", "x"), number="47.5"),
            _content("TEXT", ("121106", "DCM", "Comment"), text="Jane Doe is fine"),
            _content("PNAME", ("121008", "DCM", "Person Observer Name"), name="Doctor^Ref"),
            _content("NUM", ("L-1", "99LOCAL", "Jane Doe"), number="1"),
        ]
    )

    out = rebuild(report, POLICY, key)

    assert [item.ValueType for item in out.dataset.ContentSequence] == ["NUM"]
    assert float(out.dataset.ContentSequence[0].MeasuredValueSequence[0].NumericValue) == 47.5
    assert "113104" in out.methods


def _content(
    kind: str,
    concept: tuple[str, str, str],
    number: str | None = None,
    text: str | None = None,
    name: str | None = None,
) -> Dataset:
    item, code = Dataset(), Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", kind
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = concept
    item.ConceptNameCodeSequence = Sequence([code])
    if number is not None:
        value, unit = Dataset(), Dataset()
        unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "mm", "UCUM", "mm of Doe"
        value.NumericValue, value.MeasurementUnitsCodeSequence = number, Sequence([unit])
        item.MeasuredValueSequence = Sequence([value])
    if text is not None:
        item.TextValue = text
    if name is not None:
        item.PersonName = name
    return item


def test_content_nested_beyond_reason_is_refused(key):
    item = _content("CONTAINER", ("121070", "DCM", "Findings"))
    for _ in range(200):
        outer = _content("CONTAINER", ("121070", "DCM", "Findings"))
        outer.ContentSequence = Sequence([item])
        item = outer
    report = quick_dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33")
    report.ContentSequence = Sequence([item])

    with pytest.raises(Reject) as refused:
        rebuild(report, POLICY, key)

    assert Reason.TOO_DEEP is refused.value.reason


def test_no_value_rule_keeps_what_the_standard_removes():
    removed = {
        tag
        for tag, rule in BY_TAG.items()
        if rule.action == "K"
        and rule is not items
        and rule.needs is None
        and (row := profile(tag))
        and row.action(frozenset()) != "K"
    }

    assert set() == removed


def test_the_input_is_not_changed(key):
    header = quick_dataset()
    before = written(header)

    rebuild(header, POLICY, key)

    assert before == written(header)


def test_a_header_becomes_columns(key):
    told = clean(scan(quick_dataset()), Origin("st-elsewhere", "u1", "a.dcm"), SITE, key)

    assert (told.maker, told.model) == ("GE", "LOGIQ 9")
    assert (told.age, told.sex, told.patient_source) == (53, "F", "header")
    assert {"113100", "113101", "113107", "113108"} == set(told.methods)
    assert POLICY.digest == told.policy


@pytest.mark.parametrize("written_as", ["MRN0042 ", "mrn0042", "ＭＲＮ００４２", " Mrn0042\0"])
def test_one_patient_written_in_many_ways_is_one_patient(key, written_as):
    def patient(stated: str) -> str:
        header = quick_dataset(PatientID=stated)
        return clean(scan(header), Origin("st-elsewhere", "u1", "a.dcm"), SITE, key).patient

    assert patient("MRN0042") == patient(written_as)
    assert normalized("MRN0042") == normalized(written_as)


@pytest.mark.parametrize(
    ("rule", "name", "sidecar", "source"),
    [
        ({}, "a.png", {"patient_id": "P1"}, "sidecar"),
        ({"source": "name", "pattern": r"^(P\d+)_"}, "x/P1_0001.png", {}, "name"),
        ({"source": "folder"}, "P1/0001.png", {}, "folder"),
        ({}, "P1/0001.png", {}, "object"),
    ],
)
def test_a_loose_files_patient_is_found_by_the_sites_rule(key, rule, name, sidecar, source):
    site = SiteConfig.model_validate(
        {"site": "st-elsewhere", "bucket": "/uploads", "patient": rule}
    )

    told = clean(scan(None), Origin("st-elsewhere", "u1", name, sidecar), site, key)

    assert source == told.patient_source
    assert told.patient and told.study and told.series and told.instance


def test_a_policy_file_with_a_misspelled_key_names_the_right_one(tmp_path):
    (tmp_path / "policy.yaml").write_text("institutions: true\n")

    with pytest.raises(ConfigError, match="did you mean 'institution'"):
        load_policy(tmp_path / "policy.yaml")


def test_every_real_sample_is_rebuilt_and_passes_the_checker(samples, key):
    released = 0
    for path in sorted((samples / "dicom").iterdir()):
        if not path.is_file() or path.suffix == ".zip":
            continue
        before = dcmread(path, stop_before_pixels=True)
        out = rebuild(before, POLICY, key)
        assert leaks(before, out.dataset, POLICY) == [], path.name
        released += 1

    assert released > 20


def test_file_meta_and_preamble_are_our_own(key):
    data = written(quick_dataset(), preamble=b"Doe^Jane".ljust(128, b"\0"))

    out = part10(rebuild(dcmread(BytesIO(data)), POLICY, key).dataset)

    assert out[:128] == b"\0" * 128
    meta = dcmread(BytesIO(out)).file_meta
    assert meta.ImplementationVersionName == "ECHOATLAS"
    assert "SourceApplicationEntityTitle" not in meta


FULL = {
    "InstitutionName": "General",
    "DeviceSerialNumber": "SN1",
    "StationName": "ROOM 4",
    "SeriesDescription": "liver",
}
CODES = [
    ({}, "SeriesDescription", "113105"),
    ({"dates": "full"}, "StudyDate", "113106"),
    ({}, "StudyDate", "113107"),
    ({}, "PatientSex PatientAge PatientBirthDate", "113108"),
    ({"device_identity": True}, "DeviceSerialNumber StationName", "113109"),
    ({"uids": True}, "", "113110"),
    ({"institution": True}, "InstitutionName", "113112"),
]


@pytest.mark.parametrize(("options", "needs", "code"), CODES, ids=[code for *_, code in CODES])
def test_an_options_code_is_recorded_only_when_it_made_a_difference(key, options, needs, code):
    policy = Policy.model_validate(options)
    without = quick_dataset(**{**FULL, **dict.fromkeys(needs.split(), "")})

    done = rebuild(quick_dataset(**FULL), policy, key)
    idle = rebuild(without, policy, key)
    off = rebuild(quick_dataset(**FULL), OTHER_WAY[code], key)

    recorded = [c.CodeValue for c in done.dataset.DeidentificationMethodCodeSequence]
    assert code in done.methods and code in recorded
    assert code not in off.methods
    if needs:
        assert code not in idle.methods


OTHER_WAY = {
    "113105": Policy(descriptors=False),
    "113106": Policy(),
    "113107": Policy(dates="removed"),
    "113108": Policy(patient_characteristics=False),
    "113109": Policy(),
    "113110": Policy(),
    "113112": Policy(),
}


def test_a_misspelled_key_deep_in_a_policy_names_the_right_one(tmp_path):
    (tmp_path / "policy.yaml").write_text(
        "safe_private:\n- {creater: ACME 1.0, element: '0029,10', low: 0, high: 50}\n"
    )

    with pytest.raises(ConfigError, match="did you mean 'creator'"):
        load_policy(tmp_path / "policy.yaml")


def test_the_checker_objects_to_a_content_item_whose_concept_the_standard_removes(key):
    report = quick_dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", Modality="SR")
    number = _content("NUM", ("11820-8", "LN", "x"), number="47.5")
    report.ContentSequence = Sequence([number])
    clean_one = rebuild(report, POLICY, key).dataset
    kept = _content("PNAME", ("121008", "DCM", "Person Observer Name"), name="x")
    leaking = deepcopy(clean_one)
    leaking.ContentSequence = Sequence([*clean_one.ContentSequence, kept])

    assert leaks(report, clean_one, POLICY) == []
    assert {"concept"} == {one.why for one in leaks(report, leaking, POLICY)}


def test_digits_that_measure_nothing_do_not_leave(key):
    """A double has room for a name, and its decimals for a record number."""
    header, region = quick_dataset(), Dataset()
    scanned = quick_dataset(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.7", PixelSpacing=["0.123456789", "0.987654321"]
    )
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 12345
    spelled = struct.unpack("<d", b"NOWAKI0@")[0]  # a small number whose bytes spell a name
    region.PhysicalDeltaX, region.ReferencePixelPhysicalValueX = 0.123456789, spelled
    region.TableOfXBreakPoints = list(struct.unpack("<2L", b"KOWALSKI"))
    region.PixelComponentMask, region.PixelComponentRangeStop = 123456789, 123456789
    header.SequenceOfUltrasoundRegions = Sequence([region])

    made = rebuild(header, Policy(), key).dataset

    (kept,) = made.SequenceOfUltrasoundRegions
    spacing = rebuild(scanned, Policy(), key).dataset.PixelSpacing
    assert [str(one) for one in spacing] == ["0.1235", "0.9877"]
    assert kept.PhysicalDeltaX == 0.1235
    assert kept.ReferencePixelPhysicalValueX == float(f"{spelled:.5e}") != spelled
    for keyword in ("TableOfXBreakPoints", "PixelComponentMask", "PixelComponentRangeStop"):
        assert keyword not in kept
    assert "RegionFlags" not in kept or kept.RegionFlags is None


@pytest.mark.parametrize("stated", ["00MRN12345678", "123 456 78", "12-345-678", "12.345.678"])
def test_a_record_number_is_known_however_it_is_grouped(key, stated):
    header = quick_dataset(PatientID=stated)
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType = 1, 1
    region.ReferencePixelPhysicalValueX, region.ReferencePixelPhysicalValueY = 12345678.0, 7.5
    header.SequenceOfUltrasoundRegions = Sequence([region])
    after = Dataset()
    after.add(DataElement(0x00186030, "UL", 12345678))

    made = rebuild(header, Policy(), key).dataset

    (kept,) = made.SequenceOfUltrasoundRegions
    assert "ReferencePixelPhysicalValueX" not in kept and kept.ReferencePixelPhysicalValueY == 7.5
    assert [one.why for one in leaks(header, after, Policy())] == ["identity"]


def test_times_that_a_policy_keeps_are_kept_to_the_second(key):
    header = quick_dataset(ContentTime="101112.123456", AcquisitionDateTime="20230517101112.654321")

    made = rebuild(header, Policy(times=True), key).dataset

    assert made.ContentTime == "101112"
    assert "." not in made.get("AcquisitionDateTime", "")


def test_a_text_where_a_sequence_stands_and_a_sequence_where_a_text_does_are_left_out(key):
    header = quick_dataset()
    item = Dataset()
    item.PatientName = "Kowalski^Liver"
    for tag in (0x00186011, 0x00082218, 0x00081140, 0x00082112, 0x52009230):
        header.add(DataElement(tag, "LO", "Kowalski"))
    for tag in (0x00081030, 0x00180015, 0x00080008, 0x00080070, 0x00081010, 0x00100020, 0x00280030):
        header.add(DataElement(tag, "SQ", Sequence([item])))
    policy = Policy(device_identity=True, institution=True)

    made = rebuild(header, policy, key).dataset

    assert "Kowalski" not in str(made) and "StationName" not in made
    assert "SequenceOfUltrasoundRegions" not in made
    assert leaks(header, made, policy) == []


def test_what_an_option_keeps_as_it_stands_holds_no_number_of_the_patient(key):
    header = quick_dataset(PatientID="MRN12345678", StationName="US-12345678")
    header.SoftwareVersions = "2.1\0Kowalski"
    header.DeviceSerialNumber, header.InstitutionName = "SN 12 345 678", "St. Elsewhere"
    policy = Policy(device_identity=True, institution=True)

    made = rebuild(header, policy, key).dataset

    assert "12345678" not in str(made) and "12 345 678" not in str(made)
    assert made.InstitutionName == "St. Elsewhere" and made.SoftwareVersions == "2.1"
