"""Pages and texts that are filled from templates, all by the same rules."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from echoatlas.wording import number_of

if TYPE_CHECKING:
    import jinja2


def filled(template: str, *, html: bool = True, trimmed: bool = False, **facts: object) -> str:
    """A template with facts in it: ``{{ frames | number_of("frame") }}`` says "1 frame".

    Args:
        html: whatever a fact is, it is text. trimmed: lines of blocks alone leave none behind.
    """
    return _compiled(template, html, trimmed).render(**facts)


@cache
def _compiled(template: str, html: bool, trimmed: bool) -> jinja2.Template:
    import jinja2  # the command line names pages, and seldom writes one

    environment = jinja2.Environment(
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=trimmed,
        lstrip_blocks=trimmed,
        keep_trailing_newline=trimmed,
    )
    environment.filters["number_of"] = number_of
    return environment.from_string(template)
