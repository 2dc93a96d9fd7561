"""EchoAtlas: ultrasound scans in, a de-identified, deduplicated, labeled dataset version out.

What trainers import::

    import echoatlas

    data = echoatlas.load("2026.11", lake="s3://bucket/lake", split="train")
    for sample in data.shuffled(seed=0, epoch=3):
        sample.image, sample.labels, sample.asserted, sample.annotations
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from echoatlas._version import __version__

if TYPE_CHECKING:
    from echoatlas.loader import (
        Annotation,
        Batch,
        Batches,
        ClipWindows,
        Dataset,
        Sample,
        Stage,
        collate,
        feedback,
        load,
        tree,
    )

__all__ = [
    "Annotation",
    "Batch",
    "Batches",
    "ClipWindows",
    "Dataset",
    "Sample",
    "Stage",
    "__version__",
    "collate",
    "feedback",
    "load",
    "tree",
]


def __getattr__(name: str) -> Any:
    """The loader, when it is asked for: the pipeline imports this package too."""
    if name in __all__:
        from echoatlas import loader

        return getattr(loader, name)
    raise AttributeError(f"module 'echoatlas' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
