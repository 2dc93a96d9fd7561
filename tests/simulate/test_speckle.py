"""Speckle has the statistics that physics gives it."""

from __future__ import annotations

import numpy as np
import pytest

from echoatlas.simulate.pictures.speckle import Psf, complex_field, compress, envelope

RAYLEIGH = np.sqrt(np.pi / (4 - np.pi))  # 1.91


def flat(seed: int = 0, psf: Psf | None = None) -> np.ndarray:
    field = complex_field(np.random.default_rng(seed), (600, 400), psf or Psf())
    return envelope(field, np.ones((600, 400), np.float32))


@pytest.mark.parametrize("psf", [Psf(), Psf(0.8, 0.9), Psf(2.5, 3.0)])
def test_the_envelope_of_homogeneous_tissue_is_rayleigh(psf):
    echo = flat(1, psf)[20:-20, 20:-20]

    assert echo.mean() / echo.std() == pytest.approx(RAYLEIGH, rel=0.03)
    assert np.quantile(echo, 0.5) / echo.mean() == pytest.approx(
        np.sqrt(2 * np.log(2)) / np.sqrt(np.pi / 2), rel=0.02
    )


def test_speckle_has_unit_power_whatever_the_width_of_the_response():
    powers = [float((flat(2, psf)[20:-20, 20:-20] ** 2).mean()) for psf in (Psf(), Psf(3, 3))]

    assert pytest.approx([1.0, 1.0], rel=0.06) == powers


def test_neighbors_are_correlated_as_far_as_the_response_reaches():
    echo = flat(3)
    centered = echo - echo.mean()

    near = (centered[1:] * centered[:-1]).mean() / centered.var()
    far = (centered[20:] * centered[:-20]).mean() / centered.var()

    assert near > 0.6
    assert abs(far) < 0.05


def test_ten_decibels_more_echo_are_a_sixth_of_a_60_decibel_gray_scale_brighter():
    echo = np.full((4, 4), 0.1, np.float32)

    dim, bright = compress(echo, 60.0), compress(echo * np.float32(10**0.5), 60.0)

    assert int(bright[0, 0]) - int(dim[0, 0]) == pytest.approx(255 / 6, abs=1)


def test_the_same_seed_gives_the_same_speckle_and_another_seed_another():
    assert (flat(5) == flat(5)).all()
    assert not (flat(5) == flat(6)).all()
