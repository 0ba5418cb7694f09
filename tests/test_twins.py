"""A test that nothing happens would pass where nothing works: it has a twin in which it does happen."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest

from tests.test_house import Function, functions, modules, short

EMPTY_CALLS: Final = {"set()", "list()", "dict()"}


def claims_nothing(claim: ast.expr) -> bool:
    """Whether a claim holds where nothing happens: it is empty, false, zero or not there."""
    if isinstance(claim, ast.UnaryOp) and isinstance(claim.op, ast.Not):
        return True
    if isinstance(claim, ast.BoolOp):
        return all(map(claims_nothing, claim.values))
    if not isinstance(claim, ast.Compare) or len(claim.ops) > 1:
        return False
    if isinstance(claim.ops[0], ast.NotIn):
        return True
    return isinstance(claim.ops[0], ast.Eq | ast.Is) and (is_nothing(claim.left) or is_nothing(claim.comparators[0]))


def is_nothing(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return not value.value
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        return all(map(is_nothing, value.elts))
    return ast.unparse(value) in EMPTY_CALLS


def would_pass_where_nothing_works(test: Function) -> bool:
    """Whether all that a test claims is that nothing happens."""
    calls = {ast.unparse(node.func) for node in ast.walk(test) if isinstance(node, ast.Call)}
    if any(re.search(r"\b(raises|assert_\w+|wait_until\w*|until)$", call) for call in calls):
        return False
    claims = [node.test for node in ast.walk(test) if isinstance(node, ast.Assert)]
    return bool(claims) and all(map(claims_nothing, claims))


def twins(test: Function) -> list[str]:
    """The tests named by ``@pytest.mark.twin("test_...")``."""
    marks = [
        one for one in test.decorator_list if isinstance(one, ast.Call) and ast.unparse(one.func).endswith(".twin")
    ]
    return [ast.literal_eval(one) for mark in marks for one in mark.args]


@pytest.mark.parametrize("path", modules("tests"), ids=short)
def test_a_test_that_nothing_happens_names_one_that_it_does(path: Path) -> None:
    tests = {one.name: one for one in functions(path) if one.name.startswith("test_")}
    shows_something = {name for name, test in tests.items() if not would_pass_where_nothing_works(test)}
    alone = [name for name, test in tests.items() if name not in shows_something and not twins(test)]
    assert not alone, 'name the test in which it does happen: @pytest.mark.twin("test_...")'
    named = {name for test in tests.values() for name in twins(test)}
    assert named <= shows_something


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        ("assert events == []", True),
        ("assert not events", True),
        ("assert x is None and n == 0", True),
        ("assert 'lost' not in kinds", True),
        ("assert (x, n) == (None, 0)", True),
        ("assert (x, n) == (None, 1)", False),
        ("assert events == [1]\n assert not events[1:]", False),
        ("with pytest.raises(ValueError): pass", False),
    ],
)
def test_a_test_that_would_pass_where_nothing_works_is_seen(body: str, passes: bool) -> None:
    (test,) = ast.parse(f"def test_it():\n {body}").body
    assert isinstance(test, Function)
    assert would_pass_where_nothing_works(test) is passes
