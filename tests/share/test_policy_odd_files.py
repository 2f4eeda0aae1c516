"""A release that somebody else prepared: links, pipes and devices in it are not followed nor waited for."""

import os
from pathlib import Path

import pytest
from policy_samples import NOW
from release_samples import COUNSEL, SECURITY, release, sign, standing

from countermark.errors import Error, ExitCode
from countermark.share.policy.approvals import approved
from countermark.share.policy.odd_files import refuse_odd_files
from countermark.trust.signing import SigningKey
from running import countermark

NAMES = (
    "release.json",
    "objects.jsonl",
    "review.json",
    "standing.json",
    ".approvals.lock",
    "release.dsse.json",
    "approvals",
    "approvals/security.dsse.json",
    "approvals/counsel.dsse.json",
)


def put(folder: Path, name: str, what: str, elsewhere: Path) -> None:
    """A link, a link to nothing yet, or a pipe, where a file belongs; a link shows what was there before."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    kept = elsewhere / path.name
    if path.exists():
        path.rename(kept)
    if what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(kept)
        if what == "link" and not kept.exists():
            kept.mkdir() if name == "approvals" else kept.write_bytes(b"mine\n")


@pytest.mark.parametrize("what", ["link", "dangling", "pipe"])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_file_is_refused(name: str, what: str, tmp_path: Path) -> None:
    folder, elsewhere = release(tmp_path / "r"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    put(folder, name, what, elsewhere)
    before = {path: path.read_bytes() for path in elsewhere.iterdir() if path.is_file()}
    for decide in (lambda: sign(folder, "security", "S. Ecure", SECURITY), lambda: approved(folder, NOW)):
        with pytest.raises(Error, match="is not a f" if what == "pipe" else "is a link") as refused:
            decide()
        assert refused.value.exit_code == ExitCode.NO_INPUT
    assert {path: path.read_bytes() for path in elsewhere.iterdir() if path.is_file()} == before
    assert not list(elsewhere.glob("*/*"))


def test_a_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Error, match="is not a file"):
        refuse_odd_files(Path("/dev"), ("null",), ())
    with pytest.raises(Error, match="is not a folder"):
        refuse_odd_files(Path("/dev"), (), ("null",))


def test_a_link_in_a_standing_approval_is_refused(tmp_path: Path) -> None:
    folder = standing(tmp_path / "s")
    (folder / "standing.dsse.json").symlink_to(tmp_path / "new")
    with pytest.raises(Error, match="is a link"):
        sign(folder, "counsel", "C. Ounsel", COUNSEL)


def test_the_command_neither_waits_nor_makes_a_file(tmp_path: Path) -> None:
    folder = release(tmp_path / "r")
    SigningKey.generate().save(tmp_path / "key.pem")
    (folder / ".approvals.lock").symlink_to(tmp_path / "made")
    os.mkfifo(folder / "standing.json")
    arguments = [
        "--as",
        "security",
        "--key",
        tmp_path / "key.pem",
        "--name",
        "A",
        "--home",
        tmp_path / "home",
    ]
    done = countermark("share", "approve", folder, *arguments)
    assert done.code == ExitCode.NO_INPUT
    assert "standing.json is not a file" in done.error()
    (folder / "standing.json").unlink()
    assert ".approvals.lock is a link" in countermark("share", "approve", folder, *arguments).error()
    assert not (tmp_path / "made").exists()
