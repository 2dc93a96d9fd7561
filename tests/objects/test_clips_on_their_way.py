"""One clip's journey, called as the engine calls it: what is stored of it, and what is not."""

from __future__ import annotations

import secrets

import numpy as np
import pytest

from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.frames.codec import decode
from echoatlas.pipeline.frames.normalize import NormalizeConfig
from echoatlas.pipeline.objects.config import JourneyConfig
from echoatlas.pipeline.objects.journey import journey
from echoatlas.pipeline.objects.task import ObjectTask, SiteContext
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.schemas.config.site import Sampling, SiteConfig
from echoatlas.schemas.records import Origin
from echoatlas.schemas.rows.frames import FrameRow, MeasureRow
from echoatlas.schemas.rows.objects import SightingRow
from echoatlas.simulate import make_cine, write_dicom

KEY = SiteKey.of("st-elsewhere", secrets.token_bytes(32))
CINE = make_cine(3, frames=6, size=(640, 480), burned_in=())
DATA = write_dicom(CINE, "1.2.840.10008.1.2.4.50")


def carried(
    data: bytes = DATA, config: JourneyConfig | None = None, **site: object
) -> tuple[list[FrameRow], list[MeasureRow]]:
    where = SiteConfig(site="st-elsewhere", bucket="b", **site)  # type: ignore[arg-type]
    sighting = SightingRow("l", "o", "c", "st-elsewhere", "u", "", -1, 0, len(data))
    origin = Origin("st-elsewhere", "u", "f")
    context = SiteContext.of(where, KEY, config or JourneyConfig())
    made = journey(ObjectTask.alone(data, sighting, origin), context)
    return (
        [row for row in made.rows if isinstance(row, FrameRow)],
        [row for row in made.rows if isinstance(row, MeasureRow)],
    )


@pytest.fixture(scope="module")
def usual() -> tuple[list[FrameRow], list[MeasureRow]]:
    return carried()


def test_a_clip_gives_the_same_rows_each_time(usual):
    assert usual == carried()


def test_gray_coded_in_three_components_gives_the_same_frames(usual):
    three = make_cine(3, frames=6, size=(640, 480), burned_in=(), color=True)
    three.pictures[...] = CINE.pictures[..., None]

    colored, _ = carried(write_dicom(three, "1.2.840.10008.1.2.1", "RGB"))
    gray, _ = carried(write_dicom(CINE, "1.2.840.10008.1.2.1"))

    assert [row.image for row in gray] == [row.image for row in colored]
    assert {row.channels for row in colored} == {1}


def test_every_frame_has_an_id_of_its_own_and_measures(usual):
    frames, measures = usual

    assert len({row.frame_id for row in frames}) == len(frames) == 6
    assert [row.frame_id for row in frames] == [row.frame_id for row in measures]
    assert all(row.still is None for row in measures[:1])
    assert all(row.motion > 0 for row in measures[1:])


def test_frames_that_look_alike_are_left_out_if_the_site_asks(usual):
    few, _ = carried(sampling=Sampling(min_change=200))

    assert [row.frame_index for row in few] == [0]
    assert usual[0][0].image == few[0].image


def test_graphics_are_kept_as_a_mask_beside_the_image():
    drawn = make_cine(3, frames=1, size=(640, 480), burned_in=(), extras=("calipers",), color=True)
    (frame,), (measures,) = carried(write_dicom(drawn, "1.2.840.10008.1.2.1", "RGB"))

    mask = decode(frame.overlay)

    assert mask.shape == decode(frame.image).shape
    assert 0 < mask.sum() < 0.2 * mask.size
    # What the search for text has taken for letters is black, and no caliper any more
    assert {"calipers", "text_redacted"} & set(frame.flags.split())
    assert measures.text_share > 0


def test_beam_space_is_a_setting_of_the_deployment(usual):
    frames, measures = carried(config=JourneyConfig(normalize=NormalizeConfig(space="beam")))

    assert all("beam_space" in row.flags for row in frames)
    assert all(
        one.fan_fill > 0.95 > other.fan_fill for one, other in zip(measures, usual[1], strict=True)
    )
    assert np.stack([decode(row.image) for row in frames]).shape == (6, 256, 256)
    assert frames[0].fingerprint != usual[0][0].fingerprint


def test_measurements_stay_in_the_frames_of_a_site_that_keeps_them():
    words = (("Dist 12.4 mm", "fan"),)
    measured = make_cine(3, frames=6, size=(640, 480), screen="none", burned_in=words)
    data = write_dicom(measured, "1.2.840.10008.1.2.4.50")
    keeping = JourneyConfig(deidentify=Policy(keep_measurements=True))

    (kept, *_), (cut, *_) = carried(data, keeping)[0], carried(data)[0]

    (place,) = [text.box for text in measured.texts if text.text == words[0][0]]
    left, top = (
        round(at * kept.scale + offset)
        for at, offset in ((place.x0, kept.offset_x), (place.y0, kept.offset_y))
    )
    there = (slice(top, top + round(place.height * kept.scale)),
             slice(left, left + round(place.width * kept.scale)))  # fmt: skip
    assert decode(kept.image)[there].max() > 150
    assert decode(cut.image)[there].max() == 0
