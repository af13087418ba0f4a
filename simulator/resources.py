"""Where the files that ship with the program are.

In a wheel, `personas/` and `prompts/` lie inside the package (see ``[tool.hatch.build]`` in pyproject.toml);
in a checkout they are at its top level.
"""

from __future__ import annotations

from pathlib import Path

UNFINISHED = ".draft.yaml"
"""How the name of a customer file ends while it is being written."""
_PACKAGE = Path(__file__).resolve().parent


def folder(kind: str) -> Path:
    """The built-in folder of a kind: ``personas`` or ``prompts``."""
    packed = _PACKAGE / "_data" / kind
    return packed if packed.is_dir() else _PACKAGE.parent / kind


def texts_file(name: str) -> Path:
    """A file of texts: the screens' in a language (``zh`` or ``en``), or a part's own (``lint.en``, ``columns``)."""
    return _PACKAGE / "texts" / f"{name}.yaml"
