"""`cpctl policy` on a checkout: the example passes its own tests, and every no comes with a rule and a change."""

import shutil
from pathlib import Path

import orjson
import pytest

from controlplane.cli.errors import CliError, ExitCode
from controlplane.cli.options import Format
from controlplane.cli.policies import Asked, check, tenant_report, test, who_can, why
from tests.testdata import ROOT

HERE = Asked(ROOT)
EAST = Asked(ROOT, clusters=("east,env=prod", "west,env=test"))
test.__test__ = False  # type: ignore[attr-defined]  # a command, not a test


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the example, to be spoilt."""
    for folder in ("policies", "tenants"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


async def test_the_example_loads_and_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(HERE, Format.table) is ExitCode.OK
    assert await test(HERE, Format.table) is ExitCode.OK
    said = capsys.readouterr().out
    assert "the model is the built-in one" in said
    assert "26 of 26 tests passed" in said


async def test_what_does_not_load_is_told_with_file_and_line(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = checkout / "policies" / "people.csv"
    lines = people.read_text("utf-8").count("\n")
    people.write_text(people.read_text("utf-8") + "p, viewer, *, aplications, get, *, deny\n", "utf-8")
    (checkout / "policies" / "tests" / "more.yaml").write_text("- {}\n", "utf-8")
    with pytest.raises(CliError, match="2 error"):
        check(Asked(checkout), Format.table)
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith(f"policies/people.csv:{lines + 1}: people ask for one of")
    assert told[1].startswith("policies/tests/more.yaml:1: a test is")
    for question in (test(Asked(checkout), Format.table), tenant_report(Asked(checkout), "payments", Format.table)):
        with pytest.raises(CliError, match="do not load"):
            await question


async def test_a_test_that_fails_ends_with_code_1(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = "- {who: delivery, tenant: payments, resource: kinds, action: deploy, object: apps/DaemonSet, expected: allow}\n"
    (checkout / "policies" / "tests" / "more.yaml").write_text(f"\n{entry}", "utf-8")
    assert await test(Asked(checkout), Format.json) is ExitCode.FAILED
    (failed,) = orjson.loads(capsys.readouterr().out)["failed"]
    assert (failed["file"], failed["line"]) == ("policies/tests/more.yaml", 2)
    assert "policies/delivery.csv:13 denies it" in failed["problem"]


def test_roles_that_mean_nothing_are_named(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = checkout / "policies" / "people.csv"
    people.write_text(people.read_text("utf-8") + "g, user:ann, amdin, payments\n", "utf-8")
    assert check(Asked(checkout), Format.table) is ExitCode.OK
    assert "warning: g, user:ann, amdin, payments" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("question", "code", "says"),
    [
        (("delivery", "payments", "deploy", "kinds", "apps/Deployment"), ExitCode.OK, "yes: a delivery of payments may"),
        (("delivery", "payments", "deploy", "kinds", "apps/DaemonSet"), ExitCode.FAILED, "policies/delivery.csv:13 denies it"),
        (
            ("delivery", "payments", "deploy", "namespaces", "storefront"), ExitCode.FAILED,
            "[Tenant payments spec.namespaces (tenants/payments/tenant.yaml:2)]",
        ),
        (("delivery", "payments", "deploy", "clusters", "east"), ExitCode.OK, "yes"),
        (("delivery", "payments", "deploy", "clusters", "west"), ExitCode.FAILED, "let spec.clusters of Tenant payments select"),
        (("delivery", "payments", "read", "sources", "https://git.example.com:443/payments/a.git/"), ExitCode.OK, "yes"),
        (("user:ann", "payments", "get", "applications", "web"), ExitCode.FAILED, "add {user: ann, role: viewer}"),
        (("user:ann,group:payments-leads", "payments", "delete", "applications", "web"), ExitCode.OK, "yes: user:ann, group:"),
        (
            ("group:on-call,group:payments-leads", "payments", "sync", "applications", "web"), ExitCode.FAILED,
            "as group:on-call: p, on-call, *, applications, sync, *, deny (policies/people.csv:15)",
        ),
        (("group:platform-admins", "platform", "delete", "clusters", "east"), ExitCode.OK, "yes"),
    ],
)  # fmt: skip
async def test_why(
    question: tuple[str, str, str, str, str], code: ExitCode, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await why(EAST, *question, Format.table) is code
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        (
            ("delivery", "nobody", "deploy", "kinds", "apps/Deployment"),
            "there is no Tenant nobody; there are: payments",
        ),
        (("delivery", "payments", "deploy", "kind", "x"), "a delivery asks for one of"),
        (("delivery", "payments", "read", "sources", "https://u:p@x.example/a"), "names a user"),
        (("ann", "payments", "get", "applications", "web"), "write user:NAME or group:NAME, not ann"),
    ],
)
async def test_a_question_that_makes_no_sense(question: tuple[str, str, str, str, str], problem: str) -> None:
    with pytest.raises(CliError, match=problem):
        await why(HERE, *question, Format.table)


async def test_who_can(capsys: pytest.CaptureFixture[str]) -> None:
    assert await who_can(HERE, "payments", "sync", "applications", "*", Format.json) is ExitCode.OK
    found = {each["who"]: each["allowed"] for each in orjson.loads(capsys.readouterr().out)}
    assert found == {
        "group:on-call": False, "group:payments-developers": True, "group:payments-leads": True, "group:platform-admins": True,
    }  # fmt: skip


async def test_what_a_tenant_can_do_on_each_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    assert await tenant_report(EAST, "payments", Format.json) is ExitCode.OK
    east, west = orjson.loads(capsys.readouterr().out)["clusters"]
    assert (east["object"], east["allowed"], west["object"], west["allowed"]) == ("east", True, "west", False)
    assert "let spec.clusters" in west["message"]
    assert west["abilities"] == []
    answers = {(each["what"], each["object"]): each for each in east["abilities"]}
    assert {what for what, _ in answers} == {"sources", "namespaces", "kinds", "cluster-kinds", "hosts", "limits"}
    assert answers["namespaces", "payments"]["allowed"]
    assert "policies/delivery.csv:13" in answers["kinds", "apps/DaemonSet"]["rule"]
    assert not answers["cluster-kinds", "core/Namespace"]["allowed"]
    assert not answers["hosts", "*.internal.example.com"]["allowed"]
    assert "tenants/payments/tenant.yaml:2" in answers["limits", "depth 2"]["rule"]
    assert await tenant_report(EAST, "payments", Format.table) is ExitCode.OK
    assert "On each cluster that it may use" in capsys.readouterr().out


async def test_without_policies_what_is_built_in_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(ROOT / "tenants", tmp_path / "tenants")
    assert (
        await why(Asked(tmp_path), "delivery", "payments", "deploy", "kinds", "apps/DaemonSet", Format.table)
        is ExitCode.OK
    )
    assert "only what is built in is asked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: Tenant\nmetadata: {name: a}\nspec: {sources: 3}\n", "tenants/a.yaml is no Tenant: spec.sources"),
        ("a: b: c\n", "tenants/a.yaml:1"),
    ],
)
async def test_a_tenant_that_does_not_load_is_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "tenants").mkdir()
    (tmp_path / "tenants" / "a.yaml").write_text(text, "utf-8")
    with pytest.raises(CliError, match=problem):
        await tenant_report(Asked(tmp_path), "a", Format.table)


@pytest.mark.parametrize("text", ["", ",env=prod", "east,env"])
async def test_a_cluster_that_is_not_said_rightly(text: str) -> None:
    with pytest.raises(CliError, match="NAME,key=value"):
        await tenant_report(Asked(ROOT, clusters=(text,)), "payments", Format.table)


async def test_the_folder_itself_may_be_named(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "policies").rename(checkout / "rules")
    for given, folder in ((checkout / "rules", "policies"), (checkout, "rules")):
        asked = Asked.at(given, folder)
        assert (asked.checkout, asked.folder) == (checkout, "rules")
        assert await test(asked, Format.table) is ExitCode.OK
    assert "26 of 26 tests passed" in capsys.readouterr().out
    with pytest.raises(CliError, match="do not load"):
        await test(Asked.at(checkout, "policies"), Format.table)
