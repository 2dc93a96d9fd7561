"""What other tools leave of identifiers that were planted, and how fast they are, ours beside.

Each peer gets a virtual environment of its own, with its pinned version, below a scratch folder
that goes afterwards; none is a dependency of ours. A peer that does not install is named with the
reason. The corpus is that of the tests: every row of Table E.1-1 at eight depths, every hiding
place, all character sets; each file has the same ultrasound picture without any text.

Ours runs whole: attributes, pixels, text detection and the look at what was written. Its attributes
alone are a line of their own, for the speed. Time is CPU time of the process and its children.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pydicom

from benchmarks.harness import Took, few, quick, report, seeded
from echoatlas.pipeline.deidentify.header.checker import demand_clean
from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.header.rebuild import part10, rebuild
from echoatlas.pipeline.deidentify.pixels.config import RedactConfig
from echoatlas.pipeline.deidentify_tool.rewrite import rewritten
from echoatlas.pipeline.deidentify_tool.run import deidentify_files
from echoatlas.schemas.config.site import SiteConfig
from echoatlas.schemas.records import Origin
from echoatlas.simulate import make_still
from tests.helpers.hiding import hiding_places
from tests.helpers.names import names_as_traps
from tests.helpers.scorer import Planted, leaked
from tests.helpers.torture import DEPTHS, Trap, make_key, rows_as_traps

SEED = 7  # of the picture
SECONDS = 900  # that a peer may take
DEID = """
import sys
from pathlib import Path
from deid.dicom import get_identifiers, replace_identifiers
files = sorted(map(str, Path(sys.argv[1]).glob("*.dcm")))
for file in files:
    try:
        replace_identifiers(file, ids=get_identifiers([file]), save=True, overwrite=True,
                            output_folder=sys.argv[2], remove_private=True)
    except Exception as error:
        print(Path(file).name, type(error).__name__, file=sys.stderr)
"""
DICOGNITO = """
import sys
from pathlib import Path
import pydicom
from dicognito.anonymizer import Anonymizer
anonymizer = Anonymizer(seed="benchmark")
for file in sorted(Path(sys.argv[1]).glob("*.dcm")):
    try:
        with file.open("rb") as stream:
            dataset = pydicom.dcmread(stream)
            anonymizer.anonymize(dataset)
            dataset.save_as(Path(sys.argv[2]) / file.name)
    except Exception as error:
        print(file.name, type(error).__name__, file=sys.stderr)
"""
KITWARE = """
import sys
from pathlib import Path
from dicomanonymizer import anonymize_dicom_file
for file in sorted(Path(sys.argv[1]).glob("*.dcm")):
    try:
        anonymize_dicom_file(str(file), str(Path(sys.argv[2]) / file.name))
    except Exception as error:
        print(file.name, type(error).__name__, file=sys.stderr)
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another tool.

    Attributes:
        package: pinned. python: minor version that it needs.
        command: after the environment's ``bin/``; IN and OUT stand for folders.
        kept: folder below OUT that holds what it released; the rest is held back.
    """

    name: str
    package: str
    command: tuple[str, ...]
    python: str = "3.11"
    kept: str = "."


PEERS = (
    Peer("dicognito 0.19.0", "dicognito==0.19.0", ("python", "-c", DICOGNITO, "IN", "OUT")),
    Peer(
        "Kitware dicom-anonymizer 2.1.0",
        "dicom-anonymizer==2.1.0",
        ("python", "-c", KITWARE, "IN", "OUT"),
    ),
    Peer("pydicom deid 0.4.13", "deid==0.4.13", ("python", "-c", DEID, "IN", "OUT")),
    *(
        Peer(
            f"dicom-dre 1.4.2, {profile}",
            "dicom-dre==1.4.2",
            ("dicom-dre", "deidentify", "IN", "-o", "OUT", "-r", "--profile", profile),
            python="3.12",
        )
        for profile in ("default", "strict")
    ),
    *(
        Peer(
            f"dentdeid 0.1.0, {profile}",
            "dentdeid==0.1.0",
            ("dentdeid", "run", "IN", "-o", "OUT", "-p", profile, "--no-previews"),
            kept="clean",
        )
        for profile in ("basic", "share")
    ),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table. ``note``: why there are no figures."""

    name: str
    files: int = 0
    of: int = 0
    leaks: tuple[Planted, ...] = ()
    seconds: float = 0.0
    note: str = ""

    def tell(self) -> None:
        """Report it."""
        if self.note:
            report("deid", self.name, note=self.note)
            return
        report(
            "deid",
            self.name,
            written=self.files,
            of=self.of,
            leaked=len(self.leaks),
            nested=sum(one.nested for one in self.leaks),
            files_per_s=self.of / self.seconds if self.seconds else 0.0,
        )


def corpus() -> list[Trap]:
    """The files; all have the same picture, a convex fan on black.

    It is of a device and a size that the catalog of dicom-dre has, which refuses all others.
    """
    picture = make_still(seed=SEED, screen="none", size=(532, 434)).pictures[0]
    rows = [trap for depth in DEPTHS[: few(None, 1)] for trap in rows_as_traps(depth, picture)]
    return [*rows, *hiding_places(picture), *names_as_traps(picture)]


def installed(peer: Peer, scratch: Path) -> Path | str:
    """The folder of a peer's programs, or why there is none."""
    home = scratch / peer.package.partition("=")[0]
    uv = str(Path(sys.executable).with_name("uv"))
    quiet = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    python = max(
        Path.home().glob(f".pyenv/versions/{peer.python}.*/bin/python"), default=peer.python
    )
    for words in (
        ("venv", "--allow-existing", "--python", str(python), str(home)),
        ("pip", "install", "--python", str(home), peer.package),
    ):
        done = subprocess.run([uv, *words, "-q"], capture_output=True, env=quiet, check=False)
        if done.returncode:
            return f"needs Python {peer.python}" if words[0] == "venv" else "does not install"
    return home / "bin"


def of_peer(peer: Peer, traps: Sequence[Trap], source: Path, scratch: Path) -> Line:
    """Run a peer over the corpus."""
    programs = installed(peer, scratch)
    if isinstance(programs, str):
        return Line(peer.name, note=programs)
    out = scratch / f"out of {peer.name}"
    out.mkdir()
    told = {"IN": str(source), "OUT": str(out)}
    words = [told.get(word, word) for word in peer.command]
    try:
        with Took(children=True) as took:
            subprocess.run(
                [str(programs / words[0]), *words[1:]],
                capture_output=True,
                timeout=SECONDS,
                check=False,
                cwd=scratch,
            )
    except subprocess.TimeoutExpired:
        return Line(peer.name, note=f"not done after {SECONDS} s")
    return _scored(peer.name, traps, out / peer.kept, took.seconds)


def ours(traps: Sequence[Trap], source: Path, scratch: Path) -> Line:
    """The tool itself, whole; the time is that of one file of eight, in this process."""
    out, key = scratch / "ours", make_key()
    deidentify_files(source, out, Policy(), key)
    site, some = SiteConfig(site=key.site, bucket="."), sorted(source.iterdir())[::8]
    with Took() as took:
        for path in some:
            origin = Origin(key.site, "", path.name, {})
            rewritten(path.read_bytes(), origin, site, key, Policy(), RedactConfig())
    return _scored("EchoAtlas", traps, out, took.seconds * len(traps) / len(some))


def attributes(traps: Sequence[Trap], source: Path, scratch: Path) -> Line:
    """Headers alone: read, rebuilt, held against the standard's tables, written."""
    out = scratch / "attributes"
    out.mkdir()
    key, policy = make_key(), Policy()
    with Took() as took:
        for path in sorted(source.iterdir()):
            before = pydicom.dcmread(path)
            made = rebuild(before, policy, key).dataset
            demand_clean(before, made, policy)
            (out / path.name).write_bytes(part10(made))
    return _scored("EchoAtlas, attributes alone", traps, out, took.seconds)


def _scored(name: str, traps: Sequence[Trap], out: Path, seconds: float) -> Line:
    written = [path for path in out.rglob("*") if path.is_file() and _is_dicom(path)]
    if not written:
        return Line(name, note="wrote nothing")
    planted = [one for trap in traps for one in trap.planted]
    return Line(name, len(written), len(traps), tuple(leaked([out], planted)), seconds)


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def main() -> None:
    """Tell what each tool wrote and left; a quick run is ours alone, over a part of the corpus."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    traps = corpus()
    planted = [one for trap in traps for one in trap.planted]
    nested = sum(one.nested for one in planted)
    seeded("deid", picture=SEED)
    report("deid", "planted", identifiers=len(planted), files=len(traps), nested=nested)
    with tempfile.TemporaryDirectory(prefix="deid-") as folder:
        scratch = Path(folder)
        source = scratch / "in"
        source.mkdir()
        for number, trap in enumerate(traps):
            (source / f"{number:04d}.dcm").write_bytes(trap.data)
        assert len(leaked([source], planted)) == len(planted)
        runs: list[Callable[[], Line]] = [
            lambda: ours(traps, source, scratch),
            lambda: attributes(traps, source, scratch),
            *(
                partial(of_peer, peer, traps, source, scratch)
                for peer in (() if quick() else PEERS)
            ),
        ]
        for run in runs:
            run().tell()


if __name__ == "__main__":
    main()
