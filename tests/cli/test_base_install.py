"""Whoever installed what a trainer needs, and asks for more, is told what to install."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]
# Every command with the arguments it must have; what is not of the base install can't be imported
PROGRAM = """
import contextlib, io, json, sys, traceback
from importlib.metadata import packages_distributions

base = set(json.loads(sys.argv[1]))
extra = {name for name, dists in packages_distributions().items()
         if not {dist.lower().replace("_", "-") for dist in dists} & base and name != "echoatlas"}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in extra:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())
import typer
from echoatlas.cli import app, call

def leaves(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*path, name))
        else:
            needed = ["x" for p in command.params if p.param_type_name == "argument" and p.required]
            for p in command.params:
                if p.param_type_name == "option" and p.required:
                    needed += [p.opts[0], "x"]
            if [*path, name] == ["audit", "show"]:  # which wants one of two
                needed += ["--site", "x"]
            yield [*path, name], needed

told = {}
for path, needed in leaves(typer.main.get_command(app)):
    err, out = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
        try:
            code = call(["--lake", ".", *path, *needed])
        except BaseException:
            code, _ = -1, traceback.print_exc(file=err)
    told[" ".join(path)] = [code, err.getvalue(), bool(out.getvalue())]
print(json.dumps(told))
"""
TRAINERS = {
    "release list", "release show", "release moves", "release diff", "release deprecate",
    "pull", "verify",
}  # fmt: skip
ANYBODYS = {"collections", "formats"}


def test_every_command_of_a_base_install_works_or_says_in_one_line_what_to_install(
    tmp_path: Path,
) -> None:
    lines = (TOP / "requirements/base.txt").read_text().splitlines()
    base = [line.partition("==")[0] for line in lines if "==" in line]
    (tmp_path / "x").mkdir()

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(base)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {"init", "run", "status", "tree", "report", "deidentify", "demo"} <= set(told)
    for command, (code, error, printed) in told.items():
        if command in ANYBODYS:
            assert (code, error, printed) == (0, "", True), command
        elif command in TRAINERS:
            assert "needs `pip" not in error and "Traceback" not in error, command
        else:
            start = "echoatlas: this command needs `pip install 'echoatlas[curate]'` ("
            assert code == 2 and error.startswith(start), (command, error)
            assert error.count("\n") == 1, command
