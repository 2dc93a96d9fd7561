"""What imagededup and fastdup find of copies of stills, and whom they join besides.

The stills and changes of ``duplicates``, as files in one folder, given to each as its manual says:
imagededup's PHash (within 10 bits of 64) and fastdup (similarity of .96 on, by which it makes its
components). They want other versions of our libraries, so they run where ``ECHOATLAS_PEERS`` says:
a Python with `pip install fastdup; pip install --no-deps imagededup; pip install PyWavelets scipy`;
else that is told. imagededup imports torchvision for its nets, whose builds want a torch for GPUs;
its hashes do without, so nets are left out.

    ECHOATLAS_PEERS=/peers/bin/python python -m benchmarks.duplicate_peers
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.duplicates import changes, encoded
from benchmarks.harness import report, seeded, skip
from benchmarks.stills import STILLS, scanned

PEERS = {
    "imagededup": """
from types import ModuleType
for name in ("imagededup.methods.cnn", "imagededup.utils.models"):  # nets, which are not asked
    sys.modules[name] = ModuleType(name)
    sys.modules[name].CNN = sys.modules[name].CustomModel = None
from imagededup.methods import PHash
found = PHash(verbose=False).find_duplicates(image_dir=folder, max_distance_threshold=10)
pairs = [(one, other) for one, others in found.items() for other in others]
""",
    "fastdup": """
import os
import fastdup
run = fastdup.create(work_dir=folder + "-work", input_dir=folder)
run.run(threshold=0.96, overwrite=True, verbose=False)
rows = run.similarity()
near = zip(rows["filename_from"], rows["filename_to"], rows["distance"])
pairs = [(os.path.basename(a), os.path.basename(b)) for a, b, close in near if close >= 0.96]
""",
}
TOLD = "import json, sys\nfolder = sys.argv[1]\n{}\nprint()\nprint(json.dumps(sorted(pairs)))\n"


def files(folder: Path) -> dict[str, tuple[str, str]]:
    """Write originals and copies; of each file the original, and how it was changed."""
    of: dict[str, tuple[str, str]] = {}
    for name, picture, fan in scanned():
        copies = changes(picture, fan.mask(*picture.shape[:2]))
        for kind, made in (("", encoded(picture)), *copies):
            file = f"{len(of):05d}{_ending(made)}"
            (folder / file).write_bytes(made)
            of[file] = name, kind
    return of


def _ending(data: bytes) -> str:
    return ".png" if data[1:4] == b"PNG" else ".webp" if data[8:12] == b"WEBP" else ".jpg"


def pairs_of(python: str, script: str, folder: Path) -> Iterator[tuple[str, str]]:
    """The pairs of files that a peer holds to be duplicates.

    Raises:
        RuntimeError: it could not be run; the last line that it said.
    """
    words = [python, "-c", TOLD.format(script), str(folder)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError((ended.stderr.strip().splitlines() or ["no word"])[-1])
    yield from (tuple(pair) for pair in json.loads(ended.stdout.strip().splitlines()[-1]))


def main() -> None:
    """A row a peer."""
    python = os.environ.get("ECHOATLAS_PEERS")
    if python is None:
        skip("duplicate_peers", "ECHOATLAS_PEERS names no Python that has imagededup and fastdup")
    seeded("duplicate_peers", stills=range(STILLS))
    with TemporaryDirectory() as place:
        folder = Path(place) / "stills"
        folder.mkdir()
        of = files(folder)
        first = {name: file for file, (name, kind) in of.items() if not kind}
        copies = [file for file, (_, kind) in of.items() if kind]
        strangers = len(of) ** 2 // 2 - sum(
            sum(1 for name, _ in of.values() if name == one) ** 2 // 2 for one in first
        )
        for peer, script in PEERS.items():
            try:
                found = {frozenset(pair) for pair in pairs_of(python, script, folder)}
            except RuntimeError as error:
                report("duplicate_peers", peer, not_run=str(error)[:120])
                continue
            missed = sum(frozenset((file, first[of[file][0]])) not in found for file in copies)
            joined = sum(len({of[file][0] for file in pair}) == 2 for pair in found)
            report(
                "duplicate_peers",
                peer,
                copies=len(copies),
                missed=missed,
                pairs_of_different_pictures=strangers,
                joined=joined,
            )


if __name__ == "__main__":
    main()
