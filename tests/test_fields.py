"""The schema that editors use: what ships fits it, what is broken does not, and every field is told of in both languages."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from simulator.persona import Path_, Persona, check, files, part_class
from simulator.workbench.fields import LANGUAGES, described, example, schema_text
from tests.scripted import DATA

SCHEMA: dict[str, Any] = json.loads(schema_text())
GOOD: dict[str, Any] = yaml.load((DATA / "en.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
Content = dict[str, Any]


@cache
def validator() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in files()])
def test_every_customer_that_ships_fits_and_names_its_schema(file: Path) -> None:
    text = file.read_text("utf-8")
    assert list(validator().iter_errors(yaml.load(text, Loader=yaml.CSafeLoader))) == []
    modeline = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert modeline
    assert (file.parent / modeline[1]).resolve().is_file()


def put(path: tuple[str | int, ...], value: Any) -> Content:
    """The good customer with another value at a place; ... takes it away."""
    content = copy.deepcopy(GOOD)
    here: Any = content
    for part in path[:-1]:
        here = here[part]
    if value is ...:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("titel",), "x", "'titel' was unexpected"),
        (("cues", 0, "chanel"), "tone", "'chanel' was unexpected"),
        (("title",), ..., "'title' is a required property"),
        (("resolution", "trusted_when"), ..., "'trusted_when' is a required property"),
        (("format",), 2, "1 was expected"),
        (("difficulty",), 6, "6 is greater than the maximum of 5"),
        (("difficulty",), "two", "'two' is not of type 'integer'"),
        (("customer", "age"), 7, "7 is less than the minimum of 14"),
        (("customer", "voice"), ["a", "b"], "is too short"),
        (("when_guessed",), ["a", "b", "c", "d"], "is too long"),
        (("emotion", "start"), 5, "5 is greater than the maximum of 4"),
        (("emotion", "ladder", 4), ..., "is too short"),
        (("cues", 0, "channel"), "smell", "'smell' is not one of"),
        (("cues", 0, "id"), "The Kettle", "'The Kettle' does not match"),
        (("cues", 0, "in_opening"), "yes", "'yes' is not of type 'boolean'"),
        (("desk", "records"), "one", "'one' is not of type 'array'"),
        (("desk", "records", 0), 2113, "2113 is not of type 'string'"),
        (("cues", 0, "heard_if"), [{"a": "b"}], "is not valid under any"),
        (("surface_complaint",), "  ", "does not match"),
        (("id",), "葛秀英", "does not match"),
    ],
)
def test_what_is_broken_does_not_fit(path: tuple[str | int, ...], value: Any, says: str) -> None:
    (error,) = validator().iter_errors(put(path, value))
    assert says in error.message


def places(model: Any = Persona, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every field with its place, and with its part of the schema."""
    node = SCHEMA if model is Persona else SCHEMA["$defs"][model.__name__]
    for name, field in model.model_fields.items():
        yield (*path, name), node["properties"][name]
        if inner := part_class(field.annotation):
            many = (0,) if "items" in node["properties"][name] else ()
            yield from places(inner, (*path, name, *many))


@pytest.mark.parametrize(("path", "node"), list(places()), ids=lambda one: str(one) if isinstance(one, tuple) else "")
def test_every_field_has_a_description_and_an_example_in_both_languages(path: Path_, node: dict[str, Any]) -> None:
    english, chinese = node["description"].split("\n")
    assert not re.search("[\u4e00-\u9fff]", english)
    assert re.search("[\u4e00-\u9fff]", chinese)
    assert (described(path, "en"), described(path, "zh")) == (english, chinese)
    if "$ref" in node or "$ref" in node.get("items", {}):
        return  # its own fields have examples
    assert node["examples"] in ([example(path, one) for one in LANGUAGES], [example(path, "en")])
    for one in node["examples"]:
        assert check(path, one) is None
    words = json.dumps(example(path, "zh"), ensure_ascii=False)
    in_letters = path[-1] in ("id", "format", "language", "tags", "channel", "in_opening") or words.isdigit()
    assert in_letters or re.search("[\u4e00-\u9fff]", words)


def test_an_example_is_that_of_the_same_number_where_there_is_one() -> None:
    first, second = (example(("cues", at, "shows", 0), "zh") for at in (0, 1))
    assert first != second
    assert example(("cues", 5, "shows", 0), "zh") == first
