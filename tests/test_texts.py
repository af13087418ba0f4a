"""The screen texts: the same in both languages, all that the code asks for, and nothing more.

What the code asks for is read from its syntax tree: every literal that looks like a sentence's name
(``chat.left_open``), every f-string that begins like one, and the keys of errors and problems.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import simulator
from simulator import errors, resources
from simulator.errors import ModelError, PersonaError, Problem, SimulatorError, UsageError
from simulator.texts import LANGUAGES, Texts, language

ERRORS = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, SimulatorError)}
HINTS = {"near_hint", "wait_hint"}  # Texts.sentence adds them


@cache
def code() -> dict[str, ast.Module]:
    """What every file of the program holds, by its path in the package."""
    package = Path(simulator.__file__).parent
    return {f"{file.relative_to(package)}": ast.parse(file.read_text("utf-8")) for file in package.rglob("*.py")}


def leaves(tree: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Every sentence by its dotted name."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def catalogue(lang: str) -> dict[str, Any]:
    """All sentences of a language, of both files."""
    files = (resources.texts_file(name).read_text("utf-8") for name in (lang, f"tools.{lang}"))
    return {name: text for file in files for name, text in leaves(yaml.load(file, Loader=yaml.CSafeLoader))}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


EN = catalogue("en")
PARTS = "|".join(sorted({name.split(".")[0] for name in EN}))
NAME = re.compile(rf"({PARTS})(\.[a-z_]+)+")


# --- the catalogues --------------------------------------------------------------------------------------


def test_both_languages_have_the_same_sentences_with_the_same_placeholders() -> None:
    zh = catalogue("zh")
    assert zh.keys() == EN.keys()
    assert {name: placeholders(zh[name]) for name in zh} == {name: placeholders(EN[name]) for name in EN}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_sentence_is_text_with_named_placeholders(lang: str) -> None:
    for name, text in catalogue(lang).items():
        assert isinstance(text, str), name  # YAML makes true of yes
        assert text.strip(), name
        assert all(re.fullmatch("[a-z_]+", placeholder) for placeholder in placeholders(text)), name


def test_no_sentence_is_left_untranslated() -> None:
    zh = catalogue("zh")
    spoken = {name for name, text in EN.items() if re.search("[A-Za-z]", re.sub(r"\{[a-z_]+\}", "", text))}
    assert [name for name in spoken if zh[name] == EN[name]] == []


# --- what the code asks for ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A name that the code asks for: a regular expression, and the values given with it where they are plain."""

    where: str
    pattern: str
    given: frozenset[str] | None


def patterns(node: ast.expr) -> Iterator[str]:
    """The names that an expression can be, as regular expressions; what is not known can be anything."""
    match node:
        case ast.Constant(value=str() as text):
            yield re.escape(text)
        case ast.JoinedStr(values=parts):
            known = [part.value if isinstance(part, ast.Constant) else None for part in parts]
            yield "".join(re.escape(str(part)) if part else "[a-z_.]+" for part in known)
        case ast.BinOp(left=ast.Constant(value=str() as text), op=ast.Add()):
            yield re.escape(text) + "[a-z_.]+"
        case ast.IfExp(body=body, orelse=orelse):
            yield from patterns(body)
            yield from patterns(orelse)


REPORT = {f"debrief/{name}.py" for name in ("report", "reading", "web", "ways")}


def _asked() -> Iterator[Asked]:
    for name, tree in code().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            plain = all(keyword.arg for keyword in node.keywords)
            given = frozenset(keyword.arg or "" for keyword in node.keywords) if plain else None
            for pattern in patterns(node.args[0]):
                if name in REPORT and called == "say":  # a method that puts the part's name before it
                    yield Asked(name, rf"report\.{pattern}", given)
                elif called in {"_say", "say", "texts"} and re.match(rf"({PARTS})\\\.", pattern):
                    yield Asked(name, pattern, given)
                elif called in ERRORS and re.fullmatch("[a-z_]+", pattern):
                    yield Asked(name, rf"errors\.{pattern}", given and given | HINTS)
                elif called == "Problem":
                    yield Asked(name, rf"problems\.{pattern}", None)


def literals(tree: ast.Module) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@cache
def asked() -> list[Asked]:
    return list(_asked())


def test_every_sentence_that_the_code_asks_for_is_there() -> None:
    assert len(asked()) > 100
    assert [one for one in asked() if not any(re.fullmatch(one.pattern, name) for name in EN)] == []
    named = {text for tree in code().values() for text in literals(tree) if NAME.fullmatch(text)}
    assert len(named) > 50
    assert named - EN.keys() == set()


def test_every_placeholder_is_given_its_value() -> None:
    lacking = [
        (one.where, name, placeholders(EN[name]) - one.given)
        for one in asked()
        if one.given is not None
        if (name := one.pattern.replace("\\", "")) in EN and not placeholders(EN[name]) <= one.given
    ]
    assert lacking == []


def test_no_sentence_is_there_for_nothing() -> None:
    words = set().union(*(literals(tree) for tree in code().values()))

    def is_used(name: str) -> bool:
        part, _, rest = name.partition(".")
        if part in {"errors", "problems"} and rest in words:
            return True
        if part == "report" and rest in words:
            return True
        return name in words or any(re.fullmatch(one.pattern, name) for one in asked())

    assert [name for name in EN if not is_used(name)] == []


# --- errors ----------------------------------------------------------------------------------------------

MODEL_KEYS = sorted(set(re.findall(r"``(model_[a-z_]+)``", ModelError.__doc__ or "")) | {"model_out_of_role"})
FACTS = {"model": "m", "url": "http://here", "timeout_s": 60.0, "said": "no"}  # what EndpointModel always gives


def test_every_key_of_a_model_error_is_described() -> None:
    used = {text for name in ("llm.py", "customer.py") for text in literals(code()[name]) if text.startswith("model_")}
    assert used & {name.removeprefix("errors.") for name in EN} == set(MODEL_KEYS)
    assert {f"report.why.{key}" for key in [*MODEL_KEYS, "critic_failed", "other"]} <= EN.keys()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("key", MODEL_KEYS)
def test_every_failure_of_a_model_is_one_sentence(lang: str, key: str) -> None:
    (sentence,) = Texts(lang).error(ModelError(key, **FACTS))
    assert len(sentence) > 3
    assert "\n" not in sentence
    if key == "model_busy":
        assert "7" in Texts(lang).error(ModelError(key, **FACTS, wait_s=7))[0]


def test_what_is_near_is_offered() -> None:
    say = Texts("en")
    assert "did you mean old-age?" in say.error(UsageError("no_such_persona", name="oldage", near="old-age"))[0]
    assert "did you mean" not in say.error(UsageError("no_such_persona", name="xyzzy", near=""))[0]


def test_the_problems_of_a_file_are_a_line_each_with_their_place() -> None:
    error = PersonaError(
        "my.yaml",
        (
            Problem("unknown_key", "cues[0].chanel", 7, 3, {"key": "chanel", "near": "channel"}),
            Problem("unknown_key", "xyzzy", 9, 1, {"key": "xyzzy", "near": ""}),
            Problem("not_utf8"),
        ),
    )
    assert Texts("en").error(error) == [
        "my.yaml:7:3: cues[0].chanel: there is no key chanel; did you mean channel?",
        "my.yaml:9:1: xyzzy: there is no key xyzzy",
        "my.yaml: the file is not UTF-8; save it as UTF-8",
    ]


# --- the catalogue's own ways ----------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["{near}", "{0}", "{", "%s", "{value.__class__}"])
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    assert value in Texts("en")("errors.turns_below_one", value=value)


@pytest.mark.parametrize(
    ("name", "values"),
    [("errors.nonsense", {}), ("nonsense", {}), ("errors", {}), ("errors.turns_below_one", {})],
)
def test_what_is_not_there_is_an_error(name: str, values: dict[str, object]) -> None:
    with pytest.raises(KeyError):
        Texts("en")(name, **values)


@pytest.mark.parametrize(
    ("wanted", "locale", "expected"),
    [
        (None, "", "en"),
        (None, "C", "en"),
        (None, "zh_CN.UTF-8", "zh"),
        (None, "zh_TW", "zh"),
        (None, "ZH", "zh"),
        (None, "de_DE.UTF-8", "en"),
        ("en", "zh_CN.UTF-8", "en"),
        ("zh", "en_GB", "zh"),
    ],
)
def test_the_screens_follow_what_is_wanted_or_the_locale(wanted: str | None, locale: str, expected: str) -> None:
    assert language(wanted, locale) == expected
