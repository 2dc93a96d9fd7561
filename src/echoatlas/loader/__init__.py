"""The trainer's face: a release as a sequence of samples, and as batches for PyTorch."""

from echoatlas.loader.collate import collate
from echoatlas.loader.dataset import Dataset
from echoatlas.loader.load import load
from echoatlas.loader.samples import Annotation, Batch, Sample

__all__ = ["Annotation", "Batch", "Dataset", "Sample", "collate", "load"]
