"""The when: Prefect flows that submit the pipeline's jobs. Prefect is imported only here."""

from echoatlas.pipeline.silence import silence

silence()  # before Prefect, which would report to its makers
