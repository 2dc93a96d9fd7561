"""EchoAtlas: ultrasound scans in, a de-identified, deduplicated, labelled dataset version out.

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
    from echoatlas.loader.dataset import Annotation, Dataset, Sample, load

__all__ = ["Annotation", "Dataset", "Sample", "__version__", "load"]


def __getattr__(name: str) -> Any:
    """The loader, when it is asked for: the pipeline imports this package too."""
    if name in __all__:
        from echoatlas.loader import dataset as loader

        return getattr(loader, name)
    raise AttributeError(f"module 'echoatlas' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
