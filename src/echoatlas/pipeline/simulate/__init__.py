"""The rehearsal: scans and uploads with known truth, for the demo, the tests and the benchmarks.

``make_still`` and ``make_cine`` make scans, ``write_dicom`` and its siblings write them, and
``build_uploads`` makes the uploads of several sites. All is deterministic by seed.
"""

from echoatlas.pipeline.simulate.identities import Identity, make_identity
from echoatlas.pipeline.simulate.loose import (
    write_gif,
    write_jpeg,
    write_nifti,
    write_png,
    write_video,
)
from echoatlas.pipeline.simulate.scans import BurnedIn, SimulatedScan, make_cine, make_still
from echoatlas.pipeline.simulate.screens import TextBox
from echoatlas.pipeline.simulate.truth import ObjectTruth, Truth
from echoatlas.pipeline.simulate.uploads import build_uploads
from echoatlas.pipeline.simulate.write import write_dicom

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
