"""Whatever a site's client makes of a name or a size, its receipt has a clear answer to it.

Beside it stand: another site's prefix and expired forms (``test_policy``), wrong credentials and
100,000 keys in a prefix (``test_clients``), names that no store knows (``test_odd_names``).
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from echoatlas.simulate import make_still, write_png
from tests.helpers import s3server
from tests.helpers.rehearsal import Rehearsal

WORDS = ["上传/扫描 一.png", "up/Ελένη, Νέα+%41 😀.png"]
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "up/é.png") for form in ("NFC", "NFD"))
MOST = 30_000  # pixels of a picture that this deployment accepts


@pytest.fixture(scope="module")
def told(s3: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What a run says of each key, by the key as the receipt names it."""
    made = Rehearsal(tmp_path_factory.mktemp("hard"))
    made.engine(address="processes", workers=1)
    config = made.home / "echoatlas.yaml"
    settings = yaml.safe_load(config.read_text()) | {"steps": {"read": {"max_pixels": MOST}}}
    config.write_text(yaml.safe_dump(settings))
    client, name = s3server.client(s3), f"b{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    keys = [*WORDS, COMPOSED, DECOMPOSED, "up//doubled.png", "up/huge.png"]
    for seed, key in enumerate(keys):
        size = (300, 200) if key == "up/huge.png" else (160, 120)
        still = make_still(seed=seed, fan="convex", size=size, screen="none")
        client.put_object(Bucket=name, Key=f"st/{key}", Body=write_png(still))
    file = made.root / "st.yaml"
    file.write_text(yaml.safe_dump({"site": "st", "bucket": f"s3://{name}/st", "cropped": True}))
    made.run("site", "add", str(file))
    ran = made.run("run")
    assert (ran["objects"], ran["conservation"]) == (len(keys), True)
    return {one["file"]: one for one in made.run("site", "receipt", "st")}


def test_a_key_in_any_language_is_taken_and_named_as_it_was_sent(told: Mapping[str, Any]) -> None:
    assert ["kept"] * len(WORDS) == [told[key]["status"] for key in WORDS]


def test_keys_that_look_the_same_and_are_not_are_two_files(told: Mapping[str, Any]) -> None:
    assert COMPOSED != DECOMPOSED
    assert {"kept"} == {told[key]["status"] for key in (COMPOSED, DECOMPOSED)}


def test_a_key_with_two_slashes_is_taken_where_the_service_makes_them_one(
    told: Mapping[str, Any],
) -> None:
    """This server does; where two stay, the receipt says to give it another name: ``bad_name``."""
    assert told["up/doubled.png"]["status"] == "kept"


def test_a_picture_larger_than_is_accepted_is_named_with_what_to_do(
    told: Mapping[str, Any],
) -> None:
    assert (told["up/huge.png"]["status"], told["up/huge.png"]["reason"]) == (
        "rejected",
        "too_large",
    )
    assert told["up/huge.png"]["sentence"] == "The content is larger than this deployment accepts."
