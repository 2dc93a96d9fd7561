"""Frames at their source's size: kept where a deployment asks for it, looked at, and released."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echoatlas.loader import load
from echoatlas.pipeline.errors import CheckFailed
from echoatlas.pipeline.frames.annotate import AnnotateConfig
from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.frames.measure import MeasureConfig
from echoatlas.pipeline.frames.normalize import NormalizeConfig
from echoatlas.pipeline.frames.stored import FramesConfig, Pane, frame_rows
from echoatlas.pipeline.lake.tables import Lake
from echoatlas.pipeline.objects import journey as on_its_way
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.read import read
from echoatlas.pipeline.release.create import create
from echoatlas.pipeline.release.verify import verify
from echoatlas.pipeline.step import hashed
from echoatlas.pipeline.stopwatch import Stopwatch
from echoatlas.pipeline.storage.storage import Storage
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.release import ReleaseConfig
from echoatlas.schemas.config.site import Sampling, SiteConfig
from echoatlas.schemas.fan import Fan, Shape
from echoatlas.schemas.records import Origin, Redaction, SourceAnnotation
from echoatlas.schemas.rows.frames import DetailRow, FrameRow
from echoatlas.schemas.rows.labels import LabelRow
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.schemas.tables import BY_ROW, to_arrow
from echoatlas.simulate import make_cine, write_dicom
from tests.helpers.tables import made

SOURCE = make_cine(3, frames=3, size=(640, 480), burned_in=(), screen="none")
DATA = write_dicom(SOURCE, "1.2.840.10008.1.2.1")
FAN = Fan(Shape.LINEAR, corners=((100, 60), (499, 60), (499, 359), (100, 359)))  # 400 x 300
MASK = np.zeros((480, 640), np.uint8)
MASK[150:153, 200:205] = 1
MARKED = (
    SourceAnnotation("mask", "lesion", "test", mask=MASK),
    SourceAnnotation("box", "lesion", "test", points=((200, 150), (205, 153))),
    SourceAnnotation("scalar", "length", "test", number=12.0, unit="px"),
)


def stored(lake: Lake, *, native: bool) -> Lake:
    """A lake of one clip, of which every pixel in the fan may be seen."""
    scan = read(DATA)
    pane = Pane.of(FAN, Redaction(keep=np.ones((480, 640), bool)), NormalizeConfig(native=native))
    plain = made(FrameRow, object_id="o", patient="p", site="a", subject_type="human")
    shared = {
        name: getattr(plain, name)
        for name in (
            "object_id", "site", "patient", "study", "series", "patient_source", "maker", "model",
            "subject_type", "native_split", "age", "sex", "license", "fingerprint", "session",
            "consent",
        )
    }  # fmt: skip
    config = FramesConfig(
        NormalizeConfig(native=native), MeasureConfig(), AnnotateConfig(), Sampling()
    )
    rows: list[Any] = list(
        frame_rows(Clip(scan), scan, [pane], shared, MARKED, config, Stopwatch())
    )
    told = {"region": "thorax", "organ": "unknown", "paths": "thorax"}
    rows += [
        made(LabelRow, frame_id=one.frame_id, **told) for one in rows if isinstance(one, FrameRow)
    ]
    for kind in {type(one) for one in rows}:
        name = BY_ROW[kind].name
        lake.replace(name, to_arrow(name, [one for one in rows if type(one) is kind]))
    lake.replace("duplicates", to_arrow("duplicates", []))
    return lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return stored(Lake(Storage.open(tmp_path_factory.mktemp("native") / "lake")), native=True)


def gray() -> list[Any]:
    return [one if one.ndim == 2 else one[..., 0] for one in SOURCE.pictures]


@pytest.mark.parametrize("unit", ["frame", "clip"])
def test_a_native_release_has_every_pixel_of_the_source(lake: Lake, unit: Any) -> None:
    releases = lake.storage.sub("releases")
    config = ReleaseConfig.model_validate({"name": unit, "unit": unit, "size": "native"})
    create(lake, releases, config)

    data = load(unit, lake=lake.storage.uri)
    images = {one.meta["frame_index"]: one.image for one in data}
    if unit == "clip":
        images = dict(enumerate(images[0]))

    assert all(check.ok for check in verify(releases, unit))
    for number, source in enumerate(gray()):
        assert images[number].shape == (400, 400)
        assert np.array_equal(images[number][50:350], source[60:360, 100:500])
        assert not images[number][:50].any()


def test_masks_boxes_and_lengths_are_in_pixels_of_the_source(lake: Lake) -> None:
    create(lake, lake.storage.sub("releases"), ReleaseConfig(name="marks", size="native"))

    one = load("marks", lake=lake.storage.uri)[0]
    box, mask, length = one.annotations

    assert np.argwhere(mask.mask).min(axis=0).tolist() == [140, 100]  # type: ignore[arg-type]
    assert np.argwhere(mask.mask).max(axis=0).tolist() == [142, 104]  # type: ignore[arg-type]
    assert box.points == pytest.approx(np.array([[100, 140], [105, 143]]), abs=1e-3)
    assert length.number == pytest.approx(12, abs=1e-3)
    assert one.fan_mask is not None
    assert one.fan_mask.sum() == 400 * 300
    assert one.meta["scale"] == 1


def test_native_and_normalized_lie_in_shards_of_their_own(lake: Lake) -> None:
    releases = lake.storage.sub("releases")
    native = create(lake, releases, ReleaseConfig(name="large", size="native"))
    usual = create(lake, releases, ReleaseConfig(name="usual"))

    assert not {one.file for one in native.shards} & {one.file for one in usual.shards}
    assert load("usual", lake=lake.storage.uri)[0].image.shape == (256, 256)


def test_a_lake_that_kept_none_says_how(tmp_path: Path) -> None:
    lake = stored(Lake(Storage.open(tmp_path / "lake")), native=False)

    with pytest.raises(CheckFailed, match=r"3 frames are not in the lake .*native: true"):
        create(lake, lake.storage.sub("releases"), ReleaseConfig(name="large", size="native"))


def test_what_is_kept_is_looked_at_again_in_both_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    real = on_its_way.check_written

    def watched(pictures: Any, *more: Any) -> Any:
        held = list(pictures)
        seen.append((len(held), *held[0].shape))
        return real(held, *more)

    monkeypatch.setattr(on_its_way, "check_written", watched)
    site = SiteConfig(site="st-elsewhere", bucket="b")
    key = SiteKey.of("st-elsewhere", secrets.token_bytes(32))
    config = JourneyConfig(normalize=NormalizeConfig(native=True))
    data = write_dicom(make_cine(3, frames=1, size=(480, 400), burned_in=()), "1.2.840.10008.1.2.1")
    sighting = SightingRow("l", "o", "c", "st-elsewhere", "u", "", -1, 0, len(data))
    task = ObjectTask.alone(data, sighting, Origin("st-elsewhere", "u", "f"))

    rows = on_its_way.journey(task, SiteContext.of(site, key, config)).rows

    details = [decode(row.image) for row in rows if isinstance(row, DetailRow)]
    assert seen == [(1, 256, 256), (1, *details[0].shape)]
    assert min(details[0].shape) > 256


def test_a_setting_that_came_later_renews_no_lake() -> None:
    assert "native" not in hashed(NormalizeConfig())
    assert hashed(NormalizeConfig(native=True))["native"] is True
