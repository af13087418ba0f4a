"""Turns as values: what counts as keeping quiet, looking up quotes, and text that is safe to print."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.transcript import Speaker, Turn, echoes, fold, holds, is_quiet, parts, printable, quiet_run, spoken


def agent(text: str, speaker: Speaker = "agent") -> Turn:
    return Turn("a2", speaker, text)


# --- keeping quiet ---------------------------------------------------------------------------------------

QUIET = [
    *["", " ", "……", "...", "（静静地听）", "(listens)", "(nods) (waits)", "（等）嗯。"],
    *["嗯", "嗯嗯，", "哦。", "噢", "嗯，您说", "您说。", "您请讲", "请您讲", "请说", "你说吧", "您讲"],
    *["您继续", "请继续", "您继续说", "您接着说", "嗯，您接着讲吧"],
    *["我在听", "我听着呢", "嗯，我在听着", "好，我听着"],
    *["好的，您说", "对，嗯", "嗯，好的", "是的，您说", "行，您接着说"],
    *["Mm.", "mhm", "Mm-hm", "mm-hmm", "Hmm.", "Uh-huh.", "I see.", "Oh, I see."],
    *["Go on.", "Please go on.", "do go on", "Go ahead.", "Carry on", "Sure, go ahead.", "Right, go on then."],
    *["I'm here.", "I’m listening", "Yes, I'm still here.", "Mm, okay.", "MM, GO ON"],
]

NOT_QUIET = [
    *["好的", "好的。", "是的", "是", "对", "行", "对，是的"],  # may be the answer to a question
    *["Yes.", "yes, yes", "Okay.", "OK", "Right.", "Sure.", "Please.", "Oh."],
    *["嗯，好的，您稍等", "您慢慢说", "您说得对", "说的是", "听得见", "我在"],
    *["您说的是哪一天？", "嗯，您的卡号说一下", "继续办理吗？", "我听说了", "请问您贵姓"],
    *["I see what you mean.", "Go on the website.", "Mm, that must be hard.", "I'm here to help.", "No."],
    *["（翻资料）好的，马上。", "1", "4417"],
]


@pytest.mark.parametrize("text", QUIET)
def test_these_keep_quiet(text: str) -> None:
    assert is_quiet(agent(text))


@pytest.mark.parametrize("text", NOT_QUIET)
def test_these_do_not_keep_quiet(text: str) -> None:
    assert not is_quiet(agent(text))


def test_a_customer_never_keeps_quiet_for_the_agent() -> None:
    assert not is_quiet(agent("", "customer"))


@pytest.mark.parametrize(
    ("texts", "run"),
    [
        (["c:你好", "a:嗯", "c:……", "a:"], 2),
        (["c:你好", "a:您好", "c:……", "a:"], 1),
        (["c:你好", "a:", "c:……", "a:好的"], 0),
        (["c:你好", "a:", "c:喂？"], 1),
        (["c:你好"], 0),
        ([], 0),
    ],
)
def test_the_run_of_silences_is_counted_from_the_end(texts: list[str], run: int) -> None:
    turns = [agent(text[2:], "agent" if text[0] == "a" else "customer") for text in texts]
    assert quiet_run(turns) == run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It was Saturday, I think.", ["It ", "was ", "Saturday, ", "I ", "think."]),
        ("嗯，我找到了。", ["嗯，", "我", "找", "到", "了。"]),
        ("（停顿）您说“没事”？", ["（停", "顿）", "您", "说", "“没", "事”？"]),
        ("用ATM取500块……", ["用", "ATM", "取", "500", "块……"]),
        ("(a pause) Well... ", ["(a ", "pause) ", "Well... "]),
        ("", []),
    ],
)
def test_the_parts_in_which_words_are_said(text: str, expected: list[str]) -> None:
    assert parts(text) == expected


@given(st.text(alphabet="ab 1你好，。（）()“”*!\n"))
def test_parts_leave_nothing_out(text: str) -> None:
    assert "".join(parts(text)) == text


def test_spoken_leaves_stage_directions_out() -> None:
    assert spoken("（叹气）没事。(pause) Fine.（笑") == "没事。 Fine.（笑"


# --- quotes ----------------------------------------------------------------------------------------------

TURN = "（叹气）他说ＶＩＰ客户， 不用\n排队。 It's 4,200 yuan!～！"


@pytest.mark.parametrize(
    "quote",
    [
        "他说ＶＩＰ客户",
        "他说VIP客户",  # width of letters
        "4,200 yuan!~!",  # the first and the last of the full-width forms
        "VIP客户,不用排队",  # width of punctuation, white space, a line break
        "VIP 客户，　不用排队",  # an ideographic space
        "(叹气)他说",
        "It's4,200yuan！",
        "４，２００",
        " 不用排队。 ",
        TURN,
    ],
)
def test_quotes_are_found_whatever_their_width_and_white_space(quote: str) -> None:
    assert holds(agent(TURN), quote)


@pytest.mark.parametrize(
    "quote",
    [
        "他说vip客户",  # another case
        "It’s 4,200",  # another apostrophe
        "他说VIP客户。不用排队",  # another full stop
        "不用在排队",
        "他説",  # another script
        "排队 yuan",
        "",
        " ",
        "。",  # proves nothing
        "！",
        "……",
    ],
)
def test_nothing_else_is_forgiven(quote: str) -> None:
    assert not holds(agent(TURN), quote)


@given(st.text(), st.text(), st.text())
def test_any_part_that_says_enough_is_found(before: str, quote: str, after: str) -> None:
    letters = [ch for ch in quote if ch.isalnum()]
    if sum(ch >= "\u2e80" for ch in letters) >= 2 or len(letters) >= 8:
        assert holds(agent(before + quote + after), quote)
    if not letters:
        assert not holds(agent(before + quote + after), quote)


@pytest.mark.parametrize(
    ("text", "quote", "holds_it"),
    [
        ("I don't know what to do.", "I", False),  # a letter is in nearly every turn
        ("I don't know what to do.", "know", False),
        ("I don't know what to do.", "know what to", True),
        ("No. I told you.", "No.", True),  # all there was between two stops
        ("Nobody told me.", "No", False),
        ("我不知道。", "我", False),
        ("我不知道。", "不知", True),
        ("嗯，不行。", "嗯", True),
    ],
)
def test_a_quote_must_say_enough(text: str, quote: str, holds_it: bool) -> None:
    assert holds(agent(text), quote) == holds_it


@pytest.mark.parametrize(
    ("text", "line", "recognised"),
    [
        ("嗯，我知道了。往常到日子它就还上了，不用我管。", "往常到日子它就还上了，不用我管。", True),
        ("往常到日子自己就还了，哪用我管。", "往常到日子它就还上了，不用我管。", True),
        ("身份证？我上哪儿给你翻去。", "往常到日子它就还上了，不用我管。", False),
        ("Where does it go, what you put?", "Where does it go, then, what you put down?", True),
        ("Me postcode? Hang on.", "Where does it go, then, what you put down?", False),
        ("ab", "abcd", True),  # one pair of three is a third
        ("AB", "a b c d", True),  # whatever the case and white space
        ("ab", "abcde", False),  # one of four
        ("abc", "abcde", True),
        ("", "abc", False),
    ],
)
def test_a_line_is_recognised_in_what_was_said(text: str, line: str, recognised: bool) -> None:
    assert echoes(text, line) == recognised


@given(st.text())
def test_folding_removes_white_space_and_widths_and_nothing_else(text: str) -> None:
    folded = fold(text)
    kept = [ch for ch in text if not ch.isspace()]
    assert len(folded) == len(kept)
    assert all(new == old or new == unicodedata.normalize("NFKC", old) for new, old in zip(folded, kept, strict=True))
    assert fold(folded) == folded


# --- text for a screen -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("好的。", "好的。"),
        ("two\nlines", "two lines"),
        ("two\r\n\tlines", "two lines"),
        ("a\u2028b\u2029c\x0bd\x0ce", "a b c d e"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07", "]0;title"),
        ("\x9b31mred", "31mred"),
        ("bell\a and \b back", "bell and  back"),
        ("abc\u202edef\u2066ghi\u200f", "abcdefghi"),  # bidi controls
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("private \ue000 use", "private  use"),
        ("half a pair \ud83d", "half a pair "),
        ("👩\u200d👧 family", "👩\u200d👧 family"),  # a joined emoji stays whole
        ("❤\ufe0f", "❤\ufe0f"),
        ("é ě 한 ｱ Ａ", "é ě 한 ｱ Ａ"),
    ],
)
def test_what_can_be_printed(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(codec=None)))
def test_printable_text_is_one_line_without_control_characters(text: str) -> None:
    shown = printable(text)
    assert not any(unicodedata.category(ch) in {"Cc", "Cs", "Co", "Zl", "Zp"} for ch in shown)
    assert all(unicodedata.category(ch) != "Cf" or ch == "\u200d" for ch in shown)
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown
    shown.encode()
