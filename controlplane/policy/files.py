"""Policy files -> a set that can be put in force: the model, the rules, and the tests beside them.

    policies/model.conf  policies/*.csv  policies/tests/*.yaml

A folder is read whole or not at all, and every error is told at once, with file and line: a file that is left out because
nobody knew it, or a rule that is dropped because it is misspelt, could be the one that denies.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controlplane.api.keys import TenantName
from controlplane.api.tree import EntryKind, NotAFile, Tree, join
from controlplane.policy.enforcer import ModelError, TenantEnforcer, check_model
from controlplane.policy.expectation import Expectation, Unmet, read_expectations, unmet
from controlplane.policy.policy import Policy
from controlplane.policy.rules import (
    DELIVERY,
    Grant,
    Place,
    PolicyFileError,
    RuleSet,
    builtin_model,
    builtin_rules,
    read_csv,
)

__all__ = ["PolicyFiles", "PolicyFilesError", "collect", "read_files", "roles_without_rules"]

_MOST_FILES = 200
_MOST_BYTES = 1 << 20  # of one file
_MOST_BYTES_IN_ALL = 8 << 20
_MOST_RULES = 20_000
_MOST_TESTS = 5_000
_MOST_PROBLEMS = 20
_TESTS = "tests"
_SECTION = re.compile(r"policy_effect|policy_definition|role_definition|request_definition|matchers")


class PolicyFilesError(ValueError):
    """A folder of policies that does not load; problems: each with its place, at least one."""

    def __init__(self, problems: Iterable[PolicyFileError]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """What one commit's policies say. rules: those of the files alone."""

    commit: str
    model: str
    rules: RuleSet
    tests: tuple[Expectation, ...]

    def over(self, policy: Policy) -> Policy:
        """A policy of the same Tenants and Clusters by these files. What is built in holds beside them, always."""
        return policy.with_rules(builtin_rules() + self.rules, self.model)

    def failures(self, policy: Policy) -> tuple[Unmet, ...]:
        """The tests that do not pass with the Tenants and Clusters of a policy. May take half a minute: not for a loop."""
        return unmet(self.over(policy), self.tests)


def collect(tree: Tree, path: str) -> dict[str, bytes]:
    """The files of a folder of policies, by their paths from the tree's root.

    Raises PolicyFilesError where there is no such folder, or it holds what no folder of policies holds.
    """
    entry = tree.entry(path)
    if entry is None or entry.kind is not EntryKind.TREE:
        raise PolicyFilesError([PolicyFileError(Place(path or "."), "there is no such folder")])
    files: dict[str, bytes] = {}
    problems: list[PolicyFileError] = []
    folders = [path]
    while folders:
        folder = folders.pop()
        for each in tree.entries(folder):
            at = join(folder, each.name)
            if each.kind is EntryKind.TREE and folder == path and each.name == _TESTS:
                folders.append(at)
            elif each.name.startswith(".") or each.name.endswith(".md"):
                continue
            elif each.kind is not EntryKind.BLOB or not _known(each.name, folder != path):
                what = "only model.conf, *.csv and tests/*.yaml have a meaning here; no links, no other folders"
                problems.append(PolicyFileError(Place(at), what))
            elif len(files) >= _MOST_FILES:
                problems.append(PolicyFileError(Place(at), f"more than {_MOST_FILES} files"))
                return _whole(files, problems)
            else:
                try:
                    files[at] = tree.read(at, _MOST_BYTES)
                except NotAFile as err:
                    problems.append(PolicyFileError(Place(at), err.message))
                if sum(map(len, files.values())) > _MOST_BYTES_IN_ALL:
                    problems.append(PolicyFileError(Place(at), f"more than {_MOST_BYTES_IN_ALL} bytes in all"))
                    return _whole(files, problems)
    return _whole(files, problems)


def read_files(files: Mapping[str, bytes], path: str, commit: str = "") -> PolicyFiles:
    """What the files of a folder say.

    files: as collect() gives them. path: of the folder. commit: its sha, "" where there is none yet.
    Raises PolicyFilesError with every file that does not load.
    """
    rules, model = RuleSet(), builtin_model()
    tests: list[Expectation] = []
    problems: list[PolicyFileError] = []
    for file in sorted(files):
        try:
            text = _text(files[file], file, commit)
            if file.endswith(".csv"):
                rules += read_csv(text, file, commit)
            elif file == join(path, "model.conf"):
                _check_model(text, file, commit)
                model = text
            else:
                tests.extend(read_expectations(text, file, commit))
        except PolicyFileError as err:
            problems.append(err)
        if (count := len(rules.grants) + len(rules.memberships)) > _MOST_RULES:
            problems.append(PolicyFileError(Place(file, 0, commit), f"{count} rules are more than {_MOST_RULES}"))
            break
        if len(tests) > _MOST_TESTS:
            problems.append(PolicyFileError(Place(file, 0, commit), f"{len(tests)} tests are more than {_MOST_TESTS}"))
            break
    _whole(files, problems)
    return PolicyFiles(commit, model, rules, tuple(tests))


def roles_without_rules(rules: RuleSet) -> tuple[str, ...]:
    """Roles that are given to somebody and mean nothing, as a misspelt one does. Each with the place that gives it."""
    whole = rules + builtin_rules()
    meaning = {grant.subject for grant in whole.grants} | {each.member for each in whole.memberships}
    return tuple(f"{each.rule}: no rule is about {each.role}" for each in rules.memberships if each.role not in meaning)


def _known(name: str, is_test: bool) -> bool:
    return name.endswith((".yaml", ".yml")) if is_test else name == "model.conf" or name.endswith(".csv")


def _whole(files: Mapping[str, bytes], problems: list[PolicyFileError]) -> dict[str, bytes]:
    if problems:
        raise PolicyFilesError(problems[:_MOST_PROBLEMS])
    return dict(files)


def _text(data: bytes, file: str, commit: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = data.count(b"\n", 0, err.start) + 1
        raise PolicyFileError(Place(file, line, commit), "the text is not UTF-8") from err


def _check_model(text: str, file: str, commit: str) -> None:
    """That the model loads, and that its matcher can be asked: Casbin reads that only with the first question."""
    try:
        check_model(text)
    except ModelError as err:
        raise PolicyFileError(Place(file, _line_of(text, str(err)), commit), str(err)) from err
    fields = ("probe", "sources", "read", "https://git.example.com/a", "allow")
    probe = RuleSet((Grant.of((DELIVERY, *fields)), Grant.of(("viewer", "probe", "events", "get", "*", "allow"))))
    try:
        enforcer = TenantEnforcer(text, TenantName("probe"), probe)
        enforcer.decide((DELIVERY, "sources", "read", "https://git.example.com/b"))
        enforcer.decide(("user:a", "events", "get", "b"))
    except Exception as err:  # whatever an expression can raise, and Casbin besides
        problem = f"the matcher cannot be asked: {type(err).__name__}: {err}"
        raise PolicyFileError(Place(file, _line_of(text, "matchers"), commit), problem) from err


def _line_of(text: str, problem: str) -> int:
    """The line of the section that an error is about; 1 where it names none."""
    named = _SECTION.search(problem)
    lines = text.splitlines()
    return next((n for n, line in enumerate(lines, 1) if named and line.strip() == f"[{named[0]}]"), 1)
