"""The digest of an environment is that of the environment, whatever a process has imported."""

import subprocess
import sys

PROGRAM = "from countermark.records.environment import environment_sha256 as it; print(it())"


def test_what_is_on_the_path_besides_does_not_count(tmp_path) -> None:
    """As setuptools does it: a folder with packages of its own is put on the path."""
    other = tmp_path / "other-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    more = f"import sys; sys.path.append({str(tmp_path)!r}); " + PROGRAM
    said = [
        subprocess.run([sys.executable, "-c", one], capture_output=True, text=True, check=True).stdout
        for one in (PROGRAM, more)
    ]
    assert said[0] == said[1]
    assert len(said[0].strip()) == 64
