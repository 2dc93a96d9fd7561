"""Pictures without text to train on: simulated scans, and real ones where no text was found.

``python -m tools.text_network.grounds OUT.npz [--samples FOLDER]`` writes them as arrays. Of real
scans, only those whose terms allow training are taken, the first half of each collection; the other
half is for tests. Simulated scans have seeds that no test or benchmark has.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from echoatlas.pipeline.deidentify.pixels.redact import redact
from echoatlas.pipeline.errors import Reason, Reject
from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.geometry import GeometryConfig, geometry
from echoatlas.pipeline.read import read
from echoatlas.simulate.pictures.scans import make_cine
from echoatlas.simulate.pictures.tissue import RECIPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echoatlas.schemas.records import Picture

SEEDS = range(20_000, 20_360)
FANS = ("convex", "linear", "phased", "trapezoid", "endocavity", "circular")
SIZES = ((640, 480), (640, 480), (800, 600), (1024, 768))
MODES = ("b_mode",) * 5 + ("color_doppler", "color_doppler", "m_mode", "spectral_doppler")
# Test vectors of DICOM come without their patients' consent, and one collection's license would
# pass on to what is made of it.
BARRED_FOLDERS, BARRED_LICENSES = ("dicom",), ("CC-BY-SA-4.0",)
SMALL = (48, 120)  # pixels of a side, of some simulated scans
LARGEST = 1024  # pixels of a side; larger pictures are made smaller
FRAMES = 12  # of a clip, that its text is looked for in
TEXT_RIM = 6  # pixels around text that are not learned from


@dataclass(frozen=True, slots=True)
class Ground:
    """A picture to draw words on.

    Attributes:
        picture: (H, W, 3) uint8.
        known: (H, W), where it is known to be without text.
        inside: (H, W), the scanned area, where words are put.
        real: whether a scanner made it.
    """

    picture: NDArray[np.uint8]
    known: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    real: bool = False


def simulated(seed: int) -> Ground:
    """A simulated scan of any kind, the same for the same seed."""
    rng = np.random.default_rng([seed, 41])
    scan = make_cine(
        seed,
        frames=1,
        fan=str(rng.choice(FANS)),
        screen="none",
        size=SIZES[rng.integers(len(SIZES))],
        burned_in=(),
        anatomy=str(rng.choice(sorted(RECIPES))),
        mode=str(rng.choice(MODES)),
        color=True,
        panes=int(rng.choice((1, 1, 1, 2))),
        extras=[name for name in ("calipers", "body_mark", "ecg") if rng.random() < 0.2],
    )
    picture = scan.pictures[0]
    known = np.ones(picture.shape[:2], bool)
    for text in scan.texts:
        box = text.box
        top, left = max(box.y0 - TEXT_RIM, 0), max(box.x0 - TEXT_RIM, 0)
        known[top : box.y1 + TEXT_RIM, left : box.x1 + TEXT_RIM] = False
    inside = np.logical_or.reduce([fan.mask(*picture.shape[:2]) for fan in scan.fans])
    small = int(rng.integers(*SMALL)) if rng.random() < 0.06 else LARGEST
    return replace(_fitted(picture, known, inside, small), real=False)


def real(path: Path) -> Iterator[Ground]:
    """The first picture of a real scan, and of a clip the last; nothing if it has no fan."""
    scan = read(path.read_bytes())
    clip = Clip(scan)
    spread = clip.spread(GeometryConfig().pictures)
    try:
        fans = geometry(scan, spread)
    except Reject as rejection:
        if rejection.reason is not Reason.NO_FAN:
            return
        try:
            fans = geometry(scan, spread, GeometryConfig(cropped=True))
        except Reject:
            return
    shown = spread[:FRAMES]
    try:
        cuts = redact(shown, fans)
    except Reject:
        return
    inside = np.logical_or.reduce([fan.mask(*shown[0].shape[:2]) for fan in fans])
    keep = np.logical_or.reduce([cut.keep for cut in cuts])
    for picture in (shown[0], shown[-1]) if len(shown) > 1 else (shown[0],):
        yield _fitted(picture, keep, inside)


def _fitted(
    picture: Picture, known: NDArray[np.bool_], inside: NDArray[np.bool_], most: int = LARGEST
) -> Ground:
    """With no side longer than that, in color."""
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    high, wide = picture.shape[:2]
    by = min(1.0, most / max(high, wide))
    if by < 1.0:
        size = (round(wide * by), round(high * by))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        known, inside = (
            cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
            for mask in (known, inside)
        )
    return Ground(np.ascontiguousarray(picture), known, inside, real=True)


def halves(samples: Path) -> tuple[list[str], list[str]]:
    """Paths of real scans that may be trained on, and of those that are for tests alone.

    Neighbors in name are often of one patient: the halves are cut at one place of each folder.
    """
    folders: dict[str, list[str]] = defaultdict(list)
    barred = []
    with (samples / "manifest.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] != "real":
                continue
            path = row["path"]
            if path.startswith(BARRED_FOLDERS) or row["licence"] in BARRED_LICENSES:
                barred.append(path)
            else:
                folders[path.rpartition("/")[0]].append(path)
    training, testing = [], barred
    for paths in folders.values():
        cut = len(paths) // 2
        training += sorted(paths)[:cut]
        testing += sorted(paths)[cut:]
    return sorted(training), sorted(testing)


def save(grounds: list[Ground], path: Path) -> None:
    """Write grounds into one file."""
    parts = {}
    for number, one in enumerate(grounds):
        parts[f"p{number}"] = one.picture
        parts[f"m{number}"] = _packed(one)
    np.savez(path, **parts)  # type: ignore[arg-type]


def load(path: Path) -> list[Ground]:
    """Read grounds again."""
    with np.load(path) as parts:
        count = len(parts.files) // 2
        return [_unpacked(parts[f"p{n}"], parts[f"m{n}"]) for n in range(count)]


def _packed(ground: Ground) -> NDArray[np.uint8]:
    whole = ground.known.astype(np.uint8) + 2 * ground.inside + 4 * np.uint8(ground.real)
    return np.asarray(whole, np.uint8)


def _unpacked(picture: NDArray[np.uint8], bits: NDArray[np.uint8]) -> Ground:
    return Ground(picture, bits & 1 > 0, bits & 2 > 0, bool(bits.flat[0] & 4))


def main() -> None:
    """Make the grounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--samples", type=Path, default=None, help="folder of real scans")
    given = parser.parse_args()
    grounds = [simulated(seed) for seed in SEEDS]
    print(f"{len(grounds)} simulated")
    for path in halves(given.samples)[0] if given.samples else ():
        found = list(real(given.samples / path))
        print(f"{len(found)} of {path}")
        grounds += found
    save(grounds, given.out)


if __name__ == "__main__":
    main()
