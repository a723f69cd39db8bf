"""What the rules say no to is told before it is asked for; where they cannot be read, the API server answers alone."""

from typing import Any

import pytest

from controlplane.api.keys import TenantName
from controlplane.cli.errors import CliError, ExitCode
from controlplane.cli.rights import Asker, check
from controlplane.policy.charter import charter
from controlplane.policy.policy import Policy
from controlplane.policy.rules import builtin_rules, read_csv
from tests.objects import a_tenant
from tests.unit.kube.fake_api import Step, api_and_client, reply

ANN = Asker("ann", ("system:authenticated",))
STATUS = {"kind": "Status", "reason": "Forbidden"}


def table(role: str, *rules: str) -> str:
    policy = Policy.of(
        [a_tenant(members=[{"user": "ann", "role": role}])],
        rules=builtin_rules() + read_csv("\n".join(rules), "rules/people.csv", "c" * 40),
    )
    made = charter(policy, TenantName("payments"))
    assert made is not None
    return made.text()


def standing(text: str | None) -> Step:
    notes = {} if text is None else {"controlplane.dev/people": text}
    return reply({"metadata": {"name": "tenant-payments", "annotations": notes}})


async def asked(*steps: Step, asker: Asker = ANN, namespace: str = "tenant-payments") -> int:
    """How many requests it took. Raises what check raises."""
    async with api_and_client(*steps) as (api, client):
        await check(client, asker, namespace, "applications", "sync", "web")
        return len(api.seen)


async def test_who_may_is_let_through() -> None:
    assert await asked(standing(table("developer"))) == 1


async def test_a_denial_says_rule_file_line_and_commit() -> None:
    with pytest.raises(CliError, match=r"a denial wins over every grant") as refused:
        await asked(standing(table("developer", "p, user:ann, *, applications, sync, w*, deny")))
    assert "(rules/people.csv:1@cccccccccccc)" in str(refused.value)
    assert refused.value.code is ExitCode.NO_ACCESS


@pytest.mark.parametrize(
    ("answer", "lets"), [(reply({"status": {"allowed": True}}), True), (reply({"status": {"allowed": False}}), False),
                         (reply(STATUS, 403), True)],
)  # fmt: skip
async def test_a_lack_is_told_unless_the_person_needs_no_grant(answer: Any, lets: bool) -> None:
    if lets:
        assert await asked(standing(table("viewer")), answer) == 2
        return
    with pytest.raises(CliError, match="role: developer} to spec.members of Tenant payments"):
        await asked(standing(table("viewer")), answer)


@pytest.mark.parametrize(
    ("steps", "more"),
    [
        pytest.param([reply(STATUS, 403)], {}, id="not to be read"),
        pytest.param(
            [reply({**STATUS, "reason": "NotFound"}, 404)], {"namespace": "controlplane-system"}, id="not there"
        ),
        pytest.param([standing(None)], {}, id="the hub cannot say it"),
        pytest.param([standing("nonsense")], {}, id="of another version"),
        pytest.param([], {"namespace": "elsewhere"}, id="no tenant's"),
        pytest.param([], {"asker": Asker("")}, id="nobody knows who"),
        pytest.param([], {"asker": Asker("root", ("system:masters",))}, id="a master"),
    ],
)
async def test_where_the_rules_cannot_be_asked_the_api_server_answers(steps: list[Step], more: Any) -> None:
    assert await asked(*steps, **more) == len(steps)


async def test_the_platforms_own_stands_in_a_config_map() -> None:
    policy = Policy.of([], rules=builtin_rules() + read_csv("g, user:ann, developer, platform", "people.csv"))
    made = charter(policy, TenantName("platform"))
    assert made is not None
    assert await asked(reply({"data": {"table": made.text()}}), namespace="controlplane-system") == 1


async def test_who_asks_is_what_the_server_says() -> None:
    info = {"username": "robin@example.com", "groups": ["devs"]}
    async with api_and_client(reply({"status": {"userInfo": info}})) as (_, client):
        assert await Asker.of(client) == Asker("robin@example.com", ("devs",))
    async with api_and_client(reply(STATUS, 404)) as (_, client):
        assert await Asker.of(client) == Asker("")
