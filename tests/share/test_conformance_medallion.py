"""medallion 3.0.0 from PyPI, OASIS' reference server, in a process of its own: what the kit finds there."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx2
import pytest
from kit_runs import TLS, of_outcome

from countermark.share.conformance import Options, run_kit
from countermark.share.conformance.http import TAXII, Credentials
from countermark.share.conformance.runner import Run, exit_code
from countermark.trust.keyfiles import Secret

BOTH, READ_ONLY = "91a7b528-80eb-42ed-a74d-c6fbd5a26116", "52892447-4d7e-4f70-b94d-d7f22742ff63"
WRITE_ONLY, NEITHER = "64993447-4d7e-4f70-b94d-d7f33742ee63", "472c94ae-3113-4e3e-a4dd-a9f4ac7471d4"
PROGRAM = "from medallion.scripts.run import main; main()"
MUST = {
    "3.1-type-of-failures",  # 400 of a body that is no JSON: text/html
    "3.1-type-of-401",  # text/html
    "3.2-first-on-empty",
    "3.2-last-on-empty",
    "3.4-malformed-added-after",  # 500
    "3.4-malformed-version",  # 500
    "5.5-duplicate",  # counted among the failures
    "5.7-gone-from-next",
    "5.7-version-gone",
    "B-next-other-endpoint",
    "B-next-other-collection",
}
INFERRED = {
    "2-empty-list-posted",
    "3.1-type-of-unknown-url",
    "3.1-accept-no-version",  # 406
    "3.1-accept-one-of-many",  # 406
    "3.1-content-no-version",  # 415
    "3.4-malformed-spec-version",
    "3.4-empty-added-after",
    "3.4-added-after-twice",
    "3.4-match-twice",
    "3.4-version-twice",
    "3.4-all-alone",
    "3.4-odd-dates",
    "3.5-next-without-limit",  # 500
    "3.6.1-error",
    "3.6.1-error-of-401",
    "3.7-no-stix-posted",
    "3.7-incomplete-posted",  # an Indicator without pattern is stored
    "5.5-malformed",  # 500 for deep nesting
    "5.5-all-or-nothing",
}


def configure(folder: Path) -> Path:
    """A configuration with one API root and a collection for each pair of rights."""
    stix = "application/stix+json;version=2.1"
    rights = {
        BOTH: (True, True),
        READ_ONLY: (True, False),
        WRITE_ONLY: (False, True),
        NEITHER: (False, False),
    }
    collections: list[dict[str, Any]] = [
        {"id": one, "title": "of a test", "can_read": read, "can_write": write, "media_types": [stix]}
        | {"objects": [], "manifest": []}
        for one, (read, write) in rights.items()
    ]
    information = {"title": "root", "versions": [TAXII], "max_content_length": 1 << 20}
    data = {
        "/discovery": {"title": "medallion", "default": "/root/", "api_roots": ["/root/"]},
        "root": {"information": information, "status": [], "collections": collections},
    }
    (folder / "data.json").write_text(json.dumps(data))
    backend = {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend"}
    config = {
        "backend": backend | {"filename": str(folder / "data.json")},
        "users": {"admin": "of a test"},
        "taxii": {"max_page_size": 100},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder / "config.json"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The kit's run; medallion keeps all in memory."""
    folder = tmp_path_factory.mktemp("medallion")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    line = [sys.executable, "-c", PROGRAM, "--host", "127.0.0.1", "--port", port, str(configure(folder))]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}/"
        wait_for(url)
        caller = Credentials(user="admin", password=Secret(b"of a test"))
        yield run_kit(Options(url=url, first=caller, collection=BOTH))
    finally:
        process.terminate()
        process.wait(10)


def wait_for(url: str) -> None:
    """Until it answers."""
    for _ in range(300):
        try:
            httpx2.get(f"{url}taxii2/", timeout=5, trust_env=False)
        except httpx2.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("medallion did not start")


def test_the_known_failures_are_found_and_no_others(run: Run) -> None:
    assert version("medallion") == "3.0.0"
    failed = {one.check.id: one.check.level for one in run.results if one.outcome == "fail"}
    assert {name for name, level in failed.items() if level == "must"} == MUST
    assert {name for name, level in failed.items() if level == "inferred"} == INFERRED
    assert of_outcome(run, "undetermined") == {}
    assert exit_code(run) == 10


def test_what_cannot_be_judged_there(run: Run) -> None:
    single_caller = {"5.1.1-none", "B-next-other-caller"}
    refused = {"3.1-highest-version", "3.5-walk-by-date"}  # no range without version; equal dates
    no_such = {"3.4.1-latest-spec", "5.2.1-alias-answers"}
    assert set(of_outcome(run, "not-applicable")) == TLS | single_caller | refused | no_such


def test_what_the_text_leaves_open_fails_nobody(run: Run) -> None:
    warned = {
        "3.1-accept-spelling",
        "3.3-no-ties",
        "3.5-next-again",
        "5-hidden-as-absent",
        "5.7-all-versions",
    }
    assert set(of_outcome(run, "warn")) == warned


def test_the_evidence_shows_the_answer_and_no_password(run: Run) -> None:
    found = next(one for one in run.results if one.check.id == "3.4-malformed-added-after")
    shown = found.exchanges[0]
    assert shown["status"] == 500
    assert "added_after=notatime" in shown["path"]
    assert shown["headers"]["content-type"].startswith("text/html")
    everything = json.dumps([one.exchanges for one in run.results])
    assert "of a test" not in everything.replace('title: \\"of a test\\"', "")
    assert "YWRtaW46b2YgYSB0ZXN0" not in everything
