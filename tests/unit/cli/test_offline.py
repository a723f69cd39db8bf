"""`cpctl app render` without a cluster: the examples that a platform team copies pass their own gate, and strangers do not."""

from pathlib import Path

import orjson
import pytest

from controlplane.cli.errors import CliError, ExitCode
from controlplane.cli.offline import Rendering, print_rendered
from controlplane.cli.options import Format, Place
from controlplane.render.yaml import load_all
from tests.testdata import ROOT

TEAMS = {"payments": ("web", "ledger/overlays/prod"), "storefront": ("shop", "cart/overlays/prod")}
PAYMENTS = ROOT / "tenants" / "payments" / "tenant.yaml"
WEB = ROOT / "examples" / "teams" / "payments" / "apps" / "web"


async def rendered(rendering: Rendering, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Kind and name of what is printed."""
    assert await print_rendered(Place(), rendering, Format.json) is ExitCode.OK
    items = orjson.loads(capsys.readouterr().out)["items"]
    return sorted(
        f"{item['kind']} {item['metadata'].get('namespace', '-')}/{item['metadata']['name']}" for item in items
    )


@pytest.mark.parametrize("team", TEAMS)
async def test_the_example_teams_deploy_what_their_tenant_allows(team: str, capsys: pytest.CaptureFixture[str]) -> None:
    plain, kustomized = TEAMS[team]
    folder, tenant = ROOT / "examples" / "teams" / team, ROOT / "tenants" / team / "tenant.yaml"
    found = await rendered(
        Rendering(str(folder / "apps" / plain), namespace=team, cluster="east", tenant_file=tenant), capsys
    )
    assert found == [f"{kind} {team}/{plain}" for kind in ("ConfigMap", "Deployment", "Ingress", "Service")]
    children = await rendered(Rendering(str(folder / "applications"), tenant_file=tenant), capsys)
    assert children == sorted(f"Application tenant-{team}/{name.partition('/')[0]}" for name in (plain, kustomized))


async def test_the_platforms_folder_makes_each_team(capsys: pytest.CaptureFixture[str]) -> None:
    found = await rendered(Rendering(str(ROOT / "tenants")), capsys)
    assert found == [
        "Application tenant-payments/payments", "Application tenant-storefront/storefront",
        "Repository tenant-payments/team", "Repository tenant-storefront/team",
        "Tenant -/payments", "Tenant -/storefront",
    ]  # fmt: skip


async def test_a_denial_is_told_with_place_and_rule_and_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    rendering = Rendering(str(WEB), namespace="storefront", cluster="east", tenant_file=PAYMENTS)
    with pytest.raises(CliError, match="4 denied"):
        await print_rendered(Place(), rendering, Format.yaml)
    printed = capsys.readouterr()
    assert printed.out == ""
    first = printed.err.splitlines()[0]
    assert "apps/web/configmap.yaml:1: NamespaceDenied: " in first
    assert "Tenant payments spec.namespaces" in first


async def test_objects_are_judged_without_a_named_cluster_too() -> None:
    with pytest.raises(CliError, match="4 denied"):
        await print_rendered(Place(), Rendering(str(WEB), namespace="storefront", tenant_file=PAYMENTS), Format.yaml)


async def test_a_selector_by_expressions_hinders_no_judgement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = PAYMENTS.read_text()
    tenant = tmp_path / "tenant.yaml"
    tenant.write_text(text.replace("matchLabels: {env: prod}", "matchExpressions: [{key: tier, operator: Exists}]"))
    assert tenant.read_text() != text
    found = await rendered(Rendering(str(WEB), namespace="payments", tenant_file=tenant), capsys)
    assert len(found) == 4


async def test_variables_stand_in_for_an_override(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {replicas: "${replicas}"}\n'
    (tmp_path / "a.yaml").write_text(text)
    await print_rendered(Place(), Rendering(str(tmp_path), variables={"replicas": "5"}), Format.yaml)
    (document,) = load_all(capsys.readouterr().out.encode(), file="out")
    assert document.value["data"] == {"replicas": "5"}


async def test_a_table_says_where_each_object_stands(capsys: pytest.CaptureFixture[str]) -> None:
    await print_rendered(Place(), Rendering(str(WEB)), Format.table)
    heads, *rows = capsys.readouterr().out.splitlines()
    assert heads.split() == ["KIND", "GROUP", "NAMESPACE", "NAME", "WHERE"]
    assert rows[0].split()[-1].endswith("apps/web/configmap.yaml:1")


@pytest.mark.parametrize(
    ("content", "says"),
    [("a: [\n", "InvalidYaml: a.yaml:2"), ("a: 1\n", "InvalidObject: a.yaml:1")],
)
async def test_what_cannot_be_rendered_names_file_and_line(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "a.yaml").write_text(content)
    with pytest.raises(CliError, match=says):
        await print_rendered(Place(), Rendering(str(tmp_path)), Format.yaml)


@pytest.mark.parametrize(
    ("rendering", "says"),
    [
        pytest.param(Rendering("no/such/folder"), "--checkout", id="no folder"),
        pytest.param(Rendering(str(WEB), tenant_file=Path("no/such/file")), "--tenant-file", id="no tenant file"),
        pytest.param(Rendering(str(WEB), tenant_file=WEB / "service.yaml"), "holds a Service", id="another kind"),
        pytest.param(Rendering(str(WEB), tenant_file=ROOT / "pyproject.toml"), "is no Tenant", id="something else"),
    ],
)
async def test_what_it_is_called_with_is_checked(rendering: Rendering, says: str) -> None:
    with pytest.raises(CliError, match=says) as refused:
        await print_rendered(Place(), rendering, Format.yaml)
    assert refused.value.code is ExitCode.USAGE
