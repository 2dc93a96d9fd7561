"""Attributes alone: files a second of one core, the checker included, beside a limit and a peer.

Ours is all that a file's attributes go through: parsed under bounds, rebuilt by allow-list, held
against the standard's tables, written. Limit: pydicom reading and writing a file, changing
nothing. Peer: dicognito, editing in place and checking nothing, where it is installed
(`uv pip install dicognito`); what it leaves behind is in the issue's figures, not in these.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from io import BytesIO

from pydicom import dcmread, dcmwrite

from benchmarks.harness import few, in_turn, report, seeded
from echoatlas.pipeline.deidentify.header.checker import demand_clean
from echoatlas.pipeline.deidentify.header.policy import Policy
from echoatlas.pipeline.deidentify.header.rebuild import part10, rebuild
from echoatlas.pipeline.read.config import ReadConfig
from echoatlas.pipeline.read.dicom.header import open_dicom
from echoatlas.pipeline.vault.pseudonyms import SiteKey
from echoatlas.simulate import make_still, write_dicom

FILES, ROUNDS = few((40, 5), (8, 1))
LIMIT, OURS = "limit: pydicom reads and writes", "ours: rebuilt, checked, written"


def _all_of(way: Callable[[bytes], object], files: list[bytes]) -> None:
    for data in files:
        way(data)


def main() -> None:
    """Tell files a second of CPU time and the ratio to the limit, the best of several rounds."""
    key, policy = SiteKey.of("benchmark", random.Random(1).randbytes(32)), Policy()
    files = [header(seed) for seed in range(FILES)]
    seeded("attributes", headers=range(FILES), key=1)
    whole = {name: partial(_all_of, way, files) for name, way in ways(key, policy).items()}
    best = {name: min(seconds) for name, seconds in in_turn(whole, ROUNDS).items()}
    elements = sum(1 for _ in dcmread(BytesIO(files[0])).iterall())
    report("attributes", "headers", files=FILES, attributes=elements, each_kb=len(files[0]) / 1024)
    for name, seconds in best.items():
        report("attributes", name, files_per_s=FILES / seconds, times_limit=seconds / best[LIMIT])


def header(seed: int) -> bytes:
    """A simulated scanner's header, with an identity and private attributes, without pixels."""
    dataset = dcmread(BytesIO(write_dicom(make_still(seed, size=(160, 120)))))
    del dataset.PixelData
    buffer = BytesIO()
    dcmwrite(buffer, dataset)
    return buffer.getvalue()


def ways(key: SiteKey, policy: Policy) -> dict[str, Callable[[bytes], object]]:
    """What is measured, by name."""

    def ours(data: bytes) -> bytes:
        before = open_dicom(data, ReadConfig()).header
        rebuilt = rebuild(before, policy, key).dataset
        demand_clean(before, rebuilt, policy)
        return part10(rebuilt)

    def limit(data: bytes) -> bytes:
        buffer = BytesIO()
        dcmwrite(buffer, dcmread(BytesIO(data)))
        return buffer.getvalue()

    found: dict[str, Callable[[bytes], object]] = {LIMIT: limit, OURS: ours}
    try:
        from dicognito.anonymizer import Anonymizer
    except ImportError:
        print("dicognito is not installed: measured without it")
        return found
    anonymizer = Anonymizer()

    def dicognito(data: bytes) -> bytes:
        dataset = dcmread(BytesIO(data))
        anonymizer.anonymize(dataset)
        buffer = BytesIO()
        dcmwrite(buffer, dataset)
        return buffer.getvalue()

    return found | {"dicognito: edited in place": dicognito}


if __name__ == "__main__":
    main()
