"""Numbers from outside: what must not leave the machine, and what the critic has to be able to read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.mask import ENOUGH, mask

# --- what is masked --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        # phones
        ("电话13800138000，谢谢", "电话***********，谢谢"),
        ("138-0013-8000", "***-****-****"),
        ("138 0013 8000", "*** **** ****"),
        ("138  0013 . 8000", "***  **** . ****"),
        ("138·0013·8000", "***·****·****"),
        ("138 - 0013 - 8000", "*** - **** - ****"),
        ("138、0013、8000", "***、****、****"),
        ("+86 138 0013 8000", "+** *** **** ****"),
        ("0086-13800138000", "****-***********"),
        ("（010）6552-1234 转 801", "（***）****-**** 转 801"),
        ("0571/8765/4321", "****/****/****"),
        ("6552 1234", "**** ****"),
        ("+1 (415) 555-0132", "+* (***) ***-****"),
        ("call 415.555.0132 now", "call ***.***.**** now"),
        ("555-0132", "***-****"),
        ("１３８００１３８０００", "***********"),
        ("（０１０）６５５２１２３４", "（***）********"),
        ("tel:13800138000元旦后打", "tel:***********元旦后打"),
        # cards
        ("6222 0212 3456 7890 123", "**** **** **** **** ***"),
        ("卡号6222021234567890123。", "卡号*******************。"),
        ("4111-1111-1111-1111", "****-****-****-****"),
        # IDs
        ("123-45-6789", "***-**-****"),
        ("110105491231002", "***************"),
        ("11010519491231002X吧", "******************吧"),
        ("11010519491231002x", "******************"),
        ("１１０１０５１９４９１２３１００２Ｘ", "******************"),
        ("110105 19491231 002 X", "****** ******** *** *"),
        ("110105 1949-12-31 002X", "****** ****-**-** ****"),
        ("一一零一零五一九四九一二三一零零二叉", "******************"),
        ("passport E12345678", "passport E********"),
        ("20261123", "********"),
        # said in Chinese
        ("一三八零零一三八零零零", "***********"),
        ("幺三八，零零幺三，呃，八零零零", "***，****，呃，****"),
        ("〇一〇…六五五二、一二三两", "***…****、****"),
        ("我手机一三八 嗯 0013 零零零零", "我手机*** 嗯 **** ****"),
        ("138_零零13_八零00", "***_****_****"),
        ("壹叁捌零零壹叁捌零零零", "***********"),
        ("六二二二，三个八，零一二", "****，*个*，***"),
        ("零一零杠六五五二那个一二三四", "***杠****那个****"),
        ("138（翻纸）0013（停顿）8000", "***（翻纸）****（停顿）****"),
        ("一三八零零一三八零零零，二十三号", "***********，二十三号"),
        # said in English
        ("four one five, five five five, oh one three two", "**** *** ****, **** **** ****, ** *** ***** ***"),
        ("double four, triple seven, one two", "double ****, triple *****, *** ***"),
        ("TREBLE ONE nine Nine 9 o", "TREBLE *** **** **** * *"),
        ("it's zero-two-zero, um, 7946 dash 0018 okay", "it's ****-***-****, um, **** dash **** okay"),
        # addresses
        ("邮箱是zhang.san01@example.com，谢谢", "邮箱是*****.*****@example.com，谢谢"),
        ("mail José_7+bank@mail.example.org.", "mail ****_*+****@mail.example.org."),
        ("12345678@qq.com", "********@qq.com"),
        # an amount, a date or a tail beside a number does not save it
        ("转3000元，手机13800138000", "转3000元，手机***********"),
        ("尾号3307，13800138000", "尾号3307，***********"),
        ("2026-11-23 138 0013 8000", "2026-11-23 *** **** ****"),
        ("09:00-18:00 010-6552-1234", "09:00-18:00 ***-****-****"),
        ("138-0013-8000元", "***-****-****元"),
        ("6222021234567890123元", "*******************元"),
        ("¥13800138000", "¥***********"),
        ("1380 0013.80 00", "**** ****.** **"),
        ("6222 1234567元", "**** *******元"),
        ("$1234567 8901", "$******* ****"),
        ("5000000一年", "********年"),
    ],
)
def test_numbers_are_masked(text: str, masked: str) -> None:
    assert mask(text).text == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "您好，请问有什么可以帮您？",
        # amounts
        *["1,234,567.00", "12,345,678", "余额 12,345,678 没错", "１,２３４,５６７"],
        *[
            "1234567元",
            "1234567.89 元",
            "1200000块",
            "1234567万",
            "¥1234567",
            "￥ 1234567.50",
            "违约金 32.40（648.00×5%）",
            "3200.50, 648.00",
            "$1234567",
            "1234567 dollars",
        ],
        *[
            "1234567 yuan",
            "RMB 1234567",
            "人民币1234567",
            "£1234567",
            "1234567 pounds",
            "3000-5000元",
            "$1,234.50",
            "1 million",
        ],
        *["三千二百八十六", "三千二百八十六万四千五百二十一", "一百二十三万四千五百六十七", "两千三、四千五", "3千5百"],
        *[
            "存了500000，一年期",
            "存了500000一年",
            "20000，30天",
            "50000，10分钟还没到",
            "one, 500000",
            "500000, one or so",
        ],
        # dates and times
        *[
            "2026-11-23",
            "2026/11/23",
            "2026.11.23",
            "2026年11月23日",
            "2026 年 11 月 23 日",
            "11/23/2026",
            "23.11.2026",
        ],
        *[
            "二〇二六年十一月二十三日",
            "08:30:15",
            "08:30-18:00",
            "2026-11-23 08:30:15",
            "11/1-11/23 12/05",
            "余额3200。2026年见",
        ],
        *[
            "2026-11-23T08:30:15Z",
            "2026-11-23T08:30:15.123456+08:00",
            "2026-11-01 - 2026-11-23",
            "3307 2026-11-23 08:30",
        ],
        # tails, short numbers, percentages
        *[
            "尾号 3307",
            "尾号3307，2026",
            "卡号末四位是3307、500元",
            "尾号三三零七",
            "ending in 3307, 500 left",
            "****3307",
        ],
        *["订单 20418", "DD-204187", "95588", "12.5% 13.25%", "4.3500%，12.2500%", "3.5％"],
        # words that are digits
        *[
            "一五一十",
            "三三两两",
            "七七八八",
            "Oh, I see. One of the two, three times.",
            "5 o'clock",
            "no one",
            "phone stone bone",
        ],
        *["a@b", "meet @ 5.30", "@example.com"],
    ],
)
def test_what_the_critic_needs_stays(text: str) -> None:
    assert mask(text).text == text
    assert mask(text).count == 0


def test_only_six_digits_stay() -> None:
    assert mask("9" * (ENOUGH - 1)).count == 0
    assert mask("9" * ENOUGH).count == 1


@pytest.mark.parametrize("interruption", [" 请问 ", "\n", "：", "+", " and ", "十", "?"])
def test_other_words_and_lines_end_a_number(interruption: str) -> None:
    assert mask(f"138001{interruption}380000").count == 0
    assert mask(f"1380013{interruption}8000138").count == 2


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("没有", 0),
        ("138-0013-8000", 1),
        ("手机13800138000，卡号6222 0212 3456 7890", 2),
        ("13800138000@example.com 或 010-65521234", 2),
        ("a1@example.com, b2@example.com", 2),
    ],
)
def test_numbers_and_addresses_are_counted(text: str, count: int) -> None:
    assert mask(text).count == count


def test_a_long_text_is_no_trouble() -> None:
    for piece in ["1", "1 ", "a", "a@", "1,", "(", "12:", "2026-11-23 ", "double ", "一个", "¥1 ", "_", "1/"]:
        assert len(mask(piece * 20_000).text) == len(piece) * 20_000


# --- what holds for every text ---------------------------------------------------------------------------

PIECES = [
    *"0123456789０９零〇一幺两八九xX叉个十万元块年月日号%¥$@:：.,，、。…_-–—·/()（） \n\t*+",
    *[
        "13800138000",
        "6222 0212",
        "123,456",
        "2026-11-23",
        "11/23",
        "08:30",
        "尾号",
        "3307",
        "手机",
        "嗯",
        "那个",
        "（停顿）",
    ],
    *[
        "oh",
        "one",
        "seven",
        "double ",
        "triple ",
        "um",
        "dash",
        "yuan",
        "dollars",
        "a",
        "zhang",
        "@example.com",
        "\u200b",
    ],
]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
DIGIT_LIKE = re.compile(
    r"[\d零〇○一幺二两兩三四五六七八九壹贰貳叁肆伍陆陸柒捌玖xXｘＸ叉]|zero|nought|naught|one|two|three|four|five|six|seven|eight|nine|oh?",
    re.IGNORECASE,
)


@given(TEXTS)
def test_masking_what_is_masked_changes_nothing(text: str) -> None:
    masked = mask(text).text
    assert mask(masked).text == masked
    assert mask(masked).count == 0


@given(TEXTS)
def test_nothing_but_digits_and_addresses_changes(text: str) -> None:
    masked = mask(text)
    assert len(masked.text) == len(text)
    changed = [at for at, (old, new) in enumerate(zip(text, masked.text, strict=True)) if old != new]
    assert all(masked.text[at] == "*" for at in changed)
    assert bool(changed) == bool(masked.count)
    if "@" not in text and "＠" not in text:
        digits = {at for found in DIGIT_LIKE.finditer(text) for at in range(*found.span())}
        assert set(changed) <= digits


BETWEEN = st.sampled_from(
    ["", "", " ", "-", ".", "·", "/", ") ", " (", " - ", "  ", ", ", "，", "、", "…", "_", "嗯", "，呃，"]
)
SAID = {
    "0": ["0", "０", "零", "〇"],
    "1": ["1", "１", "一", "幺"],
    "2": ["2", "二", "两"],
    "3": ["3", "三"],
    "4": ["4", "四"],
}
DIGIT = st.sampled_from(sorted(SAID)).flatmap(lambda digit: st.sampled_from(SAID[digit]))
# No dates, times, tails, thousands or measures: only what may stand between the digits of a number.
RUNS = st.lists(
    st.tuples(DIGIT, BETWEEN.filter(lambda mark: mark not in {"-", ".", "/", ", "})), min_size=ENOUGH, max_size=30
)


@given(st.sampled_from(["号码：", "", "it is ", "卡："]), RUNS, st.sampled_from(["。谢谢", "", " 对吧", "\n"]))
def test_no_run_of_digits_however_written_is_left(before: str, run: list[tuple[str, str]], after: str) -> None:
    number = "".join(digit + mark for digit, mark in run)
    masked = mask(before + number + after).text
    assert not re.search(r"[\d零〇一幺二两三四]", masked)


WORDS = ["oh", "zero", "one", "Two", "three", "four", "FIVE", "six", "seven", "eight", "nine", "7"]


@given(
    st.lists(st.sampled_from(WORDS), min_size=ENOUGH, max_size=20),
    st.sampled_from([" ", ", ", "-", " um ", "... ", " dash "]),
)
def test_no_run_of_english_digits_is_left(words: list[str], between: str) -> None:
    masked = mask(between.join(words)).text
    assert re.sub(r"\*|um|dash|\W", "", masked) == ""


@given(st.from_regex(r"[0-9０-９]{7,30}", fullmatch=True), st.text(max_size=10), st.text(max_size=10))
def test_ten_digits_in_a_row_are_left_nowhere(digits: str, before: str, after: str) -> None:
    masked = mask(before + digits + after).text
    assert not re.search(r"\d{10}", masked)  # up to nine may be an amount of money


@given(TEXTS)
def test_figures_with_marks_between_are_left_nowhere(text: str) -> None:
    """Without words that make an amount, a date or a time of them."""
    plain = re.sub(r"[^\d ·()]", "#", text)
    assert not re.search(r"\d(?:[ ·()]*\d){6,}", mask(plain).text)
