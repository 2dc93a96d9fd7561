"""Which copies are found, and which strangers are taken for copies, with fans as found.

Stills (the samples' and simulated ones) are changed as they are between sites, read and normalized
anew each, and deduplicated together: a copy must be joined to its original, and no picture to
another. Beside it: imagehash's phash of the picture as it is, within 8 bits of 64. Then clips of
simulated hearts: of different patients (shaped as patients differ, and all of one shape), and cuts
of the same, planted in all ways in which clips are cut.

    python -m benchmarks.duplicates [stills] [hearts] [cuts]
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import imagehash
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from benchmarks.harness import Took, few, report, seeded
from benchmarks.stills import STILLS, Pixels, scanned
from echoatlas.pipeline.deduplicate.compared_frames import COMPARED
from echoatlas.pipeline.deduplicate.whole_lake import Deduplicated, deduplicate
from echoatlas.pipeline.errors import Reject
from echoatlas.pipeline.frames.area import area_of
from echoatlas.pipeline.frames.clip import Clip
from echoatlas.pipeline.frames.measure import measure
from echoatlas.pipeline.frames.normalize import normalize, plan_frames
from echoatlas.pipeline.geometry import GeometryConfig, geometry
from echoatlas.pipeline.read import ReadConfig, read
from echoatlas.schemas.fan import Fan
from echoatlas.schemas.records import Normalized, Redaction
from echoatlas.simulate import make_cine

HEARTS, FRAMES, CUT_CLIPS = few((1000, 12, 24), (10, 6, 3))
HEART, CUT = 10_000, 20_000  # first seeds
THRESHOLD = 8  # bits of 64


def encoded(pixels: Pixels, ending: str = ".png", *options: int) -> bytes:
    shown = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., ::-1])
    return bytes(cv2.imencode(ending, shown, list(options))[1].tobytes())


def curved(pixels: Pixels, curve: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Pixels:
    return np.asarray(cv2.LUT(pixels, np.clip(curve(np.arange(256.0)), 0, 255).astype(np.uint8)))


def scaled(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA))


def measured(pixels: Pixels) -> Pixels:
    """With two calipers and a dotted line between them."""
    height, width = pixels.shape[:2]
    drawn, color = pixels.copy(), (255, 255, 0)[: 1 if pixels.ndim == 2 else 3]
    ends = [(int(width * x), int(height * y)) for x, y in ((0.4, 0.45), (0.62, 0.55))]
    for x, y in ends:
        cv2.line(drawn, (x - 6, y), (x + 6, y), color, 1)
        cv2.line(drawn, (x, y - 6), (x, y + 6), color, 1)
    for share in np.linspace(0, 1, 30):
        x, y = (int(a + share * (b - a)) for a, b in zip(*ends, strict=True))
        cv2.circle(drawn, (x, y), 1, color, -1)
    return drawn


def changes(pixels: Pixels, fan: NDArray[np.bool_]) -> Iterator[tuple[str, bytes]]:
    """A still as other sites have it."""
    height, width = pixels.shape[:2]
    down, across, pad = int(height * 0.025), int(width * 0.025), int(height * 0.15)
    darker = curved(scaled(pixels), lambda v: 255 * (v / 255) ** 0.85)
    headless, alone = pixels.copy(), pixels.copy()
    headless[: int(height * 0.07)] = 0
    alone[~fan] = 0
    yield "JPEG 60", encoded(pixels, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 60)
    yield "other codec (WebP 75)", encoded(pixels, ".webp", cv2.IMWRITE_WEBP_QUALITY, 75)
    yield "scaled to .8", encoded(scaled(pixels))
    yield "gain 1.2", encoded(curved(pixels, lambda v: v * 1.2))
    yield "gamma .85", encoded(curved(pixels, lambda v: 255 * (v / 255) ** 0.85))
    yield "top 7 % masked", encoded(headless)
    yield "outside masked", encoded(alone)
    yield "cropped 2.5 % a side", encoded(pixels[down : height - down, across : width - across])
    padded = cv2.copyMakeBorder(pixels, pad, pad, 10, 10, cv2.BORDER_CONSTANT)
    yield "letterboxed", encoded(np.asarray(padded))
    yield "calipers", encoded(measured(pixels))
    yield "mirrored", encoded(np.ascontiguousarray(pixels[:, ::-1]))
    yield "scaled, gamma, JPEG 60", encoded(darker, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 60)


@dataclass(slots=True)
class Lake:
    """Frames as deduplication gets them."""

    rows: list[dict[str, object]]
    pictures: dict[str, bytes]

    def add(
        self,
        object_id: str,
        data: bytes | None,
        source: Sequence[Pixels] = (),
        fan: Fan | None = None,
    ) -> bool:
        """Read, find the fan, if it is not given, normalize, measure; False where that fails."""
        try:
            if data is not None:
                scan = read(data, ReadConfig())
                pictures = list(Clip(scan))
                fans = geometry(scan, pictures[:1], GeometryConfig())
            else:
                scan = read(encoded(source[0]), ReadConfig())
                pictures = list(source)
                fans = (fan,) if fan else geometry(scan, pictures[:9], GeometryConfig())
            plan = plan_frames(fans[0], Redaction(fans[0].mask(*pictures[0].shape[:2])))
        except Reject:
            return False
        for place, picture in enumerate(pictures):
            self._keep(object_id, place, normalize(picture, plan))
        return True

    def _keep(self, object_id: str, place: int, frame: Normalized) -> None:
        found = measure(frame, area_of(frame.valid, frame.depth))
        name = f"{object_id}-{place:04d}"
        self.pictures[name] = found.thumbnail
        own = {"frame_id": name, "object_id": object_id, "pane": 0, "frame_index": place}
        self.rows.append(
            own
            | {"rank": len(self.rows)}
            | {column: getattr(found, column) for column, _ in COMPARED if hasattr(found, column)}
        )

    def rename(self, object_id: str) -> None:
        """Call the last still otherwise."""
        row, name = self.rows[-1], f"{object_id}-0000"
        self.pictures[name] = self.pictures.pop(str(row["frame_id"]))
        row |= {"frame_id": name, "object_id": object_id}

    def deduplicated(self) -> tuple[Deduplicated, float]:
        """What is found, and the CPU seconds that it takes."""
        columns = {name: [row[name] for row in self.rows] for name, _ in COMPARED}
        table = pa.table(columns, schema=pa.schema(COMPARED))
        with Took() as took:
            result = deduplicate(table, lambda _: lambda ids: [self.pictures[one] for one in ids])
        return result, took.seconds


def stills() -> None:
    """Copies of stills that are found, by kind of change, and strangers that are joined."""
    lake, hashes, kinds = Lake([], {}), {}, {}
    for name, picture, fan in scanned():
        if not lake.add(f"{name}|", encoded(picture)):
            continue
        if not lake.rows[-1]["landmark_places"]:  # black, or a screen without a scan
            name = name.replace("/", " without tissue/", 1)
            lake.rename(f"{name}|")
        for kind, copy in changes(picture, fan.mask(*picture.shape[:2])):
            if lake.add(f"{name}|{kind}", copy):
                kinds[f"{name}|{kind}"] = kind
                hashes[f"{name}|{kind}"] = _phash(copy)
        hashes[f"{name}|"] = _phash(encoded(picture))
    result, spent = lake.deduplicated()
    group = {row["object_id"]: row["cluster"] for row in result.clips.to_pylist()}
    tie = {row["object_id"]: row["tie"] for row in result.clips.to_pylist()}
    asked, found, tied, usual = Counter(), Counter(), Counter(), Counter()  # type: ignore[var-annotated]
    for name, kind in kinds.items():
        original = f"{name.partition('|')[0]}|"
        for key in ((kind, name.partition("/")[0]), ("all", name.partition("/")[0])):
            asked[key] += 1
            found[key] += group[name] == group[original]
            tied[key] += group[name] != group[original] and tie[name] == tie[original]
            usual[key] += hashes[name] - hashes[original] <= THRESHOLD
    for kind, source in asked:
        key, count = (kind, source), asked[kind, source]
        report(
            "duplicates",
            f"{source}, {kind}",
            copies=count,
            missed=count - found[key],
            tied_only=tied[key],
            missed_by_imagehash=count - usual[key],
        )
    names = sorted(hashes)
    strangers = [
        (a, b)
        for at, a in enumerate(names)
        for b in names[:at]
        if a.partition("|")[0] != b.partition("|")[0]
    ]
    edges = result.edges.to_pylist()
    near = {frozenset((e["object_id"], e["other_object"])) for e in edges if e["kind"] != "tie"}
    wrong = [pair for pair in strangers if frozenset(pair) in near]
    theirs = sum(hashes[a] - hashes[b] <= THRESHOLD for a, b in strangers)
    report(
        "duplicates",
        "different pictures",
        pairs=len(strangers),
        joined=len(wrong),
        joined_by_imagehash=theirs,
        stills=len(lake.rows),
        looked_at=result.looked_at,
        cpu_s=spent,
    )
    print("  ", Counter(tuple(sorted(one.partition("|")[0] for one in pair)) for pair in wrong))


def _phash(data: bytes) -> imagehash.ImageHash:
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    return imagehash.phash(Image.fromarray(shown))


def hearts() -> None:
    """Clips of different patients' hearts in one view: none may be near another."""
    for shape, count in (("thorax/heart", HEARTS), ("thorax/heart/model", HEARTS // 10)):
        lake = Lake([], {})
        for seed in range(count):
            scan = make_cine(
                HEART + seed,
                fan="phased",
                anatomy=shape,
                screen="philips",
                size=(640, 480),
                frames=FRAMES,
            )
            lake.add(f"{seed:05d}", None, list(scan.pictures))
        result, spent = lake.deduplicated()
        kinds = Counter(result.edges.column("kind").to_pylist())
        report(
            "duplicates",
            f"strangers, {shape}",
            clips=count,
            frames=FRAMES,
            pairs=count * (count - 1) // 2,
            looked_at=result.looked_at,
            near=kinds["near"],
            tied=kinds["tie"],
            cpu_s=spent,
        )


CUTS: dict[str, tuple[Callable[[list[Pixels]], list[Pixels]], str]] = {
    "whole": (lambda clip: clip, "near"),
    "first two thirds": (lambda clip: clip[: 2 * len(clip) // 3], "part"),
    "middle": (lambda clip: clip[len(clip) // 4 : 3 * len(clip) // 4], "part"),
    "every second": (lambda clip: clip[::2], "part"),
    "every third": (lambda clip: clip[1::3], "part"),
    "still": (lambda clip: clip[len(clip) // 2 :][:1], "still"),
    "mirrored": (lambda clip: [np.ascontiguousarray(one[:, ::-1]) for one in clip], "mirror"),
}


def sent_again(pixels: Pixels) -> Pixels:
    """A frame as another site has it."""
    data = encoded(pixels, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 75)
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))


def cuts() -> None:
    """Relations of clips: copies planted in all ways among strangers, re-encoded each."""
    for given in (False, True):
        print("fans given" if given else "fans found anew in each")
        _cuts(given=given)


def _cuts(*, given: bool) -> None:
    lake, wanted = Lake([], {}), {}
    kinds = (("phased", "thorax/heart"), ("convex", "fetus/fetal_head"), ("linear", "thorax/lung"))
    for seed in range(CUT_CLIPS):
        fan, anatomy = kinds[seed % 3]
        scan = make_cine(CUT + seed, fan=fan, anatomy=anatomy, size=(640, 480), frames=2 * FRAMES)
        clip, known = list(scan.pictures), scan.fans[0] if given else None
        if not lake.add(f"{seed:03d}", None, clip, known):
            continue
        for name, (taken, relation) in CUTS.items():
            if given and name == "mirrored":  # the fan would have to be mirrored as well
                continue
            copy = f"{seed:03d}|{name}"
            if lake.add(copy, None, [sent_again(one) for one in taken(clip)], known):
                wanted[copy] = relation
    result, spent = lake.deduplicated()
    said, right, held = defaultdict(Counter), 0, 0  # type: ignore[var-annotated]
    for row in result.clips.to_pylist():
        name, head = row["object_id"], row["head"].partition("/")[0]
        if name in wanted:
            held += row["relation"] in ("near", "part", "still", "mirror", "exact")
            good = row["relation"] == wanted[name] and head.partition("|")[0] == name[:3]
            right += good
            said[name.partition("|")[2]][row["relation"]] += 1
    for name, counts in said.items():
        report("duplicates", f"cut, {name}", **dict(counts))
    ends = (result.edges.column(name).to_pylist() for name in ("object_id", "other_object"))
    crossed = sum(one[:3] != other[:3] for one, other in zip(*ends, strict=True))
    report(
        "duplicates",
        "relations",
        precision=right / max(held, 1),
        recall=right / max(len(wanted), 1),
        copies=len(wanted),
        edges_between_strangers=crossed,
        cpu_s=spent,
    )


def main(parts: Sequence[str] = ()) -> None:
    """Run all parts, or those named."""
    hearts_of, cuts_of = range(HEART, HEART + HEARTS), range(CUT, CUT + CUT_CLIPS)
    seeded("duplicates", stills=range(STILLS), hearts=hearts_of, cuts=cuts_of)
    for part in (stills, hearts, cuts):
        if not parts or part.__name__ in parts:
            part()


if __name__ == "__main__":
    main(sys.argv[1:])
