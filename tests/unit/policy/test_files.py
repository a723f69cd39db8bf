"""A folder of policies is read whole, or refused with file and line of everything that is wrong with it."""

import pytest

from controlplane.api.keys import TenantName
from controlplane.policy.files import PolicyFiles, PolicyFilesError, collect, read_files, roles_without_rules
from controlplane.policy.policy import Policy
from controlplane.policy.rules import Action, Resource, builtin_model
from controlplane.source.tree import MemoryTree
from tests.objects import a_tenant

DENY = "p, delivery, *, kinds, deploy, apps/DaemonSet, deny\n"
TEST = "- {who: delivery, tenant: payments, resource: kinds, action: deploy, object: apps/DaemonSet, expected: deny}\n"
COMMIT = "4f1c" * 10
PAYMENTS = TenantName("payments")


def load(files: dict[str, bytes | str], path: str = "policies", links: dict[str, str] | None = None) -> PolicyFiles:
    return read_files(collect(MemoryTree(files, links=links), path), path, COMMIT)


def problems(files: dict[str, bytes | str], links: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(PolicyFilesError) as caught:
        load(files, links=links)
    return [str(problem) for problem in caught.value.problems]


def test_a_folder_is_model_rules_and_tests() -> None:
    files = load({
        "policies/model.conf": builtin_model() + "# ours\n", "policies/a.csv": DENY, "policies/tests/a.yaml": TEST,
        "policies/README.md": "words", "policies/.gitignore": "x", "elsewhere/b.csv": "nonsense",
    })  # fmt: skip
    assert files.model.endswith("# ours\n")
    assert [str(grant.rule) for grant in files.rules.grants] == [f"{DENY.strip()} (policies/a.csv:1@4f1c4f1c4f1c)"]
    assert [str(test.place) for test in files.tests] == ["policies/tests/a.yaml:1@4f1c4f1c4f1c"]


def test_the_folder_may_be_the_whole_repository() -> None:
    files = load({"a.csv": DENY, "model.conf": builtin_model()}, path="")
    assert [grant.rule.file for grant in files.rules.grants] == ["a.csv"]


def test_files_hold_beside_what_is_built_in() -> None:
    files = load(
        {"policies/a.csv": DENY + "p, delivery, *, namespaces, deploy, **, allow\n", "policies/tests/a.yaml": TEST}
    )
    policy = files.over(Policy.of([a_tenant()]))
    assert policy.allows(PAYMENTS, Resource.NAMESPACES, Action.DEPLOY, "storefront")
    assert not policy.allows(PAYMENTS, Resource.NAMESPACES, Action.DEPLOY, "kube-system")
    denied = policy.decide(PAYMENTS, Resource.KINDS, Action.DEPLOY, "apps/DaemonSet")
    assert denied.rule and str(denied.rule).endswith("(policies/a.csv:1@4f1c4f1c4f1c)")
    assert files.failures(Policy.of([a_tenant()])) == ()
    (failed,) = files.failures(Policy.of())
    assert str(failed) == "policies/tests/a.yaml:1@4f1c4f1c4f1c: there is no Tenant payments"


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"other/a.csv": DENY}, "policies: there is no such folder"),
        ({"policies": DENY}, "policies: there is no such folder"),
        ({"policies/a.csv.bak": DENY}, "policies/a.csv.bak: only model.conf"),
        ({"policies/sub/a.csv": DENY}, "policies/sub: only model.conf"),
        ({"policies/tests/a.csv": DENY}, "policies/tests/a.csv: only model.conf"),
        ({"policies/tests/more/a.yaml": TEST}, "policies/tests/more: only model.conf"),
        ({"policies/a.csv": "#\n" + DENY.replace("deny", "denied")}, "policies/a.csv:2@4f1c4f1c4f1c: the effect is"),
        ({"policies/a.csv": b"#\n\xff"}, "policies/a.csv:2@4f1c4f1c4f1c: the text is not UTF-8"),
        ({"policies/a.csv": b"#" * (1 << 20) + b"#"}, "policies/a.csv: has "),
        ({"policies/tests/a.yaml": TEST + "- {}\n"}, "policies/tests/a.yaml:2@4f1c4f1c4f1c: a test is"),
        ({"policies/model.conf": "nonsense"}, "policies/model.conf:1@4f1c4f1c4f1c: the Casbin model"),
        (
            {"policies/model.conf": builtin_model().replace("&& !some(where (p.eft == deny))", "")},
            "policies/model.conf:18@4f1c4f1c4f1c: policy_effect must let a deny win",
        ),
        (
            {"policies/model.conf": builtin_model().replace("matches(", "maches(")},
            "policies/model.conf:21@4f1c4f1c4f1c: the matcher cannot be asked",
        ),
        ({"policies/a.csv": DENY * 20_001}, "policies/a.csv@4f1c4f1c4f1c: 20001 rules are more than 20000"),
        ({"policies/tests/a.yaml": TEST * 5_001}, "policies/tests/a.yaml@4f1c4f1c4f1c: 5001 tests are more than 5000"),
        ({f"policies/{n:03}.csv": "" for n in range(201)}, "policies/200.csv: more than 200 files"),
    ],
)  # fmt: skip
def test_what_does_not_load_is_refused_with_its_place(files: dict[str, bytes | str], problem: str) -> None:
    (told,) = problems(files)
    assert told.startswith(problem)


def test_a_link_is_refused_wherever_it_leads() -> None:
    (told,) = problems({"policies/a.csv": DENY, "team/b.csv": DENY}, links={"policies/b.csv": "../team/b.csv"})
    assert told.startswith("policies/b.csv: only model.conf")


def test_all_that_is_wrong_is_told_at_once() -> None:
    bad: dict[str, bytes | str] = {f"policies/{n}.csv": "x\n" for n in range(30)}
    assert len(problems(bad)) == 20


def test_roles_that_mean_nothing_are_named() -> None:
    text = "g, user:ann, admin, payments\ng, user:bob, devloper, payments\ng, devs, viewer, *\ng, user:cid, devs, *\n"
    (told,) = roles_without_rules(load({"policies/a.csv": text}).rules)
    assert told == "g, user:bob, devloper, payments (policies/a.csv:2@4f1c4f1c4f1c): no rule is about devloper"
