"""``python -m echoatlas.cli``: the command line without its script."""

from echoatlas.cli import main

main()
