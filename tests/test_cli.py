"""The command line: help, languages, exit codes and what is said when something is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import __version__
from simulator.persona import Persona, files
from tests.screens import PATIENCE_S, clean, customer, golden, piped
from tests.test_doctor import healthy
from tests.wire import Answer, Body, Wire, decide, rejecting, rejecting_trailing_system

COMMANDS = (
    (), ("chat",), ("personas",), ("history",), ("history", "delete"), ("show",), ("progress",), ("doctor",),
    ("persona",), ("persona", "schema"), ("persona", "import"), ("persona", "export"),
    ("persona", "show"), ("persona", "try"), ("persona", "check"), ("persona", "new"),
)  # fmt: skip


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire(healthy) as running:
        yield running


# --- help and languages ----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse sets its help a little differently since")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_help(tmp_path: Path, language: str) -> None:
    env = clean(tmp_path, COLUMNS="80", SIMULATOR_LANG=language)
    runs = [piped(*command, "--help", env=env) for command in COMMANDS]
    assert {(run.returncode, run.stderr) for run in runs} == {(0, "")}
    golden(f"{language}-help", "\n".join(run.stdout for run in runs))


def test_without_a_command_there_is_help(tmp_path: Path) -> None:
    env = clean(tmp_path)
    assert piped(env=env).stdout == piped("-h", env=env).stdout
    assert piped("persona", env=env).stdout == piped("persona", "-h", env=env).stdout


def test_version(tmp_path: Path) -> None:
    done = piped("--version", env=clean(tmp_path))
    assert (done.returncode, done.stdout) == (0, f"customer-simulator {__version__}\n")


@pytest.mark.parametrize(
    ("settings", "options", "language"),
    [
        ({}, [], "en"),
        ({"LANG": "zh_CN.UTF-8"}, [], "zh"),
        ({"LC_ALL": "zh_TW.UTF-8", "LANG": "de_DE.UTF-8"}, [], "zh"),
        ({"LANG": "de_DE.UTF-8"}, [], "en"),
        ({"SIMULATOR_LANG": "zh"}, [], "zh"),
        ({"SIMULATOR_LANG": "EN", "LANG": "zh_CN.UTF-8"}, [], "en"),
        ({}, ["--lang", "zh", "doctor"], "zh"),
        ({}, ["doctor", "--lang=zh"], "zh"),
        ({"SIMULATOR_LANG": "zh"}, ["doctor", "--lang", "en"], "en"),
        ({}, ["--lang", "en", "doctor", "--lang", "zh"], "zh"),
    ],
)
def test_the_language_of_the_screens(
    tmp_path: Path, settings: dict[str, str], options: list[str], language: str
) -> None:
    done = piped(*(options or ["doctor"]), env=clean(tmp_path, **settings))
    assert done.returncode == 3
    assert done.stderr.startswith({"zh": "没有设置模型接口", "en": "No endpoint is set"}[language])


# --- what is wrong, in one sentence ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("cht", "There is no command cht (did you mean chat?). `simulator --help` lists them."),
        ("xyzzy", "There is no command xyzzy. `simulator --help` lists them."),
        ("--lang zh persoans", "没有 persoans 这个命令（是不是 personas？）。用 simulator --help 看有哪些。"),
        ("persona shema", "There is no command shema (did you mean schema?). `simulator persona --help` lists them."),
        ("--lng zh", "There is no option --lng (did you mean --lang?). `simulator --help` lists them."),
        ("chat --ofline", "There is no option --ofline (did you mean --offline?). `simulator chat --help` lists them."),
        ("chat -x", "There is no option -x. `simulator chat --help` lists them."),
        ("--lang fr", "The value of --lang is missing or does not fit. See simulator --help."),
        ("--lang", "The value of --lang is missing or does not fit. See simulator --help."),
        ("chat --turns few", "The value of --turns is missing or does not fit. See simulator chat --help."),
        ("evaluate critic --offline --run r", "--run and --offline cannot be used together."),
        ("evaluate critic --replay r --offline", "--offline and --replay cannot be used together."),
        ("evaluate critic --run r --replay r", "--replay and --run cannot be used together."),
        ("critique call.txt --json --markdown", "--markdown and --json cannot be used together."),
        ("chat --turns 几 --lang zh", "--turns 后面没有值，或者值不对。用 simulator chat --help 看用法。"),
        ("chat --turns -1", "--turns must be at least 1, not -1."),
        ("personas one two", "More on the command line than is understood: two. See simulator --help."),
        ("chat swallowd-card", "There is no customer called swallowd-card (did you mean swallowed-card?)."),
        ("chat zzzz", "There is no customer called zzzz. `simulator personas` lists them."),
    ],
)
def test_the_command_line(tmp_path: Path, line: str, sentence: str) -> None:
    done = piped(*line.split(), env=clean(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(sentence)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("OPENAI_BASE_URL", "api.example", "OPENAI_BASE_URL must begin with http:// or https://."),
        ("SIMULATOR_LANG", "fr", "SIMULATOR_LANG must be one of zh, en, not fr."),
        ("SIMULATOR_PACE", "fast", "SIMULATOR_PACE must be one of off, natural, slow, not fast."),
        ("SIMULATOR_TIMEOUT", "long", "SIMULATOR_TIMEOUT must be a number of seconds from 0 to 3600, not long."),
        ("SIMULATOR_STRUCTURED", "xml", "SIMULATOR_STRUCTURED must be one of auto, json_schema, json_object, prompt"),
        ("SIMULATOR_NOTE_AS", "tool", "SIMULATOR_NOTE_AS must be one of system, user, not tool."),
        ("SIMULATOR_STREAM_USAGE", "maybe", "SIMULATOR_STREAM_USAGE must be one of on, off, not maybe."),
    ],
)
def test_settings(tmp_path: Path, name: str, value: str, sentence: str) -> None:
    settings = {"OPENAI_API_KEY": "k", name: value}
    from_environment = piped("personas", env=clean(tmp_path, **settings))
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    from_file = piped("personas", env={key: one for key, one in clean(tmp_path).items() if key != name})
    for done in (from_environment, from_file):
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith(f"The setting {sentence}")


def test_a_settings_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("SIMULATOR_AGENT=阿静".encode("gbk"))
    done = piped("personas", env=clean(tmp_path))
    assert done.returncode == 3
    assert done.stderr.startswith(f"Cannot read the settings file {tmp_path / '.env'}: ")


def test_a_bad_persona_file(tmp_path: Path) -> None:
    name = customer(tmp_path)
    file = tmp_path / name
    good = file.read_text(encoding="utf-8")
    bad = good.replace("difficulty: 2", "difficulty: 7").replace("    channel: repetition", "    chanel: repetition")
    file.write_text(bad.replace("  clock: Tuesday 10:05", "  clock: 10:05"), encoding="utf-8")
    done = piped("chat", name, env=clean(tmp_path))
    line = bad.splitlines().index("    chanel: repetition") + 1
    assert (done.returncode, done.stdout) == (4, "")
    assert sorted(done.stderr.splitlines()) == sorted(
        [
            f"{name}:6:1: difficulty: must not be above 5, found 7",
            f"{name}:{line - 1}:5: cues[0].channel: this is missing",
            f"{name}:{line}:5: cues[0].chanel: there is no key chanel; did you mean channel?",
            f"{name}:{bad[: bad.index('  clock')].count(chr(10)) + 1}:3: desk.clock: expected text, but 10:05 was read "
            "as something else; put it in quotes",
        ]
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "x.yaml: 打不开文件："),
        (b"\xc4\xe3\xba\xc3", "x.yaml: 文件不是 UTF-8 编码，请另存为 UTF-8"),
        (b"a: [1\n", "x.yaml:2:1: 不是正确的 YAML："),
        (b"- a\n", "x.yaml:1:1: 应该是“键：值”的形式"),
        (b"id: a\nid: b\n", "x.yaml:2:1: id: 键 id 写了两次"),
    ],
)
def test_a_file_that_is_no_persona(tmp_path: Path, text: bytes | None, sentence: str) -> None:
    if text is not None:
        (tmp_path / "x.yaml").write_bytes(text)
    done = piped("chat", "x.yaml", "--lang", "zh", env=clean(tmp_path))
    assert done.returncode == 4
    assert done.stderr.startswith(sentence)
    assert "Traceback" not in done.stderr


def test_nothing_in_a_persona_file_or_on_the_command_line_controls_the_terminal(tmp_path: Path) -> None:
    name = customer(tmp_path)
    file = tmp_path / name
    good = file.read_text(encoding="utf-8")
    for evil in (r'"\e]0;PWNED\a": 1', r'title: "\e[31mred"', r'title: "\u202edesrever"'):
        bad = good.replace("title: A transfer that has not arrived", "") if evil.startswith("title") else good
        file.write_text(f"{bad}\n{evil}\n", encoding="utf-8")
        done = piped("chat", name, env=clean(tmp_path))
        assert done.returncode == 4
        assert not set("\x1b\x07\u202e") & set(done.stderr)
    done = piped("chat", "\x1b]0;PWNED\x07", env=clean(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("There is no customer called ]0;PWNED")


# --- exit codes ------------------------------------------------------------------------------------------


def test_prompts_that_are_not_there_are_exit_code_5(tmp_path: Path) -> None:
    name = customer(tmp_path)
    text = (tmp_path / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(text.replace("language: en", "language: fr"), encoding="utf-8")
    done = piped("chat", name, env=clean(tmp_path), typed="Bonjour\n")
    assert done.returncode == 5
    assert done.stderr.splitlines()[-1].startswith("There are no prompts for fr; there are: ")


def test_a_record_that_cannot_be_used_is_exit_code_6(tmp_path: Path) -> None:
    (tmp_path / "no-database").write_text("hello, hello, hello", encoding="utf-8")
    for url in (f"sqlite:///{tmp_path}/no-database", "nonsense://somebody:SECRET@here/there", "nonsense"):
        done = piped("chat", customer(tmp_path), env=clean(tmp_path, SIMULATOR_STORE=url), typed="Hello?\n")
        assert (done.returncode, done.stdout) == (6, "")
        assert done.stderr.splitlines()[-1].startswith("The record of calls at ")
        assert "SECRET" not in done.stderr


def test_anything_unforeseen_is_exit_code_1_and_one_sentence(tmp_path: Path) -> None:
    broken = "import simulator.listing as p\ndef files(where): raise LookupError('\\x1b[31m nobody')\np.files = files\n"
    run = broken + "import sys\nfrom simulator.cli import main\nsys.exit(main(sys.argv[1:]))"
    for options in ((), ("--debug",)):
        done = subprocess.run(
            [sys.executable, "-c", run, "personas", *options],
            env=clean(tmp_path), capture_output=True, encoding="utf-8", timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines()[-1].startswith("Something unforeseen went wrong: LookupError: [31m nobody.")
        assert ("Traceback" in done.stderr) == bool(options)


# --- the other commands ----------------------------------------------------------------------------------


def test_personas(tmp_path: Path) -> None:
    done = piped("personas", env=clean(tmp_path))
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [row[0] for row in rows] == [file.stem for file in files()]
    assert all(len(row) == 5 and row[2] in "12345" for row in rows)


def test_the_schema_is_for_editors(tmp_path: Path) -> None:
    done = piped("persona", "schema", env=clean(tmp_path))
    schema = json.loads(done.stdout)
    assert done.returncode == 0
    assert set(schema["properties"]) == set(Persona.model_fields)
    assert schema["additionalProperties"] is False
    assert {"format", "id", "cues", "hidden_need"} <= set(schema["required"])
    parts = schema["$defs"].values()
    assert all(one["additionalProperties"] is False for one in parts if one["type"] == "object")
    described = [field.get("description", "") for part in parts for field in part["properties"].values()]
    assert all(re.search("[a-z]", words) and re.search("[\u4e00-\u9fff]", words) for words in described)


def test_the_doctor_finds_all_well(tmp_path: Path, wire: Wire) -> None:
    env = clean(tmp_path, OPENAI_BASE_URL=wire.url, SIMULATOR_MODEL="wire-1", SIMULATOR_LANG="zh", COLUMNS="80")
    done = piped("doctor", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    golden("zh-doctor", timeless(done.stdout))


def test_the_doctor_finds_what_is_missing_and_looks_at_both_endpoints(tmp_path: Path, wire: Wire) -> None:
    def poor(body: Body) -> Answer:
        picky = rejecting("response_format", rejecting_trailing_system(healthy), value="json_schema")
        answer = decide(picky, body)
        return Answer("".join(answer.parts()), pieces=answer.parts(), usage=False) if answer.status == 200 else answer

    wire.play(poor)
    env = clean(
        tmp_path, OPENAI_BASE_URL=wire.url, SIMULATOR_MODEL="small", COLUMNS="80",
        SIMULATOR_CRITIC_BASE_URL="http://127.0.0.1:9/v1", SIMULATOR_CRITIC_MODEL="large",
    )  # fmt: skip
    done = piped("doctor", env=env)
    assert (done.returncode, done.stderr) == (7, "")
    golden("en-doctor", timeless(done.stdout))


def timeless(text: str) -> str:
    """Without what differs from run to run: seconds and ports."""
    return re.sub(r"127\.0\.0\.1:\d{4,}", "127.0.0.1:PORT", re.sub(r"\b\d+\.\d+(?= s\b| 秒)", "0.0", text))
