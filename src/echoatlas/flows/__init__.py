"""The when: Prefect flows that submit the pipeline's jobs. Prefect is imported only here."""
