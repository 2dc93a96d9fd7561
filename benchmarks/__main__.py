"""``python -m benchmarks [NAME]... [--out FILE] [--quick]``: run the named benchmarks, or all."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.runner import FOLDER, names, run


def main(words: list[str]) -> int:
    """Exit status: 0, 1 if a benchmark failed, 2 if there is none of that name."""
    known = names()
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all, or some of {known}")
    parser.add_argument("--out", type=Path, default=Path("bench.json"), help="file of the results")
    parser.add_argument("--quick", action="store_true", help="little of each: does it work?")
    given = parser.parse_args(words)
    for name in given.names:
        if name not in known:
            print(f"no benchmark '{name}' (benchmarks: {', '.join(known)})", file=sys.stderr)
            return 2
    if given.quick and given.out.resolve() == FOLDER / "results.json":
        print("a quick run shows no figures for the README: take another --out", file=sys.stderr)
        return 2
    return run(given.names or known, given.out, short=given.quick)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
