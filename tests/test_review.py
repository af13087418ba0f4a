"""The trainer's side: calls from anywhere are judged as live ones are, and a trainer's word stands above the critic's.

What is sent is read at the wire (`tests/wire.py`); what is typed and shown, from the real program.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulator import review
from simulator.calls import Calls
from simulator.critique import LAYERS
from simulator.debrief.document import CallCritique
from simulator.errors import SimulatorError, StoreError, TranscriptError, UsageError
from simulator.events import CouldNotJudge, Debriefed, Event, FindingsMade, Overruled, Repeated, transcript
from simulator.settings import Endpoint
from simulator.texts import LANGUAGES, Texts
from simulator.transcript import Turn
from tests.screens import PATIENCE_S, Screen, clean, customer, piped
from tests.scripted import a_form, a_persona
from tests.wire import Answer, Body, Rule, Wire, decide

EN = Texts("en")
Document = dict[str, Any]


# --- a critic at the wire --------------------------------------------------------------------------------

SAYS = ["(a kettle whistles) Hold on, I'll turn it off.", "Right, off. It's fine, there's no hurry.", "Mm."]
WORDS = ["Third time, that is two too many.", "", "I understand how you feel."]  # what the agent says to that


def a_cue(cue: str, level: int, turn: int, shown: str, answer: str | None) -> dict[str, Any]:
    quotes = {"customer_turn": turn, "customer_quote": shown, "agent_quote": answer}
    return {"cue": cue, "why": "…", "level": level} | quotes


TURNS = {
    2: a_form(a_cue("again", 3, 1, "the third time I've rung", "Third time")),
    4: a_form(a_cue("kettle", 4, 3, "a kettle whistles", None)),
    6: a_form(a_cue("fine", 2, 5, "there's no hurry", "I understand how you feel")),
}
SCORED = {"evidence": [{"turn": 2, "quote": "Third time"}], "why": "…", "score": 4}
SUM: dict[str, Any] = {
    **dict.fromkeys(LAYERS, SCORED),
    "better": [{"cue": "fine", "line": "That does sound urgent."}],
    "next": "Next call, listen to the tone.",
}
UNSCORED: dict[str, Any] = {"evidence": [], "why": "…", "score": None}
NO_SUM: dict[str, Any] = {**dict.fromkeys(LAYERS, UNSCORED), "better": [], "next": "…"}
FAILS = Answer(status=400, said="SECRET")


class Bench:
    """What a test plays: the customer's answers in order, and the critic's by line; ``sum`` for the whole call."""

    def __init__(self) -> None:
        self.says = list(SAYS)
        self.judges: dict[int, Rule] = {line: answer(form) for line, form in TURNS.items()}
        self.sum: Rule = answer(SUM)

    def __call__(self, body: Body) -> Answer:
        if body.get("stream"):
            return Answer(self.says.pop(0))
        line = asked(body)
        return decide(self.sum if line is None else self.judges.get(line, answer(a_form())), body)


def answer(form: dict[str, Any]) -> Answer:
    return Answer(json.dumps(form, ensure_ascii=False))


def asked(body: Body) -> int | None:
    """The line that the critic is asked about; None: the whole call."""
    found = re.search(r"^# (?:Judge line |判第 )(\d+)", body["messages"][1]["content"], re.MULTILINE)
    return int(found[1]) if found else None


def to_critic(wire: Wire) -> list[bytes]:
    """The requests that the critic sent, byte for byte; several are on their way at once, so in no order."""
    return sorted(raw for raw, body in zip(wire.raw_bodies, wire.bodies, strict=True) if not body.get("stream"))


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def wire(bench: Bench) -> Iterator[Wire]:
    with Wire(bench) as running:
        yield running


# --- running it ------------------------------------------------------------------------------------------


@dataclass
class Desk:
    """A trainer's desk: the commands, with a record in the folder, and what they printed."""

    folder: Path
    wire: Wire | None
    printed: pytest.CaptureFixture[str]
    err: str = ""
    out: str = ""

    def calls(self, agent: str = "Test") -> Calls:
        url = self.wire.url if self.wire else None
        at = Endpoint(url, "key", "wire-1", timeout_s=10, structured="json_schema") if url else None
        store = f"sqlite:///{self.folder}/calls.sqlite3"
        return Calls(customer=at, critic=at, store_url=store, agent=agent, turn_limit=20)

    def judge(self, text: str, form: review.Form = "json", repeats: int = 1, lang: str = "en") -> int:
        file = self.folder / "call.txt"
        file.write_bytes(text.encode())
        persona, say = a_persona(lang), Texts(lang)
        return self._took(review.transcript(str(file), persona, self.calls(), say, form, repeats, sure=True))

    def again(self, number: int = 1, form: review.Form = "json", repeats: int = 1) -> int:
        return self._took(review.record(number, self.calls(), EN, form, repeats))

    def overrule(self, what: str, grade: str, because: str = "I was there.", number: int = 1) -> int:
        return self._took(review.overrule(number, what, grade, because, self.calls("Xu"), EN))

    def _took(self, exit_code: int) -> int:
        self.out, self.err = self.printed.readouterr()
        return exit_code

    @property
    def document(self) -> Document:
        """What was printed: the document and nothing else."""
        found: Document = json.loads(self.out)
        CallCritique.model_validate(found)
        return found

    @property
    def record(self) -> list[Event]:
        return self.calls().store.events(1)

    def hold(self) -> list[Turn]:
        """A live call up to its debrief."""
        calls = self.calls()

        async def live() -> None:
            session, start = calls.new(a_persona())
            updates = [session.begin(start), *(session.say(words) for words in WORDS)]
            for one in updates:
                async with aclosing(one) as steps:
                    async for _ in steps:
                        pass
                await session.settle()
            session.end()
            await session.debrief()
            await session.close()

        asyncio.run(live())
        return transcript(self.record)


@pytest.fixture
def desk(tmp_path: Path, wire: Wire, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, wire, capsys)


@pytest.fixture
def offline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, None, capsys)


LABELS = {"en": ("Customer: ", "Agent: ", "(silence)"), "zh": ("客户：", "客服：", "（沉默）")}


def labelled(turns: list[Turn], lang: str = "en") -> str:
    customer_label, agent_label, silence = LABELS[lang]
    said = ((customer_label if turn.speaker == "customer" else agent_label) + (turn.text or silence) for turn in turns)
    return "\r\n".join(said) + "\r\n"


def as_lines(turns: list[Turn]) -> str:
    return "".join(json.dumps({"speaker": turn.speaker, "text": turn.text}) + "\n" for turn in turns)


def a_call(*said: str) -> str:
    """A call as labelled text, from lines such as ``c:Hello`` and ``a:Hello``."""
    names = {"c": "Customer", "a": "Agent"}
    return "".join(f"{names[line[0]]}: {line[2:]}\n" for line in said)


CALL = a_call(
    f"c:{a_persona().opening}", f"a:{WORDS[0]}", f"c:{SAYS[0]}", "a:", f"c:{SAYS[1]}", f"a:{WORDS[2]}", "c:Mm."
)


def levels(document: Document) -> dict[str, int | str]:
    return {cue: one["level"] for cue, one in document["cues"].items()}


# --- the same words, the same judgement ------------------------------------------------------------------

SCRIPTS = {
    "en": "Good morning, that is the third time, I see.\nIs it your son's rent?\n\nSounds urgent, no rush to find it.\n"
    "I have started the trace, sending it again is free of charge.\n/end\n",
    "zh": "您好，让您打了三次。\n是儿子的房租吗？\n\n听得出您着急，不着急找。\n已经发起查询，不收手续费。\n/结束\n",
}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_call_of_ours_is_judged_from_its_file_as_it_was_live(offline: Desk, lang: str) -> None:
    """From what `chat --json` printed, from the same call as labelled text, and from the record."""
    folder = offline.folder
    env, name = clean(folder), customer(folder, lang)
    chat = piped("chat", "--json", name, env=env, typed=SCRIPTS[lang])
    (folder / "call.jsonl").write_text(chat.stdout, encoding="utf-8")
    done = piped("critique", "call.jsonl", "--persona", name, "--json", env=env)
    assert done.returncode == 0
    assert offline.again() == 0
    live = offline.document  # from what the critic found during the call
    assert done.stdout == offline.out
    turns = transcript(offline.record)
    assert turns[5].text == ""
    assert offline.judge(labelled(turns, lang), lang=lang) == 0
    assert offline.document == live
    assert live["cues"]["again"]["level"] == 3
    assert live["cues"]["fine"]["agent"] == {"turn": 6, "quote": None}  # a silence that gave room
    assert live["need"]["guessed"]["turn"] == 4
    assert live["solved"]["turn"] == 10
    assert live["worries"]["fee"]["turn"] == 10


def test_the_critic_is_sent_the_very_requests_that_it_was_sent_live(desk: Desk, wire: Wire) -> None:
    turns = desk.hold()
    live = to_critic(wire)
    assert [asked(json.loads(raw)) for raw in live].count(None) == 1
    assert len(live) == len(TURNS) + 1
    assert desk.again() == 0
    wanted = desk.document
    for text in (as_lines(turns), labelled(turns)):
        before = len(wire.raw_bodies)
        assert desk.judge(text) == 0
        assert sorted(wire.raw_bodies[before:]) == live
        assert desk.document == wanted
    assert levels(wanted) == {"again": 3, "kettle": 4, "fine": 2}
    assert wanted["cues"]["fine"]["better"] == "That does sound urgent."


def test_each_turn_is_judged_without_what_came_after_it(desk: Desk, wire: Wire) -> None:
    """A silence with the customer's next words; nothing else with any."""
    desk.judge(CALL)
    seen = {asked(body): body["messages"][-1]["content"] for body in wire.bodies}
    last_line = {line: max(map(int, re.findall(r"^\[(\d+)\]", text, re.MULTILINE))) for line, text in seen.items()}
    assert last_line == {2: 2, 4: 5, 6: 6, None: 7}


def test_text_and_markdown_are_the_debrief_told_of_somebody_else(desk: Desk) -> None:
    assert desk.judge(CALL, "text") == 0
    text = desk.out
    assert desk.judge(CALL, "markdown") == 0
    for page in (text, desk.out.replace("\\", "")):
        assert "Critique: A transfer that has not arrived" in page
        assert "The agent picked up 2 of 3 cues." in page
        assert "That does sound urgent." in page
        assert not re.search(r"\byou\b(?!'|r| say)", page.split("The cues")[0])
    assert desk.out.startswith("# ")


def test_it_goes_into_no_record(desk: Desk) -> None:
    desk.judge(CALL)
    assert not (desk.folder / "calls.sqlite3").exists()


# --- what is sent ----------------------------------------------------------------------------------------

SECRETS = {
    "en": (
        a_call(
            "c:This is the third time I've rung. My card is 6222 0212 3456 7890, the phone 138-0013-8000.",
            "a:Third time? So four one five, five five five, double two six one?",
            "c:Yes, and my ID is 11010119900307888X. It was £420.00 on 3 May.",
        ),
        ["6222 0212", "7890", "138-0013", "8000", "four one five", "11010119900307888", "888X"],
        "£420.00 on 3 May",
    ),
    "zh": (
        "客户：我都打了第三回电话了，卡号6222 0212 3456 7890，手机138-0013-8000。\n"
        "客服：第三回？幺三八，呃，零零幺三八零零零，对吗？\n"
        "客户：对，身份证11010119900307888X，转了 4200.00 元。\n",
        ["6222 0212", "7890", "138-0013", "8000", "幺三八", "11010119900307888", "888X"],
        "4200.00 元",
    ),
}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_number_that_belongs_to_somebody_leaves_the_machine(desk: Desk, bench: Bench, wire: Wire, lang: str) -> None:
    bench.judges, bench.sum = {}, answer(NO_SUM)
    text, secrets, amount = SECRETS[lang]
    assert desk.judge(text, lang=lang) == 0
    assert [asked(body) for body in wire.bodies] == [2, None]
    sent = [body["messages"][-1]["content"] for body in wire.bodies]
    everything = "".join(json.dumps(body, ensure_ascii=False) for body in wire.bodies)
    for words in (everything, desk.err, desk.out):
        assert not [secret for secret in secrets if secret in words]
    assert all(amount in words for words in (sent[-1], desk.err))
    (head, *shown) = desk.err.splitlines()
    assert "4" in head  # card, phone, the one said aloud, ID
    assert [line[:4] for line in shown] == ["[1] ", "[2] ", "[3] "]
    assert all(line.split("：" if lang == "zh" else ": ", 1)[1] in sent[-1] for line in shown)  # shown as it is sent


def at_a_terminal(folder: Path, wire: Wire, *options: str) -> Screen:
    name = customer(folder)
    (folder / "call.txt").write_text(CALL, encoding="utf-8")
    env = clean(folder, OPENAI_BASE_URL=wire.url, SIMULATOR_STRUCTURED="json_schema")
    return Screen("critique", "call.txt", "--persona", name, *options, env=env)


terminal = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")


@terminal
def test_at_a_terminal_it_is_sent_only_when_somebody_says_so(tmp_path: Path, wire: Wire) -> None:
    with at_a_terminal(tmp_path, wire) as screen:
        screen.wait("masked: 0", "[7] Customer: Mm.")
        screen.ready("Send this to the model? [y/N] ")
        screen.line("n")
        assert screen.end() == 0
        assert screen.text().rstrip().endswith("Nothing was sent.")
    assert wire.bodies == []
    with at_a_terminal(tmp_path, wire, "--lang", "zh") as screen:
        screen.ready("把它发送给模型？[y/N] ")
        screen.line("是")
        assert screen.end() == 0
        assert "评判：A transfer that has not arrived" in screen.text()
    assert len(wire.bodies) == 4


@terminal
def test_whoever_is_sure_is_not_asked(tmp_path: Path, wire: Wire) -> None:
    with at_a_terminal(tmp_path, wire, "--yes") as screen:
        assert screen.end() == 0
        assert "[y/N]" not in screen.text()
        assert "[7] Customer: Mm." in screen.text()  # shown all the same
    assert len(wire.bodies) == 4


def test_json_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    name = customer(tmp_path, "zh")
    done = subprocess.run(
        [sys.executable, "-m", "simulator", "critique", "-", "--persona", name, "--json"],
        input="客户：我都打了第三回电话了\n客服：打了三次？\n客户：嗯".encode(),
        env=clean(tmp_path, PYTHONIOENCODING="ascii"), cwd=tmp_path, capture_output=True, timeout=PATIENCE_S,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert json.loads(done.stdout.decode())["cues"]["again"]["agent"] == {"turn": 2, "quote": "打了三次？"}


def test_the_schema_needs_no_call(tmp_path: Path) -> None:
    done = piped("critique", "--schema", env=clean(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["title"] == "CallCritique"


# --- a judge that fails ----------------------------------------------------------------------------------


def test_a_turn_that_could_not_be_judged_is_told_and_never_held_against_anybody(desk: Desk, bench: Bench) -> None:
    bench.judges[4] = FAILS
    assert desk.judge(CALL) == 7
    document = desk.document
    assert document["could_not_judge"] == [4]
    assert levels(document) == {"again": 3, "kettle": "not_judged", "fine": 2}
    assert document["picked_up"] == "1 of 2"
    assert desk.err.splitlines()[-1] == "Lines that could not be judged: 4."
    assert "SECRET" not in desk.err + desk.out


def test_a_critic_that_is_down_judges_nothing_and_invents_nothing(desk: Desk, bench: Bench) -> None:
    bench.judges, bench.sum = dict.fromkeys(TURNS, FAILS), FAILS
    assert desk.judge(CALL) == 7
    document = desk.document
    assert document["could_not_judge"] == [2, 4, 6]
    assert set(levels(document).values()) == {"not_judged"}
    assert {layer["score"] for layer in document["layers"].values()} == {None}
    assert {layer["why"] for layer in document["layers"].values()} == {"could not judge: model_request"}
    assert {worry["eased"] for worry in document["worries"].values()} == {None}
    assert (document["picked_up"], document["solved"], document["next"]) == ("0 of 0", None, "")
    assert desk.err.splitlines()[-1] == "Lines that could not be judged: 2, 4, 6."


def test_a_call_that_only_could_not_be_summed_up(desk: Desk, bench: Bench) -> None:
    bench.sum = FAILS
    assert desk.judge(CALL, "text") == 7
    assert desk.err.splitlines()[-1] == "The call as a whole could not be judged."
    assert "The agent picked up 2 of 3 cues." in desk.out


def test_only_what_was_not_judged_is_asked_for_later_and_kept(desk: Desk, bench: Bench, wire: Wire) -> None:
    bench.judges[2] = bench.sum = FAILS
    desk.hold()
    assert [type(event) for event in desk.record][-1] is Debriefed
    before, kept = len(wire.bodies), len(desk.record)
    assert desk.again() == 7  # it is still down
    assert levels(desk.document)["again"] == "not_judged"
    assert desk.err == "Lines that could not be judged: 2. `simulator critique 1` judges them again, and only them.\n"
    assert sorted(map(str, map(asked, wire.bodies[before:]))) == ["2", "None"]
    bench.judges[2] = answer(a_form())  # it is back, and finds that the cue was not shown
    bench.sum = answer(SUM)
    before = len(wire.bodies)
    assert desk.again() == 0
    assert [asked(body) for body in wire.bodies[before:]] == [2, None]
    document = desk.document
    assert (document["could_not_judge"], document["layers"]["hear"]["score"]) == ([], 4)
    assert levels(document) == {"again": "not_shown", "kettle": 4, "fine": 2}
    assert desk.err == ""
    new = [type(event) for event in desk.record[kept:]]
    assert new == [CouldNotJudge, Debriefed, FindingsMade, Debriefed]


def test_nothing_is_asked_when_everything_is_judged(desk: Desk, wire: Wire) -> None:
    desk.hold()
    before, kept = len(wire.bodies), desk.record
    for form in ("json", "text", "markdown"):
        assert desk.again(form=form) == 0
        assert desk.out
    assert len(wire.bodies) == before
    assert desk.record == kept


def test_a_call_that_was_summed_up_with_a_gap_is_summed_up_anew(desk: Desk, bench: Bench, wire: Wire) -> None:
    bench.judges[4] = FAILS
    desk.hold()
    bench.judges[4] = answer(TURNS[4])
    before = len(wire.bodies)
    assert desk.again() == 0
    assert [asked(body) for body in wire.bodies[before:]] == [4, None]
    assert levels(desk.document)["kettle"] == 4


# --- judging several times -------------------------------------------------------------------------------


def changing(*replies: Rule) -> Rule:
    """A critic that answers the same question differently each time."""
    left = list(replies)
    return lambda body: decide(left.pop(0) if len(left) > 1 else left[0], body)


KINDER = answer(a_form(a_cue("again", 5, 1, "the third time I've rung", "Third time")))


def test_repeats_show_where_judgements_differ(desk: Desk, bench: Bench, wire: Wire) -> None:
    bench.judges[2] = changing(answer(TURNS[2]), KINDER, KINDER)
    assert desk.judge(CALL, repeats=3) == 0
    document = desk.document
    assert document["repeats"] == {
        "again": {"levels": [3, 5, 5], "agreement": pytest.approx(2 / 3)},
        "kettle": {"levels": [4, 4, 4], "agreement": 1},
        "fine": {"levels": [2, 2, 2], "agreement": 1},
    }
    assert levels(document)["again"] == 3  # the first
    assert [asked(body) for body in wire.bodies].count(None) == 1
    assert len(wire.bodies) == 3 * len(TURNS) + 1
    bench.judges[2] = changing(answer(TURNS[2]), KINDER)
    assert desk.judge(CALL, "text", repeats=2) == 0
    marked = [line.strip() for line in desk.out.splitlines() if line.strip().startswith("Judged again")]
    assert len(marked) == 3
    assert "3 acknowledged · 5 met (agreement 50%). The judgements" in marked[0]
    assert "differ" not in "".join(marked[1:])
    assert desk.out.index("Cue 1") < desk.out.index(marked[0]) < desk.out.index("Cue 2")


def test_repeats_of_a_call_in_the_record_are_kept_there(desk: Desk, bench: Bench, wire: Wire) -> None:
    desk.hold()
    bench.judges[2] = KINDER
    before, kept = len(wire.bodies), len(desk.record)
    assert desk.again(repeats=2) == 0
    assert sorted(map(str, map(asked, wire.bodies[before:]))) == ["2", "4", "6"]
    (repeated,) = desk.record[kept:]
    assert isinstance(repeated, Repeated)
    assert repeated.grades == {"again": (3, 5), "kettle": (4, 4), "fine": (2, 2)}
    assert repeated.usage and repeated.usage.prompt
    assert desk.again() == 0
    assert desk.document["repeats"]["again"]["levels"] == [3, 5]


def test_a_repeat_that_could_not_be_judged_is_no_other_judgement(desk: Desk, bench: Bench) -> None:
    desk.hold()
    bench.judges[2] = FAILS
    assert desk.again(repeats=2) == 7
    assert desk.document["repeats"]["again"] == {"levels": [3, "not_judged"], "agreement": 1}
    assert desk.err == "Lines that could not be judged: 2.\n"  # there is nothing left to judge in the record
    assert desk.again(form="text") == 0
    assert "3 acknowledged · could not judge (agreement 100%)" in desk.out


# --- a trainer's word ------------------------------------------------------------------------------------


def test_both_words_stay_and_every_report_shows_the_trainers(desk: Desk) -> None:
    desk.hold()
    before = desk.record
    assert desk.overrule("again", "1") == 0
    assert desk.out == "Call 1, again: 1 instead of 3. Both are kept.\n"
    assert desk.overrule("2", "not_shown", "That was\nthe radio.\x1b[2J") == 0
    assert desk.out == "Call 1, kettle: not_shown instead of 4. Both are kept.\n"
    assert desk.overrule("hear", "2") == 0
    after = desk.record
    assert after[: len(before)] == before
    words = [word for word in after[len(before) :] if isinstance(word, Overruled)]
    assert [(word.what, word.grade, word.was, word.by) for word in words] == [
        ("again", 1, 3, "Xu"), ("kettle", None, 4, "Xu"), ("hear", 2, 4, "Xu"),
    ]  # fmt: skip
    assert words[1].because == "That was the radio.[2J"
    assert desk.again() == 0
    document = desk.document
    assert levels(document) == {"again": 1, "kettle": "not_shown", "fine": 2}
    assert (document["layers"]["hear"]["score"], document["picked_up"]) == (2, "0 of 2")
    assert document["overruled"]["again"] == {"level": 1, "was": 3, "because": "I was there.", "by": "Xu"}
    desk.again(form="text")
    text = desk.out
    desk.again(form="markdown")
    for page in (" ".join(text.split()), desk.out):
        assert "You picked up 0 of 2 cues." in page
        assert page.count("Overruled by Xu") == 3
        assert "1 missed instead of 3 acknowledged: I was there." in page
        assert "not shown instead of 4 gave it room: That was the radio." in page
        assert "2/5 instead of 4/5: I was there." in page


def test_the_latest_word_counts_and_the_critics_own_is_what_it_replaces(desk: Desk) -> None:
    desk.hold()
    desk.overrule("again", "1")
    desk.overrule("again", "5")
    assert desk.out == "Call 1, again: 5 instead of 3. Both are kept.\n"
    desk.again()
    assert levels(desk.document)["again"] == 5


def test_a_layer_that_nobody_judged_can_be_scored(offline: Desk) -> None:
    """The offline critic knows no layers."""
    offline.hold()
    assert offline.overrule("warmth", "4") == 0
    assert offline.out == "Call 1, warmth: 4 instead of could not judge. Both are kept.\n"
    offline.again(form="text")
    assert "4/5 instead of could not judge: I was there." in " ".join(offline.out.split())
    offline.again()
    assert [offline.document["layers"][layer]["score"] for layer in LAYERS] == [None, None, 4, None]


WRONG = [
    (("agian", "3", "x"), "There is no cue or layer agian (did you mean again?). There are: again, kettle, fine, hear, "),
    (("9", "3", "x"), "There is no cue or layer 9. There are: again, "),
    (("0", "3", "x"), "There is no cue or layer 0. "),
    (("again", "6", "x"), "6 is no level of again; it takes one of: 0, 1, 2, 3, 4, 5, not_shown."),
    (("1", "missed", "x"), "missed is no level of again; "),
    (("hear", "0", "x"), "0 is no level of hear; it takes one of: 1, 2, 3, 4, 5."),
    (("hear", "not_shown", "x"), "not_shown is no level of hear; "),
    (("again", "3", " \n"), "--because needs a reason."),
]  # fmt: skip


def test_what_does_not_fit_is_one_sentence_and_changes_nothing(offline: Desk) -> None:
    offline.hold()
    kept = offline.record
    for (what, level, because), sentence in WRONG:
        with pytest.raises(UsageError) as raised:
            offline.overrule(what, level, because)
        assert raised.value.exit_code == 2
        told_in_both_languages(raised.value, sentence)
    assert offline.record == kept


def told_in_both_languages(error: SimulatorError, sentence: str) -> None:
    (english,), (chinese,) = EN.error(error), Texts("zh").error(error)
    assert english.startswith(sentence)
    assert re.search("[\u4e00-\u9fff]", chinese)
    assert "\n" not in english + chinese


def test_a_call_that_is_not_there_or_has_no_debrief(offline: Desk) -> None:
    async def begun() -> None:
        session, start = offline.calls().new(a_persona())
        async with aclosing(session.begin(start)) as steps:
            async for _ in steps:
                pass

    asyncio.run(begun())
    for run in (lambda n: offline.overrule("again", "3", number=n), offline.again):
        with pytest.raises(UsageError) as not_yet:
            run(1)
        assert not_yet.value.exit_code == 2
        told_in_both_languages(not_yet.value, "The debrief of call 1 has not been opened yet.")
        for number in (0, 7, 10**30):
            with pytest.raises(StoreError) as raised:
                run(number)
            assert raised.value.exit_code == 6
            told_in_both_languages(raised.value, f"There is no call number {number}.")


def test_the_trainers_command_line(offline: Desk) -> None:
    env = clean(offline.folder)
    customer(offline.folder)
    offline.hold()
    done = piped("overrule", "1", "again", "2", "--because", "stock phrase", "--agent", "Xu", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Call 1, again: 2 instead of 3. Both are kept.\n"
    for line, exit_code, sentence in (
        ("overrule 1 again 2", 2, "The command line does not fit"),
        ("overrule 1 agian 2 --because x --lang zh", 2, "没有叫 agian 的线索或层次（是不是 again？）"),
        ("critique call.txt", 2, "Whose call is call.txt?"),
        ("critique call.txt --persona third-call.yaml --repeat 0", 2, "--repeat must be at least 1, not 0."),
    ):
        done = piped(*line.split(), env=env)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (exit_code, "", 1), line
        assert done.stderr.startswith(sentence)


# --- calls of every shape --------------------------------------------------------------------------------

OPENS = "c:Hello. This is the third time I've rung."
SHAPES = {
    "the agent speaks first": (("a:Good morning.", OPENS, "a:Third time!"), {"again": 3}, {"again": (2, 3)}),
    "nobody spoke before the silence": (("a:", OPENS, "a:Third time!"), {"again": 3}, {"again": (2, 3)}),
    "a silence": ((OPENS, "a:", "c:So I thought I'd ask."), {"again": 4}, {"again": (1, 2)}),
    "a silence that was too long": ((OPENS, "a:", "c:Hello? Are you still there?"), {"again": 1}, {"again": (1, 2)}),
    "a silence at the end": ((OPENS, "a:What is it?", "c:Mm.", "a:"), {"again": 1}, {"again": (1, 2)}),
    "two silences": ((OPENS, "a:", "c:I've told this four times now.", "a:", "c:Mm."), {"again": 4}, {"again": (1, 2)}),
    "shown in the last words only": (
        ("c:Hello.", "a:Hello, what is it?", "c:It is fine. (her voice drops) It's fine, there's no hurry."), {}, {},
    ),
    "heard before it was shown": (("c:Hello.", "a:That sounds urgent."), {"fine": 3}, {"fine": (None, 2)}),
}  # fmt: skip


@pytest.mark.parametrize(("said", "graded", "turns"), SHAPES.values(), ids=SHAPES)
def test_calls_of_every_shape(
    offline: Desk, said: tuple[str, ...], graded: dict[str, int], turns: dict[str, tuple[int | None, int]]
) -> None:
    assert offline.judge(a_call(*said)) == 0
    document = offline.document
    wanted: dict[str, int | str] = dict.fromkeys(("again", "kettle", "fine"), "not_shown")
    assert levels(document) == wanted | graded
    for cue, (shown, answered) in turns.items():
        one = document["cues"][cue]
        assert (one["customer"]["turn"] if one["customer"] else None, one["agent"]["turn"]) == (shown, answered)
        assert one["anticipated"] == (shown is None)
    for form in ("text", "markdown"):
        assert offline.judge(a_call(*said), form) == 0


def test_a_model_is_not_asked_about_a_silence_that_ends_the_call(desk: Desk, bench: Bench, wire: Wire) -> None:
    bench.sum = answer(NO_SUM)
    assert desk.judge(a_call("a:Hello.", OPENS, "a:")) == 0
    assert sorted(map(str, map(asked, wire.bodies))) == ["None"]  # nor about a greeting
    assert desk.document["could_not_judge"] == []


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "not UTF-8": ("客户：喂\n客服：在\n".encode("gbk"), "call.txt is not UTF-8; save it as UTF-8."),
    "one side": (
        b"Customer: hi\r\nCustomer: hello?\r\n",
        "call.txt holds one side of the call only: no words of Agent",
    ),
    "nothing": (b"\xef\xbb\xbf \r\n", "call.txt holds no call"),
    "no labels": (b"Hello there\n", "call.txt, line 1: expected a speaker first"),
    "broken JSON": (b'{"speaker": "agent"\n', "call.txt, line 1: expected one JSON object"),
}


@pytest.mark.parametrize(("raw", "sentence"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_call_is_one_sentence_and_nothing_is_sent(
    desk: Desk, wire: Wire, monkeypatch: pytest.MonkeyPatch, raw: bytes, sentence: str
) -> None:
    monkeypatch.chdir(desk.folder)
    Path("call.txt").write_bytes(raw)
    refused(desk, "call.txt", sentence)
    assert wire.bodies == []


@pytest.mark.parametrize("file", [".", "nowhere.txt", "nowhere/call.txt"])
def test_what_cannot_be_opened(desk: Desk, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.chdir(desk.folder)
    refused(desk, file, f"Cannot open {file}: ")


def refused(desk: Desk, file: str, sentence: str) -> None:
    with pytest.raises(TranscriptError) as raised:
        review.transcript(file, a_persona(), desk.calls(), EN, "json", 1, sure=True)
    assert raised.value.exit_code == 8
    told_in_both_languages(raised.value, sentence)
    assert desk.printed.readouterr().out == ""


def test_standard_input_that_is_no_call(tmp_path: Path) -> None:
    name = customer(tmp_path)
    for typed, sentence in (("", "- holds no call"), ("Customer: hi\r\n", "- holds one side")):
        done = piped("critique", "-", "--persona", name, "--json", env=clean(tmp_path), typed=typed)
        assert (done.returncode, done.stdout) == (8, "")
        assert done.stderr.splitlines()[-1].startswith(sentence)
        assert "Traceback" not in done.stderr
