"""What is pinned, and what the wheel carries. That it runs where it is installed is `make wheel-check`."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import simulator

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["build"]]
DEVELOPMENT = PROJECT["dependency-groups"]["dev"]


def pinned(name: str) -> dict[str, tuple[Requirement, str]]:
    """The requirements of a file by name, each with the text of its hashes."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    split = [line.partition("--hash=") for line in lines]
    found = [(Requirement(head), mark + rest) for head, mark, rest in split]
    return {canonicalize_name(requirement.name): (requirement, hashes) for requirement, hashes in found}


def test_the_version_stands_in_one_piece() -> None:
    assert simulator.__version__ == PROJECT["project"]["version"]


@pytest.mark.parametrize(
    ("name", "wanted"), [("requirements.txt", RUNTIME), ("requirements-dev.txt", [*RUNTIME, *DEVELOPMENT])]
)
def test_every_dependency_is_pinned_as_declared(name: str, wanted: list[str]) -> None:
    pins = pinned(name)
    for declared in map(Requirement, wanted):
        requirement, _ = pins[canonicalize_name(declared.name)]
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        assert declared.specifier.contains(pin.version), f"{declared} is pinned to {pin.version}: run make lock"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_has_its_hashes_and_names_no_source(name: str) -> None:
    for requirement, hashes in pinned(name).values():
        assert re.fullmatch(r"(--hash=sha256:[0-9a-f]{64}\s*)+", hashes), requirement.name
        assert requirement.url is None
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"://|^\s*-(?!-hash=)|\S@\S", text, re.MULTILINE)


def test_both_files_pin_the_same() -> None:
    development = pinned("requirements-dev.txt")
    for name, pin in pinned("requirements.txt").items():
        assert development[name] == pin


def test_the_wheel_carries_its_files_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    packed = {f"simulator/_data/{kind}/{path}" for kind in ("personas", "prompts") for path in files(ROOT / kind)}
    assert packed <= names
    for kind in ("texts", "debrief/web"):
        assert {f"simulator/{kind}/{path}" for path in files(ROOT / "simulator" / kind)} <= names
    assert "simulator/py.typed" in names
    assert {name.split("/")[0] for name in names} == {"simulator", wheel.name.split("-py3")[0] + ".dist-info"}
    assert not [name for name in names if Path(name).name.startswith(".")]


def files(folder: Path) -> list[str]:
    """The files below a folder, relative to it."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return [path.relative_to(folder).as_posix() for path in found if "__pycache__" not in path.parts]
