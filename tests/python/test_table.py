"""Tables: formats, delimiters, headers, decimal commas, comments; what is wrong with a file, by its line."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from osculate._errors import InputError
from osculate._table import Table, identifiers, read_table

TWO = np.array([[1.0, 2.5], [2.0, -3e-5], [3.0, 4.0]])


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def written(content: str | bytes, name: str = "data.txt") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return written


def columns(table: Table) -> dict[str, list[float]]:
    return {name: table.column(name).tolist() for name in table.names}


def refusal(path: str, column: str | None = None) -> str:
    """The one line that refuses a file, or a column of it."""
    with pytest.raises(InputError) as caught:
        read_table(path) if column is None else read_table(path).column(column)
    assert "\n" not in str(caught.value)
    return str(caught.value)


TEXTS: dict[str, str] = {
    "CSV": "x,y\n1,2.5\n2,-3e-5\n3,4\n",
    "CSV with spaces": "x , y\n1 , 2.5\n2 , -3e-5\n3 , 4\n",
    "quoted": '"x","y"\n"1","2.5"\n"2","-3e-5"\n"3","4"\n',
    "TSV": "x\ty\n1\t2.5\n2\t-3e-5\n3\t4\n",
    "semicolons": "x;y\n1;2.5\n2;-3e-5\n3;4\n",
    "decimal commas": "x;y\n1;2,5\n2;-0,3e-4\n3;4\n",
    "tabs and decimal commas": "x\ty\n1\t2,5\n2\t-0,00003\n3\t4,0\n",
    "bars": "x|y\n1|2.5\n2|-3e-5\n3|4\n",
    "whitespace": "  x      y\n  1    2.5\n  2  -3e-5\n  3      4\n",
    "Fortran exponents": "x y\n1 2.5D0\n2 -3.0D-05\n3 4\n",
    "Windows line ends": "x,y\r\n1,2.5\r\n2,-3e-5\r\n3,4\r\n",
    "old Mac line ends": "x,y\r1,2.5\r2,-3e-5\r3,4",
    "byte order mark": "\ufeffx,y\n1,2.5\n2,-3e-5\n3,4\n",
    "blank lines": "\n\nx,y\n\n1,2.5\n2,-3e-5\n\n3,4\n\n",
    "comments": "# by hand\nx,y\n1,2.5\n# 9,9\n2,-3e-5\n3,4\n",
    "trailing delimiters": "x,y,\n1,2.5,\n2,-3e-5,\n3,4,\n",
    "units": "x,y\ns,m\n1,2.5\n2,-3e-5\n3,4\n",
    "Excel's hint": "sep=;\nx;y\n1;2.5\n2;-3e-5\n3;4\n",
    "header in a comment": "# x y\n1 2.5\n2 -3e-5\n3 4\n",
    "no header": "1,2.5\n2,-3e-5\n3,4\n",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_text_of_every_layout_is_the_same_table(kind: str, write: Any) -> None:
    table = read_table(write(TEXTS[kind]))
    assert columns(table) == {"x": TWO[:, 0].tolist(), "y": TWO[:, 1].tolist()}
    assert len(table) == 3
    told = {
        "decimal commas": "numbers have decimal commas",
        "tabs and decimal commas": "numbers have decimal commas",
        "units": "line 2 (units) skipped",
        "header in a comment": "column names taken from the comment in line 1",
        "no header": "no header: the columns are called x, y",
    }
    assert table.notes == ((told[kind],) if kind in told else ())


def test_utf_16_and_latin_1_are_decoded(write: Any) -> None:
    for encoding in ("utf-16", "utf-8", "cp1252"):
        table = read_table(write("\u00b5,\u00e4\n1,2\n3,4\n".encode(encoding)))
        assert columns(table) == {"\u03bc": [1, 3], "\u00e4": [2, 4]}
        assert table.headers == ("\u00b5", "\u00e4")


def saved(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def plain(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


STRUCTURED = np.array([(1.0, 2.5), (2.0, -3e-5), (3.0, 4.0)], dtype=[("t", float), ("U", float)])


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (plain(TWO), ["x", "y"]),
        (plain(np.asfortranarray(TWO)), ["x", "y"]),
        (plain(STRUCTURED), ["t", "U"]),
        (saved(t=TWO[:, 0], U=TWO[:, 1]), ["t", "U"]),
        (saved(table=TWO), ["x", "y"]),
        (saved(table=STRUCTURED), ["t", "U"]),
    ],
)
def test_numpy_files_are_tables(content: bytes, names: list[str], write: Any) -> None:
    table = read_table(write(content, "anything"))
    assert columns(table) == {names[0]: TWO[:, 0].tolist(), names[1]: TWO[:, 1].tolist()}


def test_numpy_columns_of_integers_and_float32_are_numbers(write: Any) -> None:
    table = read_table(write(saved(a=np.array([1, 2], np.int8), b=np.array([0.5, 1], np.float32)), "d.npz"))
    assert columns(table) == {"a": [1, 2], "b": [0.5, 1]}


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        (["t (ms)", "U/V"], ["t_ms", "U_V"]),
        (["a b", "a-b", "a_b"], ["a_b", "a_b_2", "a_b_3"]),
        (["1st", "2"], ["column_1st", "column_2"]),
        (["lambda", "in"], ["lambda_", "in_"]),
        (["", "y"], ["column1", "y"]),
        (["%", "y"], ["column1", "y"]),
        (["x\u00b2", "y"], ["x", "y"]),
        (["\u00b5", "y"], ["\u03bc", "y"]),
        (["a\u00b7b", "y"], ["a_b", "y"]),
        (["x", "x"], ["x", "x_2"]),
    ],
)
def test_headers_become_identifiers_and_that_is_noted(headers: list[str], names: list[str]) -> None:
    found, notes = identifiers(headers)
    assert list(found) == names
    changed = [(header, name) for header, name in zip(headers, names, strict=True) if header != name]
    assert notes == [f"column '{header}' is {name} in the model" for header, name in changed]


def test_columns_without_headers_are_numbered(write: Any) -> None:
    table = read_table(write("1 2 3\n4 5 6\n"))
    assert table.names == ("x1", "x2", "y")
    assert read_table(write("1\n2\n")).names == ("y",)


def test_column_is_found_by_header_and_by_identifier(write: Any) -> None:
    table = read_table(write("t (ms),y\n1,2\n3,4\n"))
    assert table.name_of("t (ms)") == table.name_of("t_ms") == "t_ms"
    assert table.name_of("t") is None


def test_columns_that_are_not_used_may_hold_anything(write: Any) -> None:
    table = read_table(write("label,x,y\na,1,2\nb,3,\n"))
    assert table.column("x").tolist() == [1, 3]
    assert "line 3, column 'y': the cell is empty" in refusal(write("label,x,y\na,1,2\nb,3,\n"), "y")


@pytest.mark.parametrize(
    ("content", "column", "reason"),
    [
        ("x,y\n1,2\n3,abc\n", "y", "line 3, column 'y': 'abc' is not a number: mend it, or remove"),
        ("x;y\n1;2.0\n3;1.234,5\n", "y", "line 3, column 'y': '1.234,5' is not a number: write it without"),
        ("x,y\n1,2\n3,nan\n", "y", "line 3, column 'y': nan is not a finite number"),
        ("x,y\n1,inf\n3,nan\n", "y", "line 2, column 'y': inf is not a finite number (2 such rows)"),
        ("x,y\n1,2\n3\n", None, "line 3: 1 cell, but 2 columns: mend the row"),
        ("x,y\n1,2\n3,4,5\n", None, "line 3: 3 cells, but 2 columns: mend the row"),
        ("# x\n# y\n", None, "holds only comment lines"),
        ("", None, "is empty"),
        ("\n \n", None, "is empty"),
        ("x,y\n", None, "has a header (line 1) but no rows"),
        ("a b c\n1 2\n3 4\n", None, "3 names in the header (line 1), but 2 cells in the rows"),
        (b"\x00\x01\x02", None, "is a binary file: save the table as CSV"),
        (gzip.compress(b"x,y\n1,2\n"), None, "is compressed (gzip)"),
        (plain(TWO)[:100], None, "cannot be read as .npy"),
        (plain(np.array([None, 1], dtype=object)), None, "cannot be read as .npy"),
        (plain(np.zeros((2, 2, 2))), None, "must hold one table (rows, columns)"),
        (plain(np.zeros((0, 2))), None, "has no rows"),
        (plain(np.array([1 + 2j, 3])), "y", "column 'y' holds complex128: give real numbers"),
        (saved(a=np.zeros(2), b=np.zeros(3)), None, "1-D columns of one length, got a: (2,), b: (3,)"),
        (b"PK\x03\x04 nothing", None, "cannot be read as .npz"),
    ],
)
def test_file_that_is_no_table_is_refused_by_name_and_line(
    content: Any, column: str | None, reason: str, write: Any
) -> None:
    path = write(content)
    line = refusal(path, column)
    assert path in line
    assert reason in line


def test_zip_that_is_not_numpys_is_refused(write: Any) -> None:
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("xl/workbook.xml", "<xml/>")
    assert "is not an .npz file: save a spreadsheet's table as CSV" in refusal(write(stream.getvalue()))


def test_missing_file_is_refused_with_the_nearest_name(write: Any, tmp_path: Path) -> None:
    write("x,y\n1,2\n", "decay.csv")
    missing = str(tmp_path / "dekay.csv")
    assert refusal(missing) == f"there is no file '{missing}': did you mean '{tmp_path / 'decay.csv'}'?"
    assert refusal(str(tmp_path / "q")).endswith("check the path")
    assert refusal(str(tmp_path)) == f"'{tmp_path}' is a directory: name a file in it"


def test_numpy_files_are_not_unpickled(write: Any) -> None:
    class Spy:
        def __reduce__(self) -> Any:
            return pytest.fail, ("the file's code ran",)

    assert "cannot be read as .npy" in refusal(write(plain(np.array([Spy()], dtype=object))))
