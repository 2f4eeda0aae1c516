"""integrations/vllm: the patch applies to the released package and passes our vectors there, on the CPU."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("pydantic", reason="vLLM's configuration is made of pydantic classes")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VECTORS = ROOT / "vectors/gumbel-siphash"
PATCH = next((ROOT / "integrations/vllm").glob("0001-*.patch"))
SECRET = bytes(range(16)).hex()


def source() -> Path:
    """The folder that holds the package `vllm`: of COUNTERMARK_VLLM_SOURCE, else of an installed one."""
    if named := os.environ.get("COUNTERMARK_VLLM_SOURCE"):
        return Path(named)
    spec = importlib.util.find_spec("vllm")
    if spec is None or spec.origin is None:
        pytest.skip("no vllm is installed, and COUNTERMARK_VLLM_SOURCE names no unpacked wheel of 0.33.0")
    return Path(spec.origin).parents[1]


@pytest.fixture(scope="module")
def patched(tmp_path_factory) -> Path:
    """The files that the patch changes and the rest of the package it needs, patched."""
    folder, origin = tmp_path_factory.mktemp("vllm"), source()
    changed = re.findall(r"^--- a/(\S+)", PATCH.read_text(), re.MULTILINE)
    if missing := [name for name in changed if not (origin / name).exists()]:
        pytest.skip(f"{origin} lacks {', '.join(missing)}")
    shutil.copytree(origin / "vllm/v1/watermarking", folder / "vllm/v1/watermarking")
    for name in changed:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(origin / name, folder / name)
    subprocess.run(["git", "apply", "-p1", str(PATCH)], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def found(patched) -> dict:
    run = subprocess.run(
        [sys.executable, str(HERE / "vllm_stub.py"), str(patched), str(VECTORS)],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(run.stdout)


def test_every_changed_file_is_python(patched):
    for path in (patched / "vllm").rglob("*.py"):
        compile(path.read_text(), str(path), "exec")


def test_integers_scores_and_the_float32_u(found):
    assert found["windows"]


def test_chosen_tokens_are_those_of_the_vectors(found):
    assert all(found["choices"])
    assert len(found["choices"]) >= 15


def test_the_detector_agrees_where_no_context_repeats(found):
    """Its rule is by context and ours by pair; the same where neither has a repeat."""
    entries = [
        one for one in json.loads((VECTORS / "documents.json").read_text()) if len(one.get("bodies", ())) == 1
    ]
    compared = 0
    for entry, (scored, score, p_value) in zip(entries, found["documents"], strict=True):
        assert scored <= entry["n"]
        if scored == entry["n"]:
            compared += 1
            assert score == pytest.approx(entry["statistic"], rel=1e-12, abs=1e-12)
            assert p_value == pytest.approx(10 ** entry["log10_p"], rel=1e-9)
    assert compared >= 8


def test_the_factory_makes_it(found):
    assert found["factory"] == ["siphash-2-4-v1", 4]


def test_noise_of_the_float32_u_would_seldom_choose_otherwise(found):
    """24 bits: 8 in 400 or fewer at 8,000 tokens; the patch does not use it."""
    assert found["float32_mismatches"] <= 0.02


def test_what_cannot_be_marked_is_refused(found):
    messages = found["configurations"]
    assert [messages[name] for name in ("hex", "file", "philox", "philox hex")] == [""] * 4
    wanted = {
        "philox too long": "64 bits",
        "short": "32 hex digits",
        "no hex": "not a number",
        "none": "either key or key_file",
        "both": "either key or key_file",
        "dual": "only the gumbel algorithm",
        "single turn": "deduplicate_contexts='all'",
        "short history": "max_history=null",
        "target only": "speculative decoding",
        "wide": "at most 64",
        "open file": "read by others",
    }
    for name, words in wanted.items():
        assert words in messages[name], name
    assert messages["equal"] == "True"
    assert "beam search" in found["refused"]


def test_no_key_in_a_message_or_a_representation(found):
    shown = json.dumps(found["configurations"])
    assert SECRET[:30] not in shown
    assert str(int(SECRET, 16)) not in shown
    assert str(2**64) not in shown
