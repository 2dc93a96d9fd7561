"""The README's tables of figures, from ``benchmarks/results.json``: ``python -m tools.figures``.

No figure in them is typed: measure with ``python -m benchmarks --out benchmarks/results.json``, all
or some by name, then run this. What was not measured anew since an earlier commit is marked
``"carried": true`` in the file, with that commit, and said below the table.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.results import Results, Row, percent, span

TOP = Path(__file__).parents[1]
RESULTS = TOP / "benchmarks" / "results.json"


def burned_text(found: Results) -> Iterator[str]:
    """Words burned in: covered, quarantined, and what that costs."""
    rows = found.rows("burned_text")
    clips, stills, gray = rows["clips, all"], rows["stills, all"], rows["stills, gray"]
    covered = stills["covered"] * stills["words"] - gray["covered"] * gray["words"]
    others = covered / (stills["words"] - gray["words"])

    def sure(row: Row) -> str:
        bound = f"{100 * row['covered_at_least']:.1f}"
        return f"{percent(row['covered'])} (95 % sure of {bound})"

    yield (
        "| hard words over simulated tissue | covered | that or quarantined "
        "| text-free tissue lost |"
    )
    yield "|---|---|---|---|"
    yield (
        f"| {clips['words']:,} in clips: moving, fading, for one frame, 8 pixels, rotated, "
        f"ideographs, ... | {sure(clips)} | {percent(clips['held'])} "
        f"| {percent(rows['clips, no text']['lost_mean'], 2)} |"
    )
    yield (
        f"| {stills['words']:,} in stills; {gray['words']} of them gray on speckle as bright "
        f"| {sure(stills)}; gray {percent(gray['covered'], 0)}, the others {percent(others)} "
        f"| {percent(stills['held'])} | {percent(rows['stills, no text']['lost_mean'], 2)} |"
    )
    left = {kind: rows[f"left out, all, {kind}"]["full_size_found"] for kind in ("clips", "stills")}
    yield ""
    yield (
        f"Of words left out on purpose the look in full size finds {percent(left['clips'], 0)} in "
        f"clips, fewer where they move,\nand {percent(left['stills'], 0)} in stills."
    )


def deid(found: Results) -> Iterator[str]:
    """What tools leave of planted identifiers, ours first, then those that leave least."""
    rows = dict(found.rows("deid"))
    planted = rows.pop("planted")
    rows.pop("EchoAtlas, attributes alone", None)
    ours = rows.pop("EchoAtlas")
    yield (
        f"Of {planted['identifiers']:,} identifiers planted in the headers and codestreams of "
        f"{planted['files']} files (`python -m benchmarks\ndeid`, all in one run):"
    )
    yield ""
    yield "| tool | files written | identifiers leaked |"
    yield "|---|---|---|"
    yield f"| EchoAtlas | {ours['written']} | **{ours['leaked']:,}** |"
    for name, row in sorted(rows.items(), key=lambda one: one[1].get("leaked", math.inf)):
        if "note" in row:
            yield f"| {name} | {row['note']} | |"
        else:
            yield f"| {name} | {row['written']} | {row['leaked']:,} |"


Claim = tuple[str, str]  # what is claimed, and the figure


def _real_fans(found: Results) -> Claim:
    row = found.row("geometry", "all real")
    least = row["accepted_iou_min"]
    return (
        f"fans on {row['scans']} real samples, against outlines by hand",
        f"mean IoU {row['iou_mean']:.3f}; accepted ones {least:.3f} at the least",
    )


def _simulated_fans(found: Results) -> Claim:
    row = found.row("geometry", "all simulated")
    return (
        f"fans on {row['scans']:,} simulated scans, whose truth is known",
        f"mean IoU {row['iou_mean']:.3f}, {row['iou_min']:.3f} at the least; "
        f"{percent(row['accepted'] / row['scans'], 0)} accepted",
    )


def _fan_speed(found: Results) -> Claim:
    clip, still = (
        found.row("geometry", f"640 x 480, {kind}")["ours_ms"] for kind in ("clip of 60", "still")
    )
    return "finding the fan of a 640 x 480 cine / still", f"{clip:.0f} ms / {still:.0f} ms"


def _yields(found: Results) -> Claim:
    row = found.row("yields", "real scans")
    return "real scans that come out released", f"{row['released']} of {row['scans']}"


def _labels(found: Results) -> Claim:
    rows = found.rows("labels")
    whole, sure = rows["all"], rows["confidence at least 0.985"]

    def both(row: Row) -> str:
        return f"{percent(row['region_right'])} / {percent(row['organ_right'])}"

    return (
        f"labels of {whole['cases']:,} simulated headers: region / organ right when answered",
        f"{both(whole)}, {percent(whole['region_answered'], 0)} answered; "
        f"{both(rows['other seeds, all'])} over ten other seeds, where 1 header in 100 states only "
        f"what is not shown, and {both(rows['other seeds, telling'])} of the others; calibration "
        f"error {whole['calibration_error']:.3f}. Answers of confidence 0.985 or more: "
        f"{percent(sure['right'])} right, for {percent(sure['answered'], 0)} of headers",
    )


def _relabel(found: Results) -> Claim:
    row = found.row("relabel", "labeling")
    return (
        f"labeling a lake anew, {row['objects']:,} objects with 8 hints and 4 frames each",
        f"{row['cpu_s']:.1f} s; {row['times_read']:.1f} times the memory of the tables that it "
        f"reads in Arrow, {row['an_object_kb']:.1f} kB an object",
    )


def _loader(found: Results) -> Claim:
    rows = found.rows("loader")
    ours, webdataset, litdata = (
        rows[f"zstd, {who}, DataLoader of 2"]["share_median"]
        for who in ("ours", "WebDataset", "litdata")
    )
    in_order, shuffled = (
        rows[f"zstd, ours, {how}"]["share_median"] for how in ("in order", "shuffled")
    )
    return (
        "reading a release (zstd), as a share of decoding the same bytes from memory",
        f"in order {in_order:.2f}, shuffled {shuffled:.2f}; in a DataLoader of two workers "
        f"{ours:.2f}, WebDataset {webdataset:.2f}, LitData {litdata:.2f}",
    )


def _opening(found: Results) -> Claim:
    rows = found.rows("loader")
    cold, warm = rows["opening, cold"], rows["opening, warm"]
    return (
        f"opening a release of {cold['rows'] / 1e6:.1f} M samples, cold / warm",
        f"{cold['cpu_s']:.1f} / {warm['cpu_s']:.1f} s, {cold['whole_mb']:.0f} / "
        f"{warm['whole_mb']:.0f} MB",
    )


def _frames(found: Results) -> Claim:
    rows = found.rows("frames").values()
    return (
        "a 640 x 480 JPEG frame without text detection",
        f"{span([row['times_limit'] for row in rows])} times decoding alone; "
        f"{span([row['glued_times_path'] for row in rows], 0)} times faster than pixel_array, "
        "imagehash, PIL and scikit-image",
    )


def _journey(found: Results) -> Claim:
    row = found.row("journey", "the whole journey")
    return (
        "the whole journey; of it, text looked for and looked for again in full size",
        f"{row['times_decoding']:.0f} times decoding alone; {percent(row['text_share'], 0)}",
    )


def _stills(found: Results) -> Claim:
    free, text = (found.row("journey", f"stills {what} text") for what in ("without", "with"))
    return (
        "the same of a 640 x 480 still without text / with text in the fan",
        f"{free['an_image_ms']:.0f} / {text['an_image_ms']:.0f} ms, {free['times_decoding']:.0f} "
        f"/ {text['times_decoding']:.0f} times decoding alone: no other frames tell text from "
        "tissue",
    )


def _attributes(found: Results) -> Claim:
    row = found.row("attributes", "ours: rebuilt, checked, written")
    return (
        "attributes, checker included",
        f"{row['files_per_s']:.0f} files/s a core, {row['times_limit']:.1f} times what pydicom "
        "takes to read and write them",
    )


def _memory(found: Results) -> Claim:
    row = found.row("memory", "color")
    return (
        f"a cine of {row['frames']:,} frames",
        f"{row['but_text_mb']} MB resident; {row['journey_mb']} with the text detector",
    )


MEASURED: tuple[tuple[Callable[[Results], Claim], str], ...] = (
    (_real_fans, "`geometry`"),
    (_simulated_fans, "`geometry`, below"),
    (_fan_speed, "`geometry`"),
    (_yields, "`yields`"),
    (_labels, "`labels`"),
    (_relabel, "`relabel`"),
    (_frames, "`frames`"),
    (_journey, "`journey`"),
    (_stills, "`journey`"),
    (_attributes, "`attributes`"),
    (_memory, "`memory`"),
    (_loader, "`loader`"),
    (_opening, "`loader`"),
)


def measured(found: Results) -> Iterator[str]:
    """What the README claims of speed, memory and accuracy."""
    yield "| what | figure | benchmark |"
    yield "|---|---|---|"
    for claim, where in MEASURED:
        what, figure = claim(found)
        yield f"| {what} | {figure} | {where} |"


@dataclass(frozen=True, slots=True)
class Fans:
    """A line of the table of fans: kinds by their names there, each of one case or more."""

    kinds: dict[str, tuple[str, ...]]
    why: str = ""  # some are not accepted


FANS = (
    Fans({"linear": ("linear",), "trapezoid": ("trapezoid",)}),
    Fans(
        {
            "convex": ("convex",),
            "phased": ("phased",),
            "endocavity, down and up": ("endocavity", "endocavity up"),
        }
    ),
    Fans({"circular": ("circular",)}, "the others have text on them"),
    Fans({"dark convex": ("dark still",), "dark phased": ("dark phased",)}),
    Fans({"cut off by the screen": ("cut by screen",)}),
    Fans({"dual linear": ("dual linear",), "dual convex": ("dual convex",), "quad": ("quad",)}),
    Fans({"over an M-mode trace": ("over M-mode",), "over a spectrum": ("over spectrum",)}),
    Fans({"color flow": ("color flow",), "ECG, calipers and body mark": ("ECG, marks",)}),
)


def fans(found: Results) -> Iterator[str]:
    """How well fans of each kind are found."""
    rows = found.rows("geometry")
    each, rejected = rows["linear"]["scans"], rows["all simulated"]["rejected"] or "none"
    yield (
        f"Simulated fans by kind, stills and cines together, {each} scans each (`python -m "
        f"benchmarks geometry`);\nthose that are not accepted go to review, {rejected} is rejected:"
    )
    yield ""
    yield "| kind | mean IoU | least | accepted |"
    yield "|---|---|---|---|"
    for line in FANS:
        groups = [[rows[case] for case in cases if case in rows] for cases in line.kinds.values()]
        means = [
            sum(row["iou_mean"] * row["scans"] for row in group)
            / sum(row["scans"] for row in group)
            for group in groups
        ]
        least = [min(row["iou_min"] for row in group) for group in groups]
        every = [row for group in groups for row in group]
        accepted, scans = (sum(row[name] for row in every) for name in ("accepted", "scans"))
        why = f", {line.why}" if line.why else ""
        told = "all" if accepted == scans else f"{accepted}{why}"
        yield (
            f"| {'; '.join(line.kinds)} | {'; '.join(f'{one:.3f}' for one in means)} "
            f"| {'; '.join(f'{one:.3f}' for one in least)} | {told} |"
        )


TABLES: dict[str, Callable[[Results], Iterator[str]]] = {
    "burned_text": burned_text,
    "deid": deid,
    "measured": measured,
    "fans": fans,
}


def table(name: str, results: dict[str, Any]) -> str:
    """A table as Markdown, with where its figures come from below it."""
    found = Results(results)
    lines = list(TABLES[name](found))
    return "\n".join([*lines, "", found.foot()])


def filled(page: str, results: dict[str, Any]) -> str:
    """A page with its tables between their marks as the results say."""
    for name in TABLES:
        start, end = (f"<!-- figures, {name}: {edge} -->" for edge in ("start", "end"))
        text = f"{start}\n{table(name, results)}\n{end}"
        before, found_start, rest = page.partition(start)
        _, found_end, after = rest.partition(end)
        if not (found_start and found_end):
            raise ValueError(f"the page has no place for the table '{name}'")
        page = before + text + after
    return page


def main() -> None:
    """Write the tables into the README."""
    readme = TOP / "README.md"
    results = json.loads(RESULTS.read_text("utf-8"))
    readme.write_text(filled(readme.read_text("utf-8"), results), "utf-8")


if __name__ == "__main__":
    main()
