"""The when: Prefect flows that submit the pipeline's jobs. Prefect is imported only here.

``echoatlas serve`` serves them all. To choose among them::

    from prefect import serve
    from echoatlas.flows import curate, release

    serve(curate.to_deployment("atlas"), release.to_deployment("atlas"))
"""

from echoatlas.pipeline.forgo import forgo_pandas
from echoatlas.pipeline.silence import silence

silence()  # before Prefect, which would report to its makers
forgo_pandas()  # each flow run is a process that would load them

from echoatlas.flows.curate import curate  # noqa: E402
from echoatlas.flows.erase import erase  # noqa: E402
from echoatlas.flows.ingest import ingest  # noqa: E402
from echoatlas.flows.onboard import onboard  # noqa: E402
from echoatlas.flows.release import release  # noqa: E402
from echoatlas.flows.watch import watch  # noqa: E402

__all__ = ["curate", "erase", "ingest", "onboard", "release", "watch"]
