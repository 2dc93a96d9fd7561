"""What the gate found, as pages below the lake: readable offline, without a value of any row.

``validation/index.html`` lists the newest runs, ``validation/RUN/index.html`` what became of each
site's rows, ``validation/RUN/SITE.html`` each expectation of them. Great Expectations' own Data
Docs load styles and scripts from elsewhere and quote the values that are wrong: these do neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echoatlas.pipeline.templates import filled

if TYPE_CHECKING:
    from echoatlas.pipeline.gate.checked import Check
    from echoatlas.pipeline.gate.drift import Shift
    from echoatlas.pipeline.gate.held import Unlike
    from echoatlas.pipeline.storage.storage import Storage

FOLDER = "validation/"
INDEX = "index.html"
MOST = 100  # lines of what is beside before, those that have moved first
NEWEST = 200  # runs that the first page lists
STYLE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; --line: #8883; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1.5rem; }
table { border-collapse: collapse; width: 100%; } .bad { color: #c0392b; font-weight: 600; }
td, th { padding: .25rem .6rem; text-align: left; border-bottom: 1px solid var(--line);
overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
"""
SITE_PAGE = (
    STYLE
    + """<p><a href="index.html">Run {{ run }}</a>:
{{ failed }} of {{ checks|length|number_of("expectation does", "expectations do") }}
not hold. Rows are told by their opaque ids; no value of a row stands here.</p>
{% for line in said %}<p class="bad">{{ line }}</p>
{% endfor %}
<table>
<tr><th>table</th><th>rows looked at</th></tr>
{% for table, number in rows %}<tr><td>{{ table }}</td><td>{{ number }}</td></tr>
{% endfor %}
</table>
{% if shifts or unlike or silent %}<h2>Beside what it sent before</h2>
{% if silent %}<p>{{ silent }}</p>
{% endif %}{% for one in unlike %}<p class="bad">
{{ one.objects|number_of("object waits", "objects wait") }}
(uploads {{ one.uploads|join(", ") }}): {{ one.said|join("; ") }}. Who finds that they are right
says so in the site's file: <code>drift: {accept: [{{ one.uploads|join(", ") }}]}</code></p>
{% endfor %}{% if shifts %}<table>
<tr><th>of</th><th>stability index, or times the median</th><th>at most</th><th>new objects</th>
<th>of before</th></tr>
{% for one in shifts %}<tr><td>{{ one.name }}</td>
<td{% if one.moved %} class="bad"{% endif %}>{{ "%.2f"|format(one.index) }}</td>
<td>{{ one.most }}</td><td>{{ one.new }}</td><td>{{ one.before }}</td></tr>
{% endfor %}
</table>
{% endif %}{% endif %}<h2>Expectations</h2>
<table>
<tr><th>expectation</th><th></th><th>rows</th></tr>
{% for name, good, found in checks %}
<tr><td>{{ name }}</td>
<td{% if not good %} class="bad"{% endif %}>{{ "holds" if good else "FAILS" }}</td>
<td>{{ found }}</td></tr>
{% endfor %}
</table>
</body>
</html>
"""
)
RUN_PAGE = (
    STYLE
    + """<p><a href="../index.html">All runs</a></p>
<table>
<tr><th>of</th><th>rows looked at</th><th>expectations</th><th>that fail</th></tr>
{% for one in parts %}<tr><td><a href="{{ one.name }}.html">{{ one.title }}</a></td>
<td>{{ one.rows.values()|sum }}</td><td>{{ one.checks|length }}</td>
<td{% if one.failed %} class="bad"{% endif %}>{{ one.failed }}</td></tr>
{% endfor %}
</table>
</body>
</html>
"""
)
FIRST_PAGE = (
    STYLE
    + """<table>
<tr><th>run</th></tr>
{% for run in runs %}<tr><td><a href="{{ run }}/index.html">{{ run }}</a></td></tr>
{% endfor %}
</table>
</body>
</html>
"""
)
WHOLE = "whole-lake"  # what is made of all sites: no site's name is as long in the middle


@dataclass(frozen=True, slots=True)
class GatePart:
    """What a page is about: a site's rows in a run, or the tables made of the whole lake.

    Attributes:
        rows: table to how many rows were looked at. said: what did not pass, in words.
        shifts: how far each mix has moved from before. unlike: what waits, since it has.
        silent: why nothing was compared with before.
    """

    name: str
    title: str
    checks: Sequence[Check]
    rows: Mapping[str, int]
    said: Sequence[str] = ()
    shifts: Sequence[Shift] = field(default=())
    unlike: Sequence[Unlike] = field(default=())
    silent: str = ""

    @property
    def failed(self) -> int:
        return sum(not good for _, good, _ in self.checks)


def part_page(run: str, part: GatePart) -> str:
    """The page of a part, failing expectations first."""
    return filled(
        SITE_PAGE,
        title=f"What the gate found: {part.title}",
        run=run,
        checks=sorted(part.checks, key=lambda one: one[1]),
        failed=part.failed,
        said=part.said,
        rows=list(part.rows.items()),
        shifts=sorted(part.shifts, key=lambda one: not one.moved)[:MOST],
        unlike=part.unlike[:MOST],
        silent=part.silent,
    )


def publish_pages(storage: Storage, run: str, parts: Sequence[GatePart]) -> None:
    """Write the pages of a run below the lake, and list it among the others."""
    folder = storage.sub(f"{FOLDER}{run}")
    for part in parts:
        folder.write(f"{part.name}.html", part_page(run, part).encode())
    title = f"What the gate found: run {run}"
    folder.write(INDEX, filled(RUN_PAGE, title=title, parts=parts).encode())
    runs = {entry.key.removeprefix(FOLDER).partition("/")[0] for entry in storage.list(FOLDER)}
    newest = sorted(runs - {INDEX}, reverse=True)[:NEWEST]
    storage.write(
        f"{FOLDER}{INDEX}",
        filled(FIRST_PAGE, title="What the gate found", runs=newest).encode(),
    )


def forget_pages(storage: Storage) -> None:
    """Delete all pages: they hold ids of rows, and an erasure may have taken these."""
    storage.delete([entry.key for entry in storage.list(FOLDER)])


def address(run: str, site: str) -> str:
    """Where a site's page of a run lies below the lake."""
    return f"{FOLDER}{run}/{site}.html"
