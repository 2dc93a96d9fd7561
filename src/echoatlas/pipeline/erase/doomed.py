"""Everything that an erasure takes away, by ids and digests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Doomed:
    """Everything that goes, by the ids that the lake has. Trusted zone.

    Attributes:
        keys: public ids of the deployment's key and the site's, under which all ids are made.
        patients: pseudonyms of the site's. aliases: other pseudonyms of whom nothing is left once
            these objects are gone, at any site: who is known by them is in the same pictures.
        objects, frames, contents, pixels, annotations: ids.
        marks: hashes of ids by which nobody else is known.
        locators: of all sightings of these objects.
        pictures: SHA-256 of the stored images, as lake and releases have them.
        digests: of the samples that releases have of them.
        copies: objects that go since they are the same bytes, or show the same picture, as those
            of the patients.
        look_alikes: objects that only nearly show the same and name somebody else: they stay.
        quarantined: objects in quarantine whose files say that they are of the patients.
        unread: objects in quarantine of which nobody can tell any more whose they are.
        unknown: lines of the request's file of whom nothing was found.
        near: lines whose id others have as well, but for its issuer, leading zeros or separators.
        near_patients: their pseudonyms. near_objects: how many are of these. They stay.
        in_names, in_names_patients, in_names_objects: the same of scans that name nobody, and lie
            under a name that holds an id. They stay, too.
    """

    request: str
    site: str
    whole: bool
    keys: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    pixels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    locators: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    copies: int = 0
    look_alikes: int = 0
    quarantined: int = 0
    unread: int = 0
    unknown: tuple[int, ...] = ()
    near: tuple[int, ...] = ()
    near_patients: tuple[str, ...] = ()
    near_objects: int = 0
    in_names: tuple[int, ...] = ()
    in_names_patients: tuple[str, ...] = ()
    in_names_objects: int = 0

    @property
    def needles(self) -> frozenset[str]:
        """Every id of which no trace may be left."""
        ids = (self.patients, self.aliases, self.objects, self.frames, self.contents, self.pixels)
        return frozenset(one for some in (*ids, self.annotations, self.marks) for one in some)
