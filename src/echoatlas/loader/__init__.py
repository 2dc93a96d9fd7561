"""The trainer's face: a release as a sequence of samples, and as batches for PyTorch."""

from echoatlas.loader.batches import Batches
from echoatlas.loader.clips import ClipWindows
from echoatlas.loader.collate import collate
from echoatlas.loader.dataset import Dataset
from echoatlas.loader.load import load
from echoatlas.loader.samples import Annotation, Batch, Sample
from echoatlas.loader.stage import Stage
from echoatlas.loader.write_back import feedback
from echoatlas.taxonomy.tree import tree

__all__ = [
    "Annotation",
    "Batch",
    "Batches",
    "ClipWindows",
    "Dataset",
    "Sample",
    "Stage",
    "collate",
    "feedback",
    "load",
    "tree",
]
