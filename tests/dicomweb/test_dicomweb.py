"""A DICOMweb service is asked for instances one by one, and its answers are not believed."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoatlas.errors import Retry, UsageError
from echoatlas.pipeline.dicomweb import storage
from echoatlas.pipeline.dicomweb.client import INSTANCE, only_part
from echoatlas.pipeline.dicomweb.listing import state_of
from echoatlas.pipeline.dicomweb.storage import DicomWebStorage
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.read.dicom.identity import instance_digest
from echoatlas.schemas.config.intake import DicomWeb
from echoatlas.simulate import make_cine, make_still, write_dicom
from tests.helpers import orthanc
from tests.helpers.pacs import Handler, Pacs, closing, part, serving
from tests.helpers.rehearsal import Rehearsal

EXPLICIT, RLE, JPEG, H264 = (f"1.2.840.10008.1.2{tail}" for tail in (".1", ".5", ".4.50", ".4.102"))


def dicom(seed: int, syntax: str = EXPLICIT, **said: Any) -> bytes:
    options = {"seed": seed, "fan": "convex", "size": (240, 180)}
    scan = make_cine(frames=4, **options) if syntax == H264 else make_still(**options)
    return write_dicom(scan, syntax, overrides=said)


SCANS = [dicom(seed) for seed in range(4)]


@pytest.fixture
def pacs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pacs]:
    monkeypatch.setattr(storage, "PAUSE", 0.0)
    with serving(Pacs()) as served:
        yield served


def bucket(pacs: Pacs, **options: Any) -> DicomWebStorage:
    return DicomWebStorage(f"dicomweb+{pacs.address}", DicomWeb(**options))


def keys(place: DicomWebStorage) -> list[str]:
    return [entry.key.rpartition("/")[2].removesuffix(".dcm") for entry in place.list()]


@pytest.mark.parametrize(
    "behaving", [{}, {"most": 2}, {"most": 1}, {"deaf": True}, {"forgetful": True}]
)
def test_all_is_listed_however_a_service_cuts_its_pages(
    pacs: Pacs, behaving: dict[str, Any]
) -> None:
    study = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4"}
    uids = [pacs.store(dicom(seed, **study)) for seed in range(5)]
    pacs.store(dicom(9, Modality="CT"))
    for name, value in behaving.items():
        setattr(pacs, name, value)
    place = bucket(pacs, page=3)

    assert keys(place) == sorted(uids)
    assert place.absent() == {}


def test_a_series_that_counts_more_than_it_lists_is_told(pacs: Pacs) -> None:
    pacs.store(dicom(1, StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4"))
    pacs.counted = 2
    place = bucket(pacs)

    assert len(keys(place)) == 1
    assert place.absent() == {"1.2.3": ("1.2.3.4: 2 instances counted and not listed",)}


def test_an_instance_comes_as_it_is_stored(pacs: Pacs) -> None:
    pacs.store(SCANS[0])
    place = pickle.loads(pickle.dumps(bucket(pacs)))  # as a worker gets it
    (entry,) = place.list()

    assert place.read(entry.key) == SCANS[0]
    assert place.read(entry.key, 128, 4) == b"DICM"
    assert pacs.asked == [INSTANCE] * 2
    assert "transfer-syntax=*" in INSTANCE


def cut(handler: Handler, data: bytes) -> None:
    handler.multipart(part(data)[:-100])


def unclosed(handler: Handler, data: bytes) -> None:
    handler.multipart(part(data))


def hung_up(handler: Handler, data: bytes) -> None:
    body = part(data)
    handler.answer(200, "multipart/related; boundary=b0undary", body[:500], len(body))


def broken(handler: Handler, data: bytes) -> None:
    handler.answer(500, "text/plain", b"boom")


def another(handler: Handler, data: bytes) -> None:
    handler.multipart(part(SCANS[3]) + closing())


def two(handler: Handler, data: bytes) -> None:
    handler.multipart(part(data) + part(data) + closing())


def rendered(handler: Handler, data: bytes) -> None:
    handler.answer(200, "image/png", b"\x89PNG")


def nothing(handler: Handler, data: bytes) -> None:
    handler.multipart(closing())


FAULTS: list[Callable[[Handler, bytes], None]] = [
    cut, unclosed, hung_up, broken, another, two, rendered, nothing,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.__name__)
def test_an_instance_that_does_not_come_whole_is_rejected_alone(
    pacs: Pacs, fault: Callable[[Handler, bytes], None]
) -> None:
    bad, good = pacs.store(SCANS[0]), pacs.store(SCANS[1])
    pacs.faults[bad] = fault
    place = bucket(pacs)
    found = {entry.key.rpartition("/")[2]: entry.key for entry in place.list()}

    with pytest.raises(Reject) as rejected:
        place.read(found[f"{bad}.dcm"])

    assert rejected.value.reason is Reason.NOT_DELIVERED
    assert bad not in str(rejected.value)
    assert len(pacs.asked) == 3
    assert place.read(found[f"{good}.dcm"]) == SCANS[1]


def test_an_instance_that_comes_at_the_second_try_is_taken(pacs: Pacs) -> None:
    uid = pacs.store(SCANS[0])

    def once(handler: Handler, data: bytes) -> None:
        del pacs.faults[uid]
        cut(handler, data)

    pacs.faults[uid] = once
    place = bucket(pacs)
    (entry,) = place.list()

    assert place.read(entry.key) == SCANS[0]


def test_an_instance_that_is_gone_has_vanished(pacs: Pacs) -> None:
    pacs.store(SCANS[0])
    place = bucket(pacs)
    (entry,) = place.list()
    pacs.files.clear()

    with pytest.raises(FileNotFoundError):
        place.read(entry.key)


def test_a_service_that_refuses_or_is_not_there_is_told_apart(
    pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    pacs.store(SCANS[0])
    pacs.token = "right"
    monkeypatch.setenv("DICOMWEB_TOKEN", "wrong")
    with pytest.raises(UsageError, match=r"access denied .* check DICOMWEB_TOKEN"):
        list(bucket(pacs).list())
    monkeypatch.setenv("DICOMWEB_TOKEN", "right")
    assert len(keys(bucket(pacs))) == 1
    with pytest.raises(Retry, match=r"cannot reach 127\.0\.0\.1:9"):
        list(DicomWebStorage("dicomweb+http://127.0.0.1:9/rs", DicomWeb()).list())
    with pytest.raises(UsageError, match="named as"):
        DicomWebStorage("dicomweb+https://user:secret@host/rs", DicomWeb())
    with pytest.raises(UsageError, match="read only"):
        bucket(pacs).write("x", b"")


@given(st.binary(max_size=300), st.integers(0, 400))
def test_no_part_is_taken_from_a_body_that_was_cut(data: bytes, kept: int) -> None:
    whole = part(data) + closing().rstrip()

    assert only_part(whole, b"b0undary") == data
    if kept < len(whole):
        with pytest.raises(Reject):
            only_part(whole[:kept], b"b0undary")


def test_a_scan_is_its_instance_and_its_pixels_however_it_came() -> None:
    stored = pydicom.dcmread(BytesIO(SCANS[0]))
    stored.file_meta.ImplementationVersionName = "ARCHIVE_2"
    stored.add_new(0x00091001, "LO", "put there by the archive")
    again = BytesIO()
    stored.save_as(again)
    stored.SOPInstanceUID += ".1"
    other = BytesIO()
    stored.save_as(other)

    assert again.getvalue() != SCANS[0]
    assert instance_digest(again.getvalue()) == instance_digest(SCANS[0])
    assert len({instance_digest(one) for one in (*SCANS, other.getvalue())}) == len(SCANS) + 1


def test_a_run_quarantines_what_did_not_come_and_takes_all_else(
    pacs: Pacs, rehearsal: Rehearsal
) -> None:
    bad = pacs.store(SCANS[0])
    for data in SCANS[1:3]:
        pacs.store(data)
    pacs.faults[bad] = broken
    at_dicomweb(rehearsal, pacs.address)

    ran = rehearsal.run("run")
    again = rehearsal.run("run")
    del pacs.faults[bad]
    rehearsal.run("quarantine", "retry")
    healed = rehearsal.run("run")

    assert (ran["objects"], ran["rejected"]) == (3, {"not_delivered": 1})
    assert again["objects"] == 0
    assert (healed["objects"], healed["rejected"]) == (1, {})
    statuses = [one["status"] for one in rehearsal.run("site", "receipt", "pacs")]
    assert statuses == ["kept"] * 3


@orthanc.installed
def test_a_real_service_is_taken_from_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what it would not transcode, and would end a whole study at."""
    sent = {syntax: dicom(seed, syntax) for seed, syntax in enumerate((EXPLICIT, RLE, JPEG, H264))}
    monkeypatch.setenv("DICOMWEB_USER", "st")
    monkeypatch.setenv("DICOMWEB_PASSWORD", "secret")
    process, address = orthanc.start(tmp_path, "st", "secret")
    try:
        for data in sent.values():
            orthanc.send(address, "st", "secret", data)
        place = DicomWebStorage(f"dicomweb+{address}/dicom-web", DicomWeb(page=1))

        came = [place.read(entry.key) for entry in place.list()]

        monkeypatch.setenv("DICOMWEB_PASSWORD", "wrong")
        with pytest.raises(UsageError, match="access denied"):
            list(place.list())
    finally:
        process.kill()
        process.wait()
    assert {str(pydicom.dcmread(BytesIO(one)).file_meta.TransferSyntaxUID) for one in came} == set(
        sent
    )
    assert {instance_digest(one) for one in came} == {instance_digest(one) for one in sent.values()}


def at_dicomweb(made: Rehearsal, address: str) -> None:
    """A site whose bucket is a service."""
    file = made.root / "pacs.yaml"
    file.write_text(f"site: pacs\nbucket: dicomweb+{address}\n")
    made.run("site", "add", str(file))


def test_what_is_exchanged_between_naming_and_work_is_not_taken_for_what_was_named(
    pacs: Pacs, rehearsal: Rehearsal
) -> None:
    uid = pacs.store(SCANS[0])
    pacs.store(SCANS[1])
    other = dicom(7, SOPInstanceUID=uid)

    def exchanged(handler: Handler, data: bytes) -> None:
        handler.multipart(part(data) + closing())
        pacs.files[uid] = other
        del pacs.faults[uid]

    pacs.faults[uid] = exchanged
    at_dicomweb(rehearsal, pacs.address)

    ran = rehearsal.run("run")
    rehearsal.run("quarantine", "retry", "--reason", "exchanged")
    again = rehearsal.run("run")

    assert (ran["objects"], ran["rejected"]) == (2, {"exchanged": 1})
    assert (again["objects"], again["rejected"], again["conservation"]) == (1, {}, True)
    assert rehearsal.run("status")["objects"] == {"kept": 2}


@orthanc.installed
def test_an_instance_that_a_real_service_exchanged_under_its_uid_is_taken_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOMWEB_USER", "st")
    monkeypatch.setenv("DICOMWEB_PASSWORD", "secret")
    made = Rehearsal(tmp_path)
    made.engine(address="processes", workers=1)  # which have what the environment says now
    process, address = orthanc.start(tmp_path, "st", "secret")
    try:
        at_dicomweb(made, f"{address}/dicom-web")
        stored = orthanc.send(address, "st", "secret", SCANS[0])
        made.run("run")
        (before,) = made.lake.read("frames").to_pylist()
        header = pydicom.dcmread(BytesIO(SCANS[0]))
        place = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        orthanc.remove(address, "st", "secret", stored)
        other = dicom(7, **{uid: str(header[uid].value) for uid in place})
        orthanc.send(address, "st", "secret", other)

        seen = made.run("run")
        (receipt,) = made.run("site", "receipt", "pacs")
        rests = made.run("run")
    finally:
        process.kill()
        process.wait()

    (after,) = made.lake.read("frames").to_pylist()
    assert (seen["rejected"], seen["conservation"]) == ({"exchanged": 1}, True)
    assert (receipt["status"], rests["objects"], rests["named"]) == ("kept", 0, 0)
    assert before["object_id"] != after["object_id"]


def test_an_instance_that_was_made_anew_under_its_uid_is_taken_at_the_next_look(
    pacs: Pacs, rehearsal: Rehearsal
) -> None:
    pacs.telling = True
    uid = pacs.store(dicom(1, InstanceCreationTime="101500"))
    pacs.store(dicom(2, InstanceCreationTime="101500"))
    at_dicomweb(rehearsal, pacs.address)
    rehearsal.run("run")
    before = set(rehearsal.lake.read("frames")["object_id"].to_pylist())
    pacs.files[uid] = dicom(7, SOPInstanceUID=uid, InstanceCreationTime="164501")

    again = rehearsal.run("run")
    rests = rehearsal.run("run")

    after = set(rehearsal.lake.read("frames")["object_id"].to_pylist())
    assert (again["objects"], again["rejected"]) == (1, {"exchanged": 1})
    assert (len(before - after), len(after - before), len(after)) == (1, 1, 2)
    assert (rests["objects"], rests["rejected"], rests["conservation"]) == (0, {}, True)
    assert rehearsal.run("status")["objects"] == {"kept": 2, "rejected": 1}


def test_an_instance_of_which_nothing_is_told_is_seen_when_it_is_read_again(
    pacs: Pacs, rehearsal: Rehearsal
) -> None:
    uid = pacs.store(SCANS[0])
    at_dicomweb(rehearsal, pacs.address)
    rehearsal.run("run")
    pacs.files[uid] = dicom(7, SOPInstanceUID=uid)
    unseen = rehearsal.run("run")
    config = rehearsal.home / "echoatlas.yaml"
    config.write_text(config.read_text() + "\nsteps: {normalize: {size: 128}}\n")

    seen = rehearsal.run("run")
    (receipt,) = rehearsal.run("site", "receipt", "pacs")
    left = rehearsal.lake.read("frames").num_rows
    rehearsal.run("quarantine", "retry", "--reason", "exchanged")
    ran = rehearsal.run("run")

    assert (unseen["named"], seen["rejected"], left) == (0, {"exchanged": 1}, 0)
    assert (receipt["status"], receipt["reason"]) == ("rejected", "exchanged")
    assert (ran["rejected"], ran["conservation"]) == ({}, True)


@pytest.mark.parametrize(
    ("tag", "value"),
    [("00080013", "164501"), ("00280008", 12), ("00280010", 600), ("00280301", "NO")],
)
def test_what_is_said_of_an_instance_tells_it_from_another(tag: str, value: str | int) -> None:
    said = {
        "00080013": {"vr": "TM", "Value": ["101500"]},
        "00280301": {"vr": "CS", "Value": ["YES"]},
    }
    other = said | {tag: {"vr": "TM", "Value": [value]}}

    assert state_of(said) != state_of(other)
    assert state_of(said) == state_of(said | {"00081190": {"vr": "UR", "Value": ["http://new"]}})
    assert state_of({"00080018": {"vr": "UI", "Value": ["1.2"]}}) == ""
