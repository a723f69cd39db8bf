"""What the demo puts back before it begins: what differs from the examples, and nothing else."""

from pathlib import Path

from hack.scene import differing


def test_what_is_missing_other_or_left_over_is_put_back(tmp_path: Path) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps/same").write_text("1")
    (tmp_path / "apps/other").write_text("1")
    (tmp_path / "left").write_text("1")
    (tmp_path / "a person's own").write_text("1")
    wanted = {"apps/same": b"1", "apps/other": b"2", "apps/missing": b"3", "left": None, "gone": None}
    assert differing(tmp_path, wanted) == {"apps/other": b"2", "apps/missing": b"3", "left": None}
