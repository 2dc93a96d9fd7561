"""Tables made on other machines speak of a site's scans, and one that speaks of nobody is seen."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from echoatlas.simulate import make_still, write_png
from tests.helpers.rehearsal import Rehearsal

EXCEL = (
    "sep=;\r\nDatei;Patienten-Nr;Alter;Organ\r\n"
    "D:\\Klinik\\Export\\A1.DCM;7;61;liver\r\nD:\\Klinik\\Export\\a2.dcm;7;61;liver\r\n"
)
NOBODY = "file,PIDX,age\nx1.png,P1,50\nx2.png,P1,50\nx3.png,P2,70\n"
CHINESE = "文件名,病人编号,备注\n肝脏一.png,甲,正常\n肝脏二.png,甲,正常\n".encode("gb18030")
PACKED = ("患者/肝脏一.png", "患者/肝脏二.png", "患者/索引.csv")


def still(seed: int) -> bytes:
    return write_png(make_still(seed=seed, fan="convex", size=(320, 240)))


def packed(contents: list[bytes]) -> bytes:
    """A zip of a Chinese Windows: names in GBK, and no word of that."""
    plain = [letter * len(name.encode("gbk")) for letter, name in zip("QXY", PACKED, strict=True)]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in zip(plain, contents, strict=True):
            archive.writestr(name, content)
    data = stream.getvalue()
    for name, meant in zip(plain, PACKED, strict=True):
        data = data.replace(name.encode(), meant.encode("gbk"))
    return data


def fill(made: Rehearsal, site: str, files: dict[str, bytes], **more: Any) -> None:
    folder = made.site(site, **more)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Four sites and their tables; the fourth demands more of its table than that has."""
    made = Rehearsal(tmp_path_factory.mktemp("elsewhere"))
    made.engine(batch=8, workers=2)
    named = {"up/a1.png": still(1), "up/a2.png": still(2), "up/list.csv": EXCEL.encode()}
    fill(made, "excel", named)
    fill(
        made, "nobody", {"up/b1.png": still(3), "up/b2.png": still(4), "up/n.csv": NOBODY.encode()}
    )
    fill(made, "packed", {"up/all.zip": packed([still(5), still(6), CHINESE])})
    strict = {"columns": {"who": "patient"}, "min_matched": 0.9}
    fill(made, "strict", {"up/c1.png": still(7), "up/n.csv": NOBODY.encode()}, sidecar=strict)
    return made


@pytest.fixture(scope="module")
def ran(made: Rehearsal) -> tuple[dict[str, Any], dict[str, Any], int]:
    """What ``plan`` said, what ``run`` said after it, and how it ended."""
    planned = made.run("plan")
    run = made.here("run", "--json")
    return planned, json.loads(run.stdout), run.returncode


def sources(made: Rehearsal, site: str) -> list[tuple[str, str]]:
    columns = ["site", "patient", "patient_source"]
    rows = made.lake.read("frames", columns).to_pylist()
    return [(row["patient"], row["patient_source"]) for row in rows if row["site"] == site]


@pytest.mark.parametrize("site", ["excel", "packed"])
def test_two_scans_that_a_table_gives_one_patient_are_of_one(
    made: Rehearsal, ran: Any, site: str
) -> None:
    found = sources(made, site)

    assert len(found) == 2
    assert [source for _, source in found] == ["sidecar", "sidecar"]
    assert len(set(found)) == 1


def test_a_table_that_speaks_of_nobody_is_told_before_and_after_the_work(
    made: Rehearsal, ran: Any
) -> None:
    planned, done, _ = ran

    warned = {one["site"]: " ".join(one["warnings"]) for one in planned["sites"]}
    for said in (warned["nobody"], " ".join(w for w in done["warnings"] if w[:6] == "nobody")):
        assert "1 of 1 table speaks of nobody" in said
        assert "no column is sure to name the patient" in said
    assert warned["excel"] == warned["packed"] == ""
    assert {source for _, source in sources(made, "nobody")} == {"object"}
    status = made.run("status")["tables"]
    assert (status["nobody"]["rows"], status["nobody"]["unmatched"]) == (3, 3)
    assert (status["excel"]["files"], status["excel"]["named"]) == (2, 2)


def test_a_sites_file_is_checked_against_its_tables(made: Rehearsal) -> None:
    told = made.run("site", "check", str(made.root / "strict.yaml"))

    assert told["tables"]["idle"] == 1
    assert "less than its sidecar.min_matched of 0.9" in told["warnings"][0]
    assert "no table has the columns who of sidecar.columns" in told["warnings"]


def test_objects_wait_where_a_site_demands_more_of_its_tables(made: Rehearsal, ran: Any) -> None:
    _, done, code = ran

    assert code == 1
    assert [one for one in done["failed"] if one.startswith("strict: its tables name 0 of 1")]
    assert sources(made, "strict") == []
    assert made.run("status")["sites"]["strict"] == {"pending": 1}


def test_a_receipt_says_what_is_read_of_a_table(made: Rehearsal, ran: Any) -> None:
    def line(site: str, table: str) -> dict[str, Any]:
        receipt: Path = made.uploads / site / "_receipts" / "up.json"
        return next(one for one in json.loads(receipt.read_text()) if one["file"] == table)

    excel, nobody = line("excel", "up/list.csv"), line("nobody", "up/n.csv")
    inside = line("packed", f"up/all.zip!{PACKED[2]}")

    assert excel["table"]["columns"] == {
        "Datei": "file",
        "Patienten-Nr": "patient",
        "Organ": "label",
    }
    assert excel["table"]["ignored"] == ["Alter"]
    assert (excel["table"]["rows"], excel["table"]["unmatched"]) == (2, 0)
    assert nobody["sentence"] == (
        "Columns understood: file (file); ignored: PIDX, age. 3 of 3 rows name no file. "
        "No column is sure to name the patient: say which in sidecar.columns."
    )
    assert inside["table"]["columns"] == {"文件名": "file", "病人编号": "patient"}
    assert inside["table"]["unmatched"] == 0


def test_names_and_headings_stay_in_the_sites_zone(made: Rehearsal, ran: Any) -> None:
    planned, done, _ = ran
    said = json.dumps([planned, done, made.run("status")], ensure_ascii=False)
    said += made.here("run").stderr + made.here("plan").stdout

    assert not [word for word in ("PIDX", "x1.png", "n.csv", "Patienten", "肝脏") if word in said]


def test_the_report_shows_tables_that_speak_of_nobody(made: Rehearsal, ran: Any) -> None:
    made.run("report", "--out", str(made.root / "report.html"))

    assert "that speak of nobody" in (made.root / "report.html").read_text()
