#!/usr/bin/env bash
# dicognito: of one visit a date that has no time beside it is moved to another day than one that has,
# and a time without a date stays; so a scan is taken before its study, and days between visits change.
#
# dicognito 0.19.0, pydicom 3.0.2, seen 2026-12-01.
# All dates of a run are moved by the same number of hours. A date alone is taken for its midnight: with
# its time it may fall on the next day, alone it does not. Of a cine of 2024-02-29, 18:30, in 24 runs
# with seeds of their own
#   StudyDate, with StudyTime, and AcquisitionDate, without   a day apart in 20 runs
#   AcquisitionTime without AcquisitionDate                   as it was, StudyTime moved, in 24 runs
#   28 days to the next visit, whose StudyTime is empty       27 days in 20 runs
# All three are valid: each of these attributes may be absent or empty. Nothing is said; values of type
# DT, and dates with times, are right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet dicognito==0.19.0 pydicom==3.0.2
cd "$work"
venv/bin/python - <<'PROGRAM'
from datetime import date

from dicognito.anonymizer import Anonymizer
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid

RUNS = 24


def cine(study_date, study_time, **more):
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    one.StudyInstanceUID, one.SeriesInstanceUID = generate_uid(), generate_uid()
    one.PatientID, one.PatientName, one.Modality = "1", "Doe^Jane", "US"
    one.StudyDate, one.StudyTime = study_date, study_time
    for name, value in more.items():
        setattr(one, name, value)
    return one


def day(written):
    return date(int(written[:4]), int(written[4:6]), int(written[6:]))


apart = stays = shorter = 0
for number in range(RUNS):
    anonymizer = Anonymizer(seed=f"run {number}")
    first = cine("20240229", "183000", AcquisitionDate="20240229")
    timed = cine("20240229", "183000", AcquisitionTime="183500")
    later = cine("20240328", "")
    for one in (first, timed, later):
        anonymizer.anonymize(one)
    apart += (day(first.StudyDate) - day(first.AcquisitionDate)).days == 1
    stays += timed.AcquisitionTime == "183500" and timed.StudyTime != "183000"
    shorter += (day(later.StudyDate) - day(first.StudyDate)).days == 27
print(f"of {RUNS} runs: acquired a day before its study {apart}; a time that stays {stays};")
print(f"27 days between visits that are 28 apart {shorter}")
if (apart, stays, shorter) != (20, 24, 20):
    raise SystemExit("changed: see above")
PROGRAM
echo "as seen"
