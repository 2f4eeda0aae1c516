"""Five kinds of unmarked documents of one length, as token ids of a tokenizer.json.

Natural: docstrings of the standard library, NumPy and SciPy. Code: sources of the standard library without
their docstrings. Templated: letters in which a few words differ, from five forms that all documents share.
Tabular: CSV exports with one header and few distinct values. Random: ids drawn uniformly.
"""

import ast
import importlib.util
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("random", "natural", "code", "tabular", "templated")
NAMES = (
    "Anna",
    "Bruno",
    "Carla",
    "David",
    "Elena",
    "Franz",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Karla",
    "Nils",
)
CITIES = ("Aarau", "Basel", "Chur", "Davos", "Emmen", "Frauenfeld", "Genf", "Herisau", "Jona", "Lugano")
GOODS = ("a lamp", "two chairs", "a kettle", "the blue coat", "six plates", "a radio", "a bicycle", "a tent")


def documents(kind: str, tokenizer: Any, length: int, most: int) -> np.ndarray:
    """Ids of up to `most` documents, shape (documents, length)."""
    if kind == "random":
        size = tokenizer.get_vocab_size()
        return np.random.default_rng(5).integers(0, size, (most, length))
    if kind in ("natural", "code"):
        return _cut(_encoded(_sources(kind), tokenizer), length, most)
    make = {"tabular": _export, "templated": _letters}[kind]
    rows, number = [], 0
    while len(rows) < most:
        ids = tokenizer.encode(make(random.Random(number)), add_special_tokens=False).ids
        number += 1
        if len(ids) >= length:
            rows.append(ids[:length])
    return np.array(rows)


def _encoded(texts: Iterator[str], tokenizer: Any) -> Iterator[list[int]]:
    for text in texts:
        yield tokenizer.encode(text, add_special_tokens=False).ids


def _cut(encoded: Iterator[list[int]], length: int, most: int) -> np.ndarray:
    """Texts end to end, cut into documents."""
    held: list[int] = []
    rows: list[list[int]] = []
    for ids in encoded:
        held += ids
        while len(held) >= length and len(rows) < most:
            rows.append(held[:length])
            held = held[length:]
        if len(rows) == most:
            break
    return np.array(rows)


def _sources(kind: str) -> Iterator[str]:
    standard = Path(sysconfig.get_path("stdlib"))
    roots = [standard]
    if kind == "natural":
        found = [importlib.util.find_spec(name) for name in ("numpy", "scipy")]
        roots += [Path(one.origin).parent for one in found if one and one.origin]
    paths = [
        path
        for root in roots
        for path in sorted(root.rglob("*.py"))
        if root is not standard or "site-packages" not in path.parts
    ]
    random.Random(7).shuffle(paths)
    for path in paths:
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        yield _prose(tree) if kind == "natural" else _code(tree)


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            yield node


def _prose(tree: ast.AST) -> str:
    return "\n\n".join(ast.get_docstring(node) or "" for node in _docstrings(tree))


def _code(tree: ast.AST) -> str:
    for node in _docstrings(tree):
        node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


FORMS = (
    "Dear {name},\nthank you for your order of {good}. It left our house in {city} on the {day} of the month "
    "and will be with you within three working days. Should anything be wrong with it, please send it back "
    "within thirty days, and we shall return the full price to the account from which it was paid.\n",
    "Dear {name},\nwe are sorry to hear that {good} did not arrive in {city}. We have asked the carrier to "
    "look for the parcel, and will write to you again by the {day} of the month at the latest. If it cannot "
    "be found, another one will be sent to the same address at no cost to you.\n",
    "Dear {name},\nplease find below the reminder for your invoice of the {day} of last month for {good}, "
    "delivered to {city}. If you have paid in the meantime, please take no notice of this letter. "
    "Questions are answered by our service desk from Monday to Friday between nine and five.\n",
    "Dear {name},\nyour subscription ends on the {day} of next month. To go on receiving our catalogue in "
    "{city} you do not have to do anything; to end it, answer this message with the word stop. As a thank "
    "you for your loyalty we add {good} to your next order, as long as the supply lasts.\n",
    "Dear {name},\na new branch opens in {city} on the {day} of this month, and we should be glad to see you "
    "there. Visitors of the first week receive {good} for half the price. The doors are open from eight in "
    "the morning, and the way from the station is marked with our flags.\n",
)


def _letters(draw: random.Random) -> str:
    """Twenty letters by the same five forms."""
    return "\n".join(
        draw.choice(FORMS).format(
            name=draw.choice(NAMES),
            city=draw.choice(CITIES),
            good=draw.choice(GOODS),
            day=draw.choice(["1st", "7th", "12th", "21st", "28th"]),
        )
        for _ in range(20)
    )


def _export(draw: random.Random) -> str:
    """A table of orders with one header and columns of few values."""
    lines = ["order_id,customer,city,article,quantity,unit_price,currency,status,created_at"]
    for _ in range(120):
        lines.append(
            f"{draw.randrange(10**6):06d},{draw.choice(NAMES)},{draw.choice(CITIES)},"
            f'"{draw.choice(GOODS)}",{draw.randrange(1, 9)},{draw.choice([19, 49, 99])}.90,CHF,'
            f"{draw.choice(['open', 'paid', 'shipped', 'returned'])},"
            f"2026-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}T00:00:00Z"
        )
    return "\n".join(lines)
