"""Text that vLLM's released code marked under one member's key comes back as that member's and nobody else's.

vectors/joint-check/vllm-text.json holds text as a client has it; vectors/generators/record_vllm_text.py says
how it was made.
"""

import json
from pathlib import Path

import msgspec
from check_samples import hexes

from countermark.share.check.correction import correct
from countermark.share.check.detectors import Detectors
from countermark.share.check.register import Register, registered_family
from countermark.share.check.settings import DetectorSettings
from countermark.trust.keyfiles import write_secret
from countermark.watermark.from_engine.vllm import profile_from
from countermark.watermark.profile import Profile, write_profile
from countermark.watermark.tokens import tokenizer_digest

VECTORS = Path(__file__).parents[2] / "vectors" / "joint-check"
VLLM = json.loads((VECTORS / "vllm-text.json").read_text())
VLLM_TOKENIZER = VECTORS / "vllm-text.tokenizer.json"


def vllm_detectors(folder: Path) -> Detectors:
    """The three members of the vector, each with its vLLM key."""
    digest = tokenizer_digest(VLLM_TOKENIZER)
    fields = profile_from(VLLM["config"], VLLM["version"])
    settings = []
    for name, key in VLLM["keys"].items():
        about = {"tokenizer": {"name": "stories260k", "sha256": digest, "vocab_size": 512}}
        profile = msgspec.convert(fields | about | {"key_id": f"{name}'s", "epoch": "1"}, Profile)
        write_profile(folder / f"{name}.json", profile)
        write_secret(folder / f"{name}.key", key.encode())
        settings.append(
            DetectorSettings(
                profile=f"{name}.json",
                key_file=f"{name}.key",
                tokenizer=str(VLLM_TOKENIZER),
                commitment=hexes(name),
                owner=name,
            )
        )
    return Detectors.open(settings, folder)


def test_text_that_vllm_marked_comes_back_as_its_owners_and_nobody_elses(tmp_path: Path) -> None:
    detectors = vllm_detectors(tmp_path)
    family = registered_family(Register(detectors.registered()), VLLM["keys"])
    owners = []
    for entry in VLLM["texts"]:
        found = correct(detectors.answer(entry["text"]), family, ordinal=1, alpha=0.01)
        owners.append(entry["marked_by"])
        assert found.marks == ([entry["marked_by"]] if entry["marked_by"] else [])
        for row in found.rows:
            assert "Philox" in row.weak
            assert row.log10_p == int(row.log10_p)  # a weak key says less
            assert row.log10_p < -50 if row.passes else row.log10_p > -3
    assert owners.count("beta") == 2
    assert owners.count(None) == 1
    # the tokenizer does not give all ids again: the mark is found in text as a client has it
    assert not all(entry["ids_come_back"] for entry in VLLM["texts"])
