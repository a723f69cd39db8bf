"""The shape of the tree, as code: what a reader may rely on without looking, and what no review should have to ask for.

These tests read the source and import none of it, so they judge a module that does not even load.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.testdata import ROOT

PACKAGE: Final = ROOT / "controlplane"
UNIT: Final = ROOT / "tests" / "unit"
GATE: Final = PACKAGE / "policy" / "gate.py"
PYTHON: Final = tuple(
    sorted(path for folder in ("controlplane", "tests", "hack", "bench") for path in (ROOT / folder).rglob("*.py"))
)
MODULES: Final = tuple(path for path in PYTHON if path.is_relative_to(PACKAGE))
UNIT_TESTS: Final = tuple(path for path in PYTHON if path.is_relative_to(UNIT) and path.name.startswith("test_"))

MAX_LINES: Final = 500  # 300 is the aim
NO_NOUNS: Final = {"util", "utils", "helper", "helpers", "common", "misc", "base"}  # a module says what it is about


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=name(path))


def each(paths: tuple[Path, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", [pytest.param(path, id=name(path)) for path in paths])


@each(PYTHON)
def test_a_module_opens_with_what_it_is_for(path: Path) -> None:
    module = tree(path)
    empty = not module.body
    docstring = (ast.get_docstring(module) or "").strip()
    assert empty or docstring


@each(PYTHON)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@each(PYTHON)
def test_a_module_is_named_after_its_subject(path: Path) -> None:
    assert not {path.stem, path.stem.removeprefix("test_"), path.parent.name} & NO_NOUNS


def defined(module: ast.Module) -> Iterator[str]:
    """The names that a module's top level gives a meaning to, imports apart; also those inside its if and try blocks."""
    blocks: list[ast.stmt] = list(module.body)
    while blocks:
        node = blocks.pop()
        match node:
            case ast.FunctionDef(name=found) | ast.AsyncFunctionDef(name=found) | ast.ClassDef(name=found):
                yield found
            case ast.Assign(value=ast.Call(func=ast.Name(id="TypeVar"))):
                pass  # a name for type checkers; by custom one capital letter
            case ast.Assign(targets=targets):
                yield from (n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=found)):
                yield found
            case ast.If() | ast.Try() | ast.With():
                blocks.extend(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt))
            case _:
                pass


def imported(module: ast.Module) -> set[str]:
    """The names that a module's top level imports."""
    froms = (node for node in module.body if isinstance(node, ast.Import | ast.ImportFrom))
    return {(alias.asname or alias.name).partition(".")[0] for node in froms for alias in node.names}


def exported(module: ast.Module) -> list[str]:
    """What __all__ lists; nothing where there is none. ValueError where it is not written out."""
    for node in module.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return list(ast.literal_eval(node.value))
    return []


@each(MODULES)
def test_all_lists_the_public_names_and_nothing_else(path: Path) -> None:
    module = tree(path)
    public = {found for found in defined(module) if not found.startswith("_")}
    listed = exported(module)
    assert len(listed) == len(set(listed))
    unlisted = public - set(listed)
    assert unlisted == set(), "list them in __all__, or begin them with an underscore"
    unknown = set(listed) - public - imported(module)  # handing on what another module defines is allowed
    assert unknown == set(), "__all__ lists what is not there"


def subjects(test: Path) -> list[Path]:
    """The modules that a unit test may be about: tests/unit/a/test_b.py is about controlplane/a/b.py, test_b_more.py too."""
    folder = test.parent.relative_to(UNIT)
    base = ROOT / folder if folder.parts[0] in ("hack", "bench") else PACKAGE / folder
    words = test.stem.removeprefix("test_").split("_")
    stems = ["_".join(words[:n]) for n in range(1, len(words) + 1)]
    return [path for stem in stems for path in (base / f"{stem}.py", base / stem / "__init__.py")]


@each(tuple(path for path in UNIT_TESTS if path.parent != UNIT))
def test_unit_tests_mirror_the_tree(path: Path) -> None:
    assert any(subject.exists() for subject in subjects(path)), "there is no module of that name"


@each((ROOT / "requirements.lock", *sorted((ROOT / "hack").rglob("go.sum"))))
def test_a_lock_names_no_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.strip()
    assert "://" not in text  # a mirror's name in a lock binds everybody to one machine's network


# --- The one gate: nobody else may say that something is permitted.


def permit_classes() -> set[str]:
    """The kinds of Permit that the gate defines."""
    return {n.name for n in tree(GATE).body if isinstance(n, ast.ClassDef) and n.name.endswith("Permit")}


def forgeries(module: ast.Module, permits: set[str]) -> list[int]:
    """The lines on which a module makes a permit, or could.

    That is: a call of the class by any name it was imported under; handing the class to a function that could make one of
    it (`cast`, `object.__new__`, `partial`, `map`, ...), `isinstance` and `issubclass` apart; a subclass; another name for
    it; and `replace` or `__setattr__` on something that is called a permit.
    """
    aliases = {
        alias.asname
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname and alias.name in permits
    }

    def is_class(node: ast.AST) -> bool:
        match node:
            case ast.Name(id=found):
                return found in permits | aliases
            case ast.Attribute(attr=found):
                return found in permits
            case ast.Constant(value=str(found)):  # cast("Permit", x), getattr(gate, "Permit")
                return found in permits
            case _:
                return False

    def is_permit(node: ast.AST) -> bool:
        match node:
            case ast.Name(id=found) | ast.Attribute(attr=found):
                return re.search(r"permit$", found, re.IGNORECASE) is not None and not is_class(node)
            case _:
                return False

    def called(node: ast.Call) -> str:
        return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")

    found = []
    for node in ast.walk(module):
        match node:
            case ast.Call(func=func, args=arguments, keywords=keywords) if is_class(func) or (
                called(node) not in ("isinstance", "issubclass")
                and any(is_class(argument) for argument in (*arguments, *(k.value for k in keywords)))
            ):
                found.append(node.lineno)
            case ast.Call(args=[first, *_]) if called(node) in (
                "replace",
                "__setattr__",
                "copy",
                "deepcopy",
            ) and is_permit(first):
                found.append(node.lineno)
            case ast.Attribute(value=value, attr="__new__" | "__class__") if is_class(value) or is_permit(value):
                found.append(node.lineno)
            case ast.ClassDef(bases=bases) if any(is_class(base) for base in bases):
                found.append(node.lineno)
            case ast.Assign(value=value) if isinstance(value, ast.Name | ast.Attribute) and is_class(value):
                found.append(node.lineno)
            case _:
                pass
    return found


@pytest.mark.skipif(not GATE.exists(), reason="the gate is not written yet")
def test_only_the_gate_makes_a_permit() -> None:
    permits = permit_classes()
    assert permits, "policy/gate.py defines no Permit"
    assert forgeries(tree(GATE), permits), "the gate makes no Permit, so this test looks for the wrong thing"
    makers = {name(path): forgeries(tree(path), permits) for path in MODULES if path != GATE}
    assert {path: lines for path, lines in makers.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "Permit(tenant, keys)",
        "gate.Permit(tenant, keys)",
        "from controlplane.policy.gate import Permit as P\nP(tenant, keys)",
        "make = Permit",
        "make = gate.Permit",
        "object.__new__(Permit)",
        "Permit.__new__(Permit)",
        "permit.__class__(tenant, keys)",
        "cast(Permit, stranger)",
        "cast('Permit', stranger)",
        "getattr(gate, 'Permit')(tenant)",
        "partial(Permit, tenant)",
        "field(default_factory=Permit)",
        "replace(permit, keys=more)",
        "dataclasses.replace(self.permit, keys=more)",
        "object.__setattr__(permit, 'keys', more)",
        "class Mine(Permit): pass",
    ],
)
def test_a_forged_permit_is_found(source: str) -> None:
    assert forgeries(ast.parse(source), {"Permit"})


@pytest.mark.parametrize(
    "source",
    [
        "from controlplane.policy.gate import Permit",
        "def write(step: Permit) -> None: ...",
        "def write(step: 'Permit | GroundPermit') -> list[Permit]: ...",
        "isinstance(step, Permit)",
        "__all__ = ['Permit']",
        "step: Permit = authorise(tenant, objects)",
        "write(permit)",
        "replace(settings, permit=permit)",
        "match step:\n    case Permit(): pass",
    ],
)
def test_whoever_only_demands_one_is_left_alone(source: str) -> None:
    assert not forgeries(ast.parse(source), {"Permit"})


# --- The walls: hub and agent can be built with other gates, and no shipped module builds them so.

GATES: Final = (GATE, PACKAGE / "agent" / "gate.py")


def openings(module: ast.Module) -> list[int]:
    """The lines on which a module makes a gate of its own, or hands one on that it was not given.

    That is: a subclass of Gate or Case; a call of Gate; `asks=` in any call; and `gate=` with anything but a name or
    attribute that is called a gate itself.
    """

    def is_gate(node: ast.expr) -> bool:
        match node:
            case ast.Name(id=found) | ast.Attribute(attr=found):
                return found in ("gate", "_gate", "GATE")
            case _:
                return False

    def named(node: ast.expr) -> str:
        return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")

    found = []
    for node in ast.walk(module):
        match node:
            case ast.ClassDef(bases=bases) if any(named(base) in ("Gate", "Case") for base in bases):
                found.append(node.lineno)
            case ast.Call(func=func) if named(func) == "Gate":
                found.append(node.lineno)
            case ast.keyword(arg="asks"):
                found.append(node.value.lineno)
            case ast.keyword(arg="gate", value=value) if not is_gate(value):
                found.append(value.lineno)
            case _:
                pass
    return found


def test_no_shipped_module_opens_a_gate() -> None:
    made = {name(path): openings(tree(path)) for path in MODULES if path not in GATES}
    assert {path: lines for path, lines in made.items() if lines} == {}


@each(GATES)
def test_a_gate_is_made_once_and_with_nothing_replaced(path: Path) -> None:
    made = [
        n
        for n in ast.walk(tree(path))
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "Gate"
    ]
    assert len(made) == 1
    assert made[0].args == [] and made[0].keywords == []


@pytest.mark.parametrize(
    "source",
    ["class Open(Gate): pass", "class Open(case.Case): pass", "main(gate=Gate(asks=Open))", "Gate()", "f(gate=None)"],
)
def test_an_opened_gate_is_found(source: str) -> None:
    assert openings(ast.parse(source))
