"""The when: Prefect flows that submit the pipeline's jobs. Prefect is imported only here.

::

    from prefect import serve
    from echoatlas.flows import curate, release

    serve(curate.to_deployment("atlas"), release.to_deployment("atlas"))
"""

import echoatlas.pipeline  # noqa: F401  (before Prefect, which would report to its makers)
from echoatlas.flows.curate import curate
from echoatlas.flows.release import release

__all__ = ["curate", "release"]
