"""Scans that name no patient: those of one device within a short time are of one session."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from echoatlas.pipeline.deidentify.header.attributes import clean
from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.header.session import session_of
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Origin, Scan
from tests.helpers.torture import make_key, quick_dataset

SITE = SiteConfig(site="st-elsewhere", bucket="/uploads")
POLICY = Policy()
NOBODY = {"PatientID": "", "PatientName": "", "IssuerOfPatientID": ""}
TIMES = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime", "SeriesTime")


def taken(time: str, day: str = "20230517", **attributes: str) -> Dataset:
    """A scan taken at a time, HHMMSS."""
    stated = {"StudyDate": day, "StudyTime": time, "DeviceSerialNumber": "SN1", "StationName": "R1"}
    return quick_dataset(**dict.fromkeys(TIMES, ""), **stated | attributes)


def together(one: Dataset, other: Dataset) -> bool:
    first, second = (set(session_of(some, make_key(), 10).split()) for some in (one, other))
    return bool(first & second)


@pytest.mark.parametrize("minutes", range(11))
def test_scans_of_one_device_within_ten_minutes_are_of_one_exam(minutes: int) -> None:
    """... wherever the hour is cut, also at midnight."""
    for hour, minute in ((9, 3), (9, 55), (13, 59)):
        later = minute + minutes
        assert together(
            taken(f"{hour:02}{minute:02}00"), taken(f"{hour + later // 60:02}{later % 60:02}59")
        )
    assert together(taken("235500"), taken("000400", day="20230518"))


def test_those_taken_longer_apart_or_on_another_device_or_day_are_not() -> None:
    first = taken("090300")

    assert not together(first, taken("093000"))
    assert not together(first, taken("090300", day="20230518"))
    assert not together(first, taken("090300", DeviceSerialNumber="SN2"))
    assert not together(first, taken("090300", StationName="R2"))
    assert not together(first, taken("090300", ManufacturerModelName="Another"))


def test_ids_say_nothing_without_the_sites_key() -> None:
    scan = taken("090300")
    mine, other = session_of(scan, make_key(), 10), session_of(scan, make_key(2), 10)

    assert not set(mine.split()) & set(other.split())
    assert {len(one) for one in mine.split()} == {32}
    for known in ("SN1", "R1", "0903", "20230517"):
        assert known not in mine


@pytest.mark.parametrize(
    "scan",
    [
        taken("000000"),  # what is left of a time that somebody removed
        taken("090300", day="19000101"),
        taken("", day=""),
        taken("9 o'clock"),
        taken("999999"),
        taken("090300", DeviceSerialNumber="", StationName=""),
    ],
)
def test_what_is_not_known_ties_nobody(scan: Dataset) -> None:
    assert session_of(scan, make_key(), 10) == ""


def session(header: Dataset | None, policy: Policy = POLICY, **facts: str) -> str:
    scan = Scan("dicom" if header else "png", "", 1, 8, 8, lambda: iter(()), header=header)
    origin = Origin("st-elsewhere", "u1", "a.dcm", facts)
    return clean(scan, origin, SITE, make_key(), policy).session


def test_only_scans_that_name_no_patient_have_an_exam() -> None:
    assert session(taken("090300", **NOBODY))
    assert session(taken("090300", **NOBODY, StudyInstanceUID=""))
    assert not session(taken("090300"))
    assert not session(taken("090300", **NOBODY), patient_id="P1")
    assert not session(None)
    assert not session(taken("090300", **NOBODY), Policy(session_minutes=0))
