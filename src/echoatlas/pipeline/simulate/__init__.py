"""The rehearsal: scans and uploads with known truth, for the demo, the tests and the benchmarks.

``make_still`` and ``make_cine`` make scans, ``write_dicom`` and its siblings write them. All is
deterministic by seed.
"""

from echoatlas.pipeline.simulate.scans import BurnedIn, SimulatedScan, make_cine, make_still
from echoatlas.pipeline.simulate.screens import TextBox
from echoatlas.pipeline.simulate.write import write_dicom

__all__ = [
    "BurnedIn",
    "SimulatedScan",
    "TextBox",
    "make_cine",
    "make_still",
    "write_dicom",
]
