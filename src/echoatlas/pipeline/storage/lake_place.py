"""Whether a lake is where somebody says: a mistyped address is no empty lake. Knows no Delta."""

from __future__ import annotations

from echoatlas.errors import UsageError, nearest
from echoatlas.pipeline.storage.storage import LocalStorage, Storage

PARTS = ("tables", "releases", "metrics")  # what lies in a lake, and begins in no other way
OWN = ("_", ".partial-")  # how the names of what the engine keeps there begin


def demand_lake(storage: Storage) -> None:
    """Refuse an address at which there is no lake.

    A new lake is a folder with nothing in it, which ``echoatlas init`` makes, or a prefix of a
    bucket with anything in it, since an empty prefix is none.

    Raises:
        UsageError: there is none; names the folder beside it that is nearest.
        Retry: the service does not answer.
    """
    if not isinstance(storage, LocalStorage):
        # Releases first: whoever only trains may see nothing else
        if not (storage.sub("releases").is_there() or storage.is_there()):
            raise UsageError(
                f"there is no lake at {storage.uri}: is it mistyped? `echoatlas run` makes the one "
                "that echoatlas.yaml names"
            )
        return
    root = storage.root
    if not root.is_dir():
        beside = root.parent.iterdir() if root.parent.is_dir() else ()
        near = nearest(root.name, [one.name for one in beside if one.is_dir()])
        raise UsageError(f"there is no lake at {root}{near}")
    found = [one.name for one in root.iterdir()]
    if found and not any(name in PARTS or name.startswith(OWN) for name in found):
        raise UsageError(f"{root} holds no lake, but other files: name the lake's own folder")
