"""What copies of a picture know of each other's patients, consent and labels, over a whole lake.

Equal bytes at two sites, the same picture in another file, a still cut from a clip: each was told
other things about itself. A release may hold only one of them, or none; what the others say holds
all the same, the strictest first:

- patients whom copies of one picture name, however indirectly, stay in one split, and so do scans
  that name nobody and were taken on one device within a short time, and patients of a site whose
  ids are the same but for issuer, leading zeros and separators: a header's 007 may be a table's 7;
- a picture of whom one copy names nobody is of the patient whom another names;
- the licenses of all copies bind;
- of what copies say of consent the strictest holds; who restricts or refuses it does so for all
  pictures of the patient, who gives it for this one alone;
- what a list of patients says holds for all of a patient's pictures; what it takes away also where
  ids are the same but for issuer, leading zeros and separators; and where a site has a list that
  can't be heeded, nobody knows of whom of its patients it speaks;
- a label that one copy has is the others', and labels that contradict each other are none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from echoatlas.pipeline.database import Connection, database
from echoatlas.pipeline.scratch import Allowance
from echoatlas.schemas.index import ROLES, Role
from echoatlas.schemas.values import Consent, DecidedBy
from echoatlas.taxonomy.tree import UNKNOWN

KIN, GROUP = "kin", "split_group"
TIES = ROLES[Role.TIE]  # what two splits may not share
COPY = ("content_id", "patient", "known_as", "study", "patient_source", "consent")
OBJECT = ("object_id", "content_id", "status", "license", "consent")
LABEL = ("region", "organ", "region_index", "organ_index", "paths", "confidence", "conflict",
         "decided_by")  # fmt: skip
ABSTAINING: Mapping[str, Any] = {
    "region": UNKNOWN, "organ": UNKNOWN, "region_index": 0, "organ_index": 0, "paths": "",
    "confidence": 0.0, "conflict": True, "decided_by": DecidedBy.FUSION,
}  # fmt: skip
# Who names a patient, and under which tie: the bytes, or a cluster of pictures that show the same.
# Pictures too flat to be told apart by their looks tie nobody. Of all ties only those of several
# patients are written down: they are few, where all are as many as there are pictures.
VIEWS = """
CREATE TABLE content AS SELECT DISTINCT object_id, content_id FROM o
    WHERE status = 'kept' AND content_id <> '';
CREATE VIEW shown AS
    SELECT d.frame_id, d.tie AS cluster, d.representative FROM d JOIN m USING (frame_id)
    WHERE octet_length(m.fan_phash256) > 0;
CREATE VIEW named AS
    SELECT 'b' AS kind, content_id AS tie, patient, study, patient_source FROM c
    UNION ALL SELECT 'b', content_id, patient, study, patient_source FROM f JOIN content
        USING (object_id);
CREATE VIEW ties AS
    SELECT kind, tie, patient FROM named
    UNION ALL SELECT 's', study, patient FROM f WHERE study <> ''
    UNION ALL SELECT 's', study, patient FROM c WHERE study <> ''
    UNION ALL SELECT 't', unnest(string_split(session, ' ')), patient FROM f WHERE session <> ''
    UNION ALL SELECT 'i', known_as, patient FROM c
        WHERE known_as <> '' AND patient_source IN ('header', 'sidecar')
    UNION ALL SELECT 'k', cluster, patient FROM f JOIN shown USING (frame_id);
CREATE TABLE several AS SELECT DISTINCT kind, tie, patient FROM ties SEMI JOIN (
    SELECT kind, tie FROM ties GROUP BY kind, tie HAVING min(patient) <> max(patient)
) USING (kind, tie);
"""
CLAIMS = """
WITH tied AS MATERIALIZED (
    SELECT frame_id, 'b' AS kind, content_id AS tie FROM f JOIN content USING (object_id)
        WHERE patient_source = 'object'
    UNION ALL SELECT frame_id, 'r', representative FROM f JOIN shown USING (frame_id)
        WHERE patient_source = 'object'
), said AS (
    SELECT kind, tie, patient, study, patient_source FROM named
    UNION ALL SELECT 'r', representative, patient, study, patient_source FROM f JOIN shown
        USING (frame_id)
), best AS (
    SELECT kind, tie, min({'rank': list_position(['header', 'sidecar', 'name', 'folder'],
        patient_source), 'patient': patient, 'study': study, 'source': patient_source}) AS who
    FROM said SEMI JOIN tied USING (kind, tie) WHERE patient_source <> 'object' GROUP BY kind, tie
)
SELECT frame_id, min(who) AS who FROM tied JOIN best USING (kind, tie) GROUP BY frame_id
"""
OTHERS = """
WITH named AS (
    SELECT frame_id, patient FROM several
        JOIN (SELECT object_id, 'b' AS kind, content_id AS tie FROM content) USING (kind, tie)
        JOIN (SELECT frame_id, object_id FROM f) USING (object_id)
    UNION ALL SELECT frame_id, patient FROM several
        JOIN (SELECT frame_id, 'k' AS kind, cluster AS tie FROM shown) USING (kind, tie)
)
SELECT frame_id, list_sort(list(DISTINCT patient)) AS patients FROM named GROUP BY frame_id
"""
LICENSES = """
WITH bound AS (
    SELECT 'b' AS kind, content_id AS tie, license FROM o
        WHERE status <> 'erased' AND content_id <> ''
    UNION ALL SELECT 'r', representative, license FROM f JOIN shown USING (frame_id)
), many AS (
    SELECT kind, tie, license FROM bound SEMI JOIN (
        SELECT kind, tie FROM bound GROUP BY kind, tie HAVING min(license) <> max(license)
    ) USING (kind, tie)
), bound_by AS (
    SELECT frame_id, license FROM many
        JOIN (SELECT object_id, 'b' AS kind, content_id AS tie FROM content) USING (kind, tie)
        JOIN (SELECT frame_id, object_id FROM f) USING (object_id)
    UNION ALL SELECT frame_id, license FROM many
        JOIN (SELECT frame_id, 'r' AS kind, representative AS tie FROM shown) USING (kind, tie)
)
SELECT frame_id, list_sort(list(DISTINCT license)) AS licenses FROM bound_by GROUP BY frame_id
"""
# Numbers stand for places in ``STRICTEST``, so that the least is the strictest
STRICTEST = [one.value for one in Consent if one is not Consent.UNSAID]
PLACE = f"list_position({STRICTEST}, consent)"
YES = STRICTEST.index(Consent.GIVEN) + 1
CONSENTS = f"""
WITH stated AS (
    SELECT content_id, patient, {PLACE} AS place FROM c WHERE consent <> ''
), lists AS (
    SELECT patient, known_as, {PLACE} AS place FROM n WHERE patient <> ''
), single AS (
    SELECT known_as FROM c WHERE known_as <> '' GROUP BY known_as HAVING count(DISTINCT patient) = 1
), listed AS (
    SELECT patient, place FROM lists
    UNION SELECT c.patient, lists.place FROM c JOIN lists USING (known_as) WHERE c.known_as <> ''
        AND (lists.place < {YES} OR known_as IN (SELECT known_as FROM single))
), held AS (
    SELECT DISTINCT site, {PLACE} AS place FROM n WHERE patient = ''
), bound AS (
    SELECT patient, min(place) AS place FROM (
        SELECT patient, place FROM stated UNION ALL FROM listed
    ) WHERE place < {YES} GROUP BY patient
), bytes AS (
    SELECT content_id, min(place) AS place FROM (
        SELECT content_id, place FROM stated
        UNION ALL SELECT content_id, {PLACE} FROM o WHERE consent <> '' AND status <> 'erased'
        UNION ALL SELECT c.content_id, bound.place FROM c JOIN bound USING (patient)
    ) WHERE content_id <> '' GROUP BY content_id
), own AS (
    SELECT frame_id, {PLACE} AS place FROM f WHERE consent <> ''
    UNION ALL SELECT f.frame_id, bound.place FROM f JOIN bound USING (patient)
    UNION ALL SELECT f.frame_id, listed.place FROM f JOIN listed USING (patient)
    UNION ALL SELECT f.frame_id, held.place FROM f JOIN held USING (site)
    UNION ALL SELECT claims.frame_id, bound.place FROM claims JOIN bound
        ON claims.who.patient = bound.patient
    UNION ALL SELECT f.frame_id, bytes.place FROM f JOIN content USING (object_id)
        JOIN bytes USING (content_id)
), shared AS (
    SELECT representative, min(place) AS place FROM own JOIN shown USING (frame_id)
    GROUP BY representative
)
SELECT frame_id, {STRICTEST}[min(place)] AS consent FROM (
    FROM own UNION ALL SELECT frame_id, place FROM shown JOIN shared USING (representative)
) GROUP BY frame_id
"""

DIFFERING = f"""
WITH said AS (
    SELECT l.frame_id, d.representative AS head, {", ".join(f"l.{name}" for name in LABEL)}
    FROM l JOIN d USING (frame_id) JOIN m USING (frame_id) SEMI JOIN f USING (frame_id)
    UNION ALL SELECT l.frame_id, l.frame_id, {", ".join(f"l.{name}" for name in LABEL)}
    FROM l ANTI JOIN d USING (frame_id) SEMI JOIN (SELECT representative AS frame_id FROM d) h
        USING (frame_id)
), several AS (SELECT head FROM said GROUP BY head HAVING count(DISTINCT paths) > 1)
SELECT said.* FROM said SEMI JOIN several USING (head) ORDER BY head, frame_id
"""
# In this order: the last asks the first
QUERIES = {"claims": CLAIMS, "others": OTHERS, "licenses": LICENSES, "consents": CONSENTS}
# A frame's columns as its copies have them: of a join of ``f`` with tables of ``prepare_kin``
KNOWN: Mapping[str, str] = {
    "patient": "coalesce(claims.who.patient, f.patient)",
    "study": "coalesce(claims.who.study, f.study)",
    "patient_source": "coalesce(claims.who.source, f.patient_source)",
    "license": "CASE WHEN len(licenses.licenses) > 1 THEN array_to_string(list_transform("
    "licenses.licenses, lambda one: CASE WHEN contains(one, ' OR ') THEN '(' || one || ')' "
    "ELSE one END), ' AND ') ELSE f.license END",
    "consent": "coalesce(consents.consent, f.consent)",
    "kin": "coalesce(array_to_string(list_filter(others.patients, "
    "lambda one: one <> coalesce(claims.who.patient, f.patient)), ' '), '')",
    "split_group": "coalesce(heads.head, f.patient)",
}


def prepare_kin(asked: Connection) -> None:
    """Find what copies of frames know, over a whole lake.

    Makes the tables of ``QUERIES`` and ``agreed``, of frames of whom copies know something else,
    and ``heads``, patients to the smallest of all who have to stay in one split with them.

    Args:
        asked: a database with frames as ``f``, copies as ``c``, objects as ``o``, duplicates as
            ``d``, measures as ``m``, labels as ``l`` and what lists of patients say as ``n``.
    """
    asked.execute(VIEWS)
    for name, query in QUERIES.items():
        asked.execute(f"CREATE TABLE {name} AS {query}")
    pairs = asked.sql("SELECT list_sort(list(patient)) FROM several GROUP BY kind, tie").fetchall()
    head = components(pair for (pair,) in pairs)
    names = pa.table(
        {name: pa.array(list(some), pa.string()) for name, some in
         (("patient", head), ("head", head.values()))}
    )  # fmt: skip
    for name, rows in (("heads", names), ("agreed", _agreed_labels(asked))):
        asked.register("given", rows)
        asked.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        asked.unregister("given")


def components(ties: Iterable[Sequence[str]]) -> dict[str, str]:
    """Who is tied, however indirectly, to the smallest of all those."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for first, *rest in ties:
        for other in rest:
            low, high = sorted((root(first), root(other)))
            parent[high] = low
    return {node: root(node) for node in parent}


def who_of(kin: bool, also: str = "split") -> str:
    """SQL for all patients whom rows of the view ``i`` name, as ``who``.

    Args:
        kin: whether there is what copies say. also: a column that stands beside.
    """
    own = f"SELECT patient AS who, {also} FROM i"
    if not kin:
        return own
    other = f"SELECT unnest(string_split({KIN}, ' ')) AS who, {also} FROM i WHERE {KIN} <> ''"
    return f"{own} UNION ALL {other}"


def tied(asked: Connection) -> dict[str, int]:
    """How many patients of an index stay together with others, in how many groups.

    Args:
        asked: a database with the index as its view ``i``.
    """
    groups, patients = asked.sql(
        "SELECT count(*), coalesce(sum(number), 0) FROM ("
        f"SELECT count(DISTINCT who) AS number FROM ({who_of(True, GROUP)}) GROUP BY {GROUP}"
        ") WHERE number > 1"
    ).fetchall()[0]
    return {"groups": int(groups), "patients": int(patients)}


def tied_in(index: pa.Table, allowance: Allowance | None = None) -> dict[str, int]:
    """The same of an index that is held as a table."""
    with database(allowance) as asked:
        asked.register("i", index.select(["patient", KIN, GROUP]))
        return tied(asked)


def _agreed_labels(asked: Connection) -> pa.Table:
    """What stands for the same picture has the same label: of frames whose copies have others."""
    told = asked.sql(DIFFERING).to_arrow_table()
    stars: dict[str, list[int]] = defaultdict(list)
    for place, head in enumerate(told.column("head").to_pylist()):
        stars[head].append(place)
    rows = told.select(list(LABEL)).to_pylist()
    for places in stars.values():
        found = agreed([rows[place] for place in places])
        for place, label in zip(places, found, strict=True):
            rows[place] = label
    columns = {
        name: pa.array([row[name] for row in rows], told.schema.field(name).type) for name in LABEL
    }
    return pa.table({"frame_id": told.column("frame_id"), **columns})


def agreed(labels: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The labels of pictures that show the same, once each knows the others'.

    A person's word is the word; else the deepest that all others lead to; else none.
    """
    known = [one for one in labels if one["paths"]]
    said = [one for one in known if one["decided_by"] == DecidedBy.REVIEW] or known
    if not said:
        return list(labels)
    best = min(said, key=lambda one: (-len(one["paths"]), -one["confidence"], one["paths"]))
    if not all(_leads_to(one["paths"], best["paths"]) for one in said):
        return [{**one, **ABSTAINING} for one in labels]
    shared = {name: best[name] for name in LABEL}
    return [
        one if one["paths"] == best["paths"] or _told_apart(one) else {**one, **shared}
        for one in labels
    ]


def _told_apart(label: Mapping[str, Any]) -> bool:
    """Whether a person said that nothing is to be told."""
    return label["decided_by"] == DecidedBy.REVIEW and not label["paths"]


def _leads_to(paths: str, deeper: str) -> bool:
    """Whether each place is among others, or one of these lies below it."""
    below = deeper.split()
    return all(
        any(one == path or one.startswith(f"{path}/") for one in below) for path in paths.split()
    )
