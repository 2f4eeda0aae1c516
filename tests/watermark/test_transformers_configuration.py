"""Profiles from transformers' configurations: defaults stated, keys and drift refused."""

import json

import pytest

from countermark.errors import Error
from countermark.watermark.from_engine import complete, engine_fields, transformers
from countermark.watermark.profile import Tokenizer
from countermark.watermark.schemes.green_list import GreenList
from countermark.watermark.schemes.synthid import TransformersSynthId

GREEN = {"greenlist_ratio": 0.25, "vocab_size": 512}
SYNTHID = {"ngram_len": 5, "depth": 20}
REST = {"tokenizer": Tokenizer("t"), "key_id": "k", "epoch": "e"}


def test_defaults_of_the_green_list_are_stated():
    fields = transformers.profile_from(GREEN, "5.23.0")
    assert fields == {
        "engine": {"name": "transformers", "version": "5.23.0"},
        "scheme": "transformers-green-list",
        "prf": "torch-cpu-randperm",
        "context_width": 1,
        "deduplication": "none",
        "parameters": {"gamma": 0.25, "delta": 2.0, "seeding": "lefthash", "vocab_size": 512},
    }
    GreenList().check(complete(fields, **REST))


def test_defaults_of_synthid_are_stated():
    fields = engine_fields("transformers", SYNTHID, "")
    assert fields["parameters"] == {
        "depth": 20,
        "ngram_len": 5,
        "weights": "uniform",
        "context_history_size": 1024,
        "sampling_table_size": 65536,
        "sampling_table_seed": 0,
    }
    TransformersSynthId().check(complete(fields, **REST))


def test_a_generation_config_is_read_for_its_mark_alone():
    inner = {"greenlist_ratio": 0.5, "seeding_scheme": "selfhash", "context_width": 4, "bias": 3}
    config = {"temperature": 0.7, "watermarking_config": inner, "vocab_size": 512, "eos_token_id": 2}
    fields = transformers.profile_from(config, "5.23.0")
    assert fields["context_width"] == 4
    assert fields["parameters"] == {"gamma": 0.5, "delta": 3, "seeding": "selfhash", "vocab_size": 512}
    config = {"watermarking_config": {"ngram_len": 3}, "depth": 7}
    assert transformers.profile_from(config, "5.23.0")["parameters"]["depth"] == 7


@pytest.mark.parametrize(
    "config",
    [
        GREEN | {"hashing_key": 987654321},
        {"watermarking_config": GREEN | {"hashing_key": 987654321}},
        SYNTHID | {"keys": [987654321, 5]},
        {"watermarking_config": {"ngram_len": 5, "keys": [987654321]}},
        {"keys": [987654321]},
    ],
)
def test_a_key_is_refused_and_not_repeated(config):
    with pytest.raises(Error, match="holds a secret key") as caught:
        transformers.profile_from(config, "5.23.0")
    assert "987654321" not in caught.value.message + caught.value.hint
    assert "chmod 600" in caught.value.hint


def test_an_open_share_of_green_ids_is_refused_with_both_values():
    with pytest.raises(Error, match=r"0\.25.*0\.5"):
        transformers.profile_from({"vocab_size": 512}, "5.23.0")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"greenlist_ratio": 0.25}, "vocab_size"),
        (GREEN | {"gamma": 0.25}, "no watermark setting gamma"),
        (GREEN | {"greenlist_ratio": 2}, "greenlist_ratio"),
        (GREEN | {"bias": "2"}, "bias"),
        (GREEN | {"bias": -1}, "bias"),
        (GREEN | {"context_width": 0}, "context_width"),
        (GREEN | {"seeding_scheme": "minhash"}, "seeding_scheme"),
        ({"depth": 3, "keys": None}, "ngram_len"),
        ({"ngram_len": 5, "depth": -1}, "depth"),
        (SYNTHID | {"debug_mode": True}, "debug_mode"),
        (SYNTHID | {"skip_first_ngram_calls": 1}, "skip_first_ngram_calls"),
        (SYNTHID | {"sampling_table_size": 1}, "sampling_table_size"),
        ({"watermarking_config": None}, "not an object"),
        ({"watermarking_config": [1]}, "not an object"),
        ({"temperature": 1.0}, "no watermark setting temperature"),
    ],
)
def test_what_transformers_would_not_take_is_one_line(config, words):
    with pytest.raises(Error, match=words) as caught:
        transformers.profile_from(config, "5.23.0")
    assert "\n" not in caught.value.message


def test_an_unknown_release_is_refused():
    with pytest.raises(Error, match=r"4\.44\.0"):
        transformers.profile_from(GREEN, "4.44.0")


def test_the_settings_are_those_that_transformers_has():
    theirs = pytest.importorskip("transformers", reason="the oracle is transformers' own configuration")
    green = json.loads(theirs.WatermarkingConfig().to_json_string())
    assert green.pop("hashing_key")
    fields = transformers.profile_from({"watermarking_config": green, "vocab_size": 9}, "5.23.0")
    assert fields == transformers.profile_from({"greenlist_ratio": 0.25, "vocab_size": 9}, "5.23.0")
    synthid = json.loads(theirs.SynthIDTextWatermarkingConfig(ngram_len=5, keys=[1, 2]).to_json_string())
    assert synthid.pop("keys") == [1, 2]
    fields = transformers.profile_from({"watermarking_config": synthid, "depth": 20}, "5.23.0")
    assert fields == transformers.profile_from(SYNTHID, "5.23.0")


def test_what_transformers_does_not_say_comes_from_elsewhere():
    fields = engine_fields("transformers", {"greenlist_ratio": 0.25}, "", 512)
    assert fields["parameters"]["vocab_size"] == 512
    with pytest.raises(Error, match="vocab_size"):
        engine_fields("transformers", {"greenlist_ratio": 0.25}, "")
    assert transformers.profile_from({"ngram_len": 5}, "5.23.0")["parameters"]["depth"] == 0
