"""What to write instead of an expression that is not accepted: one line for each mistake a newcomer makes."""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata

INSTEAD = {
    "\u2212": "'-'",
    "\u2013": "'-'",
    "\u2014": "'-'",
    "\u2010": "'-'",
    "\u00d7": "'*'",
    "\u00b7": "'*'",
    "\u22c5": "'*'",
    "\u2217": "'*'",
    "\u00f7": "'/'",
    "\u2215": "'/'",
    "\u2044": "'/'",
    "\u00b2": "'**2'",
    "\u00b3": "'**3'",
    "\u221a": "'sqrt(...)'",
    "\u2018": "no quotes inside the model",
    "\u2019": "no quotes inside the model",
    "\u201c": "no quotes inside the model",
    "\u201d": "no quotes inside the model",
}
_OPERATORS: dict[type[ast.operator], str] = {
    ast.BitXor: "^",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.MatMult: "@",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.LShift: "<<",
    ast.RShift: ">>",
}


def character_hint(text: str) -> str | None:
    """Name the first character that is neither ASCII nor part of a name, and what to write for it."""
    for position, character in enumerate(text):
        if character == "#":
            return f"'#' at position {position + 1}: remove the comment from the expression"
        if not character.isprintable():
            return f"unprintable character U+{ord(character):04X} at position {position + 1}: remove it"
        if ord(character) < 128:
            continue
        # Python's names: NFKC would also turn 'x\u00b2' (x squared) into 'x2', a different name.
        part_of_name = ("a" + character).isidentifier() and unicodedata.normalize(
            "NFKC", character
        ) == character
        # The middle dot, a product to most, may stand in Python's names.
        if character in INSTEAD or not (part_of_name or _is_compatible_letter(character)):
            name = unicodedata.name(character, "unnamed character").lower()
            instead = INSTEAD.get(character, "plain operators and names")
            return f"'{character}' ({name}) at position {position + 1} is not understood: write {instead}"
    return None


def _is_compatible_letter(character: str) -> bool:
    """Whether NFKC maps a letter to a letter, as the micro sign to the Greek mu."""
    return character.isalpha() and unicodedata.normalize("NFKC", character).isidentifier()


def syntax_hint(text: str, error: Exception) -> str:
    """Explain a SyntaxError of Python's parser in the words of a model."""
    shown = f"'{text if len(text) <= 50 else text[:47] + '...'}'"
    for word in re.findall(r"[^\W\d]\w*", text):
        if keyword.iskeyword(word) and word not in {
            "and",
            "or",
            "not",
            "if",
            "else",
            "True",
            "False",
            "None",
        }:
            return f"{shown} uses '{word}', a word reserved by Python: rename it, for example '{word}_'"
    opened, closed = text.count("("), text.count(")")
    if opened != closed:
        which = ("')'", opened - closed) if opened > closed else ("'('", closed - opened)
        return (
            f"{shown} lacks {which[1]} {which[0]}: balance the parentheses, and put the whole model in quotes"
        )
    if "~" in text:
        return f"{shown}: write '=' between data and model, not '~'"
    if match := re.search(r"\.[*/^]", text):
        operator = match[0][1].replace("^", "**")
        return f"{shown}: operators are elementwise already, write '{operator}' for '{match[0]}'"
    if re.search(r"(?<![\w.])\d+\.?\d*(?:[eE][+-]?\d+)?\s*[^\W\d]", text):
        return f"{shown}: write '*' between a number and a name, as in '2*x'"
    if match := re.search(r"(\)\s*[\w(]|\w\s+\w)", text):
        return f"{shown}: write '*' for the product in '{match[0]}', and put the whole model in quotes"
    if text[-1] in "+-*/,<>":
        return f"{shown} ends too early: something is missing after '{text[-1]}'"
    offset = getattr(error, "offset", None) or 0
    near = text[max(offset - 1, 0) :][:15] or text[-15:]
    return f"{shown} is not an expression near '{near}': write one such as 'b1*(1-exp(-b2*x))', in quotes"


def node_hint(text: str, node: ast.expr) -> str:
    """Say why a piece of syntax is not accepted and what to write instead."""
    found = ast.get_source_segment(text, node) or text
    found = f"'{found if len(found) <= 50 else found[:47] + '...'}'"
    match node:
        case ast.BinOp(op=ast.BitXor()):
            return f"{found}: write '**' for a power, not '^'"
        case ast.BinOp(op=operator) if type(operator) in _OPERATORS:
            return f"{found}: the operator '{_OPERATORS[type(operator)]}' is not available; use + - * / **"
        case ast.Attribute(attr=name) | ast.Call(func=ast.Attribute(attr=name)):
            write = f"'{name}(...)' for 'np.{name}(...)', 'a_b' for a column 'a.b'"
            return f"{found}: names have no points; write {write}"
        case ast.Compare():
            return f"{found}: comparisons stand only in where(condition, a, b); the data take a single '='"
        case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return f"{found}: and, or, not are not available; nest where(condition, a, b), or write 1 < x < 2"
        case ast.IfExp():
            return f"{found}: write where(condition, a, b) for a choice"
        case ast.Tuple():
            return f"{found}: a comma stands only between arguments; decimal numbers take a point, as in 0.5"
        case ast.Subscript():
            return f"{found}: indexing is not available; use column names"
        case ast.Call(func=ast.Name(id=name), keywords=[_, *_]):
            return f"{found}: '{name}' takes no keyword arguments"
        case ast.Call():
            return f"{found} is not a call of a function: for a product write '*'"
        case ast.Constant(value=complex()):
            return f"{found}: numbers must be real"
        case ast.Constant():
            return f"{found} is not a number: write names without quotes"
    return f"{found} is not arithmetic: use numbers, names, + - * / ** and functions such as exp(x)"
