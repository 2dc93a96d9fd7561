"""A person looks at frames; what leaks leaves the lake and does not come back by itself."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from echoatlas.cli import call
from echoatlas.pipeline.audit.leak_bound import clopper_pearson
from echoatlas.pipeline.audit.sheet import RISKS, draw
from echoatlas.pipeline.deployment import Deployment
from echoatlas.pipeline.plan.settings import journey_config
from echoatlas.pipeline.plan.survey import survey
from echoatlas.pipeline.release.manifest import index_table, manifest_of
from echoatlas.pipeline.run.lake_steps import relabel
from echoatlas.pipeline.run.quarantine import release_from_quarantine
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.rows.duplicates import DuplicateRow
from echoatlas.schemas.rows.objects import AuditRow, SightingRow
from echoatlas.schemas.tables import to_arrow
from tests.helpers.rehearsal import Rehearsal
from tests.helpers.tables import made as row
from tests.helpers.tables import no_label_passes, quick_lake


def named(kind: str, number: int) -> str:
    """An id as the lake has them, in order of numbers."""
    return f"{kind}{number:x}".ljust(32, "0")


HASHES = {
    "frame_phash64": 8,
    "frame_phash256": 32,
    "fan_phash64": 8,
    "fan_phash256": 32,
    "mirror_phash256": 32,
    "thumbnail": 4096,
    "patch_map": 256,
}


def said(made: Rehearsal, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Run a command of a copy in this process, and return what it printed as JSON."""
    capsys.readouterr()
    code = call(["--deployment", str(made.home), "--lake", str(made.lake_path), *words, "--json"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    return json.loads(shown.out)


def refused(made: Rehearsal, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert call(["--deployment", str(made.home), *words]) == 2
    return capsys.readouterr().err


def filled_in(sheet: Path, verdicts: dict[str, str], default: str = "clean", **more: str) -> Path:
    """The sheet's table with verdicts by frame, and ``more`` in every row."""
    rows = list(csv.DictReader(sheet.read_text().splitlines()))
    out = sheet.with_name("filled-in.csv")
    with out.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        for row in rows:
            verdict = verdicts.get(row["frame_id"], default)
            writer.writerow(row | {"verdict": verdict} | more)
    return out


DEVICES = (("GE", "LOGIQ 9"), ("Philips", "EPIQ 5"), ("unknown", "unknown"))
DONE = {
    "verdict": "released",
    "policy": "0123456789abcdef",
    "key_id": "aaaabbbbcccc",
    "methods": "113100 113101 113107",
    "actions": '{"U": 3, "X": 40, "Z": 2}',
    "geometry": "fit",
    "detector": "PP-OCRv4",
    "model": "ffff0000",
    "outside_area": 0.5,
    "fingerprint": "steps",
}


@pytest.fixture
def made(tmp_path: Path) -> Rehearsal:
    """A deployment whose lake holds nine frames of three devices, one of them shown twice.

    The last two frames are of the same bytes, sent by two sites.
    """
    made = Rehearsal(tmp_path)
    for site in ("qilu", "st-elsewhere"):
        (made.uploads / site).mkdir(parents=True)
        made.deployment.add_site(SiteConfig(site=site, bucket=str(made.uploads / site)))
    frames = [
        {
            "site": "qilu" if n == 8 else "st-elsewhere",
            "content_id": named("c", 7 if n == 8 else n),
            "frame_id": named("f", n),
            "object_id": named("a", n),
            "pixel_hash": named("b", 3 if n == 4 else n),
            "patient": f"p{n:03d}",
            "age": 50 + n,
            "sex": "FM"[n % 2],
            "maker": DEVICES[n % 3][0],
            "model": DEVICES[n % 3][1],
            "fan_verdict": "review" if n == 1 else "accept",
            "fan_score": 0.9,
            "fingerprint": "steps",
            **{name: bytes(size) for name, size in HASHES.items()},
        }
        for n in range(9)
    ]
    lake = quick_lake(made.lake_path, frames)
    audits: list[AuditRow] = []
    sightings: list[SightingRow] = []
    for n, frame in enumerate(frames):
        told = {"verdicts": "text_redacted" if n % 2 else "no_text", "text_boxes": n % 2}
        device = {"maker": frame["maker"], "device": frame["model"]}
        ids = {"object_id": named("a", n), "site": frame["site"]}
        audits.append(row(AuditRow, **ids, **device, **told, **DONE))
        sightings.append(
            row(SightingRow, **ids, locator=f"l{n}", content_id=frame["content_id"], ordinal=n)
        )
    refused = {"object_id": named("a", 9), "site": "st-elsewhere", "verdicts": "no_fan"}
    audits.append(row(AuditRow, **refused, verdict="quarantined", actions="{}"))
    lake.append("audit", to_arrow("audit", audits))
    lake.append("sightings", to_arrow("sightings", sightings))
    return made


@pytest.fixture
def reviewed(made: Rehearsal, tmp_path: Path, capsys: Any) -> tuple[Rehearsal, Path]:
    """The same, and a sheet of eight of its frames."""
    said(made, capsys, "audit", "sample", "--n", "8", "--seed", "3", str(tmp_path / "sheet"))
    return made, tmp_path / "sheet" / "review.csv"


def test_a_sheet_shows_the_frames_of_the_lake_and_nothing_else(reviewed: Any) -> None:
    made, sheet = reviewed

    rows = list(csv.DictReader(sheet.read_text().splitlines()))
    page = sheet.with_name("review.html").read_text()

    kinds = Counter(row["drawn"] for row in rows)
    assert (kinds["random"], kinds["risk"]) == (4, len(rows) - 4) and kinds["risk"] > 0
    assert all(row["risk"] for row in rows if row["drawn"] == "risk")
    assert {row["frame_id"] for row in rows} <= {
        row["frame_id"] for row in made.lake.read("frames", ["frame_id"]).to_pylist()
    }
    assert page.count("data:image/png;base64,") == len(rows)
    assert "http" not in page  # one file, readable anywhere
    assert not [n for n in range(9) if f"p{n:03d}" in page + sheet.read_text()]  # no pseudonym


def test_a_sheet_that_may_have_been_filled_in_is_not_written_over(
    reviewed: Any, capsys: Any
) -> None:
    made, sheet = reviewed

    told = refused(made, capsys, "audit", "sample", str(sheet.parent))

    assert "there is a sheet" in told


def test_a_leaking_frame_takes_its_object_out_of_the_lake_and_of_releases(
    reviewed: Any, capsys: Any
) -> None:
    made, sheet = reviewed
    said(made, capsys, "release", "create", "before")
    leaking = next(csv.DictReader(sheet.read_text().splitlines()))["frame_id"]
    frames = made.lake.read("frames", ["frame_id", "object_id"]).to_pylist()
    lost = next(row["object_id"] for row in frames if row["frame_id"] == leaking)

    done = said(
        made, capsys, "audit", "import", str(filled_in(sheet, {leaking: "leak"})), "--by", "po-1"
    )

    assert done["findings"]["leak"] == 1 and not done["findings"]["open"]
    assert lost in done["quarantined"]
    assert done["releases"] == ["before"]
    quarantine = made.lake.read("quarantine").to_pylist()
    assert lost in {row["object_id"] for row in quarantine}
    assert ("seen_by_reviewer", "review") in {(r["reason"], r["step"]) for r in quarantine}
    status = said(made, capsys, "status")
    assert status["conservation"] and status["frames"] == sum(status["regions"].values())
    said(made, capsys, "release", "create", "after")
    assert leaking in _released(made, "before")
    assert not _released(made, "after") & {
        row["frame_id"] for row in frames if row["object_id"] in done["quarantined"]
    }
    audit = said(made, capsys, "audit", "show", lost)[0]
    assert audit["verdict"] == "quarantined" and "seen_by_reviewer" in audit["verdicts"]
    assert audit["methods"] and audit["policy"]  # what was done to it stays known


def test_labels_that_do_not_pass_the_gate_stay_as_they_were_and_the_import_says_so(
    reviewed: Any, capsys: Any
) -> None:
    made, sheet = reviewed
    leaking = next(csv.DictReader(sheet.read_text().splitlines()))["frame_id"]

    filled = filled_in(sheet, {leaking: "leak"})
    place = ("--deployment", str(made.home), "--lake", str(made.lake_path))

    with no_label_passes():
        code = call([*place, "audit", "import", str(filled), "--by", "po-1"])
    told = capsys.readouterr().err

    assert code == 1
    assert "in quarantine, but labels: ExpectColumnValuesToBeInSet(region)" in told
    assert leaking not in made.lake.read("frames")["frame_id"].to_pylist()
    assert leaking in made.lake.read("labels")["frame_id"].to_pylist()
    assert said(made, capsys, "status")["conservation"]
    relabel(made.deployment)
    assert leaking not in made.lake.read("labels")["frame_id"].to_pylist()


def _released(made: Rehearsal, name: str) -> set[str]:
    releases = Deployment.find(made.home).releases
    return set(index_table(releases, manifest_of(releases, name))["frame_id"].to_pylist())


def test_it_stays_out_when_settings_change_and_when_all_is_retried(
    reviewed: Any, capsys: Any
) -> None:
    made, sheet = reviewed
    leaking = next(csv.DictReader(sheet.read_text().splitlines()))["frame_id"]
    done = said(
        made, capsys, "audit", "import", str(filled_in(sheet, {leaking: "unsure"})), "--by", "po-1"
    )
    out = set(done["quarantined"])

    sites = [
        survey(made.deployment, site, journey_config(made.deployment.config))
        for site in made.deployment.chosen(None)
    ]  # whose steps are others by now
    release_from_quarantine(made.deployment)
    kept_out = {
        one["object_id"]
        for one in made.lake.read("objects").to_pylist()
        if one["reason"] == "seen_by_reviewer"
    }

    assert kept_out == out and out
    assert sum(one.made_by.get(one.marks.frames, 0) for one in sites) == len(out)
    assert release_from_quarantine(made.deployment, reason="seen_by_reviewer") == len(out)


def test_an_import_that_was_cut_off_is_completed_by_whoever_comes_next(
    reviewed: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, sheet = reviewed
    leaking = next(csv.DictReader(sheet.read_text().splitlines()))["frame_id"]
    words = ("audit", "import", str(filled_in(sheet, {leaking: "leak"})), "--by", "po-1")

    def power_cut(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr("echoatlas.pipeline.audit.verdicts.carry_out", power_cut)
        said(made, capsys, *words)
    assert made.lake.read("findings").num_rows == 0
    said(made, capsys, *words)

    left = made.lake.read("frames", ["frame_id"])["frame_id"].to_pylist()
    assert leaking not in left
    assert said(made, capsys, "status")["conservation"]
    assert len(made.lake.read("findings")) == len(
        list(csv.DictReader(sheet.read_text().splitlines()))
    )


def test_the_same_sheet_twice_is_one_import(reviewed: Any, capsys: Any) -> None:
    made, sheet = reviewed
    leaking = next(csv.DictReader(sheet.read_text().splitlines()))["frame_id"]
    words = ("audit", "import", str(filled_in(sheet, {leaking: "leak"})), "--by", "po-1")
    said(made, capsys, *words)
    before = made.rows()

    again = said(made, capsys, *words)

    assert not any(again["findings"].values()) and not again["quarantined"]
    assert before == made.rows()


def test_a_frame_nobody_looked_at_counts_as_a_leak_until_somebody_does(
    reviewed: Any, capsys: Any
) -> None:
    made, sheet = reviewed
    half = filled_in(sheet, {}, default="")
    said(made, capsys, "audit", "import", str(half), "--by", "po-1")
    open_ = said(made, capsys, "audit", "bound")[-1]

    said(made, capsys, "audit", "import", str(filled_in(sheet, {})), "--by", "po-1")
    whole = said(made, capsys, "audit", "bound")[-1]

    assert (open_["reviewed"], open_["open"], open_["high"]) == (4, 4, 1.0)
    assert (whole["reviewed"], whole["open"], whole["low"]) == (4, 0, 0.0)
    assert whole["high"] == pytest.approx(1 - 0.025 ** (1 / 4))


def test_only_frames_drawn_at_random_bound_the_leaks(reviewed: Any, capsys: Any) -> None:
    made, sheet = reviewed
    rows = list(csv.DictReader(sheet.read_text().splitlines()))
    risky = next(row for row in rows if row["drawn"] == "risk")["frame_id"]

    said(made, capsys, "audit", "import", str(filled_in(sheet, {risky: "leak"})), "--by", "po-1")
    *devices, whole = said(made, capsys, "audit", "bound")

    assert (whole["leaks"], whole["also"], whole["reviewed"]) == (0, 1, 4)
    assert sum(one["reviewed"] for one in devices) == 4
    assert {one["stratum"] for one in devices} <= {row["stratum"] for row in rows}


def test_of_two_reviewers_the_worse_verdict_stands(reviewed: Any, capsys: Any) -> None:
    made, sheet = reviewed
    row = next(r for r in csv.DictReader(sheet.read_text().splitlines()) if r["drawn"] == "random")
    said(
        made,
        capsys,
        "audit",
        "import",
        str(filled_in(sheet, {row["frame_id"]: "leak"})),
        "--by",
        "a",
    )

    said(made, capsys, "audit", "import", str(filled_in(sheet, {})), "--by", "b")

    assert said(made, capsys, "audit", "bound")[-1]["leaks"] == 1


def test_who_looked_is_told_by_an_id_and_by_no_name(reviewed: Any, capsys: Any) -> None:
    made, sheet = reviewed

    for name in ("Jane Doe", " "):
        told = refused(made, capsys, "audit", "import", str(filled_in(sheet, {})), "--by", name)
        assert "--by is an id" in told

    assert made.lake.read("findings").num_rows == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "Jane Doe is on it"}, "a verdict is leak, clean or unsure"),
        ({"drawn": "random", "stratum": "GE LOGIQ 7"}, "not as it was drawn"),
        ({"frame_id": "0" * 32}, "not as it was drawn"),
        ({"ticket": ""}, "not as it was drawn"),
        ({"note": "Jane Doe " * 20_000}, "no line of a table"),
    ],
)
def test_a_sheet_that_was_not_drawn_so_is_refused(
    reviewed: Any, capsys: Any, change: dict[str, str], message: str
) -> None:
    made, sheet = reviewed

    told = refused(
        made, capsys, "audit", "import", str(filled_in(sheet, {}, **change)), "--by", "po-1"
    )

    assert message in told and "line 2" in told
    assert "Jane" not in told
    assert made.lake.read("findings").num_rows == 0


def test_a_note_is_not_kept(reviewed: Any, capsys: Any) -> None:
    made, sheet = reviewed
    noted = filled_in(sheet, {}, note="says KOWALSKI in the corner")

    said(made, capsys, "audit", "import", str(noted), "--by", "po-1")

    assert made.lake.read("findings").num_rows > 4
    assert not [
        f for f in made.lake_path.rglob("*") if f.is_file() and b"KOWALSKI" in f.read_bytes()
    ]


@pytest.mark.parametrize(("leaking", "gone"), [(3, {3, 4}), (7, {7, 8}), (0, {0})])
def test_the_same_pixels_and_the_same_bytes_elsewhere_go_too(
    made: Rehearsal, tmp_path: Path, capsys: Any, leaking: int, gone: set[int]
) -> None:
    said(made, capsys, "audit", "sample", "--n", "18", str(tmp_path / "sheet"))
    sheet = filled_in(tmp_path / "sheet" / "review.csv", {named("f", leaking): "leak"})

    done = said(made, capsys, "audit", "import", str(sheet), "--by", "po-1")

    assert [named("a", n) for n in sorted(gone)] == done["quarantined"]
    left = made.lake.read("frames", ["frame_id"])["frame_id"].to_pylist()
    assert sorted(left) == [named("f", n) for n in range(9) if n not in gone]


def test_what_leaked_stays_in_old_versions_until_it_is_purged_and_the_import_says_so(
    reviewed: Any, capsys: Any
) -> None:
    made, sheet = reviewed
    leaking = next(csv.DictReader(sheet.read_text().splitlines()))["frame_id"]
    frames = made.lake.read("frames", ["frame_id", "image"]).to_pylist()
    image = next(row["image"] for row in frames if row["frame_id"] == leaking)
    said(made, capsys, "release", "create", "earlier")
    filled = filled_in(sheet, {leaking: "leak"})
    place = ["--deployment", str(made.home), "--lake", str(made.lake_path)]

    capsys.readouterr()
    call([*place, "audit", "import", str(filled), "--by", "po-1"])
    told = capsys.readouterr().out
    before = holding(made.lake_path / "tables", leaking, image)
    call([*place, "audit", "purge"])

    assert "echoatlas audit purge" in told
    assert "release earlier holds such frames and cannot be changed" in told
    assert before and not holding(made.lake_path / "tables", leaking, image)
    assert leaking not in made.lake.read("frames", ["frame_id"])["frame_id"].to_pylist()
    assert len(frames) > made.lake.count("frames") > 0
    assert made.lake.count("findings") > 0


def holding(folder: Path, frame_id: str, image: bytes) -> list[dict[str, Any]]:
    """Rows that have a frame's picture, of whatever version of the table."""
    files = [pq.ParquetFile(path) for path in sorted(folder.rglob("frames/**/*.parquet"))]
    rows = [row for file in files for row in file.read().to_pylist()]
    return [row for row in rows if row.get("frame_id") == frame_id and row.get("image") == image]


def test_what_nearly_is_the_same_picture_goes_too(reviewed: Any, capsys: Any) -> None:
    made, sheet = reviewed
    row_of = {one["frame_id"]: one for one in csv.DictReader(sheet.read_text().splitlines())}
    leaking = next(
        name
        for name in row_of
        if name not in (named("f", 3), named("f", 4), named("f", 7), named("f", 8))
    )
    other = next(name for name in (named("f", 0), named("f", 1), named("f", 2)) if name != leaking)
    alike = [
        row(DuplicateRow, frame_id=one, cluster=other, representative=other, relation="near")
        for one in (leaking, other)
    ]
    made.lake.replace("duplicates", to_arrow("duplicates", alike))

    done = said(
        made, capsys, "audit", "import", str(filled_in(sheet, {leaking: "leak"})), "--by", "po-1"
    )

    assert sorted(one.replace("f", "a") for one in (leaking, other)) == done["quarantined"]


def test_the_same_pixels_stay_out_of_releases_when_they_come_again(
    reviewed: Any, capsys: Any
) -> None:
    made, sheet = reviewed
    leaking = next(csv.DictReader(sheet.read_text().splitlines()))["frame_id"]
    before = {name: made.lake.read(name) for name in ("frames", "measures", "labels", "objects")}
    said(made, capsys, "audit", "import", str(filled_in(sheet, {leaking: "leak"})), "--by", "po-1")

    for name, rows in before.items():  # as if another object had brought the picture in again
        made.lake.replace(name, rows)
    said(made, capsys, "release", "create", "later")

    assert leaking not in _released(made, "later")
    assert _released(made, "later")


def frame(number: int, device: str, risk: str) -> dict[str, str]:
    return {"frame_id": f"{number:032x}", "stratum": device, "risk": risk}


def test_a_random_half_is_drawn_as_devices_are_and_a_risky_half_by_weight() -> None:
    frames = [
        frame(n, "common" if n % 10 else "rare", "text_kept" if n % 4 == 0 else "")
        for n in range(4000)
    ]

    drawn = draw(frames, "lake", 800, seed=1)

    random = [one for one in drawn if one.drawn == "random"]
    risk = [one for one in drawn if one.drawn == "risk"]
    assert (len(random), len(risk)) == (400, 400)
    assert 0.06 < np.mean([one.stratum == "rare" for one in random]) < 0.14
    assert all(one.risk for one in risk)
    assert not {one.frame_id for one in random} & {one.frame_id for one in risk}


def test_the_heavier_risk_is_drawn_more_often() -> None:
    frames = [frame(n, "x", "text_kept" if n % 2 else "low_score") for n in range(2000)]

    risk = [one for one in draw(frames, "lake", 400, seed=2) if one.drawn == "risk"]

    heavy = sum(one.risk == "text_kept" for one in risk)
    share = RISKS["text_kept"] / (RISKS["text_kept"] + RISKS["low_score"])
    assert abs(heavy / len(risk) - share) < 0.08


@given(st.permutations(range(40)), st.integers(0, 5))
def test_the_same_seed_draws_the_same_frames_in_any_order(order: list[int], seed: int) -> None:
    frames = [frame(n, "x", "low_score") for n in range(40)]

    assert draw(frames, "lake", 10, seed) == draw([frames[n] for n in order], "lake", 10, seed)


@given(st.integers(0, 60), st.integers(1, 300))
def test_the_bound_is_the_exact_one(hits: int, n: int) -> None:
    hits = min(hits, n)

    low, high = clopper_pearson(hits, n)

    # At its ends, what was seen or more extreme has a chance of 2.5 %, by the binomial itself
    if hits < n:
        assert binom.cdf(hits, n, high) == pytest.approx(0.025, abs=1e-6)
    if hits:
        assert binom.sf(hits - 1, n, low) == pytest.approx(0.025, abs=1e-6)
    assert low <= hits / n <= high


def test_without_an_observation_nothing_is_known() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def test_the_audit_says_of_an_object_what_was_done_and_no_value(
    made: Rehearsal, capsys: Any
) -> None:
    kept = [r for r in made.lake.read("audit").to_pylist() if r["verdict"] == "released"]

    (told,) = said(made, capsys, "audit", "show", kept[0]["object_id"][:12])
    call(["--deployment", str(made.home), "audit", "show", kept[0]["object_id"]])
    words = capsys.readouterr().out

    assert "113100" in told["methods"]
    assert told["key_id"] == DONE["key_id"]
    assert "Basic Application Confidentiality Profile" in words
    assert told["policy"] in words and told["model"] in words
    of_site = said(made, capsys, "audit", "show", "--site", "st-elsewhere")
    assert [named("a", n) for n in (*range(8), 9)] == [one["object_id"] for one in of_site]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show",), "name an object, or a site"),
        (("show", "zz"), "no object starts with 'zz'"),
        (("show", "--site", "st-elswhere"), "did you mean 'st-elsewhere'"),
        (("reidentify", "--release", "none"), "no release 'none'"),
        (("import", "none.csv", "--by", "x"), "there is no file none.csv"),
    ],
)
def test_a_wrong_question_gets_one_line(
    made: Rehearsal, capsys: Any, words: tuple[str, ...], message: str
) -> None:
    told = refused(made, capsys, "audit", *words)

    assert message in told and told.count("\n") == 1


def test_the_report_adds_up_what_the_table_says(
    made: Rehearsal, tmp_path: Path, capsys: Any
) -> None:
    rows = made.lake.read("audit").to_pylist()

    told = said(made, capsys, "audit", "report")
    said(made, capsys, "audit", "report", "--out", str(tmp_path / "audit.md"))

    done = [row for row in rows if row["verdict"] == "released"]
    assert told["verdicts"] == Counter(row["verdict"] for row in rows)
    assert told["text_boxes"] == sum(row["text_boxes"] for row in done)
    assert told["methods"]["113101"] == len(done) == 9
    assert told["actions"]["X"] == sum(json.loads(row["actions"]).get("X", 0) for row in done)
    assert sum(told["policies"].values()) == len(done)
    page = (tmp_path / "audit.md").read_text()
    assert "Retain Longitudinal Temporal Information Modified Dates Option" in page
    assert told["reasons"] == {"no_fan": 1} and "No scanned area was found" in page


def test_a_release_of_k_hides_everybody_and_verifies(made: Rehearsal, capsys: Any) -> None:
    said(made, capsys, "release", "create", "plain")

    manifest = said(made, capsys, "release", "create", "hidden", "--min-k", "2")
    lake, *releases = said(made, capsys, "audit", "reidentify", "--k", "2")

    plain, hidden = (r for name in ("plain", "hidden") for r in releases if r["population"] == name)
    assert plain["anonymity"]["under"] > 0 == hidden["anonymity"]["under"]
    assert plain["would"] == manifest["anonymity"] | {"k": 2}
    assert hidden["anonymity"]["k"] == manifest["anonymity"]["k"] >= 2
    assert lake["population"] == "lake"
    checks = {c["name"]: c["ok"] for c in said(made, capsys, "verify", "hidden")["checks"]}
    assert checks["each patient is one of 2"]


def test_a_release_that_nobody_can_hide_in_is_not_cut(made: Rehearsal, capsys: Any) -> None:

    code = call(["--deployment", str(made.home), "release", "create", "none", "--min-k", "500"])

    assert code == 1
    assert "fewer than 500 patients are alike" in capsys.readouterr().err


def test_people_are_told_in_words(reviewed: Any, capsys: Any) -> None:
    made, sheet = reviewed
    leaking = next(csv.DictReader(sheet.read_text().splitlines()))["frame_id"]
    said(made, capsys, "release", "create", "hidden", "--min-k", "2", "--suppress", "age")
    filled = str(filled_in(sheet, {leaking: "leak"}))
    place = ("--deployment", str(made.home), "--lake", str(made.lake_path))

    told = ""
    for words in (
        ("audit", "import", filled, "--by", "po-1"),
        ("audit", "bound"),
        ("audit", "reidentify", "--k", "3"),
        ("release", "show", "hidden"),
    ):
        assert call([*place, *words]) == 0
        told += capsys.readouterr().out

    assert "back only by `quarantine retry --reason seen_by_reviewer`" in told
    assert "all devices" in told and "at most" in told
    assert "lake: min_k 3 would blank" in told
    assert "each patient is one of at least 2; " in told
    assert "age blanked of" in told or "patients left out" in told
