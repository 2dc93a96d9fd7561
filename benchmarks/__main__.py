"""``python -m benchmarks [NAME]...``: run the named benchmarks, or all."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys

import benchmarks
from echoatlas.pipeline.engine.scatter import ONE_CORE


def main(names: list[str]) -> int:
    known = [
        one.name for one in pkgutil.iter_modules(benchmarks.__path__) if one.name != "__main__"
    ]
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no benchmark '{unknown[0]}' (benchmarks: {', '.join(known)})", file=sys.stderr)
        return 2
    for name in names or known:
        print(f"== {name}")
        importlib.import_module(f"benchmarks.{name}").main()
    return 0


if not ONE_CORE.items() <= os.environ.items():  # libraries read it when they are loaded
    command = [sys.executable, "-m", "benchmarks", *sys.argv[1:]]
    os.execve(sys.executable, command, os.environ | ONE_CORE)
sys.exit(main(sys.argv[1:]))
