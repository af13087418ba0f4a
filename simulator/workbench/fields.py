"""What the fields of the customer file are, in both languages: descriptions, examples, and the JSON Schema of both.

The descriptions stand in `persona`. The examples are taken from two customers that ship, so that all of them in a
language belong to one story, and so that none can fall out of step with the format.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel

from simulator.persona import Path_, Persona, find, load, part_class

EXAMPLES = {"en": "truck-loan-extra", "zh": "app-not-responding"}
"""Whose words stand as examples, by language."""
LANGUAGES = tuple(EXAMPLES)
"""In the order in which descriptions and examples hold them."""
_LACKING = {("zh", "when"): "坐席提到要填表、要寄东西的时候"}
"""By language and name, what the customer of that language does not need."""
_ENTRIES = 3
"""So many entries of a list are example enough."""


def described(path: Path_, language: str) -> str:
    """What to write into a field.

    Args:
        path: where it stands, such as ``("cues", 0, "channel")``.
        language: ``zh`` or ``en``.
    """
    *before, name = (part for part in path if isinstance(part, str))
    model: type[BaseModel] = Persona
    for part in before:
        model = part_class(model.model_fields[part].annotation) or model
    return (model.model_fields[name].description or "").split("\n")[LANGUAGES.index(language)]


def example(path: Path_, language: str) -> Any:
    """What somebody wrote into a field: that of the same number, as far as there are so many.

    Args:
        path: where it stands, such as ``("cues", 1, "shows", 0)``.
        language: ``zh`` or ``en``.
    """
    there = [value for value in _values(_customer(language), path) if value not in (None, [])]
    value = there[0] if there else _LACKING[language, str(path[-1])]
    return value[:_ENTRIES] if isinstance(value, list) else value


def schema_text() -> str:
    """The JSON Schema of format 1, for editors; `personas/persona.schema.json` holds the same text."""
    schema = Persona.model_json_schema()
    for path, model in _parts(Persona, ()):
        node = schema if model is Persona else schema["$defs"][model.__name__]
        for name, field in model.model_fields.items():
            if part_class(field.annotation) is None:
                values = [example((*path, name), language) for language in LANGUAGES]
                node["properties"][name]["examples"] = values[:1] if values[0] == values[1] else values
    return json.dumps(schema, ensure_ascii=False, indent=2)


@cache
def _customer(language: str) -> dict[str, Any]:
    return load(find(EXAMPLES[language])).model_dump(mode="json")


def _parts(model: type[BaseModel], path: Path_) -> Iterator[tuple[Path_, type[BaseModel]]]:
    """The model and all in it, each with the place where one stands."""
    yield path, model
    for name, field in model.model_fields.items():
        if inner := part_class(field.annotation):
            many = (0,) if isinstance(getattr(field.annotation, "__args__", None), tuple) else ()
            yield from _parts(inner, (*path, name, *many))


def _values(data: Any, path: Path_) -> Iterator[Any]:
    """What stands at the place; then what stands there in the other entries of the lists on the way."""
    if not path:
        yield data
        return
    part, *rest = path
    if isinstance(part, int):
        for item in [*data[part : part + 1], *(item for at, item in enumerate(data) if at != part)]:
            yield from _values(item, tuple(rest))
    else:
        yield from _values(data[part], tuple(rest))
