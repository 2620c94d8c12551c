"""Text tables: encoding, delimiter, decimal comma, header and comment lines, guessed from the file itself.

The delimiter is the one that splits the rows most evenly into the most numbers; nothing depends on the file's
name.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from dataclasses import dataclass

from osculate._errors import InputError

_SAMPLE = 200  # rows looked at to find the delimiter
_DELIMITERS = (",", ";", "\t", "|", None)  # None is whitespace; the first of equals is taken
_TOKEN = re.compile(r'"[^"]*"|\S+')
_COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_FORTRAN_EXPONENT = re.compile(r"(?<=[\d.])[dD](?=[+-]?\d+$)")


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one line and its number in the file, counted from 1."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class TextTable:
    """What a text file holds: header (None where there is none), rows of equal length, comments, notes."""

    header: list[str] | None
    rows: list[Row]
    comments: list[tuple[int, str]]
    decimal_comma: bool
    notes: list[str]


def to_number(cell: str, *, decimal_comma: bool = False) -> float | None:
    """Return the number in `cell`, or None. Accepts 1.5, 1e-3, Fortran's 1D-3 and, if asked, 1,5."""
    cell = cell.strip()
    if decimal_comma and _COMMA_NUMBER.fullmatch(cell):
        cell = cell.replace(",", ".")
    try:
        return float(cell)
    except ValueError:
        pass
    try:
        return float(_FORTRAN_EXPONENT.sub("e", cell))
    except ValueError:
        return None


def decode(raw: bytes, source: str) -> str:
    """Decode by byte order mark, else UTF-8, else Windows' Latin-1; normalize line ends."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if raw.startswith(mark):
            text = raw.decode(encoding, errors="replace")
            break
    else:
        if b"\0" in raw[:4096]:
            raise InputError(f"{source} is a binary file: save the table as CSV, .npy or .npz")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(text: str, source: str) -> TextTable:
    """Split `text` into a table; raise InputError naming the line where rows do not fit."""
    comments: list[tuple[int, str]] = []
    lines: list[tuple[int, str]] = []
    forced: str | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if stripped.startswith("#"):
            comments.append((number, stripped.lstrip("#").strip()))
        elif not lines and (separator := re.fullmatch(r'"?sep=(.)"?', stripped)):
            forced = separator[1]  # a hint that Excel writes and reads
        elif stripped.strip(",;\t| "):
            lines.append((number, line))
    if not lines:
        what = "holds only comment lines" if comments else "is empty"
        raise InputError(f"{source} {what}: give a table with a header line and rows of numbers")
    delimiter = forced or _delimiter([line for _, line in lines[: _SAMPLE + 1]])
    rows = [Row(number, _split(line, delimiter)) for number, line in lines]
    notes: list[str] = []
    decimal_comma = _has_decimal_comma(rows, delimiter)
    if decimal_comma:
        notes.append("numbers have decimal commas")
    header, rows = _header(rows, lines, comments, notes, decimal_comma=decimal_comma)
    if not rows:
        raise InputError(f"{source} has a header (line {lines[0][0]}) but no rows: add rows of numbers")
    _level(header, rows, source)
    header = _drop_empty_columns(header, rows)
    return TextTable(header[1] if header else None, rows, comments, decimal_comma, notes)


def _split(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return [token.strip('"') for token in _TOKEN.findall(line)]
    if '"' not in line:
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    except csv.Error:  # a cell beyond csv's limit: the number parser will name it
        cells = line.split(delimiter)
    return [cell.strip() for cell in cells]


def _delimiter(lines: list[str]) -> str | None:
    """Find the delimiter; the first line may be a header, so only the number of its cells counts."""

    def score(delimiter: str | None) -> tuple[bool, float, int]:
        header, *rows = (_trimmed(_split(line, delimiter)) for line in lines)
        rows = rows or [header]
        fields, frequency = Counter(map(len, rows)).most_common(1)[0]
        cells = [cell for row in rows for cell in row]
        numbers = sum(to_number(cell, decimal_comma=delimiter != ",") is not None for cell in cells)
        share = round(frequency / len(rows) * numbers / max(len(cells), 1), 3)
        return fields > 1 and len(header) == fields, share, fields

    return max(_DELIMITERS, key=score)


def _trimmed(cells: list[str], width: int = 0) -> list[str]:
    """Without the empty cells that trailing delimiters make, down to `width` cells."""
    end = len(cells)
    while end > width and not cells[end - 1]:
        end -= 1
    return cells[:end]


def _has_decimal_comma(rows: list[Row], delimiter: str | None) -> bool:
    """Whether numbers such as 1,5 occur and none such as 1.5: next to points the commas group thousands."""
    if delimiter == ",":
        return False
    cells = [cell for row in rows for cell in row.cells]
    return any(_COMMA_NUMBER.fullmatch(cell) for cell in cells) and not any(
        "." in cell and to_number(cell) is not None for cell in cells
    )


def _header(
    rows: list[Row],
    lines: list[tuple[int, str]],
    comments: list[tuple[int, str]],
    notes: list[str],
    *,
    decimal_comma: bool,
) -> tuple[tuple[int, list[str]] | None, list[Row]]:
    """Find the header: a first row without numbers, else the comment line right above the first row."""

    def numeric(row: Row) -> list[bool]:
        return [to_number(cell, decimal_comma=decimal_comma) is not None for cell in row.cells]

    first, rest = rows[0], rows[1:]
    texts = [not is_number for is_number in numeric(first)]
    below = [not is_number for is_number in numeric(rest[0])] if rest else []
    if all(texts) or (any(texts) and texts != below):
        if len(rest) > 1 and not any(numeric(rest[0])) and any(numeric(rest[1])):
            notes.append(f"line {rest[0].line} (units) skipped")
            rest = rest[1:]
        spaced = re.split(r"\s{2,}", lines[0][1].strip())
        width = len(rest[0].cells) if rest else 0
        cells = spaced if len(first.cells) != width == len(spaced) else first.cells
        return (first.line, cells), rest
    above = [text for number, text in comments if number == first.line - 1 and ":" not in text]
    for delimiter in (None, ",", ";", "\t"):
        cells = _split(above[0], delimiter) if above else []
        if len(cells) == len(first.cells) and all(re.match(r"[^\W\d]", cell) for cell in cells):
            notes.append(f"column names taken from the comment in line {first.line - 1}")
            return (first.line - 1, cells), rows
    return None, rows


def _level(header: tuple[int, list[str]] | None, rows: list[Row], source: str) -> None:
    """Make all rows equally long by dropping what trailing delimiters add, or say which row does not fit."""
    common = Counter(len(_trimmed(row.cells)) for row in rows).most_common(1)[0][0]
    width = max(len(_trimmed(row.cells)) for row in rows)
    if header:
        width = max(len(_trimmed(header[1])), min(len(header[1]), common))
        header[1][:] = header[1][:width]
    for row in rows:
        row.cells[:] = _trimmed(row.cells, width)
    found = {len(row.cells) for row in rows}
    if header and width not in found and len(found) == 1:
        raise InputError(
            f"{source}: {_count(width, 'name')} in the header (line {header[0]}), "
            f"but {_count(found.pop(), 'cell')} in the rows: separate both alike, names with spaces in quotes"
        )
    for row in rows:
        if len(row.cells) != width:
            raise InputError(
                f"{source}, line {row.line}: {_count(len(row.cells), 'cell')}, "
                f"but {_count(width, 'column')}: mend the row, or put '#' before it if it is no data"
            )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)


def _drop_empty_columns(
    header: tuple[int, list[str]] | None, rows: list[Row]
) -> tuple[int, list[str]] | None:
    width = len(rows[0].cells)
    names = header[1] if header else [""] * width
    keep = [i for i in range(width) if names[i] or any(row.cells[i] for row in rows)]
    if len(keep) < width:
        for row in rows:
            row.cells[:] = [row.cells[i] for i in keep]
    return (header[0], [names[i] for i in keep]) if header else None
