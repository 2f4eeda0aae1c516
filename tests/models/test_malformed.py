"""Single faults of a suspect's folder, each of which once ended in a traceback, a hang or much memory."""

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from attribute.test_words import forbidden
from checkpoint_folders import write_folder, write_raw
from countermark.errors import Error, ExitCode
from countermark.flow.attributions import digest
from countermark.models import checkpoint
from countermark.models.checkpoint import Checkpoint
from countermark.models.tokenizer_overlap import overlap

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
BASE = "model.layers.0.mlp.up_proj."
NAME = BASE + "weight"
I8 = np.zeros((16, 32), np.int8)
Parts = dict[str, NDArray[Any]]
GPTQ: Parts = {
    "qweight": np.zeros((4, 16), np.int32),
    "qzeros": np.zeros((1, 2), np.int32),
    "scales": np.ones((1, 16), np.float32),
}
PACKED: Parts = {
    "weight_packed": np.zeros((16, 4), np.int32),
    "weight_scale": np.ones((16, 1), np.float32),
    "weight_shape": np.array([16, 32]),
}


def _state(**values: Any) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps({"shape": [16, 32], "blocksize": 64, **values}).encode(), np.uint8)


def _nf4(state: NDArray[Any]) -> Parts:
    return {
        "weight": np.zeros((256, 1), np.uint8),
        "weight.absmax": np.ones(8, np.float32),
        "weight.quant_map": np.ones(16, np.float32),
        "weight.quant_state.bitsandbytes__nf4": state,
    }


def _opened(folder: Path, parts: Parts, **quantization: Any) -> Checkpoint:
    tensors = {BASE + name: value for name, value in parts.items()}
    return Checkpoint.open(write_folder(folder, tensors, {"quantization_config": quantization}))


FAULTS: dict[str, tuple[Parts, dict[str, Any]]] = {
    "no scales": ({"weight": I8, "weight_scale": np.zeros((1, 0), np.float32)}, {}),
    "no inputs": ({"weight": I8[:, :0], "weight_scale": np.ones((16, 1), np.float32)}, {}),
    "no outputs": ({"weight": I8[:0], "weight_scale": np.ones((0, 1), np.float32)}, {}),
    "huge blocks": (
        {"weight": I8, "weight_scale_inv": np.ones((2, 1), np.float32)},
        {"weight_block_size": [10**30, 10**30]},
    ),
    "seven zero points": (
        {
            "weight": I8,
            "weight_scale": np.ones((16, 1), np.float32),
            "weight_zero_point": np.ones(7, np.int8),
        },
        {},
    ),
    "gptq without groups": (
        GPTQ | {"qzeros": np.zeros((0, 2), np.int32), "scales": np.ones((0, 16), np.float32)},
        {"bits": 4},
    ),
    "gptq with groups of NaN": (GPTQ | {"g_idx": np.full(32, np.nan, np.float32)}, {"bits": 4}),
    "awq without groups": (
        {
            "qweight": np.zeros((32, 2), np.int32),
            "qzeros": np.zeros((0, 2), np.int32),
            "scales": np.ones((0, 16), np.float32),
        },
        {"quant_method": "awq", "bits": 4},
    ),
    "packed with no zero points": (PACKED | {"weight_zero_point": np.zeros((0, 0), np.int32)}, {}),
    "packed with zero points of another shape": (
        PACKED | {"weight_zero_point": np.zeros((3, 1), np.int32)},
        {},
    ),
    "a block size of 64.0": (_nf4(_state(blocksize=64.0)), {}),
    "a state of floats": (_nf4(np.full(4, np.nan, np.float32)), {}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_quantised_weight_is_an_error(tmp_path: Path, fault: str) -> None:
    parts, quantization = FAULTS[fault]
    opened = _opened(tmp_path, parts, **quantization)
    with pytest.raises(Error, match="cannot be read") as caught:
        opened.rows(NAME, [0])
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_the_same_without_the_fault_is_read(tmp_path: Path) -> None:
    for number, (parts, bits) in enumerate([(GPTQ, 4), (PACKED, 4), (_nf4(_state()), 4)]):
        assert _opened(tmp_path / str(number), parts, bits=bits).rows(NAME, [0]).shape == (1, 32)


@pytest.mark.parametrize("layout", ["gptq", "packed"])
def test_zero_points_that_do_not_fit_are_not_unpacked(tmp_path: Path, layout: str) -> None:
    many = np.zeros((1, 500_000), np.int32)
    parts = (
        GPTQ | {"qweight": np.zeros((2, 16), np.int32), "qzeros": many}
        if layout == "gptq"
        else PACKED | {"weight_packed": np.zeros((16, 2), np.int32), "weight_zero_point": many}
    )
    opened = _opened(tmp_path, parts, bits=2)
    tracemalloc.start()
    with pytest.raises(Error, match="not fit"):
        opened.shape(NAME)
    assert tracemalloc.get_traced_memory()[1] < many.nbytes
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["x" * 300, "é" * 200, "a\x00b"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    index = json.dumps({"weight_map": {NAME: name + ".safetensors"}}, ensure_ascii=False)
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(Error, match="missing"):
        Checkpoint.open(tmp_path)


def _linked(folder: Path, link: Callable[[Path, Path], None]) -> Path:
    write_raw(
        folder, {str(at): {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for at in range(9)}, b""
    )
    names = ["model.safetensors", *(f"s{at}.safetensors" for at in range(5))]
    for name in names[1:]:
        link(folder / name, folder / names[0])
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {n: n for n in names}}))
    return folder


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_one_file_under_many_names_is_not_opened(
    tmp_path: Path, link: Callable[[Path, Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "TensorFile", None)
    with pytest.raises(Error, match="under two names"):
        Checkpoint.open(_linked(tmp_path, link))


def test_files_are_opened_no_further_than_the_first_repeated_tensor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    true = checkpoint.TensorFile
    monkeypatch.setattr(checkpoint, "TensorFile", lambda path: opened.append(path) or true(path))
    with pytest.raises(Error, match="two files"):
        Checkpoint.open(_linked(tmp_path, lambda new, old: new.write_bytes(old.read_bytes()) and None))
    assert len(opened) == 2
    monkeypatch.setattr(checkpoint, "MAX_TENSORS", 8)
    (tmp_path / "model.safetensors.index.json").unlink()
    with pytest.raises(Error, match="over 8 tensors"):
        Checkpoint.open(tmp_path)


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "suspect", {NAME: np.eye(2)})
    os.mkfifo(folder / "tokenizer.json")
    assert overlap(folder, folder) is None
    assert Checkpoint.open(folder).digest() == digest(folder)
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    with pytest.raises(Error, match=r"config\.json"):
        Checkpoint.open(folder)


def test_a_file_name_that_is_not_utf8(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "suspect", {NAME: np.eye(2)})
    (folder / os.fsdecode(b"\xff.txt")).touch()
    for of in (Checkpoint.open(folder).digest, lambda: digest(folder)):
        with pytest.raises(Error, match="UTF-8"):
            of()


def test_what_a_configuration_calls_its_quantisation_is_not_repeated(tmp_path: Path) -> None:
    claims = ["stolen and trained on", "F32", ["gptq"], 3, "x" * 10**5]
    for number, claim in enumerate(claims):
        stored = _opened(tmp_path / str(number), {"weight": I8}, quant_method=claim).stored
        assert stored == "other"
        assert not forbidden(stored)


def test_how_the_weights_are_stored_is_seen_without_a_claim(tmp_path: Path) -> None:
    plain: Parts = {"weight": np.ones((16, 32), np.float32)}
    as_floats = _nf4(_state()) | {"weight": np.zeros((64, 1), np.float32)}
    layouts = [GPTQ, PACKED, GPTQ | plain, _nf4(_state()), as_floats, {"weight": I8}, plain]
    found = [_opened(tmp_path / str(number), parts, bits=4).stored for number, parts in enumerate(layouts)]
    assert found == [*["packed"] * 5, "I8", "F32"]


def test_an_index_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with (tmp_path / "model.safetensors.index.json").open("wb") as stream:
        stream.truncate(checkpoint.MAX_INDEX + 1)
    with pytest.raises(Error, match="too large"):
        Checkpoint.open(tmp_path)
