"""The command line ends with a code and one message; what it is asked for is looked up in the state folder's record."""

from pathlib import Path

import pytest

from hack.__main__ import main
from hack.environment import Environment
from hack.errors import EnvironmentBroken
from hack.up import still_up


def test_stopping_where_nothing_is_up_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stop", "--state", str(tmp_path / "up"), "hub"]) == 1
    assert "nothing is up in" in capsys.readouterr().err


def test_ending_where_nothing_is_up_is_no_error(tmp_path: Path) -> None:
    assert main(["down", "--state", str(tmp_path / "up")]) == 0


async def test_an_environment_is_not_made_over_another(tmp_path: Path) -> None:
    environment = Environment.create(tmp_path / "state")
    with pytest.raises(EnvironmentBroken, match="already"):
        Environment.create(tmp_path / "state")
    await environment.down()
    assert not (tmp_path / "state").exists()


async def test_git_alone_can_be_started_stopped_and_started_again_by_its_record(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with Environment.fresh(state) as environment:
        url = await environment.start_git()
        checkout = await environment.push("app", {"a": "1"})
        assert checkout.url == f"{url}/app.git"
        environment.record.publish(state / "env.json")
        assert await still_up(state)
        other = Environment.load(state)
        await other.stop("git", kill=True)
        assert other.dead() == ["git"]
        await other.start("git")
        await checkout.commit("More", {"b": "1"})
        await checkout.push()
    assert not state.exists()


async def test_a_cluster_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    async with Environment.fresh(tmp_path / "state") as environment:
        with pytest.raises(EnvironmentBroken, match="no cluster 'north'"):
            environment.kubeconfig("north")


async def test_a_persons_own_cluster_is_used_by_its_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("{}")
    async with Environment.fresh(tmp_path / "state") as environment:
        environment.use_cluster("east", tmp_path / "mine")
        assert environment.kubeconfig("east") == tmp_path / "mine"
    assert (tmp_path / "mine").exists()
