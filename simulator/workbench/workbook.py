"""Excel workbooks: the one module that knows the format. What stands in them is decided in `columns`.

Nothing that a customer's file holds becomes a formula: every text is written as text, with a mark that keeps it one
when the cell is edited. On the way in a cell counts as what a person sees in it; where Excel made something else of
what was typed (a date, a long number), that is a problem and not a guess.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.worksheet.datavalidation import DataValidation
from rich.cells import cell_len

from simulator.errors import PersonaError, Problem, UsageError
from simulator.workbench.columns import COLUMNS, SHEETS, Column, Kind, choices, sheet_name, sheet_of, told, words
from simulator.workbench.rows import Cell, Table

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

MOST_ROWS, MOST_COLUMNS = 5000, 200
"""Of a sheet that is read. More are a format that was laid over the whole sheet, not customers."""
_MOST_BYTES = 200_000_000
"""Of a workbook once it is unpacked."""


# --- reading ---------------------------------------------------------------------------------------------


def read(file: str) -> list[Table]:
    """The sheets of a workbook; the cells only of those that are ours.

    Raises:
        PersonaError: the file cannot be opened, is no such workbook, or a sheet is too large.

    """
    data = _bytes(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a workbook may hold besides cells
            written, shown = load_workbook(BytesIO(data)), load_workbook(BytesIO(data), data_only=True)
    except Exception as error:  # openpyxl raises whatever it stumbles over
        raise PersonaError(file, (Problem("sheet_not_xlsx"),)) from error
    return [_table(file, sheet, shown[sheet.title]) for sheet in written.worksheets]


def _bytes(file: str) -> bytes:
    """The file's content, if it can be a workbook."""
    try:
        data = Path(file).expanduser().read_bytes()
    except OSError as error:
        raise PersonaError(file, (Problem("unreadable", facts={"why": error.strerror or str(error)}),)) from error
    if data.startswith(b"\xd0\xcf\x11\xe0"):  # an OLE container: Excel before 2007, or anything with a password
        key = "sheet_encrypted" if "EncryptedPackage".encode("utf-16-le") in data else "sheet_old"
        raise PersonaError(file, (Problem(key),))
    try:
        size = sum(part.file_size for part in zipfile.ZipFile(BytesIO(data)).infolist())
    except zipfile.BadZipFile as error:
        raise PersonaError(file, (Problem("sheet_not_xlsx"),)) from error
    if size > _MOST_BYTES:
        raise PersonaError(file, (Problem("sheet_huge"),))
    return data


def _table(file: str, written: Worksheet, shown: Worksheet) -> Table:
    if not sheet_of(written.title):
        return Table(written.title, {})
    if written.max_row > MOST_ROWS or written.max_column > MOST_COLUMNS:
        facts: dict[str, object] = {"sheet": written.title, "last": f"{letter(written.max_column)}{written.max_row}"}
        raise PersonaError(file, (Problem("sheet_too_large", facts=facts),))
    rows: dict[int, dict[int, Cell]] = {}
    for row, cells in enumerate(zip(written.iter_rows(), shown.iter_rows(), strict=True), 1):
        for column, (formula, value) in enumerate(zip(*cells, strict=True), 1):
            if cell := _cell(formula, value):
                rows.setdefault(row, {})[column] = cell
    for merged in written.merged_cells.ranges:
        _spread(rows, merged)
    return Table(written.title, rows)


def _cell(written: Any, shown: Any) -> Cell | None:
    """The cell as it is seen; None where nothing is.

    Args:
        written: the cell with its formula, if it has one.
        shown: the cell with the value that was there when the file was saved.

    """
    value = shown.value
    if value is None:
        return Cell(problem=Problem("sheet_formula")) if written.data_type == "f" else None
    if shown.data_type == "e":
        return Cell(problem=Problem("sheet_error", facts={"found": str(value)}))
    if isinstance(value, str):
        text = _clean(value)
        return Cell(text) if text else None
    if isinstance(value, bool):
        return Cell(str(value).upper())
    if isinstance(value, int | float):
        return _number(value, shown.number_format)
    return Cell(problem=Problem("sheet_date", facts={"found": str(value).removesuffix(" 00:00:00")}))


_PLAIN = {"General", "@", "0"}
"""Formats in which a whole number is shown as its digits."""
_SHOWN_WHOLE = 10**11
"""From here on Excel shows powers of ten, and from 16 digits on it keeps others than were typed."""


def _number(value: float, number_format: str) -> Cell:
    if value != int(value):
        return Cell(problem=Problem("sheet_as_number", facts={"found": f"{value:.15g}"}))
    text = str(int(value))
    plain = number_format in _PLAIN and abs(value) < _SHOWN_WHOLE
    return Cell(text, None if plain else Problem("sheet_as_number", facts={"found": text}))


def _clean(text: str) -> str:
    """A cell's text without what cannot be seen: what comes along with text from web pages, and line ends of Windows.

    ``_x000D_`` is how Excel writes a carriage return.
    """
    text = re.sub(r"(_x000D_|\r)*\n|(_x000D_|\r)+", "\n", text).replace("\t", " ")
    return "".join(ch for ch in text if unicodedata.category(ch) != "Cf").strip()


def letter(column: int) -> str:
    """What a column is called, counted from 1."""
    return get_column_letter(column)


def _spread(rows: dict[int, dict[int, Cell]], merged: Any) -> None:
    """Give what stands in merged cells to each row they cover; across columns it could belong to either."""
    first = rows.get(merged.min_row, {}).get(merged.min_col)
    if not first:
        return
    if merged.min_col != merged.max_col:
        problem = Problem("sheet_merged", facts={"range": merged.coord})
        rows[merged.min_row][merged.min_col] = Cell(first.text, problem)
        return
    for row in range(merged.min_row, merged.max_row + 1):
        rows.setdefault(row, {})[merged.min_col] = first


# --- writing ---------------------------------------------------------------------------------------------

_FILLABLE = 1000
"""Rows that have drop-downs and help."""
_WIDTHS: Mapping[Kind, int] = {
    "id": 20, "part": 20, "owner": 20, "language": 10, "number": 10, "channel": 14, "answer": 12,
    "text": 36, "list": 44, "ears": 32,
}  # fmt: skip
_SHORT = {"name": 14, "mood": 16, "clock": 18, "title": 24}
_FILLS = {
    "": "DCE6F1", "customer": "E2EFDA", "hidden_need": "FCE4D6",
    "emotion": "FFF2CC", "desk": "DDEBF0", "resolution": "E6E0EC",
}  # fmt: skip
"""A heading's colour by the part of the customer it belongs to."""
_LINE = Side(style="thin", color="A6A6A6")
_TOP = Alignment(vertical="top", wrap_text=True)
_MIDDLE = Alignment(vertical="center", wrap_text=True)
_MOST_LETTERS = 32_767
"""In a cell."""
_NO_XML = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")


def save(rows: Mapping[str, Sequence[Sequence[str | int]]], file: str, language: str, *, force: bool) -> None:
    """Write a workbook.

    Args:
        rows: cells by sheet, as `rows.cells` gives them; without any, it is one to fill in.
        file: its name, which ends in ``.xlsx``.
        language: of its words: ``zh`` or ``en``.
        force: write over a file that is there.

    Raises:
        UsageError: the name is another, the file is there already, it cannot be written, or a text fits no cell.

    """
    if not file.lower().endswith(".xlsx"):
        raise UsageError("sheet_name", file=file)
    book = Workbook()
    book.remove(book.worksheets[0])
    _help(book.create_sheet(words()["sheets"]["help"][language]), language)
    for sheet in SHEETS:
        _fill(book.create_sheet(sheet_name(sheet, language)), sheet, rows.get(sheet, ()), language)
    book.active = 1
    data = BytesIO()
    book.save(data)
    try:
        with Path(file).expanduser().open("wb" if force else "xb") as out:
            out.write(data.getvalue())
    except FileExistsError as error:
        raise UsageError("output_exists", file=file) from error
    except OSError as error:
        raise UsageError("output_unwritable", file=file, why=error.strerror or str(error)) from error


def _fill(made: Worksheet, sheet: str, rows: Sequence[Sequence[str | int]], language: str) -> None:
    """A sheet with its headings, drop-downs and rows."""
    for at, column in enumerate(COLUMNS[sheet], 1):
        about = told(sheet, column, language)
        heading = made.cell(1, at, about.heading + ("" if column.optional else " *"))
        heading.font, heading.alignment = Font(bold=True), _MIDDLE
        heading.fill = PatternFill("solid", start_color=_FILLS[column.group])
        heading.border = Border(bottom=_LINE, right=_LINE)
        whole = made.column_dimensions[letter(at)]
        whole.width = _SHORT.get(str(column.path[-1]), _WIDTHS[column.kind])
        whole.alignment = _TOP
        whole.number_format = _format(column)  # so that Excel makes no dates and numbers of what is typed here
        validation = _validation(column, language)
        validation.promptTitle, validation.prompt = about.heading[:32], about.help
        validation.errorTitle, validation.error = about.heading[:32], about.help
        validation.add(f"{letter(at)}2:{letter(at)}{_FILLABLE}")
        made.add_data_validation(validation)
    for number, row in enumerate(rows, 2):
        for at, (column, value) in enumerate(zip(COLUMNS[sheet], row, strict=True), 1):
            _put(made, number, at, value, _format(column))
    made.row_dimensions[1].height = 34
    made.freeze_panes = "B2" if sheet == "customers" else "C2"
    made.auto_filter.ref = f"A1:{letter(len(COLUMNS[sheet]))}{len(rows) + 1}"


def _format(column: Column) -> str:
    return "General" if column.kind == "number" else "@"


def _put(made: Worksheet, row: int, column: int, value: str | int, number_format: str = "@") -> None:
    """Write a cell; a text stays a text, whatever it begins with."""
    cell = made.cell(row, column)
    cell.alignment, cell.number_format = _TOP, number_format
    if isinstance(value, int):
        cell.value = value
    elif value:
        if len(value) > _MOST_LETTERS or _NO_XML.search(value):
            raise UsageError("sheet_unfit", cell=cell.coordinate, sheet=made.title, most=_MOST_LETTERS)
        cell.value = value
        cell.data_type = "s"  # never a formula or an error
        cell.quotePrefix = value.startswith(("=", "+", "-", "@"))  # nor when it is edited


def _validation(column: Column, language: str) -> DataValidation:
    """What a column's cells take, as far as Excel can hold people to it; at least it shows what to write."""
    shown: dict[str, Any] = {"allow_blank": True, "showInputMessage": True, "showErrorMessage": True}
    if column.kind == "owner":
        ids = f"{quote_sheetname(sheet_name('customers', language))}!$A$2:$A${_FILLABLE}"
        return DataValidation("list", formula1=ids, errorStyle="warning", **shown)
    if column.kind == "number" and column.high - column.low < 10:
        return DataValidation("list", formula1=_listed(map(str, range(column.low, column.high + 1))), **shown)
    if column.kind == "number":
        shown |= {"operator": "between", "formula1": str(column.low), "formula2": str(column.high)}
        return DataValidation("whole", **shown)
    if known := choices(column, language):
        shown["errorStyle"] = "warning" if column.kind == "language" else "stop"  # there may be prompts for others
        return DataValidation("list", formula1=_listed(iter(known)), **shown)
    return DataValidation(**shown | {"showErrorMessage": False})


def _listed(known: Iterator[str]) -> str:
    return '"' + ",".join(known) + '"'


def _help(made: Worksheet, language: str) -> None:
    """The sheet that explains each column, with an example."""
    says = words()["help"][language]
    heads = says["heads"]
    lines = [says["title"], *says["notes"]]
    for number, line in enumerate(lines, 1):
        _put(made, number, 1, line)
        made.merge_cells(start_row=number, end_row=number, start_column=1, end_column=len(heads))
        made.row_dimensions[number].height = 18 * (1 + cell_len(line) // 140)  # merged cells do not grow by themselves
    made.cell(1, 1).font = Font(bold=True, size=14)
    first = len(lines) + 2
    for at, (head, width) in enumerate(zip(heads, (14, 24, 12, 60, 60), strict=True), 1):
        _put(made, first, at, head)
        made.cell(first, at).font = Font(bold=True)
        made.cell(first, at).fill = PatternFill("solid", start_color=_FILLS[""])
        made.column_dimensions[letter(at)].width = width
    number = first
    for sheet in SHEETS:
        for column in COLUMNS[sheet]:
            number += 1
            about = told(sheet, column, language)
            must = "" if column.optional else says["required"]
            cells = (sheet_name(sheet, language), about.heading, must, about.help, about.example)
            for at, text in enumerate(cells, 1):
                _put(made, number, at, text)
            made.cell(number, 2).fill = PatternFill("solid", start_color=_FILLS[column.group])
