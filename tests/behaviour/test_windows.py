"""When changes go out: by hand, in windows, and not while somebody holds them. What waits says what for, in one line."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.behaviour.cluster import Body, condition
from tests.behaviour.manifests import config_map, deployment
from tests.behaviour.team import Team


def settings(value: str) -> dict[str, Body]:
    return {"apps/web/settings.yaml": config_map("settings", {"value": value})}


def window(kind: str, begins: datetime, duration: str, **more: Any) -> dict[str, Any]:
    schedule = f"{begins.minute} {begins.hour} {begins.day} {begins.month} *"
    return {"kind": kind, "schedule": schedule, "duration": duration, **more}


def now() -> datetime:
    return datetime.now(UTC)


ALWAYS = {"schedule": "0 0 * * *", "duration": "24h"}


async def deployed(team: Team, **spec: Any) -> str:
    sha = await team.push(settings("one"))
    await team.deploy("web", **spec)
    await team.ready("web")
    return sha


async def says(team: Team, wanted: str) -> None:
    await team.member.until(
        f"settings say {wanted}", "ConfigMap", "settings",
        lambda body: body and body["data"] == {"value": wanted}, namespace=team.name,
    )  # fmt: skip


async def waits(team: Team, reason: str, *parts: str) -> None:
    """Wait until it waits for this reason, and says so in one line, with what is to be done."""
    body = await team.stuck("web", reason)
    message = condition(body, "Ready").message
    assert "\n" not in message
    for part in parts:
        assert part in message, message
    await says(team, "one")


async def test_by_hand_a_commit_waits_for_a_sync_and_it_is_told_who_asked(east_team: Team) -> None:
    await deployed(east_team)
    await east_team.change("web", {"spec": {"sync": {"mode": "Manual"}}})
    sha = await east_team.push(settings("two"))
    await waits(east_team, "ManualSync", sha, f"cpctl app sync {east_team.hub_namespace}/web")
    await east_team.system.cpctl("app", "sync", f"{east_team.name}/web", "--wait")
    await says(east_team, "two")
    who = (await east_team.ready("web"))["spec"]["request"]["by"]
    assert who
    assert f"{who} (sync)" in await east_team.system.cpctl("app", "history", f"{east_team.name}/web")
    assert who in await east_team.system.cpctl("app", "get", f"{east_team.name}/web")


@pytest.mark.parametrize(
    "windows",
    [
        pytest.param([{"kind": "deny", **ALWAYS}], id="within a deny"),
        pytest.param([{"kind": "deny", **ALWAYS}, {"kind": "allow", **ALWAYS}], id="deny wins"),
        pytest.param([window("allow", now() + timedelta(hours=20), "1h")], id="outside of an allow"),
    ],
)
async def test_outside_of_its_windows_a_change_waits_and_drift_is_healed_all_the_same(
    east_team: Team, windows: list[dict[str, Any]]
) -> None:
    await deployed(east_team)
    await east_team.change("web", {"spec": {"sync": {"windows": windows}}})
    sha = await east_team.push(settings("two"))
    await waits(east_team, "SyncWindow", sha, windows[0]["schedule"])
    await east_team.member.kubectl(
        "patch", "-n", east_team.name, "configmap/settings", "--type=merge", "-p", '{"data":{"value":"by hand"}}'
    )
    await says(east_team, "one")
    await east_team.change("web", {"spec": {"sync": {"windows": None}}})
    await east_team.ready("web")
    await says(east_team, "two")


async def test_within_an_allow_it_goes_out(east_team: Team) -> None:
    await deployed(east_team, sync={"windows": [{"kind": "allow", **ALWAYS}]})
    await east_team.push(settings("two"))
    await east_team.ready("web")
    await says(east_team, "two")


async def test_what_a_person_asks_for_goes_out_where_the_window_says_so(east_team: Team) -> None:
    await deployed(east_team)
    await east_team.change("web", {"spec": {"sync": {"windows": [{"kind": "deny", **ALWAYS, "manualSync": True}]}}})
    await east_team.push(settings("two"))
    await waits(east_team, "SyncWindow", f"cpctl app sync {east_team.hub_namespace}/web")
    await east_team.system.cpctl("app", "sync", f"{east_team.name}/web", "--wait")
    await says(east_team, "two")


async def test_it_goes_out_at_the_moment_at_which_the_window_opens(east_team: Team) -> None:
    """A deny that ends within seconds: its length is chosen by the clock, and nothing but the hub's timer opens it."""
    await deployed(east_team)
    await east_team.change("web", {"spec": {"sync": {"windows": [{"kind": "deny", **ALWAYS}]}}})
    await east_team.push(settings("two"))
    await waits(east_team, "SyncWindow")
    begun = now().replace(second=0, microsecond=0)
    ends = timedelta(seconds=(now() - begun).seconds + 15)
    deny = window("deny", begun, f"{ends.seconds}s", timeZone="UTC")
    await east_team.change("web", {"spec": {"sync": {"windows": [deny]}}})
    opens = (begun + ends).isoformat(timespec="seconds")
    await waits(east_team, "SyncWindow", f"opens {opens}")
    await east_team.ready("web")
    await says(east_team, "two")
    assert now() >= begun + ends


async def test_a_window_that_cannot_be_read_stops_everything_and_says_so(east_team: Team) -> None:
    await deployed(east_team)
    windows = [{"kind": "deny", "schedule": "0 22 * *", "duration": "1h"}]
    await east_team.change("web", {"spec": {"sync": {"windows": windows}}})
    await east_team.push(settings("two"))
    await waits(east_team, "BadWindow", "0 22 * *")
    windows = [{"kind": "deny", **ALWAYS, "timeZone": "Europe/Nowhere"}]
    await east_team.change("web", {"spec": {"sync": {"windows": windows}}})
    await east_team.sees("names the zone", "web", lambda body: "Europe/Nowhere" in condition(body, "Ready").message)


async def test_a_suspension_says_who_why_and_until_when_and_ends_by_itself(east_team: Team) -> None:
    await deployed(east_team)
    told = await east_team.system.cpctl(
        "app", "suspend", f"{east_team.name}/web", "--reason", "a migration", "--for", "20s"
    )
    body = await east_team.application("web")
    assert body
    until = body["spec"]["suspend"]["until"]
    assert until in told
    await east_team.push({"apps/web/settings.yaml": [config_map("settings", {"value": "two"}), deployment("web")]})
    body = await east_team.stuck("web", "Suspended")
    message = condition(body, "Ready").message
    for part in (
        body["spec"]["suspend"]["by"],
        "a migration",
        until,
        f"cpctl app resume {east_team.hub_namespace}/web",
    ):
        assert part in message, message
    await east_team.ready("web")
    await says(east_team, "two")
