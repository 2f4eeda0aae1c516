"""Profiles from the configurations of vLLM and SGLang: defaults by release, keys and drift refused."""

import json
from pathlib import Path

import pytest

from countermark.errors import Error
from countermark.watermark.from_engine import sglang, tensorrt_llm, vllm

RELEASES = json.loads((Path(__file__).parents[2] / "vectors/engines/vllm-defaults.json").read_text())[
    "releases"
]
SECRET = 0x5EC2E7


@pytest.mark.parametrize("version", RELEASES)
def test_defaults_are_those_of_the_release(version):
    recorded = RELEASES[version]["WatermarkConfig"]
    fields = vllm.profile_from({}, version)
    assert recorded["algorithm"] == "gumbel"
    assert recorded["prf"] == "philox"
    assert fields == {
        "engine": {"name": "vllm", "version": version},
        "scheme": "vllm-gumbel",
        "prf": "philox4x32-10",
        "context_width": recorded["context_width"],
        "deduplication": recorded["deduplicate_contexts"],
        "parameters": {
            "deduplicate_contexts_max_history": recorded["deduplicate_contexts_max_history"],
            "allow_target_only_watermarking": recorded["allow_target_only_watermarking"],
        },
    }
    generator = RELEASES[version]["DualKeyGumbelWatermarker"]["alpha"]
    detector = RELEASES[version]["DualKeyGumbelWatermarkDetector"]["alpha"]
    assert recorded["alpha"] == generator
    assert vllm.DEFAULT_ALPHA[version] == (generator, detector)


@pytest.mark.parametrize("version", ["0.30.0", "0.31.0"])
def test_open_alpha_is_refused_where_generator_and_detector_differ(version):
    with pytest.raises(Error) as caught:
        vllm.profile_from({"algorithm": "dual_key_gumbel"}, version)
    assert caught.value.message == (
        f"the configuration leaves alpha open: vLLM {version} marks with 0.1 and detects with 0.2"
    )
    stated = vllm.profile_from({"algorithm": "dual_key_gumbel", "alpha": 0.2}, version)
    assert stated["parameters"]["alpha"] == 0.2


@pytest.mark.parametrize("version", ["0.32.0", "0.33.0"])
def test_open_alpha_is_filled_where_they_agree(version):
    fields = vllm.profile_from({"algorithm": "dual_key_gumbel"}, version)
    assert fields["scheme"] == "vllm-dual-key-gumbel"
    assert fields["parameters"]["alpha"] == 0.1


def test_stated_vllm_settings_are_taken():
    config = {
        "algorithm": "dual_key_gumbel",
        "alpha": 0.25,
        "context_width": 2,
        "deduplicate_contexts": "all",
        "deduplicate_contexts_max_history": None,
        "prf": "philox",
        "allow_target_only_watermarking": True,
    }
    fields = vllm.profile_from(config, "0.33.0")
    assert (fields["context_width"], fields["deduplication"]) == (2, "all")
    assert fields["parameters"] == {
        "alpha": 0.25,
        "deduplicate_contexts_max_history": 0,
        "allow_target_only_watermarking": True,
    }


@pytest.mark.parametrize(
    ("module", "config", "version"),
    [
        (vllm, {"key": SECRET}, "0.33.0"),
        (sglang, {"key": f"{SECRET:x}"}, "0.5.23"),
        (sglang, {"key": "<redacted>", "key_b": f"{SECRET:x}"}, "0.5.23"),
    ],
)
def test_a_key_in_the_configuration_is_refused_and_not_repeated(module, config, version):
    with pytest.raises(Error) as caught:
        module.profile_from(config, version)
    assert caught.value.message.startswith("the configuration holds a secret key in key")
    assert "chmod 600" in caught.value.hint
    said = caught.value.message + caught.value.hint
    assert str(SECRET) not in said
    assert f"{SECRET:x}" not in said


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"gamma": 0.5}, "vLLM 0.33.0 has no watermark setting gamma"),
        ({"algorithm": "sbw"}, "algorithm is not one that vLLM 0.33.0 has"),
        ({"prf": "siphash"}, "prf is not one that vLLM 0.33.0 has"),
        ({"context_width": 0}, "context_width is not an integer from 1 to 64"),
        ({"context_width": True}, "context_width is not an integer from 1 to 64"),
        ({"algorithm": "dual_key_gumbel", "alpha": 2}, "alpha is not a number from 0 to 1"),
        ({"algorithm": "dual_key_gumbel", "alpha": float("nan")}, "alpha is not a number from 0 to 1"),
        ({"deduplicate_contexts": ["all"]}, "deduplicate_contexts is not one that vLLM 0.33.0 has"),
        (
            {"deduplicate_contexts_max_history": 0},
            "deduplicate_contexts_max_history is not an integer from 1 to 2147483648",
        ),
        ({"allow_target_only_watermarking": 1}, "allow_target_only_watermarking is not true or false"),
    ],
)
def test_malformed_vllm_settings_are_refused(config, message):
    with pytest.raises(Error) as caught:
        vllm.profile_from(config, "0.33.0")
    assert caught.value.message == message


@pytest.mark.parametrize(("module", "version"), [(vllm, "0.29.0"), (vllm, "1.0"), (sglang, "0.5.21")])
def test_unknown_releases_are_refused(module, version):
    with pytest.raises(Error, match="are not known here"):
        module.profile_from({}, version)


def test_sglang_defaults_and_two_keys():
    one = sglang.profile_from({"key": None, "default_enabled": True}, "0.5.22")
    assert one == {
        "engine": {"name": "sglang", "version": "0.5.22"},
        "scheme": "sglang-gumbel",
        "prf": "murmur3-x86-32",
        "context_width": 4,
        "deduplication": "request",
        "parameters": {"dual_key": False, "max_probability": 1.0},
    }
    config = {"key": "<redacted>", "key_b": "<redacted>", "context_window": 2, "max_probability": 0.9}
    two = sglang.profile_from(config, "0.5.23")
    assert two["context_width"] == 2
    assert two["parameters"] == {"dual_key": True, "max_probability": 0.9, "mixing_probability": 0.5}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"mixing_probability": 0.7}, "the configuration has a mixing_probability and no second key"),
        ({"window": 4}, "SGLang 0.5.23 has no watermark setting window"),
        ({"unknown": None}, "SGLang 0.5.23 has no watermark setting unknown"),
        ({"context_window": 65}, "context_window is not an integer from 1 to 64"),
        ({"max_probability": "1"}, "max_probability is not a number from 0 to 1"),
        ({"enforce_all": "yes"}, "enforce_all is not true or false"),
    ],
)
def test_malformed_sglang_settings_are_refused(config, message):
    with pytest.raises(Error) as caught:
        sglang.profile_from(config, "0.5.23")
    assert caught.value.message == message


def test_tensorrt_llm_is_refused():
    with pytest.raises(Error, match="could not be checked against a release"):
        tensorrt_llm.profile_from({"algorithm": "gumbel"}, "1.2.1")
