"""The verbs: steps from bytes to shards, and the engine that runs them. Start at ``journey``.

Some libraries report to their makers unless told not to before they are imported: onnxruntime which
program runs it on which machine, Prefect, Ray and Great Expectations how they are used. All of this
runs where patients' scans lie, so all of it is off.
"""

import os

SILENT = {
    "ORT_DISABLE_TELEMETRY": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "DO_NOT_TRACK": "1",
}
os.environ.update(SILENT)
