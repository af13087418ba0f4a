"""Writing a customer with the program's help: typed by a person, from a pipe, and drafted by a model.

What is typed and shown comes from the real program; what is sent is read at the wire.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator.errors import ModelError
from simulator.persona import Path_, Persona, find, load
from simulator.templates import Prompts
from simulator.texts import LANGUAGES, Texts
from simulator.workbench.draft import Asked, Workshop
from simulator.workbench.proposal import FORMS, Proposal, Source, proposals
from simulator.workbench.writing import notes_of
from tests.screens import CTRL_C, CTRL_D, Screen, clean, golden, piped
from tests.scripted import ScriptedModel, a_persona
from tests.wire import Answer, Body, Wire, decide

# --- question by question --------------------------------------------------------------------------------

ANSWERS: dict[str, list[str]] = {
    "en": [
        *(
            "",
            "my-case",
            "Joan Pell",
            "61",
            "Retired school cook who minds her grandson.",
            "Right, love.",
            "Bear with me.",
            "I see.",
            "",
        ),
        *(
            "A charge on her card.",
            "Hello, there's a charge. Can my daughter see this?",
            "Joan Pell, card ends 3318.",
            "",
            "",
        ),
        *(
            "She let the boy play and is afraid to lose him.",
            "afraid to lose the boy",
            "Shame.",
            "Don't tell my daughter.",
            "",
            "(a pause) Sorry?",
            "",
            "",
        ),
        *(
            "3",
            "Can my daughter see this?",
            "Would a message go to her?",
            "Who gets to know.",
            "Messages go to her only.",
            "",
        ),
        *(
            "surroundings",
            "(a child) Shush.",
            "(whispering) She'll be back.",
            "The boy is there.",
            "Rings back later.",
            "Saying: ask your daughter.",
            "n",
        ),
        *(
            "",
            "Forget it.",
            "",
            "All right.",
            "",
            "If you could.",
            "",
            "Oh, good.",
            "",
            "I'll sleep tonight.",
            "",
            "",
            "",
        ),
        *(
            "",
            "29.99 to StarGames",
            "",
            "Refund it",
            "Ring back",
            "",
            "",
            "Will it happen again?",
            "A block.",
            "n",
            "It is refunded.",
            "She knows.",
            "",
        ),
        *("A charge she does not know", "elderly, family", "n"),
    ],
    "zh": [
        *("", "my-case", "何玉兰", "63", "退休女工，带外孙。", "哎，我记一下。", "好的呀。", "我听着呢。", ""),
        *("被扣了钱。", "你好，扣了二十九块九。这钱我女儿看得到吗？", "我叫何玉兰。", "", ""),
        *(
            "孩子点的，她怕女儿不让她再带外孙。",
            "怕女儿不让带",
            "难为情。",
            "你别跟我女儿说。",
            "",
            "（愣了一下）啊？",
            "",
            "",
        ),
        *("3", "这钱我女儿看得到吗？", "她会收到短信吗？", "怕女儿知道。", "短信只发给她自己。", ""),
        *(
            "surroundings",
            "（孩子哭）乖。",
            "（小声）她快下班了。",
            "外孙在身边。",
            "晚点打过去。",
            "说“让女儿来办”",
            "n",
        ),
        *("", "算了。", "", "嗯。", "", "麻烦你看看。", "", "哦，那好。", "", "今晚睡得着了。", "", "", ""),
        *(
            "",
            "游戏充值 29.90 元",
            "",
            "退款",
            "回拨",
            "",
            "",
            "还会再扣吗？",
            "设个限额。",
            "n",
            "退回来了。",
            "她知道谁收短信。",
            "",
        ),
        *("不认识的一笔扣款", "elderly，family", "n"),
    ],
}


def lines(answers: list[str]) -> str:
    return "".join(f"{answer}\n" for answer in answers)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_answers_become_a_file_that_fits(tmp_path: Path, language: str) -> None:
    done = piped("persona", "new", env=clean(tmp_path, SIMULATOR_LANG=language), typed=lines(ANSWERS[language]))
    assert (done.returncode, done.stderr) == (0, "")
    persona = load(tmp_path / "my-case.yaml")
    assert persona.language == {"en": "en", "zh": "zh-CN"}[language]
    assert [cue.channel for cue in persona.cues] == ["repetition", "surroundings"]
    assert [cue.in_opening for cue in persona.cues] == [True, False]
    assert (persona.difficulty, persona.emotion.start, persona.hidden_need.opens_up_after) == (2, 1, 2)
    assert persona.tags == ["elderly", "family"]
    assert persona.believes == []
    assert {file.name for file in tmp_path.iterdir() if file.suffix in {".yaml", ".json"}} == {
        "my-case.yaml",
        "persona.schema.json",
    }
    golden(f"{language}-draft-file", (tmp_path / "my-case.yaml").read_text("utf-8"))


def test_wherever_it_stops_nothing_is_lost(tmp_path: Path) -> None:
    env = clean(tmp_path)
    answers = ANSWERS["en"]
    whole = tmp_path / "whole"
    whole.mkdir()
    piped("persona", "new", "-o", "whole/my-case.yaml", env=env, typed=lines([answers[0], *answers[2:]]))
    for stop, options in ((5, ()), (44, ("-o", "my-case.yaml"))):
        done = piped("persona", "new", env=env, typed=lines(answers[:stop]))
        assert done.returncode == 4
        assert done.stdout.endswith("To go on: simulator persona new --continue\nmy-case.draft.yaml\n")
        draft = tmp_path / "my-case.draft.yaml"
        assert not (tmp_path / "my-case.yaml").exists()
        assert "# Unfinished. To go on: simulator persona new --continue my-case.draft.yaml" in draft.read_text("utf-8")
        done = piped("persona", "new", "--continue", draft.name, *options, env=env, typed=lines(answers[stop:]))
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert load(tmp_path / "my-case.yaml") == load(whole / "my-case.yaml")
        (tmp_path / "my-case.yaml").unlink()
        assert not draft.exists()


def test_what_does_not_fit_is_said_at_once_and_asked_again(tmp_path: Path) -> None:
    answers = ["", "My Case", "my-case", "", "Joan Pell", "old", "7", "61"]
    said = " ".join(piped("persona", "new", env=clean(tmp_path), typed=lines(answers)).stdout.split())
    assert "This does not fit: expected small letters a-z, digits and hyphens only, found My Case." in said
    assert "This does not fit: must not be blank." in said
    assert "This does not fit: expected a whole number, found old." in said
    assert "This does not fit: must not be below 14, found 7." in said
    kept = yaml.safe_load((tmp_path / "my-case.draft.yaml").read_text("utf-8"))
    assert kept == {"format": 1, "id": "my-case", "language": "en", "customer": {"name": "Joan Pell", "age": 61}}


def test_going_back_changes_an_answer_and_then_goes_on(tmp_path: Path) -> None:
    answers = [
        "",
        "my-case",
        "Jon",
        "61",
        "<",
        "＜",
        "Joan",
        "",
        "A cook.",
        "one",
        "two",
        "《",
        "zwei",
        "three",
        "",
        "A charge.",
    ]
    piped("persona", "new", env=clean(tmp_path), typed=lines(answers))
    kept = yaml.safe_load((tmp_path / "my-case.draft.yaml").read_text("utf-8"))
    assert kept["customer"] == {"name": "Joan", "age": 61, "background": "A cook.", "voice": ["one", "zwei", "three"]}
    assert kept["surface_complaint"] == "A charge."


def test_no_file_is_written_over(tmp_path: Path) -> None:
    env = clean(tmp_path)
    there = tmp_path / "my-case.yaml"
    there.write_text("mine", encoding="utf-8")
    done = piped("persona", "new", "-o", "my-case.yaml", env=env, typed=lines(ANSWERS["en"]))
    assert (done.returncode, done.stderr) == (2, "my-case.yaml is there already; --force writes over it.\n")
    done = piped("persona", "new", env=env, typed=lines(["", "my-case"]))
    assert "my-case.yaml is there already" in " ".join(done.stdout.split())
    assert there.read_text("utf-8") == "mine"
    answers = [ANSWERS["en"][0], *ANSWERS["en"][2:]]
    assert piped("persona", "new", "-o", "my-case.yaml", "--force", env=env, typed=lines(answers)).returncode == 0
    assert load(there).customer.name == "Joan Pell"


@pytest.mark.parametrize(
    ("options", "exit_code", "sentence"),
    [
        (("-o", "My Case.yaml"), 4, "My Case.yaml: id: expected small letters a-z, digits and hyphens only"),
        (("--language", "fr"), 5, "There are no prompts for fr; there are: en, zh."),
        (("--continue", "none.yaml"), 4, "none.yaml: cannot open the file:"),
        (("--continue", "x.yaml"), 4, "x.yaml: this is not valid YAML:"),
        (("--from", "x.yaml", "--continue", "x.yaml"), 2, "--continue and --from cannot be used together."),
        (("--from", "x.yaml"), 3, "A draft from a text needs a model: set OPENAI_BASE_URL"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, options: tuple[str, ...], exit_code: int, sentence: str) -> None:
    (tmp_path / "x.yaml").write_text("a: [\n", encoding="utf-8")
    done = piped("persona", "new", *options, env=clean(tmp_path))
    assert (done.returncode, done.stdout) == (exit_code, "")
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1


def test_what_a_hand_spoilt_in_a_draft_is_asked_for_again(tmp_path: Path) -> None:
    env = clean(tmp_path)
    piped("persona", "new", env=env, typed=lines(ANSWERS["en"][:-1]))
    draft = tmp_path / "my-case.draft.yaml"
    text = draft.read_text("utf-8").replace("age: 61", "age: 6").replace("title:", "titel:")
    draft.write_text(text, encoding="utf-8")
    done = piped("persona", "new", "--continue", draft.name, env=env, typed=lines(["61", "A charge", "n"]))
    assert (done.returncode, done.stderr) == (0, "")
    assert (load(tmp_path / "my-case.yaml").customer.age, load(tmp_path / "my-case.yaml").title) == (61, "A charge")


def test_words_for_the_offline_critic_can_be_typed(tmp_path: Path) -> None:
    answers = [*ANSWERS["en"][:-1], "y", "your daughter", "daughter + message", "", "", "", "", "", "", "refunded", ""]
    done = piped("persona", "new", env=clean(tmp_path), typed=lines(answers))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    persona = load(tmp_path / "my-case.yaml")
    assert persona.cues[0].heard_if == ["your daughter", ["daughter", "message"]]
    assert persona.resolution.solved_if == ["refunded"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_at_a_terminal(tmp_path: Path, language: str) -> None:
    answers = ANSWERS[language]
    with Screen("persona", "new", env=clean(tmp_path, SIMULATOR_LANG=language), rows=60) as screen:
        screen.wait({"en": "Enter alone stands for: en", "zh": "直接回车就是：zh-CN"}[language])
        screen.ready(">")
        screen.line()
        screen.wait({"en": "Enter alone stands for: customer", "zh": "直接回车就是：customer"}[language])
        screen.ready(">")
        screen.line("customer-!")
        screen.ready(">")
        screen.line("customer-1")
        screen.ready(">")
        screen.line(answers[2])
        screen.ready(">")
        screen.line("<")
        screen.ready(f"> {answers[2]}")
        screen.line()
        screen.ready(">")
        screen.line("61")
        screen.ready(">")
        screen.key({"en": CTRL_C, "zh": CTRL_D}[language])
        assert screen.end() == 0
        golden(f"{language}-draft", screen.text())
    draft = tmp_path / "customer-1.draft.yaml"
    assert yaml.safe_load(draft.read_text("utf-8"))["customer"] == {"name": answers[2], "age": 61}


def test_who_leaves_before_anything_has_a_name_leaves_nothing(tmp_path: Path) -> None:
    with Screen("persona", "new", env=clean(tmp_path)) as screen:
        screen.ready(">")
        screen.key(CTRL_C)
        assert screen.end() == 0
        assert "Nothing was written." in screen.text()
    assert not list(tmp_path.glob("*.yaml"))


# --- drafted by a model ----------------------------------------------------------------------------------

TEXT = """Customer: There's 29.99 gone. Can my daughter see this?
Agent: The account is in your name.

Customer: (a child shouts) Shush. It's only Nana on the phone. My number is 07700 900123.
"""
LINES = TEXT.splitlines()


def piece(value: Any, quote: str | None = None) -> dict[str, Any]:
    return {"quote": quote, "value": value}


def forms() -> list[dict[str, Any]]:
    """What a model fills in, of the customer that the tests use."""
    one = a_persona()
    need = one.hidden_need
    who = {
        "name": piece("Ann Marsh"),
        "age": piece(58),
        "background": piece(one.customer.background, "Nana"),
        "surface_complaint": piece("Money is gone.", "There's 29.99 gone"),
        "opening": piece(one.opening, "Can my daughter see this?"),
        "facts": [piece(one.facts[0]), piece(one.facts[1], "29.99 gone"), piece(" ")],
        "believes": [],
        "need": piece(need.need, "words that nobody said"),
        "core": piece(need.core),
        "why_unsaid": piece(need.why_unsaid),
        "said": piece(need.said),
        "locked_facts": [piece(need.facts[0], "only Nana on the phone. My number")],
        "title": piece("A \x1b[31mcharge"),
        "id": "third-call",
    }
    call = {
        "clock": None,
        "records": [piece(line) for line in one.desk.records],
        "may": [piece(line) for line in one.desk.may],
        "may_not": [],
        "cues": [
            {
                "id": cue.id,
                "channel": cue.channel,
                "shows": [piece(line, "(a child shouts)") for line in cue.shows],
                "means": piece(cue.means),
                "met_by": piece(cue.met_by),
                "harmed_by": None,
                "heard_if": ["that"],
                "met_if": [],
            }
            for cue in one.cues
        ],
        "worries": [
            {"id": worry.id, "worry": piece(worry.worry), "eased_by": piece(worry.eased_by), "heard_if": []}
            for worry in one.worries
        ],
        "solved_when": piece(one.resolution.solved_when),
        "trusted_when": piece(one.resolution.trusted_when),
        "solved_if": ["done"],
        "next_call": None,
    }
    voice = {
        "voice": [piece(line) for line in one.customer.voice],
        "ladder": [{"mood": step.mood, "sounds_like": piece(step.sounds_like)} for step in one.emotion.ladder],
        "start": 1,
        "when_guessed": [piece(line) for line in one.when_guessed],
        "when_asked": [],
        "need_heard_if": ["the rent"],
        "opens_up_after": 2,
        "difficulty": 2,
        "tags": ["family"],
    }
    return [who, call, voice]


async def drawn(model: ScriptedModel) -> Proposal:
    return [one async for one in proposals(LINES, Prompts("en"), model)][-1]


async def test_every_quote_is_looked_up_and_what_is_not_there_is_made_up() -> None:
    proposal = await drawn(ScriptedModel(*forms()))
    rests_on: dict[Path_, Source] = {
        ("surface_complaint",): Source(1, "There's 29.99 gone"),
        ("opening",): Source(1, "Can my daughter see this?"),
        ("facts", 1): Source(1, "29.99 gone"),
        ("hidden_need", "facts", 0): Source(4, "only Nana on the phone. My number"),
        **{
            ("cues", at, "shows", line): Source(4, "(a child shouts)")
            for at, cue in enumerate(a_persona().cues)
            for line in range(len(cue.shows))
        },
    }
    assert proposal.sources == rests_on
    assert ("hidden_need", "need") not in proposal.sources
    assert ("customer", "background") not in proposal.sources  # one short word proves nothing
    assert proposal.answers["title",] == "A [31mcharge"
    assert len(proposal.answers["facts",]) == 2


async def test_the_text_is_sent_with_numbers_and_each_part_follows_the_one_before() -> None:
    model = ScriptedModel(*forms())
    await drawn(model)
    assert [len(request) for request in model.requests] == [2, 4, 6]
    assert model.requests[2][:4] == model.requests[1]
    system = model.requests[0][0].content
    assert "\n[1] Customer: There's 29.99 gone." in system
    assert "\n[4] Customer: (a child shouts)" in system
    assert "[3]" not in system


async def test_what_does_not_fit_is_sent_back_once() -> None:
    who, call, voice = forms()
    bad = {**who, "age": piece(7), "opening": piece(" ")}
    model = ScriptedModel(bad, who, call, voice)
    proposal = await drawn(model)
    fault = model.requests[1][-1].content
    assert "- customer.age: Input should be greater than or equal to 14" in fault
    assert "- opening: text must not be blank" in fault
    assert proposal.answers["customer", "age"] == 58
    assert [one.role for one in model.requests[2]] == ["system", "user", "assistant", "user"]


async def test_what_still_does_not_fit_is_left_out() -> None:
    who, call, voice = forms()
    bad = {**who, "age": piece(7)}
    for second in (bad, ModelError("model_timeout")):
        proposal = await drawn(ScriptedModel(bad, second, call, voice))
        assert ("customer", "age") not in proposal.answers
        assert ("customer", "name") in proposal.answers


async def test_too_many_entries_are_cut_and_too_few_sent_back() -> None:
    who, call, voice = forms()
    call["cues"][0]["shows"] = [piece(f"line {number}") for number in range(5)]
    few = {**voice, "ladder": voice["ladder"][:3]}
    model = ScriptedModel(who, call, few, voice)
    proposal = await drawn(model)
    assert ("cues", 0, "shows", 2) in proposal.answers
    assert ("cues", 0, "shows", 3) not in proposal.answers
    assert "emotion.ladder: List should have at least 5 items" in model.requests[3][-1].content
    assert ("emotion", "ladder", 4, "mood") in proposal.answers


def workshop(folder: Path, language: str = "en") -> Workshop:
    return Workshop(Asked(folder / "my-case.yaml"), Texts(language))


async def test_a_draft_becomes_a_file_that_says_where_each_piece_came_from(tmp_path: Path) -> None:
    assert await workshop(tmp_path).draft(LINES, "call.txt", ScriptedModel(*forms()), keep=True) == 0
    text = (tmp_path / "my-case.yaml").read_text("utf-8")
    persona = load(tmp_path / "my-case.yaml")
    assert (persona.id, persona.language, len(persona.cues)) == ("my-case", "en", 3)
    notes = notes_of(text)
    assert "scripted" in notes[()]
    assert "call.txt" in notes[()]
    assert notes["surface_complaint",] == "← from line 1, “There's 29.99 gone”"
    assert notes["hidden_need", "need"] == "← made up, please check"
    noted = {path for path in notes if path[-1:] != ("id",)}
    for path in (
        ("customer", "age"),
        ("cues", 0, "channel"),
        ("cues", 2, "shows", 1),
        ("facts", 0),
        ("emotion", "start"),
    ):
        assert path in noted


async def test_a_model_that_fails_loses_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failing = ScriptedModel(forms()[0], ModelError("model_timeout"))
    assert await workshop(tmp_path).draft(LINES, "call.txt", failing, keep=True) == 7
    out, err = capsys.readouterr()
    assert err == "No answer for too long. Try again, or raise SIMULATOR_TIMEOUT.\n"
    assert "my-case.draft.yaml" in "".join(out.split())
    kept = yaml.safe_load((tmp_path / "my-case.draft.yaml").read_text("utf-8"))
    assert kept["customer"]["name"] == "Ann Marsh"
    assert (
        await workshop(tmp_path / "x").draft(LINES, "call.txt", ScriptedModel(ModelError("model_auth")), keep=True) == 7
    )


async def test_a_draft_that_lacks_something_stays_a_draft(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    who, call, voice = forms()
    bad = {**who, "age": piece(7)}
    assert await workshop(tmp_path).draft(LINES, "call.txt", ScriptedModel(bad, bad, call, voice), keep=True) == 4
    assert "customer.age: this is missing" in capsys.readouterr().err
    assert (tmp_path / "my-case.draft.yaml").exists()
    assert not (tmp_path / "my-case.yaml").exists()


async def test_chinese_text_gets_a_chinese_customer(tmp_path: Path) -> None:
    model = ScriptedModel(*forms())
    await workshop(tmp_path, "zh").draft(["客户：扣了二十九块九，这钱我女儿看得到吗？"], "x", model, keep=True)
    assert load(tmp_path / "my-case.yaml").language == "zh-CN"
    assert "你在帮电话客服的培训师" in model.requests[0][0].content


# --- at the command line ---------------------------------------------------------------------------------


def drafting(body: Body) -> Answer:
    part = sum(message["role"] == "assistant" for message in body["messages"])
    return decide(Answer(json.dumps(forms()[part], ensure_ascii=False)), body)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire(drafting) as running:
        yield running


def test_what_is_sent_was_masked_and_shown(tmp_path: Path, wire: Wire) -> None:
    (tmp_path / "call.txt").write_text(TEXT, encoding="utf-8")
    env = clean(tmp_path, OPENAI_BASE_URL=wire.url, SIMULATOR_MODEL="wire-1")
    done = piped("persona", "new", "--from", "call.txt", "--yes", env=env)
    assert done.returncode == 0, done.stderr
    assert "phone numbers and e-mail addresses masked: 1." in done.stderr
    assert (
        "[4] Customer: (a child shouts) Shush. It's only Nana on the phone. My number is ***** ******." in done.stderr
    )
    assert len(wire.bodies) == len(FORMS)
    assert all("900123" not in raw.decode() for raw in wire.raw_bodies)
    assert load(tmp_path / "third-call.yaml").customer.name == "Ann Marsh"
    done = piped("persona", "new", "--from", "-", env=env, typed=TEXT)  # nobody is left to be asked
    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "third-call-2.yaml").id == "third-call-2"


def test_the_trainer_decides_about_each_part(tmp_path: Path, wire: Wire) -> None:
    (tmp_path / "call.txt").write_text(TEXT, encoding="utf-8")
    env = clean(tmp_path, OPENAI_BASE_URL=wire.url, SIMULATOR_MODEL="wire-1")
    rename = ["e", "", "", "Joan", *[""] * 6]  # all but the name is kept
    typed = [*rename, *["", "", "x", "", ""], *["d", "d", "<", "", ""], *["", "", "", "", "d"]]
    done = piped("persona", "new", "--from", "call.txt", env=env, typed=lines(typed))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("This part is needed.") == 1
    assert done.stdout.count("Please press Enter, or type e, d or <.") == 1
    persona = load(tmp_path / "third-call.yaml")
    assert persona.customer.name == "Joan"
    assert [cue.id for cue in persona.cues] == ["again", "fine"]
    assert all(not cue.heard_if for cue in persona.cues)
    notes = notes_of((tmp_path / "third-call.yaml").read_text("utf-8"))
    assert ("customer", "name") not in notes
    assert ("customer", "age") in notes


def test_nothing_is_sent_without_a_yes(tmp_path: Path, wire: Wire) -> None:
    (tmp_path / "call.txt").write_text(TEXT, encoding="utf-8")
    env = clean(tmp_path, OPENAI_BASE_URL=wire.url, SIMULATOR_MODEL="wire-1")
    with Screen("persona", "new", "--from", "call.txt", env=env) as screen:
        screen.ready("[y/N]")
        screen.line("n")
        assert screen.end() == 0
        assert "Nothing was sent." in screen.text()
    assert wire.bodies == []


def test_a_draft_is_walked_through_at_a_terminal(tmp_path: Path, wire: Wire) -> None:
    (tmp_path / "call.txt").write_text(TEXT, encoding="utf-8")
    env = clean(tmp_path, OPENAI_BASE_URL=wire.url, SIMULATOR_MODEL="wire-1")
    with Screen("persona", "new", "--from", "call.txt", env=env, rows=60) as screen:
        screen.ready("[y/N]")
        screen.line("y")
        screen.wait("Who calls", "Ann Marsh", "made up, please check")
        screen.ready("[<] back")
        screen.line()
        screen.wait("What they say", "from line 1")
        screen.ready("[<] back")
        screen.key(CTRL_C)
        assert screen.end() == 0
    with Screen("persona", "new", "--continue", "third-call.draft.yaml", env=env, rows=60) as screen:
        for _ in range(11):
            screen.ready("[<] back")
            screen.line()
        assert screen.end() == 0
    made = load(tmp_path / "third-call.yaml")
    assert Persona.model_validate(made.model_dump(mode="json")) == made
    assert notes_of((tmp_path / "third-call.yaml").read_text("utf-8"))[()].startswith(
        "← Drafted by wire-1 from call.txt."
    )


@pytest.mark.parametrize("nothing", ["", " \n\n"])
def test_a_text_that_holds_nothing(tmp_path: Path, wire: Wire, nothing: str) -> None:
    (tmp_path / "call.txt").write_text(nothing, encoding="utf-8")
    env = clean(tmp_path, OPENAI_BASE_URL=wire.url)
    done = piped("persona", "new", "--from", "call.txt", env=env)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "call.txt holds no text.")


# --- a finished file, taken up again ---------------------------------------------------------------------


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_finished_customer_that_is_taken_up_is_still_there_afterwards(tmp_path: Path, force: tuple[str, ...]) -> None:
    there = tmp_path / "returned-water-bill.yaml"
    there.write_bytes(find("returned-water-bill").read_bytes())
    before = load(there)
    done = piped("persona", "new", "--continue", there.name, *force, env=clean(tmp_path))
    assert done.returncode == 0, done.stderr
    assert load(there) == before


def test_going_back_twice_from_an_answer_that_stands_on_the_line(tmp_path: Path) -> None:
    with Screen("persona", "new", env=clean(tmp_path), rows=60) as screen:
        for answer in ("", "my-case", "Ann", "61"):
            screen.ready(">")
            screen.line(answer)
        screen.wait("- ", ">")
        screen.ready(">")
        screen.line("<")
        screen.ready("> 61")
        screen.line("<")  # behind the 61
        screen.ready("> Ann")
        screen.key(CTRL_C)
        assert screen.end() == 0
