"""Fans of the real samples, beside those that were drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.drawn import drawn_fans
from benchmarks.geometry import Found, measured
from echoatlas.schemas.fan import Verdict

# One of each scanner, collection and difficulty; all of them in the heavy test.
FEW = [
    "dicom/acme_echo_10f_palette_rle",
    "dicom/acuson_echo_8f_rgb_implicitle.dcm",
    "dicom/acuson_sequoia_thyroid_ybrfull_rle.dcm",
    "dicom/aloka_ssd4000_pelvis_palette16.dcm",
    "dicom/esaote_6100_elbow_ybr422_native.dcm",
    "dicom/ge_logiq700_lymphnode_rgb_evle.dcm",
    "dicom/medistim_veriqc_femoral_2f_jpeglossless_rgb.dcm",
    "dicom/philips_cx50_ob_palette_2f_rle.dcm",
    "dicom/philips_cx50_ob_palette_evle.dcm",
    "dicom/philips_epiq5g_testpatient_cine27f.zip",
    "dicom/siemens_s2000_testpatient_rgb_evle.dcm",
    "dicom/sonosite_turbo_plax_30f_jpegbaseline_ybr422.dcm",
    "images/aul_liver/10055.png",
    "images/aul_liver/10262.png",
    "images/ba_gallbladder_tiny/240_1.jpg",
    "images/breast_usg/10108.png",
    "images/buscot/007640@0.png",
    "images/hc18/519_HC.png",
    "images/hc18/724_HC.png",
    "images/kidney_stone/10388.png",
    "images/kidney_stone/10744.png",
    "images/lung/Pneu_emdocs_1.png",
    "images/muscle_timtrack/d1_S2_S2_L20_step_075.png",
    "images/muscle_timtrack/d4A_SampleA_GM_T_12.png",
    "pocus/clarius-ocular-image.png",
    "video/lung/Reg_pat4Image_140705.mpeg",
    "video/lung/Vir_whitelung_h1n1.mp4",
]


def look(samples, paths) -> dict[str, Found]:
    fans = drawn_fans()
    assert samples.is_dir()
    return {path: measured(path, fans[path]) for path in paths}


def assert_good(found: dict[str, Found], mean: float) -> None:
    accepted = [one.iou for one in found.values() if one.verdict is Verdict.ACCEPT]
    rejected = [path for path, one in found.items() if one.verdict is Verdict.REJECT]
    assert rejected == []
    assert np.mean([one.iou for one in found.values()]) > mean
    assert len(accepted) > 0.3 * len(found)
    assert min(accepted) > 0.85


def test_fans_of_real_scans_agree_with_the_hand_drawn_ones(samples):
    assert_good(look(samples, FEW), 0.95)


@pytest.mark.heavy
def test_fans_of_all_real_scans_agree_with_the_hand_drawn_ones(samples):
    assert_good(look(samples, drawn_fans()), 0.96)
