"""What the gate found, as one page below the lake: readable offline, without a value of any row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jinja2

if TYPE_CHECKING:
    from echoatlas.pipeline.run.expectations import Check
    from echoatlas.pipeline.storage import Storage

PLACE = "validation/index.html"  # below the lake; of the newest run that did something
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>EchoAtlas: what the gate found</title>
<style>
:root { color-scheme: light dark; --line: #8883; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1.5rem; }
table { border-collapse: collapse; width: 100%; } .bad { color: #c0392b; }
td, th { padding: .25rem .6rem; text-align: left; border-bottom: 1px solid var(--line); }
</style>
</head>
<body>
<h1>What the gate found</h1>
<p>Run {{ run }}: {{ failed }} of {{ checks|length }} expectations do not hold. Rows are told by
their opaque ids; no value of a row stands here.</p>
<table>
<tr><th>expectation</th><th></th><th>rows</th></tr>
{% for name, good, said in checks %}
<tr><td>{{ name }}</td>
<td{% if not good %} class="bad"{% endif %}>{{ "holds" if good else "FAILS" }}</td>
<td>{{ said }}</td></tr>
{% endfor %}
</table>
</body>
</html>
"""


def checks_page(run: str, checks: Sequence[Check]) -> str:
    """The page, failing expectations first."""
    ordered = sorted(checks, key=lambda one: one[1])
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    failed = sum(not good for _, good, _ in checks)
    return environment.from_string(PAGE).render(run=run, checks=ordered, failed=failed)


def publish_checks(storage: Storage, run: str, checks: Sequence[Check]) -> None:
    """Write the page below the lake, in place of the last one."""
    storage.write(PLACE, checks_page(run, checks).encode())
