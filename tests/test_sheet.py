"""Customers in a workbook: out and in again without a loss, every bad row named, every good one written."""

from __future__ import annotations

import datetime
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from pydantic import BaseModel

from simulator.errors import PersonaError, Problem, UsageError
from simulator.persona import Cue, Persona, Worry, files, load
from simulator.texts import LANGUAGES, Texts
from simulator.workbench import columns, rows, sheet, workbook
from simulator.workbench.columns import COLUMNS, SHEETS, told
from simulator.workbench.rows import Cell, Table
from simulator.workbench.writing import written
from tests.screens import clean, piped
from tests.scripted import a_persona

# --- the columns and the schema --------------------------------------------------------------------------

MODELS: Mapping[str, type[BaseModel]] = {"customers": Persona, "cues": Cue, "worries": Worry}


def fields(schema: Mapping[str, Any], part: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[Any, Any]:
    """Every field of a JSON Schema by its path: what it may hold, and whether it must be there."""
    found: dict[Any, Any] = {}
    for name, one in part["properties"].items():
        own = schema["$defs"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one
        if "properties" in own:
            found |= fields(schema, own, (*path, name))
        else:
            found[(*path, name)] = (own, name in part.get("required", ()))
    return found


@pytest.mark.parametrize("name", SHEETS)
def test_every_field_has_its_column_and_no_other(name: str) -> None:
    schema = MODELS[name].model_json_schema()
    expected = fields(schema, schema)
    if name == "customers":
        for path in (("format",), ("cues",), ("worries",), ("emotion", "ladder")):
            del expected[path]
        for step in range(5):
            expected |= {("emotion", "ladder", step, part): ({}, True) for part in ("mood", "sounds_like")}
    else:
        expected[columns.OWNER] = ({}, True)
    there = {column.path: column for column in COLUMNS[name]}
    assert there.keys() == expected.keys()
    assert {path for path, column in there.items() if not column.optional} == {
        path for path, (_, must) in expected.items() if must
    }
    shift = {("emotion", "start"): 1}  # people count from 1
    for path, (one, _) in expected.items():
        assert (one.get("type") == "integer") == (there[path].kind == "number")
        if there[path].kind == "number":
            low, high = one["minimum"] + shift.get(path, 0), one["maximum"] + shift.get(path, 0)
            assert (there[path].low, there[path].high) == (low, high)
        assert (one.get("type") == "array") == (there[path].kind in {"list", "ears"})
        if "pattern" in one and there[path].kind != "text":  # a text is not blank, and that is all
            assert one["pattern"] == f"^{columns.pattern(there[path])}$"


@pytest.mark.parametrize("name", SHEETS)
def test_a_heading_means_one_column_in_whichever_language(name: str) -> None:
    meant: dict[str, Any] = {}
    for column in COLUMNS[name]:
        for language in LANGUAGES:
            about = told(name, column, language)
            assert meant.setdefault(columns.folded(about.heading), column.path) == column.path
            assert 0 < len(about.heading) <= 31  # Excel's limits for the title and the text of a note
            assert 0 < len(about.help) <= 225
            assert ("\u4e00" <= about.help[:9].strip("（“0123456789 ")[0] <= "\u9fff") == (language == "zh")
            assert about.example
    words = columns.words()
    assert len(list(words["columns"][name])) == len(
        {tuple(p for p in c.path if isinstance(p, str)) for c in COLUMNS[name]}
    )


def test_channels_are_called_as_on_the_screens_and_in_the_file() -> None:
    say = Texts("zh")
    for channel, names in columns.words()["channels"].items():
        assert (names["zh"], names["en"].casefold()) == (say(f"report.channel.{channel}"), channel)


# --- out and in again ------------------------------------------------------------------------------------


def tables(*personas: Persona, language: str = "en") -> dict[str, list[list[str]]]:
    """A workbook of these customers as plain lists, the headings first, to be changed by a test."""
    made = rows.cells(personas, language)
    heads = {name: [told(name, column, language).heading for column in COLUMNS[name]] for name in SHEETS}
    return {name: [heads[name], *([str(cell) for cell in row] for row in made[name])] for name in SHEETS}


def as_tables(lists: Mapping[str, Sequence[Sequence[str]]]) -> list[Table]:
    def shown(row: Sequence[str]) -> dict[int, Cell]:
        return {at: Cell(text.strip()) for at, text in enumerate(row, 1) if text.strip()}

    return [
        Table(name, {number: cells for number, row in enumerate(many, 1) if (cells := shown(row))})
        for name, many in lists.items()
    ]


def taken(lists: Mapping[str, Sequence[Sequence[str]]]) -> rows.Read:
    return rows.read(as_tables(lists), "cases.xlsx", "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_customer_that_ships_comes_back_as_they_were(
    tmp_path: Path, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    say, file = Texts(language), str(tmp_path / "cases.xlsx")
    assert sheet.export([], file, say, force=False) == 0
    assert sheet.take_in(file, str(tmp_path / "out"), say, force=False, dry_run=False) == 0
    assert capsys.readouterr().err == ""
    shipped = {one.name: load(one) for one in files()}
    assert {one.name: load(one) for one in (tmp_path / "out").iterdir()} == shipped


def visible(alphabet: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[str]:
    """Texts that a persona may hold, and among them what means something to Excel, to YAML or in a list."""
    letters = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Cn"), include_characters="\n")
    tricky = st.sampled_from(
        ["=1+1", "+", " + ", "＋", "\\", "\\n", "\\+", "a\nb", "- x", "@x", "#N/A", "是", "2113", "7:30", "# x", "{a}"]
    )
    words = st.lists(st.one_of(tricky, st.text(alphabet or letters, max_size=8)), min_size=1, max_size=4)
    return words.map("".join).filter(lambda text: text.strip())


EARS = st.lists(st.one_of(visible(), st.lists(visible(), min_size=2, max_size=3)), max_size=3)


@st.composite
def customers(draw: st.DrawFn) -> Persona:
    """The customer of most tests with other words wherever they matter."""
    data = a_persona("en").model_dump()
    data |= {"title": draw(visible()), "opening": draw(visible()), "next_call": draw(st.none() | visible())}
    data |= {"facts": draw(st.lists(visible(), min_size=1, max_size=4)), "tags": draw(st.lists(visible(), max_size=2))}
    data["hidden_need"]["heard_if"] = draw(EARS)
    data["emotion"]["start"] = draw(st.integers(0, 4))
    data["desk"]["clock"] = draw(st.none() | visible())
    for cue in data["cues"]:
        cue["channel"] = draw(st.sampled_from(list(columns.words()["channels"])))
        cue["in_opening"] = draw(st.booleans())
        cue["met_if"] = draw(EARS)
    return Persona.model_validate(data)


@given(persona=customers(), language=st.sampled_from(LANGUAGES))
@settings(max_examples=50, deadline=None)
def test_whatever_a_customer_says_survives_the_cells(persona: Persona, language: str) -> None:
    found = taken(tables(persona, language=language))
    assert found.wrong == []
    assert [one for _, one in found.personas] == [persona]


@given(texts=st.lists(visible(), min_size=1, max_size=6))
@settings(max_examples=12, deadline=None)
def test_whatever_stands_in_a_cell_survives_excels_format(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    file = str(tmp_path_factory.mktemp("book") / "x.xlsx")
    persona = a_persona("en").model_copy(update={"title": texts[0], "facts": texts})
    workbook.save(rows.cells([persona], "en"), file, "en", force=False)
    customers = next(table for table in workbook.read(file) if table.name == "Customers")
    at = {column.path: number for number, column in enumerate(COLUMNS["customers"], 1)}
    assert customers.rows[2][at["title",]].text == texts[0].strip()
    assert columns.meaning(COLUMNS["customers"][at["facts",] - 1], customers.rows[2][at["facts",]].text, "en") == [
        text.strip() for text in texts
    ]


# --- what is written -------------------------------------------------------------------------------------


def test_nothing_that_a_customer_says_becomes_a_formula(tmp_path: Path) -> None:
    evil = ['=HYPERLINK("http://x","x")', "+1+1", "-1", "@SUM(A1)", "=", "#REF!"]
    persona = a_persona("en").model_copy(
        update={"title": evil[0], "facts": evil, "opening": evil[-1], "next_call": "-1"}
    )
    workbook.save(rows.cells([persona], "en"), str(tmp_path / "x.xlsx"), "en", force=False)
    with zipfile.ZipFile(tmp_path / "x.xlsx") as parts:
        sheets = [parts.read(name).decode() for name in parts.namelist() if name.startswith("xl/worksheets/sheet")]
    assert len(sheets) == 4
    assert not [text for text in sheets if "<f>" in text or "<f " in text]
    made = load_workbook(tmp_path / "x.xlsx")["Customers"]
    cells = {cell.value: cell for row in made.iter_rows(min_row=2) for cell in row}
    assert {cells[evil[0]].data_type, cells["#REF!"].data_type, cells["-1"].data_type} == {"s"}
    assert cells[evil[0]].quotePrefix
    assert cells["-1"].quotePrefix
    assert not cells["Ann Marsh"].quotePrefix


@pytest.mark.parametrize("text", ["x" * 32_768, "\ufffe"])
def test_what_fits_no_cell_is_said_with_its_cell(tmp_path: Path, text: str) -> None:
    persona = a_persona("en").model_copy(update={"title": text})
    with pytest.raises(UsageError) as caught:
        workbook.save(rows.cells([persona], "en"), str(tmp_path / "x.xlsx"), "en", force=False)
    assert (caught.value.key, caught.value.facts["cell"]) == ("sheet_unfit", "C2")
    assert not (tmp_path / "x.xlsx").exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_workbook_to_fill_in(tmp_path: Path, language: str) -> None:
    workbook.save({}, str(tmp_path / "x.xlsx"), language, force=False)
    book = load_workbook(tmp_path / "x.xlsx")
    names = [columns.sheet_name(name, language) for name in SHEETS]
    assert book.sheetnames == [columns.words()["sheets"]["help"][language], *names]
    assert book.active is not None
    assert book.active.title == names[0]
    for name, title in zip(SHEETS, names, strict=True):
        made = book[title]
        assert made.max_row == 1
        assert made.freeze_panes == ("B2" if name == "customers" else "C2")
        for at, column in enumerate(COLUMNS[name], 1):
            heading = made.cell(1, at)
            assert heading.value == told(name, column, language).heading + ("" if column.optional else " *")
            assert heading.font.b
            whole = made.column_dimensions[heading.column_letter]
            assert 10 <= whole.width <= 60
            assert whole.alignment.wrap_text
            assert whole.number_format == ("General" if column.kind == "number" else "@")
    offered = {"zh": '"语气,措辞,重复,沉默,环境"', "en": '"Tone,Wording,Repetition,Silence,Surroundings"'}[language]
    assert drop_down(book[names[0]], "B2") == '"zh-CN,en"'
    assert drop_down(book[names[0]], "D2") == '"1,2,3,4,5"'
    assert drop_down(book[names[1]], "A1000") == drop_down(book[names[2]], "A2") == f"'{names[0]}'!$A$2:$A$1000"
    assert drop_down(book[names[1]], "C500") == offered
    assert drop_down(book[names[1]], "F2") == {"zh": '"是,否"', "en": '"yes,no"'}[language]
    assert drop_down(book[names[0]], "C2") == ""


def drop_down(made: Worksheet, cell: str) -> str:
    """What a cell offers; every cell has exactly one note on what to write."""
    (one,) = [one for one in made.data_validations.dataValidation if cell in one.sqref]
    assert one.prompt
    assert one.promptTitle
    return (one.formula1 or "") if one.type == "list" else ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_help_explains_every_column_and_its_examples_are_a_customer(tmp_path: Path, language: str) -> None:
    workbook.save({}, str(tmp_path / "x.xlsx"), language, force=False)
    book = load_workbook(tmp_path / "x.xlsx")
    told_ = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]
    start = next(number for number, row in enumerate(told_) if row[1:2] == ["列"] or row[1:2] == ["Column"])
    lists: dict[str, list[list[str]]] = {columns.sheet_name(name, language): [[], []] for name in SHEETS}
    for name, heading, must, what, example in told_[start + 1 :]:
        assert what
        column = COLUMNS[columns.sheet_of(str(name))][len(lists[str(name)][0])]
        assert bool(must) != column.optional
        lists[str(name)][0].append(str(heading))
        lists[str(name)][1].append(str(example))
    cues = lists[columns.sheet_name("cues", language)]
    cues.append([cues[1][0], "second-cue", *cues[1][2:]])  # a customer has two cues at least
    found = taken(lists)
    assert found.wrong == []
    ((row, persona),) = found.personas
    assert (row, persona.id) == (2, "late-transfer")
    assert persona.cues[0].shows[0] in persona.opening
    assert persona.hidden_need.heard_if[0] == ({"zh": ["儿子", "房租"], "en": ["your son", "rent"]}[language])
    assert not re.search(r"\{\w*\}", str(told_))


# --- what is wrong ---------------------------------------------------------------------------------------

GOOD = a_persona("en").model_copy(update={"id": "good-one"})
BAD = a_persona("en").model_copy(update={"id": "bad-one"})
AT = {name: {column.path: at for at, column in enumerate(COLUMNS[name])} for name in SHEETS}


def change(name: str, row: int, path: tuple[Any, ...], text: str) -> Callable[[dict[str, list[list[str]]]], None]:
    """Another text in the cell of a field."""

    def apply(lists: dict[str, list[list[str]]]) -> None:
        lists[name][row - 1][AT[name][path]] = text

    return apply


def edit(path: tuple[Any, ...], text: str) -> Callable[[dict[str, list[list[str]]]], None]:
    return change("customers", 3, path, text)


ROW = ("customers", 3)
"""The bad customer; their cues are in rows 5 to 7, their worries in rows 4 and 5."""
CHANGES: dict[str, tuple[Any, tuple[str, int, str, dict[str, Any]]]] = {
    # the change; the sheet, the row, the problem and its facts
    "difficulty": (edit(("difficulty",), "7"), (*ROW, "sheet_number", {"low": 1, "high": 5, "found": "7"})),
    "no digits": (edit(("customer", "age"), "58岁"), (*ROW, "sheet_number", {"found": "58岁"})),
    "a fraction": (edit(("customer", "age"), "58.5"), (*ROW, "sheet_number", {})),
    "a minus": (edit(("customer", "age"), "-58"), (*ROW, "sheet_number", {})),
    "step 0": (edit(("emotion", "start"), "0"), (*ROW, "sheet_number", {"low": 1, "high": 5})),
    "step 6": (edit(("emotion", "start"), "6"), (*ROW, "sheet_number", {})),
    "no number": (edit(("difficulty",), ""), (*ROW, "missing", {})),
    "no opening": (edit(("opening",), " "), (*ROW, "missing", {})),
    "no mood": (edit(("emotion", "ladder", 3, "mood"), ""), (*ROW, "missing", {})),
    "no list": (edit(("facts",), ""), (*ROW, "missing", {})),
    "short list": (edit(("customer", "voice"), "a\nb"), (*ROW, "too_short", {"actual_length": 2})),
    "long list": (edit(("when_guessed",), "a\nb\n\nc\nd"), (*ROW, "too_long", {"actual_length": 4})),
    "language": (edit(("language",), "中文"), (*ROW, "sheet_language", {"found": "中文"})),
    "opens too late": (edit(("hidden_need", "opens_up_after"), "4"), (*ROW, "opens_too_late", {"cues": 3})),
    "control character": (edit(("title",), "a\x07b"), (*ROW, "control_character", {})),
    "id": (edit(("id",), "Bad One"), (*ROW, "sheet_id", {"found": "Bad One"})),
    "a path": (edit(("id",), "../bad-one"), (*ROW, "sheet_id", {})),
    "no id": (edit(("id",), ""), (*ROW, "missing", {})),
    "channel": (
        change("cues", 6, ("channel",), "Tones"),
        ("cues", 6, "sheet_choice", {"near": "Tone", "found": "Tones"}),
    ),
    "channel, zh": (change("cues", 6, ("channel",), "语调"), ("cues", 6, "sheet_choice", {"near": "Tone"})),
    "in_opening": (change("cues", 5, ("in_opening",), "maybe"), ("cues", 5, "sheet_choice", {"near": ""})),
    "cue twice": (change("cues", 6, ("id",), "again"), ("cues", 6, "id_twice", {"id": "again"})),
    "cue's id": (change("cues", 6, ("id",), "线索1"), ("cues", 6, "sheet_part", {"found": "线索1"})),
    "worry's id": (change("worries", 5, ("id",), "2nd"), ("worries", 5, "sheet_part", {"found": "2nd"})),
    "cue's meaning": (change("cues", 7, ("means",), ""), ("cues", 7, "missing", {})),
    "one line": (change("cues", 7, ("shows",), "x"), ("cues", 7, "too_short", {"min_length": 2})),
    "whose cue": (
        change("cues", 7, ("customer",), "bad-onee"),
        ("cues", 7, "sheet_no_customer", {"owner": "bad-onee", "near": "bad-one"}),
    ),
    "worry": (change("worries", 5, ("worry",), ""), ("worries", 5, "missing", {})),
    "worry twice": (change("worries", 5, ("id",), "returned"), ("worries", 5, "id_twice", {})),
}


@pytest.mark.parametrize(("apply", "expected"), CHANGES.values(), ids=CHANGES)
def test_a_bad_row_is_named_and_the_good_one_is_taken(apply: Any, expected: tuple[str, int, str, Any]) -> None:
    lists = tables(GOOD, BAD)
    apply(lists)
    found = taken(lists)
    name, row, key, facts = expected
    wrong = next(one for one in found.wrong if one.problem.key == key)
    assert (wrong.sheet, wrong.problem.line) == (name, row)
    changed = {
        at
        for at, (was, now) in enumerate(zip(tables(GOOD, BAD)[name][row - 1], lists[name][row - 1], strict=True), 1)
        if was != now
    }
    assert {wrong.problem.column} == changed
    assert wrong.heading == lists[name][0][wrong.problem.column - 1]
    assert {fact: wrong.problem.facts[fact] for fact in facts} == facts
    assert [persona for _, persona in found.personas] == [GOOD]
    assert len(found.bad) == 1
    for language in LANGUAGES:
        assert Texts(language).what(wrong.problem.key, wrong.problem.facts)


@pytest.mark.parametrize("name", [name for name in CHANGES if name != "no id"])
def test_one_thing_wrong_is_said_once(name: str) -> None:
    lists = tables(GOOD, BAD)
    CHANGES[name][0](lists)
    assert len(taken(lists).wrong) == 1


def test_a_cue_or_worry_of_nobody_spoils_nobody() -> None:
    lists = tables(GOOD)
    lists["cues"].append(["xyzzy-42", *lists["cues"][1][1:]])
    lists["worries"].append(["", *lists["worries"][1][1:]])
    found = taken(lists)
    assert [(one.sheet, one.problem.line, one.problem.key) for one in found.wrong] == [
        ("cues", 5, "sheet_no_customer"),
        ("worries", 4, "missing"),
    ]
    assert [persona for _, persona in found.personas] == [GOOD]


def test_customers_without_cues_or_worries() -> None:
    lists = tables(GOOD, BAD)
    del lists["cues"][4:], lists["worries"][3:]
    found = taken(lists)
    assert [(one.sheet, one.problem.line, one.heading, one.problem.key) for one in found.wrong] == [
        ("customers", 3, "Cues", "too_short"),
        ("customers", 3, "Worries", "too_short"),
    ]
    assert found.bad == ["bad-one"]


def test_a_row_without_an_id_spoils_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, made = book(tmp_path, GOOD, BAD)
    made["Customers"]["A3"].value = None
    made.save(file)
    assert sheet.take_in(str(file), str(tmp_path), Texts("en"), force=False, dry_run=True) == 4
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0] == str(tmp_path / "good-one.yaml")
    assert shown.err.splitlines()[-1] == "Customers that could not be used: 1 (row 3)."


def test_each_row_without_an_id_is_said_to_lack_it() -> None:
    lists = tables(GOOD)
    lists["customers"] += [["", *lists["customers"][1][1:]] for _ in range(2)]
    found = taken(lists)
    assert [(one.problem.key, one.problem.line, one.heading) for one in found.wrong] == [
        ("missing", 3, "Id"),
        ("missing", 4, "Id"),
    ]
    assert found.bad == [3, 4]
    assert [persona for _, persona in found.personas] == [GOOD]


def test_an_id_that_two_rows_have_belongs_to_neither() -> None:
    lists = tables(GOOD, BAD)
    lists["customers"].append([*lists["customers"][2]])
    found = taken(lists)
    assert [(one.problem.key, one.problem.line, one.problem.facts) for one in found.wrong] == [
        ("sheet_id_twice", 4, {"id": "bad-one", "row": 3})
    ]
    assert found.bad == ["bad-one"]
    assert [persona for _, persona in found.personas] == [GOOD]


def test_headings_in_any_order_either_language_and_with_what_people_add() -> None:
    lists = tables(GOOD)
    for name in SHEETS:
        for at, column in enumerate(COLUMNS[name]):
            heading = told(name, column, "zh").heading
            lists[name][0][at] = [heading, f"{heading}*", f" {lists[name][0][at].upper()} ＊"][at % 3]
        lists[name] = [list(reversed(row)) for row in lists[name]]
    found = taken({"客户 ": lists["customers"], "CUES": lists["cues"], "顾虑": lists["worries"], "My notes": [["x"]]})
    assert found.wrong == []
    assert [persona for _, persona in found.personas] == [GOOD]


def test_headings_that_are_not_known_missing_or_twice() -> None:
    lists = tables(GOOD)
    heads = lists["customers"][0]
    heads[AT["customers"]["tags",]] = "Tagz"
    heads += ["Reviewer", "Title", ""]
    lists["customers"][1] += ["mine", "another", "stray"]
    lists["customers"].append([*tables(BAD)["customers"][1], "", "", "stray too"])
    lists["cues"] += tables(BAD)["cues"][1:]
    lists["worries"] += tables(BAD)["worries"][1:]
    found = taken(lists)
    assert [(one.problem.key, one.heading, one.problem.facts.get("near", "")) for one in found.wrong] == [
        ("sheet_unknown_column", "Tagz", "Tags"),
        ("sheet_unknown_column", "Reviewer", ""),
        ("sheet_column_twice", "Title", ""),
        ("sheet_no_heading", "", ""),
    ]
    assert [persona.tags for _, persona in found.personas] == [[], []]
    heads[AT["customers"]["opening",]] = "Beginning"
    heads[AT["customers"]["difficulty",]] = "zzzz"
    found = taken(lists)
    lacking = [(one.heading, one.problem.line) for one in found.wrong if one.problem.key == "sheet_no_column"]
    assert lacking == [("Difficulty", 1), ("Opening", 1)]
    assert "missing" not in {one.problem.key for one in found.wrong}  # said once, not in each row
    assert found.bad == ["good-one", "bad-one"]


def test_a_sheet_whose_rows_belong_to_nobody() -> None:
    lists = tables(GOOD)
    lists["cues"][0][0] = "zzzz"
    found = taken(lists)
    assert [one.problem.key for one in found.wrong] == ["sheet_no_column", "sheet_unknown_column"]
    assert found.bad == ["good-one"]


def test_a_sheet_that_is_not_there() -> None:
    lists = tables(GOOD)
    with pytest.raises(PersonaError) as caught:
        taken({"Customer list": lists["customers"], "Cues": lists["cues"]})
    assert [(problem.key, problem.facts["en"]) for problem in caught.value.problems] == [
        ("sheet_missing", "Customers"),
        ("sheet_missing", "Worries"),
    ]
    assert caught.value.problems[0].facts["known"] == "Customer list, Cues"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("是", True), ("否", False), ("Yes", True), ("ＮＯ", False), ("TRUE", True), ("false", False),
    ],
)  # fmt: skip
def test_yes_and_no(text: str, value: bool) -> None:
    column = next(column for column in COLUMNS["cues"] if column.kind == "answer")
    assert columns.meaning(column, text, "en") is value


@pytest.mark.parametrize(
    ("text", "ears"),
    [
        ("a b\n\n  c  ", ["a b", "c"]),
        ("a + b+c\nd ＋ e", [["a", "b", "c"], ["d", "e"]]),
        (r"a \+ b" + "\n" + r"\＋", ["a + b", "＋"]),
        (r"1\\n" + "\n" + r"a\nb" + "\n" + r"C:\temp", [r"1\n", "a\nb", r"C:\temp"]),
        ("a +\n+ b", ["a", "b"]),
        ("+", ["+"]),
    ],
)
def test_what_stands_in_a_cell_of_ears(text: str, ears: list[Any]) -> None:
    column = next(column for column in COLUMNS["cues"] if column.kind == "ears")
    assert columns.meaning(column, text, "en") == ears


def test_digits_and_ids_in_full_width_are_what_they_look_like() -> None:
    lists = tables(GOOD)
    lists["customers"][1][AT["customers"]["customer", "age"]] = "５８"
    lists["customers"][1][0] = "ｇｏｏｄ－ｏｎｅ"
    lists["cues"][1][0] = "ｇｏｏｄ-ｏｎｅ"
    assert [persona for _, persona in taken(lists).personas] == [GOOD]


# --- cells as Excel has them -----------------------------------------------------------------------------


def book(tmp_path: Path, *personas: Persona) -> tuple[Path, Workbook]:
    file = tmp_path / "cases.xlsx"
    workbook.save(rows.cells(personas, "en"), str(file), "en", force=True)
    return file, load_workbook(file)


def cell_of(tmp_path: Path, value: Any, number_format: str = "General") -> Cell:
    """A cell as it is read that holds the value, and is not merged with any other."""
    file, made = book(tmp_path, GOOD)
    made["Customers"]["C2"].value = value
    made["Customers"]["C2"].number_format = number_format
    made.save(file)
    read = {table.name: table for table in workbook.read(str(file))}
    return read["Customers"].rows[2].get(3, Cell())


@pytest.mark.parametrize(
    ("value", "number_format", "text", "key", "found"),
    [
        (2113, "General", "2113", "", None),
        (-3.0, "0", "-3", "", None),
        (2113, "#,##0", "2113", "sheet_as_number", "2113"),
        (6222021234567890, "General", "6222021234567890", "sheet_as_number", "6222021234567890"),
        (0.5, "0%", "", "sheet_as_number", "0.5"),
        (datetime.datetime(2026, 11, 11), "yyyy-mm-dd", "", "sheet_date", "2026-11-11"),
        (datetime.time(7, 30), "h:mm", "", "sheet_date", "07:30:00"),
        (datetime.timedelta(hours=30), "[h]:mm", "", "sheet_date", "1 day, 6:00:00"),
        ('=A1&"x"', "General", "", "sheet_formula", None),
        ("#DIV/0!", "General", "", "sheet_error", "#DIV/0!"),
        (True, "General", "TRUE", "", None),
        ("  a \r\n b\tc\u200b_x000D_\n ", "General", "a \n b c", "", None),
        ("\u3000 \u00a0", "General", "", "", None),
    ],
)
def test_a_cell_is_what_a_person_sees_in_it(
    tmp_path: Path, value: Any, number_format: str, text: str, key: str, found: str | None
) -> None:
    cell = cell_of(tmp_path, value, number_format)
    assert cell.text == text
    assert (cell.problem.key if cell.problem else "") == key
    assert cell.problem is None or cell.problem.facts.get("found") == found


def test_a_number_is_a_number_in_whatever_form(tmp_path: Path) -> None:
    file, made = book(tmp_path, GOOD)
    for address in ("D2", "G2"):
        made["Customers"][address].number_format = '#,##0.00" x"'
    made.save(file)
    assert [persona for _, persona in rows.read(workbook.read(str(file)), "", "en").personas] == [GOOD]


def test_a_formula_counts_by_the_value_that_was_saved_with_it(tmp_path: Path) -> None:
    file, made = book(tmp_path, GOOD)
    made["Customers"]["C2"].value = '="A"&"B"'
    made.save(file)
    edited = BytesIO()
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(edited, "w") as after:
        for name in before.namelist():
            text = before.read(name)
            after.writestr(
                name,
                re.sub(
                    rb"(<c r=\"C2\"[^>]*?)( t=\"\w+\")?><f>([^<]*)</f><v ?/>", rb'\1 t="str"><f>\3</f><v>AB</v>', text
                ),
            )
    file.write_bytes(edited.getvalue())
    ((_, persona),) = rows.read(workbook.read(str(file)), "", "en").personas
    assert persona.title == "AB"


def test_merged_cells_stand_for_each_row_and_for_no_two_columns(tmp_path: Path) -> None:
    file, made = book(tmp_path, GOOD, BAD)
    made["Cues"].merge_cells("A2:A4")
    made["Worries"].merge_cells("A2:A3")
    made.save(file)
    found = rows.read(workbook.read(str(file)), "", "en")
    assert (found.wrong, [persona for _, persona in found.personas]) == ([], [GOOD, BAD])
    made["Customers"].merge_cells("C3:D3")
    made.save(file)
    found = rows.read(workbook.read(str(file)), "", "en")
    assert (found.wrong[0].problem.key, found.wrong[0].problem.facts) == ("sheet_merged", {"range": "C3:D3"})
    assert found.bad == ["bad-one"]


def test_empty_rows_and_notes_below_do_no_harm(tmp_path: Path) -> None:
    file, made = book(tmp_path, GOOD, BAD)
    made["Customers"].insert_rows(2, 3)
    made["Customers"]["B400"].value = "  "
    made["Cues"].insert_rows(4)
    made.save(file)
    found = rows.read(workbook.read(str(file)), "", "en")
    assert [(row, persona) for row, persona in found.personas] == [(5, GOOD), (6, BAD)]


def test_a_sheet_without_end_is_said_to_be_one(tmp_path: Path) -> None:
    file, made = book(tmp_path, GOOD)
    made["Cues"]["A1048576"].value = "x"
    made.save(file)
    with pytest.raises(PersonaError) as caught:
        workbook.read(str(file))
    (problem,) = caught.value.problems
    assert (problem.key, problem.facts) == ("sheet_too_large", {"sheet": "Cues", "last": "K1048576"})
    made["Cues"].title, made["Worries"].title = "Mine", "Cues"
    made.save(file)
    assert {table.name for table in workbook.read(str(file))} == {"Help", "Customers", "Mine", "Cues"}


def a_zip(**parts: str) -> bytes:
    data = BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for name, text in parts.items():
            made.writestr(name, text)
    return data.getvalue()


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (None, "unreadable"),
        (b"", "sheet_not_xlsx"),
        ("编号,标题\na,b\n".encode(), "sheet_not_xlsx"),
        (b"PK\x03\x04 and then nothing", "sheet_not_xlsx"),
        (a_zip(word="x"), "sheet_not_xlsx"),
        (a_zip(**{"[Content_Types].xml": "<x", "xl/workbook.xml": "<"}), "sheet_not_xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512 + "Workbook".encode("utf-16-le"), "sheet_old"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512 + "EncryptedPackage".encode("utf-16-le"), "sheet_encrypted"),
    ],
)
def test_what_is_no_workbook_is_one_sentence(tmp_path: Path, content: bytes | None, key: str) -> None:
    file = tmp_path / "x.xlsx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(PersonaError) as caught:
        workbook.read(str(file))
    assert [problem.key for problem in caught.value.problems] == [key]
    for language in LANGUAGES:
        assert len(Texts(language).error(caught.value)) == 1


def test_a_workbook_that_would_not_fit_into_memory_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w", zipfile.ZIP_DEFLATED) as made, made.open("xl/x.xml", "w") as part:
        for _ in range(201):
            part.write(b" " * 1_000_000)
    with pytest.raises(PersonaError) as caught:
        workbook.read(str(tmp_path / "x.xlsx"))
    assert caught.value.problems == (Problem("sheet_huge"),)


# --- the commands ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_good_rows_are_written_and_bad_ones_named(tmp_path: Path, language: str) -> None:
    file, made = book(tmp_path, GOOD, BAD)
    made["Customers"]["D3"].value = 9
    made["Cues"]["C6"].value = "Smell"
    made.save(file)
    env = clean(tmp_path, SIMULATOR_LANG=language)
    dry = piped("persona", "import", "cases.xlsx", "-o", "out", "--dry-run", env=env)
    assert not (tmp_path / "out").exists()
    done = piped("persona", "import", "cases.xlsx", "-o", "out", env=env)
    expected = {
        "zh": [
            "cases.xlsx，“客户”表第 3 行 D 列（Difficulty）：应是 1 到 5 的整数，现在是 9",
            "cases.xlsx，“线索”表第 6 行 C 列（Channel）：应是其中之一：语气、措辞、重复、沉默、环境，现在是 Smell",
            "用不了的客户：1 位（bad-one）。",
        ],
        "en": [
            "cases.xlsx, sheet Customers, row 3, column D (Difficulty): expected a whole number from 1 to 5, found 9",
            "cases.xlsx, sheet Cues, row 6, column C (Channel): expected one of Tone, Wording, Repetition, Silence, "
            "Surroundings, found Smell",
            "Customers that could not be used: 1 (bad-one).",
        ],
    }[language]
    assert done.returncode == dry.returncode == 4
    assert done.stderr.splitlines() == dry.stderr.splitlines() == expected
    assert done.stdout.splitlines()[0] == dry.stdout.splitlines()[0] == str(Path("out") / "good-one.yaml")
    assert done.stdout.splitlines()[1:] == [
        {"zh": "写好的客户文件：1 个。", "en": "Customer files written: 1."}[language]
    ]
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["good-one.yaml"]
    assert load(tmp_path / "out" / "good-one.yaml") == GOOD


def test_nothing_is_written_over_unless_told(tmp_path: Path) -> None:
    book(tmp_path, GOOD, BAD)
    (tmp_path / "good-one.yaml").write_text("mine", encoding="utf-8")
    env = clean(tmp_path)
    done = piped("persona", "import", "cases.xlsx", env=env)
    assert done.returncode == 4
    assert done.stderr.splitlines() == [
        "cases.xlsx, sheet Customers, row 2: good-one.yaml is there already; --force writes over it",
        "Customers that could not be used: 1 (good-one).",
    ]
    assert (tmp_path / "good-one.yaml").read_text(encoding="utf-8") == "mine"
    assert load(tmp_path / "bad-one.yaml") == BAD
    done = piped("persona", "import", "cases.xlsx", "--force", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert load(tmp_path / "good-one.yaml") == GOOD


def test_from_an_empty_workbook_to_a_call(tmp_path: Path) -> None:
    env = clean(tmp_path)
    done = piped("persona", "import", "--template", "-o", "mine.xlsx", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "An empty workbook: mine.xlsx\n", "")
    assert piped("persona", "import", "mine.xlsx", env=env).stderr.startswith(
        "mine.xlsx: the workbook holds no customer"
    )
    made = load_workbook(tmp_path / "mine.xlsx")
    for name in SHEETS:
        for row in rows.cells([GOOD], "en")[name]:
            made[columns.sheet_name(name, "en")].append(row)
    made.save(tmp_path / "mine.xlsx")
    assert piped("persona", "import", "mine.xlsx", env=env).returncode == 0
    call = piped("chat", "good-one.yaml", "--offline", env=env, typed="Hello.\n")
    assert call.returncode == 0
    assert GOOD.opening in call.stdout


def test_customers_are_written_by_id_or_file(tmp_path: Path) -> None:
    env = clean(tmp_path, SIMULATOR_LANG="zh")
    (tmp_path / "third-call.yaml").write_text(written(a_persona("zh").model_dump(), "zh"), encoding="utf-8")
    done = piped("persona", "export", "swallowed-card", "third-call.yaml", "swallowed-card", "-o", "x.xlsx", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "客户 2 位，工作簿：x.xlsx\n", "")
    read = rows.read(workbook.read(str(tmp_path / "x.xlsx")), "", "zh")
    assert [persona.id for _, persona in read.personas] == ["swallowed-card", "third-call"]


@pytest.mark.parametrize(
    ("line", "exit_code", "sentence"),
    [
        ("import", 2, "Name one workbook to import, or give --template -o FILE.xlsx for an empty one."),
        ("import cases.xlsx --template", 2, "Name one workbook to import, or give --template -o FILE.xlsx"),
        ("import --template", 2, "Say with -o which workbook to write, such as -o customers.xlsx."),
        ("import --template --dry-run", 2, "--dry-run and --template cannot be used together."),
        ("import there.xlsx", 4, "there.xlsx: this is no Excel workbook (.xlsx); save it as one"),
        ("export", 2, "Say with -o which workbook to write"),
        (
            "export swalowed-card -o x.xlsx",
            2,
            "There is no customer called swalowed-card (did you mean swallowed-card?)",
        ),
    ],
)
def test_what_is_wrong_with_the_command(tmp_path: Path, line: str, exit_code: int, sentence: str) -> None:
    (tmp_path / "there.xlsx").write_text("编号,标题\n", encoding="utf-8")
    done = piped("persona", *line.split(), env=clean(tmp_path))
    assert (done.returncode, done.stdout) == (exit_code, "")
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("cases.csv", "sheet_name"),
        ("there.xlsx", "output_exists"),
        ("no/where.xlsx", "output_unwritable"),
    ],
)
def test_a_workbook_that_cannot_be_written(tmp_path: Path, name: str, key: str) -> None:
    (tmp_path / "there.xlsx").write_bytes(b"mine")
    with pytest.raises(UsageError) as caught:
        sheet.template(str(tmp_path / name), Texts("en"), force=False)
    assert caught.value.key == key
    assert (tmp_path / "there.xlsx").read_bytes() == b"mine"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file, _ = book(tmp_path, GOOD)
    with pytest.raises(UsageError) as caught:
        sheet.take_in(str(file), str(file), Texts("en"), force=True, dry_run=False)
    assert caught.value.key == "output_unwritable"


def test_two_customers_of_one_id_fit_into_no_workbook(tmp_path: Path) -> None:
    other = a_persona("en").model_copy(update={"id": "swallowed-card"})
    (tmp_path / "swallowed-card.yaml").write_text(written(other.model_dump(), "en"), encoding="utf-8")
    names = ["swallowed-card", str(tmp_path / "swallowed-card.yaml")]
    with pytest.raises(UsageError) as caught:
        sheet.export(names, str(tmp_path / "x.xlsx"), Texts("en"), force=False)
    assert (caught.value.key, caught.value.facts) == ("sheet_two_of_one_id", {"id": "swallowed-card"})


def test_nothing_in_a_workbook_controls_the_terminal(tmp_path: Path) -> None:
    file, made = book(tmp_path, GOOD)
    made["Customers"]["B2"].value = "\u202e{file}[red]\u2028x"
    made["Customers"].title = "Customers"
    made["Cues"]["A1"].value = "\u202eCue{0}"
    made.save(file)
    done = piped("persona", "import", "cases.xlsx", env=clean(tmp_path))
    assert done.returncode == 4
    assert "{file}[red] x does not fit" in done.stderr
    assert not set("\x1b\u202e\u2028") & set(done.stderr)
