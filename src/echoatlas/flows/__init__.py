"""The when: Prefect flows that submit the pipeline's jobs. Prefect is imported only here."""

import echoatlas.pipeline  # noqa: F401  (before Prefect, which would report to its makers)
