"""Arrow without pandas, until somebody asks for a frame of it.

The first array that Arrow makes of Python objects has it look whether they are a frame's, for which
it imports pandas where that is installed: as much time as all else that ``status`` does.
"""

from __future__ import annotations

import sys

import pyarrow as pa

from echoatlas.pipeline.without import without


def forgo_pandas() -> None:
    """Have Arrow look for pandas now, and not find it.

    Arrow looks anew when it is to make a frame (``to_pandas``), and knows frames from then on. If
    pandas was imported before, nothing is done.
    """
    if "pandas" in sys.modules:
        return
    with without("pandas"):
        pa.array([0])
