"""What a killed run leaves is taken away: files, and no folder, which may hold what has to be put back."""

from pathlib import Path

from countermark.records.files import TEMPORARY, remove_left_overs
from countermark.store.unfinished import unfinished


def test_files_go_and_folders_stay(tmp_path: Path) -> None:
    work = tmp_path / f"{TEMPORARY}0123456789ab-case.zip"
    work.mkdir()
    (work / "old").write_bytes(b"the package of before")
    (tmp_path / f"{TEMPORARY}0123456789ab-report.html").write_bytes(b"half")
    (tmp_path / f"{TEMPORARY}link").symlink_to(work)
    (tmp_path / f"{TEMPORARY}dangling").symlink_to(tmp_path / "nothing")
    (tmp_path / "kept").write_bytes(b"whole")
    remove_left_overs(tmp_path)
    assert sorted(tmp_path.rglob("*")) == sorted([work, work / "old", tmp_path / "kept"])


def test_a_run_begins_beside_a_folder_that_was_left_over(tmp_path: Path) -> None:
    (tmp_path / f"{TEMPORARY}0123456789ab-case").mkdir()
    with unfinished(tmp_path, {"a": 1}, {"answer.json"}, "answer.json") as folder:
        assert folder.is_dir()
