"""Weights are read as data, by rows, from whole safetensors folders only."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoint_folders import write_folder, write_raw, write_shards
from countermark.errors import Error, ExitCode
from countermark.models.checkpoint import Checkpoint
from countermark.models.dtypes import decode

UP = "model.layers.0.mlp.up_proj.weight"
GOOD = {UP: {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}


def test_rows_of_a_matrix_in_any_order(tmp_path: Path) -> None:
    matrix = np.arange(12, dtype=np.float32).reshape(4, 3)
    opened = Checkpoint.open(write_folder(tmp_path, {UP: matrix, "norm": np.ones(3, np.float32)}))
    assert opened.names() == [UP, "norm"]
    assert opened.shape(UP) == (4, 3)
    assert opened.rows(UP, [3, 0]).tolist() == matrix[[3, 0]].tolist()
    assert opened.columns(UP, [2]).tolist() == matrix[:, [2]].T.tolist()
    assert opened.vector("norm").tolist() == [1, 1, 1]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
def test_number_formats_of_numpy(tmp_path: Path, dtype: Any) -> None:
    matrix = np.array([[1, -2], [3, 5]], dtype=dtype)
    rows = Checkpoint.open(write_folder(tmp_path, {UP: matrix})).rows(UP, [0, 1])
    assert rows.dtype == np.float32
    assert rows.tolist() == matrix.tolist()


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_number_formats_of_torch_have_the_values_that_torch_gives_them(name: str) -> None:
    torch = pytest.importorskip("torch")
    kind, bits = {
        "bfloat16": ("BF16", torch.arange(-(2**15), 2**15).to(torch.int16)),
        "float8_e4m3fn": ("F8_E4M3", torch.arange(256).to(torch.uint8)),
        "float8_e5m2": ("F8_E5M2", torch.arange(256).to(torch.uint8)),
    }[name]
    expected = bits.view(getattr(torch, name)).to(torch.float32).numpy()
    raw = bits.numpy().view(np.uint16 if kind == "BF16" else np.uint8)
    np.testing.assert_array_equal(decode(raw, kind), expected)


def test_shards_are_read_through_their_index(tmp_path: Path) -> None:
    shards = [{f"layers.{i}.up.weight": np.full((2, 2), i, np.float32)} for i in range(3)]
    opened = Checkpoint.open(write_shards(tmp_path, shards, {"hidden_size": 2}))
    assert [opened.rows(f"layers.{i}.up.weight", [0])[0, 0] for i in range(3)] == [0, 1, 2]
    assert opened.config["hidden_size"] == 2


def test_numbers_of_the_configuration_are_checked_and_its_code_ignored(tmp_path: Path) -> None:
    config = {"n_embd": 8, "auto_map": {"AutoModel": "evil.py"}, "text_config": {"n_layer": 3}}
    opened = Checkpoint.open(write_folder(tmp_path / "a", {UP: np.eye(2)}, config))
    assert opened.config["hidden_size"] == 8
    assert opened.config["num_hidden_layers"] == 3
    assert "auto_map" not in opened.config
    for bad in (-1, 2.5, "8", 10**12, True):
        with pytest.raises(Error, match="hidden_size"):
            Checkpoint.open(write_folder(tmp_path / "b", {UP: np.eye(2)}, {"hidden_size": bad}))


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ([1], b""),
        ({}, b""),
        (b"{" * 100_000, b""),
        ({UP: 3}, b""),
        ({UP: {**GOOD[UP], "shape": [2, 3]}}, bytes(16)),
        ({UP: {**GOOD[UP], "shape": [-2, -2]}}, bytes(16)),
        ({UP: {**GOOD[UP], "shape": [True, 4]}}, bytes(16)),
        ({UP: {**GOOD[UP], "shape": [2.0, 2]}}, bytes(16)),
        ({UP: {**GOOD[UP], "shape": [10**30, 0]}}, bytes(16)),
        ({UP: {**GOOD[UP], "dtype": "F4"}}, bytes(16)),
        ({UP: {**GOOD[UP], "dtype": ["F32"]}}, bytes(16)),
        ({UP: {**GOOD[UP], "data_offsets": [8, 24]}}, bytes(16)),
        ({UP: {**GOOD[UP], "data_offsets": [16, 0]}}, bytes(16)),
        ({**GOOD, "x": {**GOOD[UP], "data_offsets": [8, 24]}}, bytes(32)),
        (GOOD, bytes(15)),
    ],
)
def test_a_broken_file_is_an_error(tmp_path: Path, header: Any, data: bytes) -> None:
    with pytest.raises(Error) as caught:
        Checkpoint.open(write_raw(tmp_path, header, data))
    assert caught.value.exit_code == ExitCode.NO_INPUT


@pytest.mark.parametrize("length", [0, 1, 2**62, 200_000_000])
def test_a_header_longer_than_the_file_is_not_read(tmp_path: Path, length: int) -> None:
    with pytest.raises(Error, match="cut off"):
        Checkpoint.open(write_raw(tmp_path, GOOD, bytes(16), length))


def test_numbers_that_are_not_finite_are_an_error_when_read(tmp_path: Path) -> None:
    matrix = np.ones((3, 2), np.float32)
    matrix[1, 1] = np.nan
    opened = Checkpoint.open(write_folder(tmp_path, {UP: matrix}))
    assert opened.rows(UP, [0, 2]).shape == (2, 2)
    for read in (opened.rows, opened.columns):
        with pytest.raises(Error, match="NaN"):
            read(UP, [1])


def test_what_is_asked_for_must_be_there(tmp_path: Path) -> None:
    opened = Checkpoint.open(
        write_folder(tmp_path, {UP: np.eye(2), "v": np.ones(2), "t": np.array([[True]])})
    )
    for name in ("missing.weight", "v", "t"):
        with pytest.raises(Error, match="checkpoint"):
            opened.rows(name, [0])
    for row in (-1, 2):
        with pytest.raises(Error, match="row"):
            opened.rows(UP, [row])
        with pytest.raises(Error, match="column"):
            opened.columns(UP, [row])
    with pytest.raises(Error, match="vector"):
        opened.vector(UP)


def test_a_folder_of_pickles_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(Error) as caught:
        Checkpoint.open(tmp_path)
    assert "pickles can run code" in caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "nonsense", "[" * 100_000])
def test_a_configuration_that_is_none(tmp_path: Path, text: str) -> None:
    (write_folder(tmp_path, {UP: np.eye(2)}) / "config.json").write_text(text)
    with pytest.raises(Error, match=r"config\.json"):
        Checkpoint.open(tmp_path)


def test_files_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    outside = write_folder(tmp_path / "outside", {UP: np.eye(2)})
    for name in ("../outside/model.safetensors", "/etc/passwd", 3, "a.bin", "missing.safetensors"):
        folder = tmp_path / "suspect"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {UP: name}}))
        with pytest.raises(Error, match="no usable checkpoint"):
            Checkpoint.open(folder)
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "config.json").write_text("{}")
    (linked / "model.safetensors").symlink_to(outside / "model.safetensors")
    with pytest.raises(Error, match="link out"):
        Checkpoint.open(linked)


@pytest.mark.parametrize("index", ["[]", "{}", '{"weight_map": 3}', '{"weight_map": {}}', "[" * 99_999])
def test_an_index_that_is_none(tmp_path: Path, index: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(Error, match="index"):
        Checkpoint.open(tmp_path)
