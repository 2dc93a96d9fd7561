"""Layouts of files that hold what comes before a picture, told by name.

Channel data, demodulated or beamformed, are measurements: a picture of them is wrong in shape and
in brightness, however well it correlates.
"""

from __future__ import annotations

from collections.abc import Iterable

from echoatlas.pipeline.errors import Reason, Reject

# What a Verasonics script leaves in a workspace that it saves.
VERASONICS = frozenset(
    {
        "Trans", "TX", "TW", "Receive", "Resource", "RcvData", "Event", "Recon", "ReconInfo",
        "SeqControl", "TGC", "Process",
    }
)  # fmt: skip
VERASONICS_LEAST = 3
ALONG_BEAMS = ("zea, along beams", "image_sc, or image/values with coordinates of straight rows")
ZEA_STAGES = ("raw_data", "aligned_data", "beamformed_data", "envelope_data")


def raw(layout: str, send: str = "the scan-converted picture") -> Reject:
    """The reject for a known layout."""
    return Reject(Reason.NOT_AN_IMAGE, f"these are channel data ({layout}); send {send}")


def check_workspace(names: Iterable[str]) -> None:
    """Refuse a MATLAB workspace of a research scanner.

    Args:
        names: of its variables.

    Raises:
        Reject: ``not_an_image``.
    """
    told = set(names)
    if len(told & VERASONICS) >= VERASONICS_LEAST or "RcvData" in told:
        raise raw("Verasonics")


def check_tree(paths: Iterable[str], classes: Iterable[str]) -> None:
    """Refuse an HDF5 tree of a known layout that holds no picture.

    Args:
        paths: of its groups and datasets, without the leading slash.
        classes: of its groups, by their attribute "class", as UFF has them.

    Raises:
        Reject: ``not_an_image``.
    """
    told = set(paths)
    check_workspace(path for path in told if "/" not in path)
    if any(path.startswith("US/US_DATASET") for path in told):
        raise raw("PICMUS")
    kinds = set(classes)
    if "uff.channel_data" in kinds and "uff.beamformed_data" not in kinds:
        raise raw("UFF")
    ends = {path.rsplit("/", 1)[-1] for path in told}
    if ends & set(ZEA_STAGES) and not ends & {"image_sc", "image"}:
        raise raw("zea", "image_sc, or image/values with their coordinates")


def zea_pictures(paths: Iterable[str]) -> list[str]:
    """The datasets of a zea file that are scan-converted pictures; none of another file's.

    Those of before 0.1 are called ``image_sc``; later ones are ``image/values`` that coordinates
    stand beside.

    Raises:
        Reject: ``not_an_image`` if its pictures are not scan-converted.
    """
    told = set(paths)
    converted = sorted(path for path in told if path.endswith("data/image_sc"))
    values = sorted(path for path in told if path.endswith("data/image/values"))
    placed = [path for path in values if path.replace("/values", "/coordinates") in told]
    stages = {path for path in told if path.endswith(tuple(f"data/{one}" for one in ZEA_STAGES))}
    polar = {path for path in told if path.endswith("data/image")} - {
        path.rsplit("/", 1)[0] for path in values
    }
    if not (converted or placed) and (values or (polar and (stages or "scan" in told))):
        raise raw(*ALONG_BEAMS)
    return converted or placed
