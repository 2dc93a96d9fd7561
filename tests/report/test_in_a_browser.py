"""The report as a browser shows it: every picture drawn, nothing cut off, nothing complained of."""

from __future__ import annotations

import csv
import html
import io
import json
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from echoatlas.pipeline.audit.sheet import write_sheet
from echoatlas.pipeline.gate.drift import Shift
from echoatlas.pipeline.gate.held import Unlike
from echoatlas.pipeline.gate.pages import GatePart, publish_pages
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.report import write_report
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.release import ReleaseConfig
from tests.helpers.tables import quick_lake

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--hide-scrollbars",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
)
LOOK = """<script>window.addEventListener("load", () => {
  const page = document.documentElement;
  const seen = {
    pictures: [...document.images].map(image => image.naturalWidth),
    cut: page.scrollWidth - page.clientWidth,
    tiles: [...document.querySelectorAll(".figure")].map(one => one.scrollWidth - one.clientWidth),
    errors: window.errors,
  };
  document.body.innerHTML = "<pre>" + JSON.stringify(seen) + "</pre>";
})</script>"""
REVIEW = """<script>window.addEventListener("load", async () => {
  let saved;
  URL.createObjectURL = blob => { saved = blob; return "#"; };
  const choose = (figure, verdict) => figure.querySelector(`input[value=${verdict}]`).click();
  const figures = [...document.querySelectorAll("figure")];
  figures.slice(1).forEach(figure => choose(figure, "clean"));
  choose(figures[1], "leak");
  const done = document.getElementById("done").textContent;
  document.getElementById("save").click();
  const seen = {errors: window.errors, done, table: await saved.text()};
  document.body.innerHTML = "<pre>" + JSON.stringify(seen) + "</pre>";
})</script>"""
LISTEN = (
    '<script>window.errors = []; window.onerror = text => window.errors.push("" + text)</script>'
)


@pytest.fixture(scope="module")
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is installed ({', '.join(BROWSERS)})")
    return found


def seen(browser: str, page: Path, width: int, profile: Path, look: str = LOOK) -> Any:
    """What a browser of a given width sees of a page; ``look`` puts it into a ``pre``."""
    looked_at = page.with_name("looked-at.html")
    text = page.read_text("utf-8")
    looked_at.write_text(text.replace("<head>", f"<head>{LISTEN}", 1) + look, "utf-8")
    done = subprocess.run(
        [
            browser,
            *QUIET,
            f"--user-data-dir={profile}",
            f"--window-size={width},1000",
            "--virtual-time-budget=3000",
            "--dump-dom",
            looked_at.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r"<pre>(.*?)</pre>", done.stdout, re.S)
    assert found, done.stderr
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize("width", [1200, 500])
def test_every_picture_is_drawn_and_nothing_is_cut_off(
    browser: str, tmp_path: Path, width: int
) -> None:
    frames = [{"site": f"site-{n}", "path": "thorax/breast"} for n in range(12)]
    lake = quick_lake(tmp_path / "lake", [*frames, {"like": 0, "patient": "p0000"}])
    releases = lake.storage.sub("releases")
    create(lake, releases, ReleaseConfig(name="2026.11"))
    write_report(lake, releases, "2026.11", tmp_path / "report.html")

    found = seen(browser, tmp_path / "report.html", width, tmp_path / "profile")

    assert found["errors"] == []
    assert len(found["pictures"]) >= 12
    assert {160} == set(found["pictures"])
    assert found["cut"] == 0
    assert {0} == set(found["tiles"])


def test_what_is_chosen_on_a_review_sheet_is_saved_as_its_table(
    browser: str, tmp_path: Path
) -> None:
    lake = quick_lake(tmp_path / "lake", [{"maker": "GE", "model": "LOGIQ 9"}] * 6)
    key = SiteKey.of("deployment", random.Random(1).randbytes(32))
    drawn = write_sheet(lake, lake.storage.sub("releases"), key, tmp_path / "sheet", 4)

    page = tmp_path / "sheet" / "review.html"
    found = seen(browser, page, 1200, tmp_path / "profile", REVIEW)

    empty = list(csv.DictReader((tmp_path / "sheet" / "review.csv").read_text().splitlines()))
    verdicts = ["", "leak", *["clean"] * (len(drawn) - 2)]
    filled = [row | {"verdict": verdict} for row, verdict in zip(empty, verdicts, strict=True)]
    assert found["errors"] == []
    assert found["done"] == str(len(drawn) - 1)
    assert filled == list(csv.DictReader(io.StringIO(found["table"], newline="")))


@pytest.mark.parametrize("width", [1200, 500])
def test_the_gates_pages_are_shown_whole(browser: str, tmp_path: Path, width: int) -> None:
    checks = [("frames: ExpectColumnValuesToMatchRegex(patient)", False, f"5 rows, of them {ids}")
              for ids in [", ".join([32 * "f"] * 5)]]  # fmt: skip
    shifts = [Shift("gray_levels", 0.31, 0.25, 60, 900)]
    unlike = [Unlike(0, 9, 10, ("u-0123456789ab",) * 9, "x", (shifts[0].sentence,))]
    said = ["st: held back"]
    part = GatePart("st", "site st", checks, {"frames": 12}, said, shifts, unlike, "Too few.")
    publish_pages(Storage.open(tmp_path), "r20261129T120000-abcdef", [part])

    for page in sorted(tmp_path.glob("validation/**/*.html")):
        found = seen(browser, page, width, tmp_path / "profile")
        assert (found["errors"], found["cut"]) == ([], 0), page.name
