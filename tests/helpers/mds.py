"""MDS, read by the rules of its own reader, where that is not installed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np


def mds_samples(folder: Path) -> list[dict[str, Any]]:
    """Samples by the rules of streaming 0.13's MDSReader."""
    index = json.loads((folder / "index.json").read_text())
    assert index["version"] == 2
    known = {"column_encodings", "column_names", "column_sizes", "compression", "format"}
    known |= {"hashes", "raw_data", "samples", "size_limit", "version", "zip_data"}
    decoders: dict[str, Any] = {"json": json.loads, "str": bytes.decode}
    decoders["int"] = lambda raw: int(np.frombuffer(raw, np.int64)[0])
    decoders["ndarray:uint8:16,16"] = lambda raw: np.frombuffer(raw, np.uint8).reshape(16, 16)
    decoders["png"] = lambda raw: cv2.imdecode(np.frombuffer(raw, np.uint8), -1)
    found = []
    for entry in index["shards"]:
        assert known == set(entry)  # one more is a TypeError to it
        data = (folder / entry["raw_data"]["basename"]).read_bytes()
        assert len(data) == entry["raw_data"]["bytes"]
        assert entry["hashes"] == list(entry["raw_data"]["hashes"])
        for kind in entry["hashes"]:
            assert hashlib.new(kind, data).hexdigest() == entry["raw_data"]["hashes"][kind]
        for number in range(entry["samples"]):
            begin, end = np.frombuffer(data[4 + 4 * number :][:8], np.uint32)
            one, at, sizes = data[begin:end], 0, []
            for size in entry["column_sizes"]:
                sizes.append(size or int(np.frombuffer(one[at : at + 4], np.uint32)[0]))
                at += 0 if size else 4
            sample: dict[str, Any] = {}
            names, kinds = entry["column_names"], entry["column_encodings"]
            for name, kind, size in zip(names, kinds, sizes, strict=True):
                sample[name] = decoders[kind](one[at : at + size])
                at += size
            assert at == len(one)
            found.append(sample)
    return found
