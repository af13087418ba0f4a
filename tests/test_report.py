"""The card, the desk and the debrief: whole pages against golden files, and what must hold on every page.

After a change that is meant: ``REFRESH_GOLDEN=1 pytest tests/test_report.py``, then read the diff.
"""

from __future__ import annotations

import functools
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.cells import cell_len
from rich.console import Console

from simulator.critique import (
    LAYERS,
    LEVELS,
    BetterLine,
    CueFinding,
    Eased,
    Evidence,
    Findings,
    LayerScore,
    Level,
    NeedAnswer,
    NeedGuess,
    Solved,
    Usage,
    Verdict,
)
from simulator.debrief.report import debrief, markdown
from simulator.director import Reason
from simulator.errors import ModelError
from simulator.events import (
    AgentSaid,
    CouldNotJudge,
    CustomerSaid,
    Debriefed,
    Ended,
    Ending,
    Event,
    FindingsMade,
    Grade,
    Guessed,
    Overruled,
    Repeated,
    Started,
)
from simulator.persona import Channel, Persona
from simulator.screen.card import card, desk
from simulator.screen.page import Item, Page, Points, Row
from simulator.texts import Texts

GOLDEN = Path(__file__).with_name("golden")
AT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
LANGUAGES = ("zh", "en")

# One customer in two languages: somebody who wants their statements sent elsewhere, and does not say why.
ZH = """
format: 1
id: statement-address
language: zh-CN
title: 账单换个地址
difficulty: 3
customer:
  name: 高敏
  age: 36
  background: 小学老师，上个月带着女儿搬了出来，谁也没告诉。
  voice: [您慢点说。, 嗯，我记一下。, 不着急。]
surface_complaint: 把信用卡账单的邮寄地址改掉。
opening: 您好，我想改一下信用卡账单的邮寄地址，老地址那边就别再寄了。
facts: [我叫高敏，卡号末四位是二二零八。, 新地址是和平路 18 号 3 单元。]
when_guessed: [（顿住）……您说什么？]
hidden_need:
  need: 她带着孩子搬了出来，不想让丈夫从银行的任何东西里看出她住在哪里。
  core: 不想让家里那个人知道她的新住处
  why_unsaid: 说出来怕被当成家事劝回去。
  opens_up_after: 3
  said: （很久没说话）……我带孩子搬出来了，不想让他知道我们住哪儿。
emotion:
  start: 2
  ladder:
    - {mood: 心凉, sounds_like: 算了，我不问了。}
    - {mood: 防着, sounds_like: 您照办就行。}
    - {mood: 客气, sounds_like: 好的，谢谢。}
    - {mood: 松了口气, sounds_like: 那我跟您说。}
    - {mood: 放心, sounds_like: 有您这句话我就踏实了。}
desk:
  clock: 11月20日 周五 16:30
  records:
    - 高敏，36岁，信用卡尾号 2208；附属卡一张，持卡人赵立
    - 账单：纸质，寄往建设路 7 号；短信提醒发往主卡和附属卡两个手机号
    - 最近一期账单 11月18日寄出，应还 1,204.50 元
  may: [核身后修改账单地址, 把短信提醒改为只发主卡手机号, 给资料加查询密码，凭密码才能查地址, 留直线号码]
  may_not: [向附属卡持卡人透露主卡资料]
cues:
  - id: old-address
    channel: repetition
    in_opening: true
    shows: [老地址那边就别再寄了, 老地址那边，一封也别再寄了，行吗？]
    means: 老地址那边有她要躲开的人。
    met_by: 确认从今天起不会再有任何东西寄往老地址，连在路上的那一期也查一查。
  - id: low-voice
    channel: tone
    shows: [（压低声音）嗯……不太方便。, （声音更低）这会儿不好说。]
    means: 旁边有人，或者怕被人听见。
    met_by: 放慢，改成她只要答“是”或“不是”的问法。
  - id: only-paper
    channel: wording
    shows: [只要纸的，短信千万别发。, 短信一条都别发。]
    means: 附属卡在他手里，短信他也收得到。
    met_by: 把短信提醒改成只发她自己的手机号。
    harmed_by: 说短信是系统自动发的。
  - id: bus
    channel: surroundings
    shows: [（广播报站声）, （车门关上的声音）]
    means: 她在外面打这个电话，家里打不了。
    met_by: 问一句现在方不方便，要不要换个时间打回去。
  - id: by-friday
    channel: wording
    shows: [这礼拜五以前能改好吗？, 礼拜五以前一定得改好。]
    means: 下一期账单一寄出，他就会看见。
    met_by: 当场改好，并告诉她下一期寄往哪里。
  - id: pause
    channel: silence
    shows: [（停了很久）, （一直没有说话）]
    means: 问到附属卡，她答不上来。
    met_by: 等她，不追问。
worries:
  - {id: he-asks, worry: 他要是打电话来问，你们会告诉他吗？, eased_by: 加上查询密码，凭密码才能查地址。}
  - {id: in-the-post, worry: 已经寄出去的那一期怎么办？, eased_by: 查清寄到哪一步，能拦就拦。}
resolution:
  solved_when: 地址已经改好，并告诉她从哪一期起生效。
  trusted_when: 她知道有人替她留着心。
"""

EN = """
format: 1
id: statement-address
language: en
title: A new address for the statements
difficulty: 3
customer:
  name: Ruth Adeyemi
  age: 36
  background: Primary school teacher. Moved out with her daughter last month and told nobody.
  voice: ["Could you say that slower?", Let me write that down., There's no rush.]
surface_complaint: To have the statements of her credit card sent somewhere else.
opening: Hello, I'd like to change the address for my statements. Nothing to the old one any more, please.
facts: [My name is Ruth Adeyemi and the card ends in 2208., The new address is 18 Mill Lane.]
when_guessed: ["(stops) ... Sorry, what did you say?"]
hidden_need:
  need: She has moved out with her child and wants nothing from the bank to tell her husband where they live.
  core: that somebody at home must not learn her new address
  why_unsaid: She is afraid of being told to go back.
  opens_up_after: 3
  said: "(a long silence) ... I've moved out with my daughter. I don't want him to know where we live."
emotion:
  start: 2
  ladder:
    - {mood: gone cold, sounds_like: Never mind.}
    - {mood: on her guard, sounds_like: Just do it please.}
    - {mood: polite, sounds_like: Fine. Thank you.}
    - {mood: breathing out, sounds_like: Then I'll tell you.}
    - {mood: safe, sounds_like: That puts my mind at rest.}
desk:
  clock: Friday 20 November, 16:30
  records:
    - Ruth Adeyemi, 36, credit card ending 2208; one additional card, held by Daniel Adeyemi
    - "Statements: on paper, to 7 Station Road; text alerts go to both phones"
    - Latest statement posted 18 November, $1,204.50 due
  may: [Change the address once she is verified, Send text alerts to the main phone only, Put a password on the file so
    that nobody is told the address without it, Give a direct number]
  may_not: [Tell the holder of the additional card anything about the main account]
cues:
  - id: old-address
    channel: repetition
    in_opening: true
    shows: ["Nothing to the old one any more, please", "Not one more letter to the old address. Is that all right?"]
    means: There is somebody at the old address whom she is avoiding.
    met_by: Confirms that nothing goes there from today, and looks up the statement that is already in the post.
  - id: low-voice
    channel: tone
    shows: ["(lowering her voice) It's ... not very convenient.", "(lower still) I can't really say."]
    means: There is somebody near, or she is afraid of being heard.
    met_by: Slows down and asks so that yes or no will do.
  - id: only-paper
    channel: wording
    shows: ["Only paper. No texts, whatever you do.", "Not a single text."]
    means: He holds the additional card, so he gets the texts as well.
    met_by: Sends the text alerts to her own phone only.
    harmed_by: Saying that texts are automatic.
  - id: bus
    channel: surroundings
    shows: ["(a stop is announced)", "(bus doors close)"]
    means: She has to make this call out of the house.
    met_by: Asks whether now is a good time, and offers to call back.
  - id: by-friday
    channel: wording
    shows: ["Can it be done by Friday?", "It has to be done by Friday."]
    means: As soon as the next statement goes out, he will see it.
    met_by: Does it there and then, and says where the next one will go.
  - id: pause
    channel: silence
    shows: ["(a long pause)", "(says nothing at all)"]
    means: She has no answer about the additional card.
    met_by: Waits, and does not press.
worries:
  - {id: he-asks, worry: "If he rings up and asks, will you tell him?", eased_by: A password on the file.}
  - {id: in-the-post, worry: "What about the one you've already sent?", eased_by: Looks up where it is and stops it.}
resolution:
  solved_when: The address is changed and she knows from which statement on.
  trusted_when: She knows that somebody is looking out for her.
"""

# What is said, by turn; what the critic says of it stands in `mixed`.
LINES = {
    "zh": {
        "c1": "您好，我想改一下信用卡账单的邮寄地址，老地址那边就别再寄了。",
        "a2": "好的，请问您的卡号末四位是多少？",
        "c3": "二二零八。（停顿）老地址那边，一封也别再寄了，行吗？",
        "a4": "您两次说到老地址，是那边收信不方便吗？要是赶时间，我现在就先把它改掉。",
        "c5": "（压低声音）嗯……不太方便。",
        "a6": "理解您的心情，您是怕账单寄丢吧？新地址请您报一下。",
        "c7": "不是。新地址是和平路 18 号 3 单元。只要纸的，短信千万别发。",
        "a8": "短信是系统自动发的，开户的时候协议里写得清清楚楚，您当时没有看吗？",
        "c9": "（广播报站声）……那算了，您就改地址吧。",
        "a10": "地址已经改好了，从下一期开始寄到和平路。",
        "c11": "好的，谢谢。",
        "a12": "您是不想让老地址那边的人知道您搬到哪儿了，对吗？",
        "c13": "（很久没说话）……我带孩子搬出来了，不想让他知道我们住哪儿。",
        "a14": "我给您的资料加一个查询密码，没有密码，谁来问都不会说出地址。短信也改成只发您自己的手机。",
        "c15": "有您这句话，我就踏实",
    },
    "en": {
        "c1": "Hello, I'd like to change the address for my statements. Nothing to the old one any more, please.",
        "a2": "Certainly. What are the last four digits of your card?",
        "c3": "2208. (pause) Not one more letter to the old address. Is that all right?",
        "a4": "You've mentioned the old address twice. Is post a problem there? If time is short, I can change it now.",
        "c5": "(lowering her voice) It's ... not very convenient.",
        "a6": "I understand how you feel. You're worried that it gets lost? May I have the new address?",
        "c7": "No. It's 18 Mill Lane. Only paper. No texts, whatever you do.",
        "a8": "Texts are automatic. That was in the terms when you opened the account; did you not read them?",
        "c9": "(a stop is announced) ... Never mind. Just change the address.",
        "a10": "The address is changed. The next statement goes to Mill Lane.",
        "c11": "Fine. Thank you.",
        "a12": "You don't want somebody at the old address to know where you've moved. Is that it?",
        "c13": "(a long silence) ... I've moved out with my daughter. I don't want him to know where we live.",
        "a14": "I'm putting a password on your file. Without it nobody is told the address, whoever rings. And "
        "texts go to your own phone only.",
        "c15": "That puts my mind at rest, I",
    },
}
# What the critic and the trainee write, in the two languages.
WORDS = {
    "zh": {
        "missed": "客户特意说了老地址，这一轮只问卡号。",
        "explored": "点出了“老地址”说了两次，又问了一句为什么。",
        "anticipated": "客户还没说期限，先想到了可能赶时间。",
        "perfunctory": "只是一句放在哪里都能说的客气话。",
        "shut_down": "责怪客户没看协议，把不要短信的话堵了回去。",
        "bus": "报站的声音就在旁边，照旧往下办。",
        "wrong": "账单寄丢不是她担心的事。",
        "right": "说到了不让那边的人知道新住处。",
        "solved": "地址改好了，也说清了从哪一期起。",
        "need": "给了只有她自己才打得开的办法，正对着她怕的事。",
        "eased": "说清了谁来问都查不到。",
        "better": "不发短信，我记下了；我把提醒改成只发您这一个号，好吗？",
        "next": "下一通，客户说“千万别”的时候，先停下来问一句“您怕的是什么”，再说规定。",
        "guess": "可能跟家里人闹矛盾了",
        "noticed": "说了两遍老地址；不让发短信",
        "hear": "重复听出来了，措辞和环境都放过去了。",
        "solve": "地址改了，在路上的那一期没有提。",
        "warmth": "前半段跟着流程走，说协议的那一句伤了人。",
        "trust": "引的话对不上，不评。",
    },
    "en": {
        "missed": "She made a point of the old address; this turn only asks for the card.",
        "explored": "Says that the old address came up twice, and asks about it.",
        "anticipated": "Thought of a deadline before any was mentioned.",
        "perfunctory": "Politeness that would fit any call.",
        "shut_down": "Blames her for not reading the terms and cuts off what she asked for.",
        "bus": "A stop is announced next to her; the turn carries on.",
        "wrong": "Lost post is not what she is afraid of.",
        "right": "Says that somebody must not learn where she lives.",
        "solved": "The address is changed, and she knows from when.",
        "need": "A lock that only she can open: exactly what she is afraid of.",
        "eased": "Makes clear that nobody will be told.",
        "better": "No texts, I've got that. I can send the alerts to this phone only; would that do?",
        "next": "Next call, when a customer says “whatever you do”, ask what they fear before you mention a rule.",
        "guess": "trouble with somebody in the family?",
        "noticed": "the old address, twice; no texts",
        "hear": "The repetition was heard; the wording and the background were not.",
        "solve": "The address is changed; the statement in the post was not mentioned.",
        "warmth": "Followed the procedure, and the line about the terms hurt.",
        "trust": "No quote to go by.",
    },
}


@dataclass(frozen=True)
class Call:
    """A call in one language, put together by hand."""

    persona: Persona
    events: list[Event]
    texts: Texts


@functools.cache
def persona(language: str) -> Persona:
    return Persona.model_validate(yaml.load(ZH if language == "zh" else EN, Loader=yaml.CSafeLoader))


def start(language: str, **changes: Any) -> Started:
    return Started(
        at=AT,
        version="0.1.0",
        persona=persona(language).model_dump(mode="json"),
        **{"engine": "model", "models": {"customer": "speaker-1", "critic": "judge-1"}} | changes,
        prompts={},
        agent={"zh": "小林", "en": "Sam"}[language],
        turn_limit=20,
    )


def quoted(turn: str, quote: str = "") -> Evidence:
    return Evidence(turn=turn, quote=quote)


def cue(name: str, shown: Evidence | None, answer: Evidence, why: str, level: Level) -> CueFinding:
    return CueFinding(cue=name, customer=shown, agent=answer, why=why, level=level)


def mixed(language: str) -> Call:
    """A call with one of everything that can become of a cue, short of "could not judge".

    The findings on the last turn come after the end: they change grades, not the ladder.
    """
    said, words = LINES[language], WORDS[language]
    shows = {one.id: one.shows for one in persona(language).cues}
    offer = {"zh": "要是赶时间，我现在就先把它改掉", "en": "If time is short, I can change it now"}[language]
    polite = {"zh": "理解您的心情", "en": "I understand how you feel"}[language]
    lock = {"zh": "没有密码，谁来问都不会说出地址", "en": "Without it nobody is told the address"}[language]

    def customer(turn: str, step: int, shows_cue: str | None = None, **more: Any) -> Event:
        spent = Usage(prompt=1200 + 100 * int(turn[1:]), completion=40, cached=1100)
        return CustomerSaid(turn=turn, text=said[turn], step=step, cue=shows_cue, usage=spent, **more)

    def agent(turn: str) -> Event:
        return AgentSaid(turn=turn, text=said[turn])

    def found(turn: str, *cues: CueFinding, dropped: int = 0, **more: Any) -> Event:
        spent = Usage(prompt=2500, completion=180)
        return FindingsMade(turn=turn, findings=Findings(cues=cues, **more), dropped=dropped, usage=spent)

    passed_over = cue("old-address", quoted("c1", shows["old-address"][0]), quoted("a2"), words["missed"], 1)
    asked = cue("old-address", quoted("c3", shows["old-address"][1]), quoted("a4", said["a4"]), words["explored"], 4)
    early = cue("by-friday", None, quoted("a4", offer), words["anticipated"], 3)
    stock = cue("low-voice", quoted("c5", shows["low-voice"][0]), quoted("a6", polite), words["perfunctory"], 2)
    blamed = cue("only-paper", quoted("c7", shows["only-paper"][0]), quoted("a8", said["a8"]), words["shut_down"], 0)
    unheard = cue("bus", quoted("c9", shows["bus"][0]), quoted("a10"), words["bus"], 1)
    wrong = NeedGuess(agent=quoted("a6", said["a6"]), why=words["wrong"], right=False)
    right = NeedGuess(agent=quoted("a12", said["a12"]), why=words["right"], right=True)
    solved = Solved(agent=quoted("a10", said["a10"]), why=words["solved"])
    need = NeedAnswer(agent=quoted("a14", lock), why=words["need"], level=5)
    eased = Eased(worry="he-asks", agent=quoted("a14", lock), why=words["eased"])
    scores = {"hear": 3, "solve": 3, "warmth": 2, "trust": None}
    evidence = {"hear": (quoted("a4", said["a4"]), quoted("c7", shows["only-paper"][0])), "warmth": (quoted("a8"),)}
    verdict = Verdict(
        layers={
            layer: LayerScore(why=words[layer], evidence=evidence.get(layer, ()), score=scores[layer])
            for layer in LAYERS
        },
        better=(BetterLine(cue="only-paper", line=words["better"]),),
        next=words["next"],
    )
    events: list[Event] = [
        start(language),
        CustomerSaid(turn="c1", text=said["c1"], step=2),
        agent("a2"),
        found("a2", passed_over),
        customer("c3", 2, "old-address"),
        agent("a4"),
        customer("c5", 2, "low-voice"),
        found("a4", asked, early),
        agent("a6"),
        customer("c7", 3, "only-paper"),
        found("a6", stock, guess=wrong),
        agent("a8"),
        found("a8", blamed, dropped=1),
        customer("c9", 3, "bus"),
        agent("a10"),
        customer("c11", 2),
        found("a10", unheard, solved=solved),
        agent("a12"),
        found("a12", guess=right),
        customer("c13", 3),
        agent("a14"),
        customer("c15", 4, interrupted=True),
        Ended(how="agent_ended"),
        found("a14", need_said=quoted("c13", said["c13"]), need_answer=need, worries=(eased,)),
        Guessed(need=words["guess"], cues=words["noticed"]),
        Debriefed(verdict=verdict, usage=Usage(prompt=3100, completion=420)),
    ]
    return Call(persona(language), events, Texts(language))


def broken(language: str) -> Call:
    """A call that went downhill with a critic that came and went: not judged, hung up, not summed up, no guess.

    It was a live one: the agent took 7 s, 14 s and 21 s, and nothing came from them in lines 8 and 12.
    """
    said, words = LINES[language], WORDS[language]
    shown = quoted("c3", {"zh": "（停顿）", "en": "(pause)"}[language])
    events: list[Event] = [start(language), CustomerSaid(turn="c1", text=said["c1"], step=2)]
    for number, step in ((2, 2), (4, 2), (6, 1), (8, 0), (10, 0)):
        text, dead_air = (said["a8"], False) if number < 8 else ("", number == 8)
        events.append(AgentSaid(turn=f"a{number}", text=text, seconds=3.5 * number, dead_air=dead_air))
        if number in {2, 10}:
            events.append(CouldNotJudge(turn=f"a{number}", why="model_timeout" if number == 2 else "unheard_of"))
        elif number < 8:
            blame = cue("pause", shown, quoted(f"a{number}", said["a8"]), words["shut_down"], 0)
            events.append(FindingsMade(turn=f"a{number}", findings=Findings(cues=(blame,))))
        next_cue = {4: "low-voice"}.get(number)
        events.append(CustomerSaid(turn=f"c{number + 1}", text=said[f"c{number + 1}"], step=step, cue=next_cue))
    events += [
        AgentSaid(turn="a12", text="", dead_air=True),
        CustomerSaid(turn="c13", text={"zh": "算了。（挂断）", "en": "Never mind. (hangs up)"}[language], step=0),
        Ended(how="hung_up"),
        Debriefed(verdict=None, why="model_server"),
    ]
    return Call(persona(language), events, Texts(language))


def offline(language: str) -> Call:
    """A call with the offline engine that has only begun: nothing judged, nothing summed up."""
    said = LINES[language]
    events: list[Event] = [
        start(language, engine="offline", models={}),
        CustomerSaid(turn="c1", text=said["c1"], step=2),
        AgentSaid(turn="a2", text=said["a2"]),
    ]
    return Call(persona(language), events, Texts(language))


CALLS = {"mixed": mixed, "broken": broken, "offline": offline}


# --- whole pages -----------------------------------------------------------------------------------------


def shown(page: Page, width: int, **how: Any) -> str:
    out = StringIO()
    Console(file=out, width=width, **{"color_system": None} | how).print(page)
    return out.getvalue()


def pages(call: Call) -> list[Page]:
    return [card(call.persona, call.texts), desk(call.persona, call.texts), debrief(*_all_of(call))]


def _all_of(call: Call) -> tuple[Persona, list[Event], Texts]:
    return call.persona, call.events, call.texts


def is_golden(name: str, text: str) -> None:
    file = GOLDEN / f"report-{name}.txt"
    if os.environ.get("REFRESH_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 40])
@pytest.mark.parametrize("name", CALLS)
def test_a_debrief(name: str, language: str, width: int) -> None:
    is_golden(f"{name}-{language}-{width}", shown(debrief(*_all_of(CALLS[name](language))), width))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 40])
def test_card_and_desk(language: str, width: int) -> None:
    who, texts = persona(language), Texts(language)
    is_golden(f"card-{language}-{width}", shown(card(who, texts), width) + "\n" + shown(desk(who, texts), width))


@pytest.fixture
def utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize("language", LANGUAGES)
def test_markdown(language: str) -> None:
    is_golden(f"mixed-{language}-markdown", markdown(*_all_of(mixed(language))))


# --- what holds on every page ----------------------------------------------------------------------------


def strings(page: Page) -> Iterator[str]:
    """Everything that stands on a page."""
    for section in page.sections:
        yield section.title
        for block in section.body:
            rows = block.rows if isinstance(block, Item) else (block,)
            if isinstance(block, Item):
                yield from (block.head, block.mark)
            for row in rows:
                if isinstance(row, str):
                    yield row
                elif isinstance(row, Row):
                    yield from (row.label, row.text)
                elif isinstance(row, Points):
                    yield from (row.label, *row.points)


def unspaced(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("width", [200, 80, 61, 59, 40, 24, 12])
def test_nothing_is_cut_off(name: str, language: str, width: int) -> None:
    for page in pages(CALLS[name](language)):
        text = shown(page, width)
        assert all(cell_len(line) <= width for line in text.splitlines())
        assert [part for part in strings(page) if unspaced(part) not in unspaced(text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_colours_change_no_word(language: str) -> None:
    for page in pages(mixed(language)):
        coloured = shown(page, 80, color_system="standard", force_terminal=True, no_color=False)
        assert "\x1b[" in coloured
        assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == shown(page, 80)
        assert not re.search(r"\x1b\[[\d;]*(38|48);", coloured), "only the 16 colours that a terminal's theme sets"


HOSTILE = (
    "\x1b[2J\x1b]0;mine\x07[bold red]red[/] :smile: <b onclick=x>&amp;</b> `code` *so* _so_ ~so~ | a | $x$ "
    "[here](javascript:x) ![](http://x) \\ {0} {name} # no\n# heading\r\n- \u202epoint\n---\n1. one"
)
HARMLESS = (
    "[2J]0;mine[bold red]red[/] :smile: <b onclick=x>&amp;</b> `code` *so* _so_ ~so~ | a | $x$ "
    "[here](javascript:x) ![](http://x) \\ {0} {name} # no # heading - point --- 1. one"
)


def hostile(language: str) -> Call:
    """The mixed call with a hostile text wherever a persona, a model or a person puts one."""
    call = mixed(language)

    def spoil(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: spoil(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [spoil(one, key) for one in value]
        names = {"text", "quote", "why", "line", "next", "need", "agent", "cues"}
        return HOSTILE if isinstance(value, str) and value and key in names else value

    events = [type(one).model_validate(spoil(one.model_dump()) | {"at": one.at}) for one in call.events]
    who = call.persona.model_copy(
        update={
            "title": HOSTILE,
            "customer": call.persona.customer.model_copy(update={"name": HOSTILE}),
            "desk": call.persona.desk.model_copy(update={"clock": HOSTILE, "records": [HOSTILE], "may": [HOSTILE]}),
            "cues": [cue.model_copy(update={"means": HOSTILE, "met_by": HOSTILE}) for cue in call.persona.cues],
            "worries": [one.model_copy(update={"worry": HOSTILE}) for one in call.persona.worries],
        }
    )
    return Call(who, events, call.texts)


@pytest.mark.parametrize("width", [120, 40])
def test_hostile_texts_reach_a_terminal_as_they_are_written(width: int) -> None:
    for page in pages(hostile("en")):
        text = shown(page, width, color_system="standard", force_terminal=True, no_color=False)
        assert unspaced(HARMLESS) in unspaced(re.sub(r"\x1b\[[\d;]*m", "", text))
        assert not re.search(r"\x1b(?!\[[\d;]*m)|[\x00-\x09\x0b-\x1a\u202e]", text)
        assert "\x1b[2J" not in text


def test_hostile_texts_reach_markdown_as_they_are_written() -> None:
    parser = MarkdownIt("gfm-like", {"linkify": False})
    tame, wild = (parser.parse(markdown(*_all_of(make("en")))) for make in (mixed, hostile))

    def kinds(tokens: list[Token]) -> Counter[str]:
        inside = (one for token in tokens for one in (token, *(token.children or [])))
        return Counter(one.type for one in inside if one.type not in {"text", "text_special"})

    assert kinds(wild) == kinds(tame), "no heading, link, list, code or HTML that was not there before"
    written = ["".join(one.content for one in token.children or []) for token in wild if token.type == "inline"]
    assert sum(HARMLESS in one for one in written) > 30


# --- single rules ----------------------------------------------------------------------------------------


def found_at(call: Call, turn: str) -> int:
    """Where in the events the findings on a turn stand."""
    return next(i for i, one in enumerate(call.events) if isinstance(one, FindingsMade) and one.turn == turn)


def lines_with(call: Call, needle: str) -> list[str]:
    return [line.strip() for line in shown(debrief(*_all_of(call)), 200).splitlines() if needle in line]


def test_the_finding_shown_is_the_first_that_reached_the_grade() -> None:
    call = mixed("en")
    again = cue("old-address", quoted("c3", "(pause)"), quoted("a10"), "later, as good", 4)
    late = FindingsMade(turn="a10", findings=Findings(cues=(again,)))
    assert not lines_with(Call(call.persona, [*call.events, late], call.texts), "later, as good")


def test_a_turn_that_could_not_be_judged_after_the_end_leaves_its_cue_not_judged() -> None:
    call = offline("en")
    late = CouldNotJudge(turn="a2", why="model_cut")
    ended = Call(call.persona, [*call.events, Ended(how="agent_ended"), late], call.texts)
    assert lines_with(ended, "Cue 1") == ["Cue 1 · repetition  could not judge"]
    assert lines_with(ended, "Lines not judged") == ["Lines not judged    2: the answer broke off"]


@pytest.mark.parametrize("how", get_args(Ending))
def test_every_ending_is_said(how: Ending) -> None:
    for language in LANGUAGES:
        call = offline(language)
        page = debrief(call.persona, [*call.events, Ended(how=how)], call.texts)
        assert page.sections[0].body[0] == call.texts(f"report.ending.{how}", turns=1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_words_for_every_reason_level_layer_and_failure(language: str) -> None:
    texts = Texts(language)
    for reason in get_args(Reason):
        assert texts(f"report.reason.{reason}", line=4, cue="#")
    failures = re.findall(r"``(model_\w+)``", ModelError.__doc__ or "")
    names = [f"why.{key}" for key in (*failures, "model_out_of_role", "critic_failed", "other")]
    names += [f"layers.{layer}" for layer in LAYERS] + [f"level.{level}" for level in LEVELS]
    names += [f"channel.{channel}" for channel in get_args(Channel)]
    assert len(failures) > 5
    assert all(texts(f"report.{name}") for name in names)


def test_when_the_need_came_out() -> None:
    call = mixed("en")

    def out(events: list[Event]) -> str:
        return lines_with(Call(call.persona, events, call.texts), "When it came out")[0].removeprefix(
            "When it came out"
        )

    assert "because you put it into words in line 12" in out(call.events)
    before = [one for one in call.events if not (isinstance(one, FindingsMade) and one.turn == "a14")]
    assert "Not in any line that you answered" in out(before)
    heard = tuple(cue(name, None, quoted("a12"), "", 3) for name in ("bus", "low-voice"))
    in_words = cue("only-paper", quoted("c7", "No texts"), quoted("a12"), "", 3)
    earned = FindingsMade(turn="a12", findings=Findings(cues=(*heard, in_words)))
    at = found_at(call, "a12")
    assert "because you had earned it: by line 12" in out([*call.events[:at], earned, *call.events[at + 1 :]])


def test_moves_that_no_customer_turn_showed_are_told() -> None:
    call = mixed("en")
    cut = Call(call.persona, call.events[: found_at(call, "a12") + 1], call.texts)
    assert lines_with(cut, "would have gone") == [
        "After the end       ▲ would have gone up: in line 10 you solved what they called about",
        "After the end       ▲ would have gone up: in line 12 you put the need into words",
    ]


def test_the_same_reason_for_all_layers_is_said_once() -> None:
    call = offline("zh")
    layers = {layer: LayerScore(why="只认关键词。") for layer in LAYERS}
    page = debrief(call.persona, [*call.events, Debriefed(verdict=Verdict(layers=layers))], call.texts)
    assert shown(page, 80).count("只认关键词。") == 1


# --- calls from elsewhere, repeats, a trainer's word ------------------------------------------------------


def elsewhere(language: str) -> Call:
    """The mixed call as if it had been held elsewhere: no guess of a trainee, no ladder, no end that we know of."""
    call = mixed(language)
    begun = start(language, origin="transcript")
    kept = (one for one in call.events[1:] if not isinstance(one, Guessed | Ended))
    return Call(call.persona, [begun, *kept], call.texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_call_from_elsewhere_is_not_told_to_the_agent(language: str) -> None:
    call = elsewhere(language)
    page = debrief(*_all_of(call))
    said = [*strings(page), *markdown(*_all_of(call)).splitlines()]
    assert call.texts("report.mood.title") not in said
    assert call.texts("report.need.no_guess") not in said
    assert call.texts("report.elsewhere.ending.open", turns=7) in said
    labels = [row.label for item in told_cues(call) for row in rows(item)]
    labels += [block.label for section in page.sections for block in section.body if isinstance(block, Row)]
    sentences = [block for block in page.sections[0].body if isinstance(block, str)]
    assert (len(labels) > 20, len(sentences) > 2) == (True, True)
    assert [words for words in (*labels, *sentences) if re.search(r"你|\b[Yy]ou\b", words)] == []


def test_repeats_are_shown_with_their_agreement_and_marked_where_they_differ() -> None:
    call = mixed("en")
    grades: dict[str, tuple[Grade, ...]] = {
        "old-address": (4, 4, 4), "low-voice": (2, 3, None), "bus": (1, "not_judged", 1),
    }  # fmt: skip
    told = Call(call.persona, [*call.events, Repeated(grades=grades)], call.texts)
    differ = "The judgements differ: take this level with care."
    assert judged_again(told) == {
        "Cue 1 · repetition": "4 gave it room · 4 gave it room · 4 gave it room (agreement 100%)",
        "Cue 2 · tone of voice": f"2 polite only · 3 acknowledged · not shown (agreement 33%). {differ}",
        "Cue 4 · surroundings": "1 missed · could not judge · 1 missed (agreement 100%)",
    }
    partly = Call(call.persona, [*call.events, Repeated(grades={"bus": (1, "not_judged", 2)})], call.texts)
    (words,) = judged_again(partly).values()
    assert words.startswith("1 missed · could not judge · 2 polite only (agreement 50%).")


def judged_again(call: Call) -> dict[str, str]:
    found = ((item.head, row) for item in told_cues(call) for row in rows(item))
    return {head: row.text for head, row in found if row.label == "Judged again"}


def told_cues(call: Call) -> list[Item]:
    section = next(one for one in debrief(*_all_of(call)).sections if one.title == call.texts("report.cues.title"))
    return [block for block in section.body if isinstance(block, Item)]


def rows(item: Item) -> list[Row]:
    return [row for row in item.rows if isinstance(row, Row)]


def overruled(call: Call, what: str, grade: int | None, was: int | None) -> Call:
    word = Overruled(what=what, grade=grade, was=was, because="Heard it.", by="Xu")
    return Call(call.persona, [*call.events, word], call.texts)


def test_a_trainers_level_is_the_one_that_counts_and_the_critics_is_told() -> None:
    call = mixed("en")
    assert lines_with(call, "You picked up") == ["You picked up 2 of 5 cues."]
    for told, count, mark, words in (
        (overruled(call, "low-voice", 5, 2), 3, "5 met", "5 met instead of 2 polite only: Heard it."),
        (overruled(call, "old-address", 1, 4), 1, "1 missed", "1 missed instead of 4 gave it room: Heard it."),
        (overruled(call, "pause", 3, None), 3, "3 acknowledged", "3 acknowledged instead of not shown: Heard it."),
    ):
        assert lines_with(told, "You picked up")[0].startswith(f"You picked up {count} of ")
        (item,) = (item for item in told_cues(told) if any(row.label == "Overruled by Xu" for row in rows(item)))
        assert item.mark == mark
        assert rows(item)[-1].text == words or any(row.text == words for row in rows(item))
        assert words in markdown(*_all_of(told))
    away = overruled(call, "bus", None, 1)
    assert lines_with(away, "You picked up") == ["You picked up 2 of 4 cues."]
    assert "not shown instead of 1 missed" in lines_with(away, "Overruled by Xu")[0]


@pytest.mark.parametrize("name", CALLS)
def test_a_trainers_score_of_a_layer_is_shown_whatever_the_critic_could_judge(name: str) -> None:
    call = CALLS[name]("en")
    if name == "offline":
        verdict = Verdict(layers={layer: LayerScore(why="Keywords only.") for layer in LAYERS})
        call = Call(call.persona, [*call.events, Debriefed(verdict=verdict)], call.texts)
    was = 2 if name == "mixed" else None
    told = overruled(call, "warmth", 4, was)
    words = f"4/5 instead of {'2/5' if was else 'could not judge'}: Heard it."
    assert lines_with(told, "Overruled by Xu") == [f"Overruled by Xu     {words}"]
    assert lines_with(told, "Warmth over the line") == ["Warmth over the line  4/5"]
    assert words in markdown(*_all_of(told))


def test_a_level_that_was_not_judged_is_not_called_not_shown() -> None:
    call = offline("en")
    open_still = Call(call.persona, [*call.events, CouldNotJudge(turn="a2", why="model_cut")], call.texts)
    told = overruled(open_still, "old-address", 3, None)
    assert "3 acknowledged instead of could not judge" in lines_with(told, "Overruled by Xu")[0]


def test_what_was_judged_after_all_is_not_called_not_judged() -> None:
    call = offline("en")
    late: list[Event] = [CouldNotJudge(turn="a2", why="model_cut"), FindingsMade(turn="a2", findings=Findings())]
    told = Call(call.persona, [*call.events, *late], call.texts)
    assert lines_with(told, "Cue 1") == ["Cue 1 · repetition  not shown"]
    assert lines_with(told, "could not be judged") == []


def test_answer_times_are_told_where_they_were_recorded_and_silences_are_no_answers() -> None:
    page = markdown(*_all_of(broken("en")))
    assert "## How long you took\n\n- **Median**: 14 s\n- **Longest**: 21 s (line 6)\n" in page
    assert "- **Dead air in lines**: 8, 12\n" in page
    assert "How long you took" not in markdown(*_all_of(mixed("en")))


def test_tokens_are_told_line_by_line_and_repeats_are_paid_for() -> None:
    call = mixed("en")
    told = Call(call.persona, [*call.events, Repeated(grades={}, usage=Usage(prompt=1000, completion=9))], call.texts)
    before, after = used(call), used(told)
    assert list(before) == ["Customer", "Customer, by line", "Critic", "Critic, by line"]
    critic = [(number, 2500, 180) for number in (2, 4, 6, 8, 10, 12, 14)]
    total = sum(prompt for _, prompt, _ in critic) + 3100
    assert before["Critic"].startswith(f"{total:,} in")
    assert after["Critic"].startswith(f"{total + 1000:,} in")
    each = ", ".join(f"{number}: {prompt:,}/{completion}" for number, prompt, completion in critic)
    assert before["Critic, by line"] == after["Critic, by line"] == each


def test_an_endpoint_that_reports_no_tokens_is_not_told_to_have_used_none() -> None:
    call = mixed("en")
    silent = [
        event.model_copy(update={"usage": Usage()}) if getattr(event, "usage", None) else event for event in call.events
    ]
    page = debrief(*_all_of(Call(call.persona, silent, call.texts)))
    assert call.texts("report.tokens.title") not in [section.title for section in page.sections]


def used(call: Call) -> dict[str, str]:
    section = next(one for one in debrief(*_all_of(call)).sections if one.title == call.texts("report.tokens.title"))
    return {row.label: row.text for row in section.body if isinstance(row, Row)}
