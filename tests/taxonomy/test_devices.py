"""Devices leave the trusted zone only as entries of a closed vocabulary."""

from __future__ import annotations

import csv

import pytest

from echoatlas.taxonomy.devices import device, makers, models


@pytest.mark.parametrize(
    "written",
    [
        "GE Healthcare",
        "GE Medical Systems",
        "G.E. Medical Systems",
        "GEMS Ultrasound",
        "GE Vingmed Ultrasound",
    ],
)
def test_the_spellings_of_one_maker_are_one_maker(written):
    maker, _ = device(written, "LOGIQ 700")

    assert maker == "GE"


@pytest.mark.parametrize(
    ("manufacturer", "model", "expected"),
    [
        ("TOSHIBA_MEC_US", "TUS-A500", ("Canon", "Aplio 500")),
        ("CANON_MEC", "TUS-AI800", ("Canon", "Aplio i800")),
        ("Philips Medical Systems", "EPIQ 7C", ("Philips", "EPIQ 7")),
        ("ATL", "HDI5000", ("Philips", "HDI 5000")),
        ("SIEMENS", "S2000", ("Siemens", "ACUSON S2000")),
        ("ACUSON", "SEQUOIA", ("Siemens", "ACUSON Sequoia")),
        ("ALOKA CO., LTD.", "SSD-4000", ("Hitachi", "SSD-4000")),
        ("SonoSite, Inc.", "Turbo", ("FUJIFILM SonoSite", "Turbo")),
        ("GE Vingmed Ultrasound", "Vivid E95", ("GE", "Vivid E95")),
        ("GE Healthcare", "LOGIQE9", ("GE", "LOGIQ E9")),
        ("GE Healthcare", "LOGIQ e", ("GE", "LOGIQ e")),
        ("GE Healthcare", "Voluson E8", ("GE", "Voluson E8")),
        ("ZONARE", "Z_ONE", ("Mindray", "Z.ONE")),
        ("TELEMED", "SmartUs LV7.5/60/128Z-2", ("Telemed", "SmartUs")),
        ("Clarius", "C3 HD3", ("Clarius", "C3 HD3")),
        ("", "LOGIQ E10", ("GE", "LOGIQ E10")),
        ("Butterfly Network", "iQ+", ("Butterfly", "iQ+")),
    ],
)
def test_a_device_is_found_under_the_names_that_headers_give_it(manufacturer, model, expected):
    found = device(manufacturer, model)

    assert expected == found


@pytest.mark.parametrize(
    ("manufacturer", "model"),
    [
        ("GE Healthcare", "LOGIQ E9 SN 4711-0815"),
        ("Philips Medical Systems", "iU22 room 3 Dr. Miller"),
        ("SIEMENS", "host-US07"),
        ("St. Elsewhere Hospital", "LOGIQ E9"),
        ("PACS Inc", "archive"),
        (None, None),
    ],
)
def test_serial_numbers_and_people_never_pass(manufacturer, model):
    maker, name = device(manufacturer, model)

    assert maker == "unknown" or maker in makers()
    assert name == "unknown" or name in models(maker)


def test_every_listed_model_is_found_under_its_own_name():
    wrong = [
        (maker, model)
        for maker in makers()
        for model in models(maker)
        if device(maker, model) != (maker, model)
    ]

    assert not wrong


def test_the_devices_of_the_real_scans_are_known(samples):
    with (samples / "manifest.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["path"].startswith("dicom/")]

    makers_found = {
        row["manufacturer"]: device(row["manufacturer"], row["model"])[0] for row in rows
    }

    assert {"Acme Products", "ACME Products"} == {
        written for written, maker in makers_found.items() if maker == "unknown"
    }
