"""Tables of named columns from CSV, TSV, whitespace-separated text, .npy and .npz.

Headers become identifiers that a model can use (`t (ms)` -> `t_ms`); what was changed or guessed is kept in
`notes`, to be printed. Cells are converted when a column is used, so that columns the model does not need may
hold anything.
"""

from __future__ import annotations

import difflib
import io
import keyword
import re
import sys
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from osculate._errors import InputError
from osculate._expression_hints import INSTEAD
from osculate._table_text import decode, read_text, to_number

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns of equal length.

    Attributes
    ----------
    source : str
        The file, as the user wrote it.
    names : tuple of str
        An identifier per column.
    headers : tuple of str
        What the file calls the columns; empty strings where it does not.
    comments : tuple of (int, str)
        Line number and text of the `#` lines.
    notes : tuple of str
        What was renamed or guessed, one sentence each.
    """

    source: str
    names: tuple[str, ...]
    headers: tuple[str, ...]
    cells: tuple[Array | list[str], ...] = field(repr=False)
    lines: tuple[int, ...] = field(repr=False)
    comments: tuple[tuple[int, str], ...] = ()
    notes: tuple[str, ...] = ()
    decimal_comma: bool = False

    def __len__(self) -> int:
        return len(self.cells[0])

    def place(self, row: int) -> str:
        """Where row `row` (from 0) stands, for messages: `data.csv, line 7`."""
        return f"{self.source}, " + (f"line {self.lines[row]}" if self.lines else f"row {row + 1}")

    def name_of(self, text: str) -> str | None:
        """The identifier of the column that is called `text` in the file or in models."""
        text = text.strip()
        if text in self.headers:
            return self.names[self.headers.index(text)]
        text = unicodedata.normalize("NFKC", text)
        return text if text in self.names else None

    def column(self, name: str, *, missing: bool = False) -> Array:
        """Return a column as floats; raise InputError naming the line of a cell that is none.

        NaN and, in text, empty cells are an error too, unless values may be `missing`.
        """
        cells = self.cells[self.names.index(name)]
        if isinstance(cells, list):
            numbers = [to_number(cell, decimal_comma=self.decimal_comma) for cell in cells]
            for row, number in enumerate(numbers):
                if number is None and missing and not cells[row].strip():
                    numbers[row] = float("nan")
                elif number is None:
                    raise InputError(f"{self.place(row)}, column '{name}': {_why_no_number(cells[row])}")
            column = np.array(numbers, dtype=float)
        else:
            if cells.dtype.kind not in "biuf":
                raise InputError(f"{self.source}, column '{name}' holds {cells.dtype}: give real numbers")
            column = cells.astype(float)
        bad = np.flatnonzero(np.isinf(column) if missing else ~np.isfinite(column))
        if bad.size:
            more = f" ({bad.size} such rows)" if bad.size > 1 else ""
            raise InputError(
                f"{self.place(int(bad[0]))}, column '{name}': {column[bad[0]]} is not a finite number{more}: "
                "remove or comment out (#) such rows"
            )
        return column


def read_table(path: str) -> Table:
    """Read the table in the file `path`, or on standard input for `-`; raise InputError if there is none."""
    raw = sys.stdin.buffer.read() if path == "-" else _bytes(path)
    source = "standard input" if path == "-" else path
    if raw.startswith(b"\x93NUMPY"):
        return _from_npy(raw, source)
    if raw.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _from_npz(raw, source)
    for magic, what in ((b"\x1f\x8b", "compressed (gzip)"), (b"\xd0\xcf\x11\xe0", "an old Excel file")):
        if raw.startswith(magic):
            raise InputError(f"{source} is {what}: unpack it or save the table as CSV")
    text = read_text(decode(raw, source), source)
    width = len(text.rows[0].cells)
    headers = text.header or [""] * width
    names, notes = identifiers(headers)
    return Table(
        source=source,
        names=names,
        headers=tuple(headers),
        cells=tuple([row.cells[i] for row in text.rows] for i in range(width)),
        lines=tuple(row.line for row in text.rows),
        comments=tuple(text.comments),
        notes=(*text.notes, *notes),
        decimal_comma=text.decimal_comma,
    )


def identifiers(headers: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Turn headers into distinct identifiers; also return a note for each that was changed.

    Without any header the columns are x, y, or x1, x2, ..., y. Characters that no identifier has become
    underscores, Python's reserved words get one at the end, repeated names a number.
    """
    if not any(headers):
        predictors = ["x"] if len(headers) == 2 else [f"x{i}" for i in range(1, len(headers))]
        names = (*predictors, "y")
        shown = ", ".join(names if len(names) <= 6 else (*names[:2], "...", *names[-2:]))
        return names, [f"no header: the {'columns are' if len(names) > 1 else 'column is'} called {shown}"]
    taken: dict[str, None] = {}
    notes = []
    for position, header in enumerate(headers, start=1):
        base = _identifier(header) or f"column{position}"
        name, repeat = base, 1
        while name in taken:
            repeat += 1
            name = f"{base}_{repeat}"
        taken[name] = None
        if name != header:
            notes.append(f"column '{header}' is {name} in the model")
    return tuple(taken), notes


def _identifier(header: str) -> str:
    operators = INSTEAD.keys() & set(header)  # models read the middle dot as one, though names may have it
    if header.isidentifier() and unicodedata.is_normalized("NFKC", header) and not operators:
        return header + "_" * keyword.iskeyword(header)
    # First the characters, then NFKC, which Python applies to a model: 'x\u00b2' must not become 'x2'.
    name = "".join(c if ("a" + c).isidentifier() and c not in operators else "_" for c in header)
    name = re.sub(r"_+", "_", unicodedata.normalize("NFKC", name)).strip("_")
    if name and not name.isidentifier():
        name = f"column_{name}"
    return name + "_" if keyword.iskeyword(name) else name


def _why_no_number(cell: str) -> str:
    if not cell:
        return "the cell is empty: fill it in, or remove or comment out (#) the row"
    shown = cell if len(cell) <= 30 else cell[:27] + "..."
    if re.fullmatch(r"[+-]?\d[\d.,' ]*\d", cell):
        return f"'{shown}' is not a number: write it without thousands separators, as in 1234.5"
    return f"'{shown}' is not a number: mend it, or remove or comment out (#) the row"


def _bytes(path: str) -> bytes:
    file = Path(path)
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        siblings = [entry.name for entry in file.parent.iterdir()] if file.parent.is_dir() else []
        close = difflib.get_close_matches(file.name, siblings, n=1)
        hint = f"did you mean '{file.parent / close[0]}'?" if close else "check the path"
        raise InputError(f"there is no file '{path}': {hint}") from None
    except IsADirectoryError:
        raise InputError(f"'{path}' is a directory: name a file in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read '{path}' ({reason}): check the file and its permissions") from None
    if not raw:
        raise InputError(f"'{path}' is empty: give a table with a header line and rows of numbers")
    return raw


def _from_npy(raw: bytes, source: str) -> Table:
    try:
        array = np.load(io.BytesIO(raw), allow_pickle=False)
    except Exception as error:  # whatever NumPy's reader stumbles over, the file is at fault
        raise InputError(f"{source} cannot be read as .npy: {_line(error)}") from None
    return _from_arrays({"": array}, source)


def _from_npz(raw: bytes, source: str) -> Table:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = archive.namelist()
        if not members or not all(member.endswith(".npy") for member in members):
            raise InputError(f"{source} is not an .npz file: save a spreadsheet's table as CSV")
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{source} cannot be read as .npz: {_line(error)}") from None
    return _from_arrays(arrays, source)


def _from_arrays(arrays: dict[str, Array], source: str) -> Table:
    """One structured or 2-D array of rows, or one 1-D array a column."""
    if len(arrays) == 1:
        (key, array), *_ = arrays.items()
        if array.dtype.names:
            arrays = {field: array[field] for field in array.dtype.names}
        elif array.ndim == 2:
            arrays = {str(i): array[:, i] for i in range(array.shape[1])}
            key = ""
        names: Sequence[str] = [""] * len(arrays) if not array.dtype.names and not key else list(arrays)
    else:
        names = list(arrays)
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 1:
        kinds = ", ".join(f"{name or 'array'}: {array.shape}" for name, array in arrays.items())
        raise InputError(
            f"{source} must hold one table (rows, columns) or 1-D columns of one length, got {kinds}"
        )
    if shape == (0,):
        raise InputError(f"{source} has no rows: give a table of numbers")
    columns, notes = identifiers(names)
    return Table(
        source=source,
        names=columns,
        headers=tuple(names),
        cells=tuple(arrays.values()),
        lines=(),
        notes=tuple(notes),
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
