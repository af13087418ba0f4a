"""A call that happened elsewhere: the forms that can be read, and what is said about those that cannot."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import TranscriptError
from simulator.events import AgentSaid, CustomerSaid, Ended, Event, transcript
from simulator.outside import read
from simulator.texts import LANGUAGES, Texts
from simulator.transcript import Turn


def heard(text: str) -> list[str]:
    """The turns as ``c1 words``."""
    return [f"{turn.id} {turn.text}".rstrip() for turn in read(text, "call.txt")]


def check(text: str, key: str, facts: dict[str, object]) -> None:
    """The text is this error, said in every language."""
    with pytest.raises(TranscriptError) as raised:
        read(text, "call.txt")
    assert raised.value.exit_code == 8
    assert raised.value.key == key
    assert raised.value.facts == {"file": "call.txt", **facts}
    for lang in LANGUAGES:
        (sentence,) = Texts(lang).error(raised.value)
        assert "call.txt" in sentence
        assert all(str(fact) in sentence for fact in facts.values())


# --- plain text ------------------------------------------------------------------------------------------


def test_labels_say_who_speaks() -> None:
    assert read("客户：你好\n客服：您好。\n客户：（叹气）我的卡……", "call.txt") == [
        Turn("c1", "customer", "你好"),
        Turn("a2", "agent", "您好。"),
        Turn("c3", "customer", "（叹气）我的卡……"),
    ]


CUSTOMER = ["客户", "顾客", "用户", "来电人", "主叫", "Customer", "caller", "CLIENT"]
AGENT = [
    *[
        "客服",
        "坐席",
        "座席",
        "话务员",
        "接线员",
        "专员",
        "Agent",
        "operator",
        "REP",
        "Representative",
        "Advisor",
        "csr",
    ],
    *["客服专员", "客户经理", "Customer Service", "customer service rep", "Customer Care"],
]
DRESSED = [
    "{}：",
    "{}:",
    "{} ： ",
    "  {}:",
    "{}01：",
    "{} 2:",
    "{}(张先生)：",
    "{}（VIP 3）:",
    "{}02（小王）：",
    "\t{}\t:",
    "{} #7:",
]
FRONTS = [
    "",
    "[00:12] ",
    "[00:12]",
    "12. ",
    "12.",
    "[3] ",
    "3) ",
    "00:01:12 ",
    "2026-11-23 10:00:01 ",
    "[00:12 - 00:15] ",
    "7 ",
]


@pytest.mark.parametrize("dressed", DRESSED)
@pytest.mark.parametrize("label", [*CUSTOMER, *AGENT])
def test_every_label_is_known_with_a_name_or_a_number(label: str, dressed: str) -> None:
    other = "客服：好" if label in CUSTOMER else "客户：好"
    first, second = read(f"{dressed.format(label)}喂\n{other}", "call.txt")
    assert first == Turn("c1", "customer", "喂") if label in CUSTOMER else Turn("a1", "agent", "喂")
    assert second.text == "好"


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("dressed", ["客户：", "客户01：", "Customer (Mr X):", "客户[00:12]："])
def test_times_and_numbers_may_stand_in_front(front: str, dressed: str) -> None:
    assert heard(f"{front}{dressed}12:30 行吗\n{front}客服：行") == ["c1 12:30 行吗", "a2 行"]


@pytest.mark.parametrize(
    "label",
    ["客服小王", "客服王女士", "Agent Smith", "Agent Mary Smith", "Agent Dr. No", "Agent No. 3", "客服 - 王先生"],
)
def test_a_name_may_follow_the_label(label: str) -> None:
    assert heard(f"客户：喂\n{label}：好") == ["c1 喂", "a2 好"]


def test_a_time_may_follow_the_label() -> None:
    assert heard("客户 10:23:45\n喂\n客服01 10:23\n您好\n客户 [10:24]: 我\n客服 10:25 在") == [
        *("c1 喂", "a2 您好", "c3 我", "a4 在"),
    ]
    assert heard("客服01：12 点来\n客户：好") == ["a1 12 点来", "c2 好"]


def test_lines_without_a_label_go_on_with_the_turn() -> None:
    assert heard("客户：我说\n  一下\n[00:15] 真的\n客服：嗯\n（停顿）\n好的") == [
        "c1 我说 一下 真的",
        "a2 嗯 （停顿） 好的",
    ]


@pytest.mark.parametrize(
    "line",
    [
        *["10:30 行吗", "我 10:30 到", "see you at 10:30", "https://a.example/b: c", "见 https://a.example"],
        *[
            "- 好的",
            "*sigh* no",
            "> quoted",
            "客户那边没说",
            "客户，您好",
            "Customers wait",
            "（客户叹气）",
            "(Customer sighs)",
        ],
        *[
            "what I want to say is this: no",
            "我跟您说，是这样：没有",
            "我就是想跟您说一下这件事情：没有",
            "customer of yours",
        ],
        *["customer-facing", "Well - no", "Yes. Really: no"],
    ],
)
def test_running_text_is_no_label(line: str) -> None:
    assert heard(f"Customer: hi\nAgent: I am a\n{line}") == ["c1 hi", f"a2 I am a {line}"]


@pytest.mark.parametrize(
    "line",
    [
        *["**Customer**: x", "**Customer:** x", "**Customer: x**", "__Customer__: x", "*Customer*: x", "_Customer:_ x"],
        *["> Customer: x", "> **Customer:** x", "- Customer: x", "* Customer: x", "# Customer: x", "### Customer 1: x"],
        *[
            "- [00:12] **Customer 2**: x",
            "[00:12] **Customer** (Mr X): x",
            "***客户：***x",
            "• 客户：x",
            "— 客户：x",
            "12. *客户*：x",
        ],
        *[
            "Customer - x",
            "Customer – x",
            "Customer — x",
            "Customer—x",
            "00:03 Customer – x",
            "客户-x",
            "客户——x",
            "客户 - x",
        ],
        *["客户01 - x", "客户王女士 — x", "**Customer** - x", "Customer -x", "Customer Smith - x"],
    ],
)
def test_marks_and_dashes_are_read_on_any_line(line: str) -> None:
    assert heard(f"Agent: hello\n{line}\nAgent: ok") == ["a1 hello", "c2 x", "a3 ok"]
    assert heard(f"{line}\nAgent: ok") == ["c1 x", "a2 ok"]


def test_marks_in_the_words_are_kept() -> None:
    assert heard("* Customer: *sighs* no\n> Agent: **no**\n- Customer: a - b") == [
        "c1 *sighs* no",
        "a2 **no**",
        "c3 a - b",
    ]


@pytest.mark.parametrize(
    "line",
    [
        *[
            "客户 那好",
            "客户\t那好",
            "客户",
            "Customer yes",
            "Customer",
            "**Customer** yes",
            "00:03 customer yes",
            "客服01 您好",
        ],
        *[
            "客户(张先生) 好",
            "客服小王 您好",
            "[Customer] yes",
            "【客户】好",
            "<Customer> yes",
            "Customer | yes",
            "Customer-No",
            "客户；好",
        ],
    ],
)
def test_a_label_without_a_colon_is_never_joined(line: str) -> None:
    check(
        f"客户：喂\nAgent: hello\n{line}", "transcript_no_label", {"line": 3, "found": line.strip().replace("\t", " ")}
    )


def test_a_label_in_lower_case_is_text_only_within_a_sentence() -> None:
    for before in ("Agent: hello.", "Agent: he said “hello.”", "agent: hello", "Agent:"):
        check(f"{before}\ncustomer yes", "transcript_no_label", {"line": 2, "found": "customer yes"})


@pytest.mark.parametrize(
    ("line", "found", "near"),
    [
        *[("Supervisor: x", "Supervisor", ""), ("Darrell: x", "Darrell", ""), ("darrell:x", "darrell", "")],
        *[("班长：x", "班长", ""), ("张先生：x", "张先生", ""), ("账户：没了", "账户", ""), ("Note: gone", "Note", "")],
        *[("[00:12] 班长：x", "班长", ""), ("**Darrell**: x", "Darrell", ""), ("> Darrell: x", "Darrell", "")],
        *[("Dr. No: x", "Dr. No", ""), ("Mary J. Smith: x", "Mary J. Smith", ""), ("Speaker 1: x", "Speaker 1", "")],
        *[("SPEAKER_01: x", "SPEAKER_01", ""), ("1号：x", "1号", ""), ("[Darrell]: x", "Darrell", "")],
        *[("Darrell (Tier 2, billing): x", "Darrell (Tier 2, billing)", ""), ("班长01：12 点来", "班长01", "")],
        *[("张先生 10:23:45", "张先生", ""), ("Darrell [10:23] x", "Darrell", ""), ("Darrell 10:23: x", "Darrell", "")],
        *[("**Custmer**: x", "Custmer", "Customer"), ("> 客人：x", "客人", "客户")],
    ],
)
def test_another_name_on_a_later_line_is_never_joined(line: str, found: str, near: str) -> None:
    check(f"Agent: hello\n{line}", "transcript_unknown_label", {"line": 2, "found": found, "near": near})


def test_lines_that_say_nothing_are_skipped() -> None:
    assert heard("\n----\n客户：我\n\n======\n  \n……\n***\n[00:12]\n── ──\n00:15\n的卡\n客服：好\n\n") == [
        "c1 我 的卡",
        "a2 好",
    ]


def test_a_turn_is_all_until_the_other_one_speaks() -> None:
    assert heard("客户：我\n客户：的卡\n客服：好\n客户：\n客服：的\n用户：\n坐席：（沉默）") == [
        "c1 我 的卡",
        "a2 好 的 （沉默）",
    ]


@pytest.mark.parametrize(
    "silence",
    [
        *[
            "",
            "（沉默）",
            "(沉默)",
            "（无声）",
            "（没有说话）",
            "（没说话）",
            "(silence)",
            "(Silent)",
            "(says nothing)",
        ],
        *["(silence.)", "( silence )", "（沉默）\n（沉默）", "\n\n(silence)", "\n客服：（沉默）"],
    ],
)
def test_an_agent_can_stay_quiet(silence: str) -> None:
    assert read(f"客户：喂\n客服：{silence}\n客户：喂？", "call.txt")[1] == Turn("a2", "agent", "")


def test_what_is_more_than_silence_is_kept() -> None:
    assert heard("客户：（沉默）\n客服：（沉默）好\n客户：嗯\n客服：（翻纸）") == [
        "c1 （沉默）",
        "a2 （沉默）好",
        "c3 嗯",
        "a4 （翻纸）",
    ]


def test_marks_and_ends_of_windows_are_fine() -> None:
    assert heard("\ufeff客户：喂\r\n客服：\r\n\r\n客户：在吗\r客服：在\n") == ["c1 喂", "a2", "c3 在吗", "a4 在"]


def test_every_text_is_fit_for_a_screen() -> None:
    assert heard("客户\u200b：a\x1b[31mb\u2028c\u202e\n客服：\td\te ") == ["c1 a[31mb c", "a2 d e"]
    lines = [{"speaker": "customer", "text": " a\n\x1bb\ud83d "}, {"speaker": "agent", "text": "\u200b"}]
    assert heard("\n".join(map(json.dumps, lines))) == ["c1 a b", "a2"]


# --- JSON lines ------------------------------------------------------------------------------------------

EVENTS: list[Event] = [
    CustomerSaid(turn="c1", text="喂，\u2028我的卡", interrupted=True, step=2),
    AgentSaid(turn="a2", text=""),
    CustomerSaid(turn="c3", text="（叹气）算了", step=1),
    AgentSaid(turn="a4", text="您慢慢说"),
    Ended(how="agent_ended"),
]


@pytest.mark.parametrize("held_back", [True, False])
def test_a_call_of_our_own_is_read_as_it_was(held_back: bool) -> None:
    """As `chat --json` writes it while the call is on, and as events are exported."""
    lines = [event.model_dump(mode="json", exclude=set(event.spoilers) if held_back else None) for event in EVENTS]
    lines += [{"kind": "revealed", "turns": {"c1": {"text": "no turn"}}}, {"kind": ["?"]}, {"kind": None, "speaker": 1}]
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    wanted = transcript(EVENTS)
    wanted[0] = Turn("c1", "customer", "喂， 我的卡", True)
    assert read(text, "call.jsonl") == wanted


def test_simple_objects_are_read() -> None:
    text = '\ufeff\n {"speaker": "agent", "text": "您好"}\r\n\r\n{"speaker": "customer", "text": "喂", "interrupted": true, "at": 3}\n'
    assert read(text, "call.jsonl") == [Turn("a1", "agent", "您好"), Turn("c2", "customer", "喂", True)]


def test_simple_objects_follow_the_same_rules() -> None:
    said = [("customer", "我"), ("customer", "的卡"), ("agent", "(silence)"), ("customer", " "), ("agent", "")]
    text = "\n".join(json.dumps({"speaker": speaker, "text": words}) for speaker, words in said)
    assert heard(text) == ["c1 我 的卡", "a2"]


def test_labels_inside_json_are_words() -> None:
    text = '{"speaker": "customer", "text": "客服：你好"}\n{"speaker": "agent", "text": "Agent: hi"}'
    assert heard(text) == ["c1 客服：你好", "a2 Agent: hi"]


# --- what cannot be read ---------------------------------------------------------------------------------

GOOD = '{"speaker": "customer", "text": "喂"}\n'
BAD: list[tuple[str, str, dict[str, object]]] = [
    *[
        (text, "transcript_empty", {})
        for text in ["", "\ufeff", " \n\r\n", "----\n……", "客户：\n客户：", '{"kind": "ended"}', "[00:12]"]
    ],
    ("喂\n客户：在吗", "transcript_no_label", {"line": 1, "found": "喂"}),
    ("\n---\n通话时间：周五\n客户：在吗", "transcript_no_label", {"line": 3, "found": "通话时间：周五"}),
    ("Hello there\nAgent: hi", "transcript_no_label", {"line": 1, "found": "Hello there"}),
    ("x" * 50, "transcript_no_label", {"line": 1, "found": "x" * 39 + "…"}),
    ('["a"]', "transcript_no_label", {"line": 1, "found": '["a"]'}),
    ("Custmer: hi", "transcript_unknown_label", {"line": 1, "found": "Custmer", "near": "Customer"}),
    (
        "客户：喂\r\n\r\n[00:12] Agnet 2: hi",
        "transcript_unknown_label",
        {"line": 3, "found": "Agnet 2", "near": "Agent"},
    ),
    ("客户：喂\n客人：你好", "transcript_unknown_label", {"line": 2, "found": "客人", "near": "客户"}),
    ("客户：喂\n客服主管：你好", "transcript_unknown_label", {"line": 2, "found": "客服主管", "near": "客服"}),
    ("客户：喂\n坐席员说：你好", "transcript_unknown_label", {"line": 2, "found": "坐席员说", "near": "坐席"}),
    ("客户：喂\nagent smith: hi", "transcript_unknown_label", {"line": 2, "found": "agent smith", "near": "Agent"}),
    ("客户：喂\n用户：在吗", "transcript_one_side", {"side": "客服"}),
    ("客户：喂\n客服", "transcript_no_label", {"line": 2, "found": "客服"}),
    ("客户：喂\n喂", "transcript_one_side", {"side": "客服"}),
    ("客户：\n客服：在", "transcript_one_side", {"side": "客户"}),
    ("Caller: hi", "transcript_one_side", {"side": "Agent"}),
    ("Agent: hi\nCaller:", "transcript_one_side", {"side": "Customer"}),
    (GOOD, "transcript_one_side", {"side": "客服"}),
    (GOOD + "客服：在", "transcript_not_json", {"line": 2, "why": "客服：在"}),
    ("{", "transcript_not_json", {"line": 1, "why": "{"}),
    (GOOD + "\n[1]", "transcript_not_json", {"line": 3, "why": "[1]"}),
    (GOOD + '{"speaker": "agent"}', "transcript_not_json", {"line": 2, "why": '{"speaker": "agent"}'}),
    (
        '{"kind": "agent_said", "text": 3}',
        "transcript_not_json",
        {"line": 1, "why": '{"kind": "agent_said", "text": 3}'},
    ),
    ('{"a":' * 10_000, "transcript_not_json", {"line": 1, "why": ('{"a":' * 8)[:39] + "…"}),
    (GOOD + '{"speaker": "客服", "text": ""}', "transcript_speaker", {"line": 2, "found": "客服"}),
    (
        '{"speaker": ["agent"], "text": ""}',
        "transcript_speaker",
        {"line": 1, "found": '{"speaker": ["agent"], "text": ""}'},
    ),
    ('{"text": "喂"}', "transcript_speaker", {"line": 1, "found": '{"text": "喂"}'}),
]


@pytest.mark.parametrize(("text", "key", "facts"), BAD)
def test_what_cannot_be_read_is_an_error_with_its_place(text: str, key: str, facts: dict[str, object]) -> None:
    check(text, key, facts)


# --- what holds for every call ---------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        "客户",
        "客服",
        "Agent",
        "customer ",
        "：",
        ":",
        "\n",
        "\n",
        "[00:12]",
        "12.",
        "(",
        "（沉默）",
        "hi",
        "喂",
        " ",
        "{",
        "}",
        '"text"',
        "01",
        "10:20",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join)))
def test_a_text_is_a_call_with_two_sides_in_turn_or_an_error(text: str) -> None:
    try:
        turns = read(text, "call.txt")
    except TranscriptError:
        return
    assert {turn.speaker for turn in turns} == {"customer", "agent"}
    assert [turn.id for turn in turns] == [f"{turn.speaker[0]}{number}" for number, turn in enumerate(turns, 1)]
    assert all(one.speaker != other.speaker for one, other in itertools.pairwise(turns))
    assert all(turn.text or turn.speaker == "agent" for turn in turns)


WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5))
def test_all_forms_read_the_same_call(pairs: list[tuple[str, str]]) -> None:
    said = [(speaker, words) for pair in pairs for speaker, words in zip(("customer", "agent"), pair, strict=True)]
    chinese = {"customer": "客户", "agent": "客服"}
    wanted = [words for _, words in said]
    for text in (
        "\n".join(f"{chinese[speaker]}：{words}" for speaker, words in said),
        "\r\n".join(f"[00:12] {speaker.upper()} 1: {words}" for speaker, words in said),
        "\n".join(json.dumps({"speaker": speaker, "text": words}) for speaker, words in said),
    ):
        assert [turn.text for turn in read(text, "call.txt")] == wanted


def test_a_long_text_is_no_trouble() -> None:
    for piece in [
        "1",
        "[1",
        "12:",
        "[00:12] ",
        "客户",
        "客户(",
        "AgentA",
        "1. ",
        "(沉默)",
        " ",
        "-",
        "*",
        "- ",
        "a ",
        "(",
    ]:
        line = "客服：好\n" + piece * 5_000
        assert read("客户：喂\n" + line, "call.txt")[1].text.startswith("好")
    for piece in ["Agent A", "客户 ", "客户 (", "**Agent** "]:
        line = piece * 5_000
        check(f"客户：喂\n{line}", "transcript_no_label", {"line": 2, "found": line[:39] + "…"})
