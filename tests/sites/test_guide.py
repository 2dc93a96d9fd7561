"""The page that a site's IT person gets reads well, in whichever way its uploads are complete."""

from __future__ import annotations

import re

import pytest

from echoatlas.pipeline.sites.guide import WRONG, guide
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.schemas.config.intake import Uploads
from echoatlas.schemas.config.site import SiteConfig

PLACE = "s3://uploads/st-elsewhere/"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Uploads(), "taken as they come. Best"),
        (Uploads(quiet_minutes=2.5), "changed for 2.5 min. Best"),
        (Uploads(marked_only=True), "before you do. Best"),
    ],
)
def test_it_says_when_an_upload_is_taken_and_what_to_do_when_it_is_not(
    rule: Uploads, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-shown")
    site = SiteConfig(site="st-elsewhere", bucket=PLACE, uploads=rule)

    html, text = guide(Storage.open(PLACE), site)  # type: ignore[arg-type]

    for page in (re.sub(r"<(style|title)>.*?</\1>|<[^>]+>", "", html, flags=re.DOTALL), text):
        plain = " ".join(page.split())
        assert said in plain
        assert not re.search(r"[a-z][.:;][A-Z]", plain), "a blank is missing"
        assert all(sign in plain for sign, _ in WRONG)
        assert "not-to-be-shown" not in plain
    assert all(len(line) < 110 for line in text.splitlines() if "s3" not in line)
    assert "http://" not in html.replace("http://127.0.0.1", ""), "it opens without a network"
