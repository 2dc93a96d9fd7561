"""``python -m echoatlas.pipeline.cli``: the command line without its script."""

from echoatlas.pipeline.cli import main

main()
