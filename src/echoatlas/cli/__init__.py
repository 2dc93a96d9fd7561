"""The command line. Thin: each command opens what it needs, calls one function, says what came.

Exit codes: 0 done, 1 something was wrong with the data or a check failed, 2 wrong usage or
configuration. Never a traceback for a user's mistake.
"""

from __future__ import annotations

import _thread
import os
import re
import sys
import threading
from collections.abc import Sequence
from functools import cache, wraps
from pathlib import Path
from typing import Any

import typer
from typer.exceptions import TyperException

import echoatlas.cli.audit as audit
import echoatlas.cli.crosswalk as crosswalk
import echoatlas.cli.curation as curation
import echoatlas.cli.deidentify as deidentify
import echoatlas.cli.erase as erase
import echoatlas.cli.flows as flows
import echoatlas.cli.labels as labels
import echoatlas.cli.overlap as overlap
import echoatlas.cli.pull as pull
import echoatlas.cli.releases as releases
import echoatlas.cli.sites as sites
import echoatlas.cli.verify as verify
import echoatlas.cli.watch as watch
from echoatlas.cli.broken import tell_places_only
from echoatlas.cli.output import Context
from echoatlas.cli.progress import Progress
from echoatlas.pipeline.errors import EchoAtlasError, UsageError

app = typer.Typer(
    name="echoatlas",
    help="Curate ultrasound scans into de-identified, labeled, versioned datasets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # as a path has it, whose slashes are one
LONGEST = 255  # bytes of a name in a path
SOON = 0.05  # seconds
STOPPED = 130  # 128 and the number of the signal, as shells have it
GLOBAL = {"--json": False, "--lake": True, "--deployment": True}  # option: takes a value


@app.callback()
def options(
    ctx: typer.Context,
    lake: str | None = typer.Option(
        None, envvar="ECHOATLAS_LAKE", help="Path or s3:// URI of the lake."
    ),
    deployment: str | None = typer.Option(
        None, envvar="ECHOATLAS_DEPLOYMENT", help="Folder of echoatlas.yaml; default: around here."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of text."),
) -> None:
    """Options that may stand anywhere on the line."""
    progress = Progress(quiet=as_json)
    ctx.obj = Context(lake, deployment, as_json, progress)
    ctx.call_on_close(progress.close)
    progress.begin(ctx.invoked_subcommand or "")


curation.add_to(app)
labels.add_to(app)
sites.add_to(app)
releases.add_to(app)
pull.add_to(app)
verify.add_to(app)
flows.add_to(app)
overlap.add_to(app)
deidentify.add_to(app)
crosswalk.add_to(app)
audit.add_to(app)
erase.add_to(app)
watch.add_to(app)


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The same arguments with the global options first, wherever they stood."""
    first: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            rest += [word, *waiting]
            break
        name, equals, _ = word.partition("=")
        if name in GLOBAL:
            first.append(word)
            if GLOBAL[name] and not equals and waiting:
                first.append(waiting.pop(0))
        else:
            rest.append(word)
    return first + rest


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    tell_places_only()
    sys.unraisablehook = _heeded
    sys.exit(call(sys.argv[1:] if arguments is None else arguments))


def _heeded(told: sys.UnraisableHookArgs) -> None:
    """Have Ctrl-C stop a command also where it came while something was taken from memory, whose
    errors Python prints and passes over."""
    if told.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(told)
        return
    again = threading.Timer(SOON, _thread.interrupt_main)  # here it would be passed over as well
    again.daemon = True
    again.start()


@cache
def commands() -> Any:
    """All commands as typer runs them: who calls several in one process waits for them once."""
    found = typer.main.get_command(app)
    _keep_local(found)
    return found


def _keep_local(command: Any) -> None:
    """Have a command and all below it refuse an address where a path is meant: as a path it is a
    folder named ``s3:`` below the working folder."""
    for one in getattr(command, "commands", {}).values():
        _keep_local(one)
    carry_out = command.callback
    if carry_out is None:
        return

    @wraps(carry_out)
    def local(*args: Any, **values: Any) -> Any:
        for name, value in values.items():
            if isinstance(value, Path) and (wrong := _no_place(value)):
                raise UsageError(f"{name.replace('_', '-')}: {wrong}")
        return carry_out(*args, **values)

    command.callback = local


def _no_place(path: Path) -> str:
    """Why a path can be none of this machine; "" if it can."""
    if ADDRESS.match(str(path)):
        return "a path on this machine is meant"
    long = any(len(os.fsencode(part)) > LONGEST for part in path.parts)
    return "a name in the path is too long" if long else ""


def call(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    # Else pydantic looks for plugins of its own in all that is installed, for each command anew
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        code = commands()(hoisted(arguments), standalone_mode=False, prog_name="echoatlas")
    except (typer.Abort, KeyboardInterrupt):
        code = STOPPED
    except TyperException as error:
        from echoatlas.schemas.config.wording import plainly

        return _say(plainly(error.format_message()).rstrip("."), 2)
    except UsageError as error:
        return _say(str(error), 2)
    except EchoAtlasError as error:
        return _say(str(error), 1)
    except ModuleNotFoundError as missing:
        return _say(_absent(missing), 2)
    except BrokenPipeError:
        return 0
    if code == STOPPED:  # by Ctrl-C, which typer turns into this code
        return _say("stopped; run again to go on", STOPPED)
    return int(code or 0)


def _absent(missing: ModuleNotFoundError) -> str:
    """What to do about a module that is not there: every command but a trainer's needs an extra."""
    name = (missing.name or "").partition(".")[0]
    if name == "echoatlas":
        raise missing
    if name in sys.stdlib_module_names:
        return f"this command needs another operating system, such as Linux ({name} is missing)"
    return f"this command needs `pip install 'echoatlas[curate]'` ({name} is missing)"


def _say(message: str, code: int) -> int:
    typer.echo(f"echoatlas: {message}", err=True)
    return code
