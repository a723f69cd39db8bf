"""The demo's output reads well where there is no terminal: whole lines, no colours, nothing at their ends."""

import io

from rich.console import Console

from hack.story import Story, duration


def told() -> tuple[Story, io.StringIO]:
    file = io.StringIO()
    return Story(Console(file=file, width=72, highlight=False)), file


def test_times_are_no_more_exact_than_they_are() -> None:
    assert [duration(s) for s in (0.0, 0.0456, 0.9994, 1.23, 75)] == ["1 ms", "46 ms", "999 ms", "1.2 s", "75.0 s"]


def test_steps_are_numbered_and_what_was_seen_stands_in_columns() -> None:
    story, file = told()
    with story.step("A push changes one app"):
        story.pushed("storefront/deploy.git", "4f1c2ab99", "Robin Example", "Say hello")
        story.seen("east", "ConfigMap shop", 0.25)
        story.seen("hub", "it is Ready")
        story.reached("all of it is there", 12)
        story.detail("author", "Robin")
    with story.step("Another"):
        pass
    assert story.title == "Another"
    assert file.getvalue().splitlines() == [
        "",
        "1  A push changes one app",
        "   > git push storefront/deploy.git  4f1c2ab Robin Example: Say hello",
        "   ✓  250 ms east ConfigMap shop",
        "   ✓         hub  it is Ready",
        "      12.0 s      all of it is there",
        "                  author   Robin",
        "",
        "2  Another",
    ]


def test_a_long_text_stays_in_its_column() -> None:
    story, file = told()
    story.seen("east", "word " * 30, 1)
    lines = file.getvalue().splitlines()
    assert len(lines) > 2
    assert all(line.startswith(" " * 18) for line in lines[1:])


def test_commands_are_lines_that_can_be_copied_whole_and_are_shown_as_they_are() -> None:
    story, file = told()
    command = f"kubectl --kubeconfig {'x' * 90} get [pods]"
    story.closing(("To look around:", (command,)))
    story.shown("cpctl status", "TENANT [1/2]")
    assert f"    {command}\n" in file.getvalue()
    assert "   TENANT [1/2]\n" in file.getvalue()


def test_a_terminal_that_knows_no_tick_gets_a_word() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Story(Console(file=file, width=72)).seen("east", "there", 1)
    file.seek(0)
    assert file.read().startswith("  ok   1.0 s east there")
