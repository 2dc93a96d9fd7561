"""Some libraries report to their makers unless told not to before they are imported.

onnxruntime tells which program runs it on which machine; Prefect, Ray and Great Expectations how
they are used. All of this runs where patients' scans lie, so whoever imports one of them calls
``silence`` first. Importing the loader, in a trainer's process, sets nothing.
"""

from __future__ import annotations

import os

SILENT = {
    "ORT_DISABLE_TELEMETRY": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "DO_NOT_TRACK": "1",
}


def silence() -> None:
    """Turn reports to makers off, in this process and all that it starts, where nothing is set."""
    for name, value in SILENT.items():
        os.environ.setdefault(name, value)
