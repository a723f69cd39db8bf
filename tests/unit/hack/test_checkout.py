"""A clone of a test's writes what it is told, has what others pushed, and reads a folder with its placeholders exchanged."""

from pathlib import Path

from hack.checkout import Checkout, read_tree


async def test_a_commit_holds_what_was_written_and_not_what_was_removed(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "work", "unused")
    await checkout.commit("One", {"a": "1", "b/c": b"2"})
    second = await checkout.commit("Two", {"a": None, "d": "3"}, date="2026-01-02T03:04:05Z")
    assert (await checkout.git("ls-tree", "-r", "--name-only", second)).split() == ["b/c", "d"]
    assert (await checkout.git("show", "-s", "--format=%ad", "--date=unix", second)) == "1767323045"
    third = await checkout.commit("Three", {"only": "1"}, whole=True)
    assert (await checkout.git("ls-tree", "-r", "--name-only", third)).split() == ["only"]


async def test_nothing_changed_is_a_commit_too(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "work", "unused")
    assert await checkout.commit("One", {"a": "1"}) != await checkout.commit("Two", {"a": "1"})


def test_placeholders_are_exchanged_in_every_file(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x/y.yaml").write_text("url: https://git.example.com/a.git\n")
    assert read_tree(tmp_path, {"https://git.example.com": "http://h"}) == {"x/y.yaml": b"url: http://h/a.git\n"}


async def test_pulling_gives_what_others_pushed_and_gives_up_what_was_not(tmp_path: Path) -> None:
    url = str(tmp_path / "shared.git")
    mine, theirs = Checkout(tmp_path / "mine", url), Checkout(tmp_path / "theirs", url)
    await mine.commit("One", {"a": "1"})
    await mine.git("init", "--quiet", "--bare", "--initial-branch=main", url)
    await mine.push()
    await theirs.pull()
    await theirs.commit("Two", {"a": "2"})
    await theirs.push()
    await mine.commit("Never pushed", {"b": "1"})
    (mine.folder / "c").write_text("1")
    await mine.pull()
    assert sorted(path.name for path in mine.folder.iterdir()) == [".git", "a"]
    assert (mine.folder / "a").read_text() == "2"
