"""Prompt files: `prompts/<language>/*.j2`, strictly rendered, and `phrases.yaml` beside them.

A template that names a value which is not given is an error, never a blank. Values (persona texts, what people
said) are put in as they are and never read as template text.
"""

from __future__ import annotations

import hashlib
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound

from simulator.errors import PromptError
from simulator.resources import folder


class Prompts:
    """The prompts for calls in one language.

    Args:
        language: a language tag; ``zh-CN`` falls back to ``zh``.
        root: the folder of languages; the built-in one by default.

    Raises:
        PromptError: there are no prompts for that language; the error lists those there are.
    """

    def __init__(self, language: str, root: Path | None = None) -> None:
        root = root or folder("prompts")
        for name in (language, language.split("-", maxsplit=1)[0]):
            if (root / name).is_dir():
                self.folder = root / name
                break
        else:
            known = ", ".join(sorted(at.name for at in root.iterdir() if at.is_dir()))
            raise PromptError("no_prompts", language=language, known=known)
        self._environment = _environment(self.folder)

    def render(self, name: str, **values: object) -> str:
        """Fill the template ``<name>.j2``.

        Raises:
            PromptError: there is no such template, or it names a value that is not given.
        """
        try:
            return self._environment.get_template(f"{name}.j2").render(**values).strip()
        except TemplateNotFound as error:
            known = ", ".join(sorted(file.stem for file in self.folder.glob("*.j2")))
            raise PromptError("no_such_prompt", name=name, folder=str(self.folder), known=known) from error
        except TemplateError as error:
            raise PromptError("prompt_does_not_render", name=name, why=str(error)) from error

    @cached_property
    def phrases(self) -> dict[str, Any]:
        """Fixed words of calls in this language: stage directions, labels, what the offline engine says and hears."""
        with (self.folder / "phrases.yaml").open(encoding="utf-8") as file:
            loaded: dict[str, Any] = yaml.load(file, Loader=yaml.CSafeLoader)
        return loaded

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every file, by name: which prompts a session was held with."""
        files = sorted(at for at in self.folder.iterdir() if at.suffix in {".j2", ".yaml"})
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@cache
def _environment(folder: Path) -> Environment:
    """The templates of a folder; shared, so that many calls in one process compile each of them once."""
    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
