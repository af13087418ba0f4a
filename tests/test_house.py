"""The repository speaks only of itself: no registry, no one's home, no secret; and both READMEs keep step."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Written so that no pattern is found in this file.
NOT_HERE = {
    "a package registry": r"py[p]i\.org|python[h]osted\.org|npm[j]s\.|ana[c]onda\.(org|com)|/[s]imple/?(?=[\s\"']|$)",
    "an index option": r"--(extra-)?inde[x]-url|--find-link[s][ =]",
    "somebody's home": r"(?<![\w.~])/(hom[e]|User[s])/\w|(?<![\w.~])/roo[t]\b|[A-Z]:\\User[s]\\",
    "a key": r"\bs[k]-[A-Za-z0-9_-]{20,}|\bgh[p]_\w{20,}",
}
NOT_TRACKED = {"uv.lock", "pylock.toml", ".env"}


@cache
def ours() -> list[Path]:
    """Every file that is tracked, or would be with ``git add``."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    return [path for name in sorted(set(listed.stdout.split("\0"))) if name and (path := ROOT / name).is_file()]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # a picture


@pytest.mark.parametrize("what", NOT_HERE)
def test_the_repository_does_not_name(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in ours()
        for match in re.finditer(NOT_HERE[what], text_of(path), re.MULTILINE)
    ]
    assert not found


def test_the_repository_does_not_name_where_it_lies() -> None:
    if len(ROOT.parts) < 3:
        pytest.skip("too short a path to look for")
    place = re.compile(re.escape(str(ROOT)) + r"(?![\w-])")
    assert not [path.relative_to(ROOT) for path in ours() if place.search(text_of(path))]


def test_no_lock_file_with_hosts_and_no_settings_are_tracked() -> None:
    assert not [path.relative_to(ROOT) for path in ours() if path.name in NOT_TRACKED]


def test_both_readmes_have_the_same_structure() -> None:
    assert levels("README.md") == levels("README.zh.md")


def levels(name: str) -> list[int]:
    """The levels of a Markdown file's headings, in order; what looks like one inside a code block is none."""
    text = re.sub(r"^(```|~~~).*?^\1", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [len(marks) for marks in re.findall(r"^(#{1,6}) ", text, re.MULTILINE)]


def test_the_guide_names_every_module() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    modules = {path.stem for path in (ROOT / "simulator").rglob("*.py") if not path.stem.startswith("__")}
    assert not [module for module in modules if f"`{module}`" not in guide]
