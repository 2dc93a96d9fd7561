"""The rehearsal: scans and uploads with known truth, for the demo, the tests and the benchmarks.

``make_still`` and ``make_cine`` make scans, ``write_dicom`` and its siblings write them, and
``build_uploads`` makes the uploads of several sites. All is deterministic by seed.
"""

from echoatlas.simulate.files.dicom import write_dicom
from echoatlas.simulate.files.other_formats import (
    write_gif,
    write_jpeg,
    write_nifti,
    write_png,
    write_video,
)
from echoatlas.simulate.identities import Identity, make_identity
from echoatlas.simulate.pictures.scans import BurnedIn, SimulatedScan, make_cine, make_still
from echoatlas.simulate.pictures.screens import TextBox
from echoatlas.simulate.truth import ObjectTruth, Truth
from echoatlas.simulate.uploads import build_uploads

__all__ = [
    "BurnedIn",
    "Identity",
    "ObjectTruth",
    "SimulatedScan",
    "TextBox",
    "Truth",
    "build_uploads",
    "make_cine",
    "make_identity",
    "make_still",
    "write_dicom",
    "write_gif",
    "write_jpeg",
    "write_nifti",
    "write_png",
    "write_video",
]
