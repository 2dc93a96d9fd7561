"""A header is rebuilt from what is allowed: nothing else that a scanner wrote comes along."""

from __future__ import annotations

import io

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.header.rebuild import rebuild
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.simulate import make_still, write_dicom

KEY = SiteKey.of("st-elsewhere", bytes((i * i * 7 + 3 * i + 11) % 256 for i in range(32)))
OTHER = SiteKey.of("qilu", bytes((i * i * 5 + 9 * i + 29) % 256 for i in range(32)))


def header(seed: int) -> tuple[Dataset, set[str]]:
    scan = make_still(seed=seed, size=(160, 120))
    found = dcmread(io.BytesIO(write_dicom(scan, "1.2.840.10008.1.2.1")))
    del found.PixelData
    return found, {text for text in scan.identity.secrets() if len(text) >= 4}


@pytest.mark.parametrize("seed", range(12))
def test_nobody_is_in_a_rebuilt_header(seed: int) -> None:
    dataset, secrets = header(seed)

    rebuilt = rebuild(dataset, Policy(), KEY).dataset

    said = str(rebuilt)
    assert secrets
    assert [text for text in secrets if text in said] == []
    assert str(dataset.SOPInstanceUID) not in said


def test_one_key_gives_the_same_and_two_cannot_be_linked() -> None:
    dataset, _ = header(1)

    once, again, other = (rebuild(dataset, Policy(), key).dataset for key in (KEY, KEY, OTHER))

    assert str(once) == str(again)
    assert once.PatientID != other.PatientID
    assert once.StudyInstanceUID != other.StudyInstanceUID


def test_a_class_that_is_not_known_is_refused() -> None:
    dataset, _ = header(2)
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"

    with pytest.raises(Reject) as refused:
        rebuild(dataset, Policy(), KEY)

    assert Reason.UNKNOWN_SOP_CLASS is refused.value.reason
