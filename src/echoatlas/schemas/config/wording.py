"""What is wrong with a value of a configuration, in the words of who wrote it, on one line.

Pydantic speaks of its own types and of regular expressions; whoever writes YAML knows neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from echoatlas.errors import nearest

# What pydantic's types of errors begin with, and what a value has to be
KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "tuple": "a list, as [a, b]",
    "list": "a list, as [a, b]",
    "dict": "keys and values, as {a: b}",
}
VALID = {"integer": KINDS["int"], "number": KINDS["float"], "boolean": KINDS["bool"]}
QUOTED = {
    bool: ": YAML takes yes, no, on and off for true and false; put it in quotes",
    int: ": put it in quotes",
    float: ": put it in quotes",
}

# Where what the field is for says more than the error does
OF_THE_FIELD = {
    "missing": "is missing",
    "string_pattern_mismatch": "is not of its form",
    "string_too_short": "is too short",
}


def explain(model: type[BaseModel], error: ValidationError) -> str:
    """The first problem of a validation, as one line."""
    problems = error.errors(include_url=False)
    # A misspelt key is also a missing one: the misspelling says more
    first = min(problems, key=lambda one: one["type"] != "extra_forbidden")
    place, kind = ".".join(str(part) for part in first["loc"]), first["type"]
    if kind == "extra_forbidden":
        return _unknown(model, first["loc"], place)
    if kind in OF_THE_FIELD:
        told = _described(model, first["loc"])
        return f"'{place}' {OF_THE_FIELD[kind]}{f': {told}' if told else ''}"
    told = worded(first)
    if kind == "model_type":
        keys = [*_model_at(model, first["loc"]).model_fields]
        told = f"expected keys and values, as {{{keys[0]}: ...}} (keys: {', '.join(sorted(keys))})"
    return f"'{place}': {told}" if place else told


def worded(problem: Mapping[str, Any]) -> str:
    """One problem of a validation, without where it is."""
    kind, given = problem["type"], problem["input"]
    wanted = KINDS.get(kind.partition("_")[0])
    if wanted and kind.endswith(("_type", "_parsing", "_from_float")):
        return f"expected {wanted}{QUOTED.get(type(given), '') if wanted == 'text' else ''}"
    message = re.sub(r"\s+", " ", problem["msg"]).removeprefix("Value error, ")
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
        near = nearest(given, known) if isinstance(given, str) else ""
        return f"expected one of {', '.join(known)}{near}"
    message = plainly(message)
    return f"{message[0].lower()}{message[1:]}"


def plainly(message: str) -> str:
    """A message that quotes pydantic, such as one of the command line's, in plain words."""
    for named, wanted in VALID.items():
        message = re.sub(f"Input should be a valid {named}.*", f"expected {wanted}", message)
    return message.replace("Input should ", "it has to ")


def _unknown(model: type[BaseModel], path: tuple[int | str, ...], place: str) -> str:
    known = _known_keys(_model_at(model, path[:-1]))
    key = str(path[-1])
    if key in known:
        return f"'{place}' is called '{known[key]}' now"
    current = [name for name, today in known.items() if name == today]
    listed = ", ".join(sorted(current))
    return f"unknown key '{place}'{nearest(key, current)} (keys: {listed})"


def _described(model: type[BaseModel], path: tuple[int | str, ...]) -> str:
    """What a field's description says of it, on one line without its full stop."""
    found = ""
    for part in path:
        field = model.model_fields.get(str(part))
        if field is not None:
            found, model = _sentence(field), next(_models(field.annotation), model)
    return found


def _sentence(field: FieldInfo) -> str:
    return (field.description or "").removesuffix(".")


def _model_at(model: type[BaseModel], path: tuple[int | str, ...]) -> type[BaseModel]:
    """The model at a place; goes into models, and models within lists and mappings."""
    for part in path:
        field = model.model_fields.get(str(part))
        if field is not None:
            model = next(_models(field.annotation), model)
    return model


def _known_keys(model: type[BaseModel]) -> dict[str, str]:
    """The keys of a model, old and new, to what they are called today."""
    known = {name: name for name in model.model_fields}
    former = {
        field.serialization_alias: name
        for name, field in model.model_fields.items()
        if field.serialization_alias
    }
    return {**former, **known}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
