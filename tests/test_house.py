"""The rules of the house, executed: what README draws, how long things are, who may write to what, what is said."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parents[1]
PACKAGE: Final = HERE / "kws_live"
MOST_LINES: Final = 300
MOST_FUNCTION_LINES: Final = 60
"""Without the docstring."""

WRITERS: Final = {
    "kws_live/cli/__init__.py": "a closed standard stream is replaced, as Python itself would open it",
    "kws_live/system/outside_log.py": "logging's filters change the record they are given",
    "scripts/peer_local_wake.py": "another project's module, which would load its model for each file",
}
"""Where an attribute of a parameter or of another module is set."""

PROBERS: Final = {
    "kws_live/live/receiver.py": "a callback is anything that can be called",
    "kws_live/cli/reference.py": "a field's type is a class or a string",
    "kws_live/sources/portaudio.py": "sounddevice has no public way to know an open stream",
}
"""Where an attribute is asked for by a name in quotes."""

PUBLIC: Final = (
    *(f"{name}.py" for name in ("audio", "detection", "errors", "events", "listening", "spotter", "testing")),
    "live/live_settings.py",
    "model/__init__.py",
    "pytest_plugin.py",
    "spotting/decision_settings.py",
    "sinks/*.py",
    "sources/*.py",
)
"""The modules behind `kws_live.__all__`, and those that users' own programs import."""

PROTOCOL_METHODS: Final = {"read", "close", "send", "name", "rate_hz", "live", "n_overflows"}
"""What a source's or a sink's method is for, its protocol says."""

UNITS: Final = re.compile(r"(^|_)(n|seconds|hz|db|samples|frames|hops|ms|bytes|share|percent|position)(_|$)")
Function = ast.FunctionDef | ast.AsyncFunctionDef
HOLDERS: Final = (ast.stmt, ast.excepthandler, ast.match_case)
"""The nodes that may hold statements."""


def modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((HERE / folder).rglob("*.py"))]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def functions(path: Path) -> tuple[Function, ...]:
    """Every function of a module, however deep; what is no statement holds none and is not looked into."""
    found: list[Function] = []
    below: list[ast.AST] = [tree(path)]
    while below:
        node = below.pop()
        if isinstance(node, Function):
            found.append(node)
        below += (one for one in ast.iter_child_nodes(node) if isinstance(one, HOLDERS))
    return tuple(found)


def short(path: Path) -> str:
    return path.relative_to(HERE).as_posix()


def assert_only(found: dict[str, list[str]], exceptions: dict[str, str], rule: str) -> None:
    """What breaks a rule is an exception, and every exception is still one."""
    broken = {path: what for path, what in found.items() if path not in exceptions}
    assert not broken, f"{rule}: {broken}"
    assert not set(exceptions) - set(found), f"no exceptions any more, take them off the list: {rule}"


# README's map.


def test_readme_names_every_folder_and_flat_module_of_the_package_once() -> None:
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    drawn = readme.partition("## Source tree")[2].split("```")[1]
    named = re.findall(r"\b([a-z_]+(?:/|\.py))", drawn)
    there = {f"{path.name}/" for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").is_file()}
    there |= {path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("__")}
    assert sorted(named) == sorted(there)


# How long things are; ruff measures how branched they are.


def test_no_module_is_over_300_lines() -> None:
    lines = {
        short(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules("kws_live", "scripts", "tests")
    }
    long = {path: [f"{n} lines"] for path, n in lines.items() if n > MOST_LINES}
    assert_only(long, {}, f"a module over {MOST_LINES} lines")


def length(function: Function) -> int:
    first = function.body[0]
    begin = first.end_lineno if ast.get_docstring(function) is not None else function.lineno
    assert begin is not None
    assert function.end_lineno is not None
    return function.end_lineno - begin


@pytest.mark.slow
def test_no_function_is_over_60_lines() -> None:
    long: dict[str, list[str]] = {}
    for path in modules("kws_live", "scripts", "tests"):
        for function in functions(path):
            if length(function) > MOST_FUNCTION_LINES:
                long.setdefault(short(path), []).append(f"{function.name}: {length(function)}")
    assert_only(long, {}, f"a function over {MOST_FUNCTION_LINES} lines")


def test_ruff_has_no_exception_that_nothing_needs() -> None:
    lint = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    exceptions: dict[str, list[str]] = lint["per-file-ignores"]
    codes = ",".join({code for listed in exceptions.values() for code in listed})
    limits = [
        f"lint.mccabe.max-complexity={lint['mccabe']['max-complexity']}",
        *(f"lint.pylint.{name}={value}" for name, value in lint["pylint"].items()),
    ]
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--output-format",
        "json",
        f"--select={codes}",
    ]
    options = [word for limit in limits for word in ("--config", limit)]
    done = subprocess.run([*command, *options, HERE], capture_output=True, text=True, check=False)
    found = {(short(Path(one["filename"])), one["code"]) for one in json.loads(done.stdout)}
    needless = [
        (pattern, code)
        for pattern, listed in exceptions.items()
        for code in listed
        if not any(
            Path(path).match(pattern.replace("**", "*"))
            or (path.startswith(pattern.rstrip("*")) and one.startswith(code))
            for path, one in found
        )
    ]
    assert needless == []
    assert found


# Who may write to what.


def imported(path: Path) -> set[str]:
    nodes = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {(alias.asname or alias.name).partition(".")[0] for node in nodes for alias in node.names}


def root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def foreign_writes(node: ast.AST, foreign: set[str]) -> Iterator[str]:
    """Attributes set on what a function was given, or on what was imported."""
    if isinstance(node, Function | ast.Lambda):
        given = node.args
        names = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
        foreign = foreign | {one.arg for one in names if one is not None} - {"self", "cls"}
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del) and root(node) in foreign:
        yield ast.unparse(node)
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "delattr"):
        yield ast.unparse(node)
    for child in ast.iter_child_nodes(node):
        yield from foreign_writes(child, foreign)


@pytest.mark.slow
def test_no_attribute_of_a_parameter_or_of_another_module_is_set() -> None:
    found = {short(path): list(foreign_writes(tree(path), imported(path))) for path in modules("kws_live", "scripts")}
    assert_only({path: what for path, what in found.items() if what}, WRITERS, "set from outside")


def probes(path: Path) -> Iterator[str]:
    """Attributes asked for by a name in quotes, but those that systems and exceptions may lack."""
    errors = {node.name for node in ast.walk(tree(path)) if isinstance(node, ast.ExceptHandler)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
            of, name = node.args[:2]
            if isinstance(name, ast.Constant) and root(of) not in errors | imported(path):
                yield ast.unparse(node)


@pytest.mark.slow
def test_no_attribute_is_asked_for_by_a_name_in_quotes() -> None:
    found = {short(path): list(probes(path)) for path in modules("kws_live", "scripts")}
    assert_only({path: what for path, what in found.items() if what}, PROBERS, "probed")


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def f(a): a.b = 1", ["a.b"]),
        ("def f(a): a.b.c += 1", ["a.b.c"]),
        ("def f(a):\n def g(): a[0].b = 1", ["a[0].b"]),
        ("import sys\nsys.stdout = None", ["sys.stdout"]),
        ("def f(a): setattr(a, 'b', 1)", ["setattr(a, 'b', 1)"]),
        ("def f(self, a): self.b = a.b", []),
    ],
)
def test_what_is_set_from_outside_is_seen(code: str, found: list[str]) -> None:
    assert list(foreign_writes(ast.parse(code), {"sys"})) == found


# What is said.


def public_modules() -> list[Path]:
    return sorted({path for pattern in PUBLIC for path in PACKAGE.glob(pattern)})


def public(path: Path) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """The public functions and classes of a module, and the public methods of its public classes."""
    for node in tree(path).body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            for member in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(member, Function) and not member.name.startswith("_"):
                    yield f"{node.name}.{member.name}", member


def is_stub(node: Function | ast.ClassDef) -> bool:
    """Whether it is one of a protocol's, or an overload, whose meaning stands in the class or in the next one."""
    return isinstance(node, Function) and [ast.unparse(one) for one in node.body] == ["..."]


def test_what_is_public_has_a_docstring() -> None:
    silent = [
        f"{short(path)}: {name}"
        for path in public_modules()
        for name, node in public(path)
        if ast.get_docstring(node) is None and node.name not in PROTOCOL_METHODS and not is_stub(node)
    ]
    assert silent == []
    assert len(public_modules()) > 10


def numbers(function: Function) -> list[str]:
    """Parameters that are numbers."""
    given = function.args
    return [
        one.arg
        for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)
        if one.annotation is not None and re.search(r"\b(int|float)\b", ast.unparse(one.annotation))
    ]


def described(path: Path) -> Iterator[tuple[str, Function, str]]:
    """Public functions and constructors, with what is said of their parameters."""
    for name, node in public(path):
        said = ast.get_docstring(node) or ""
        if isinstance(node, Function):
            yield name, node, said
        else:
            made = [one for one in node.body if isinstance(one, Function) and one.name == "__init__"]
            yield from ((name, one, said) for one in made)


def test_a_number_that_is_asked_for_says_its_unit_in_its_name_or_in_the_docstring() -> None:
    asked = {
        f"{short(path)}: {name}({parameter})": UNITS.search(parameter) or re.search(rf"\b{parameter}\b", said)
        for path in public_modules()
        for name, function, said in described(path)
        for parameter in numbers(function)
    }
    assert len(asked) > 10
    assert [parameter for parameter, unit in asked.items() if not unit] == []
