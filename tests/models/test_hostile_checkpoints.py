"""Whatever a suspect's files say, reading them ends in numbers or in an `Error`, in no other exception."""

import copy
import json
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from countermark.errors import Error
from countermark.models.checkpoint import Checkpoint
from countermark.models.layers import attentions, blocks, embeddings, gain

P = "model.layers.0.mlp.up_proj."
LAYOUTS: dict[str, dict[str, tuple[str, list[int]]]] = {
    "gptq": {
        "qweight": ("I32", [4, 16]),
        "qzeros": ("I32", [2, 2]),
        "scales": ("F16", [2, 16]),
        "g_idx": ("I32", [32]),
    },
    "awq": {"qweight": ("I32", [32, 2]), "qzeros": ("I32", [2, 2]), "scales": ("F16", [2, 16])},
    "compressed-tensors": {
        "weight_packed": ("I32", [16, 4]),
        "weight_scale": ("BF16", [16, 2]),
        "weight_shape": ("I64", [2]),
        "weight_zero_point": ("I32", [2, 2]),
    },
    "fp8": {"weight": ("F8_E4M3", [16, 32]), "weight_scale_inv": ("F32", [2, 4])},
    "bitsandbytes": {"weight": ("I8", [16, 32]), "SCB": ("F32", [16])},
    "nf4": {
        "weight": ("U8", [256, 1]),
        "weight.absmax": ("U8", [8]),
        "weight.quant_map": ("F32", [16]),
        "weight.nested_absmax": ("F32", [2]),
        "weight.nested_quant_map": ("F32", [256]),
        "weight.quant_state.bitsandbytes__nf4": ("U8", [91]),
    },
    "plain": {"weight": ("BF16", [16, 32])},
}
BYTES = {"I32": 4, "F16": 2, "BF16": 2, "I64": 8, "F8_E4M3": 1, "F32": 4, "I8": 1, "U8": 1}
STATE = b'{"blocksize": 64, "shape": [16, 32], "nested_blocksize": 4, "nested_offset": 0.5, "x": "y"}'
ODD: list[Any] = [0, 1, -1, 3, 2**31, 2**63, 10**40, 0.5, None, True, "x", [], [1], {}, float("inf")]


def _parts(layout: str) -> tuple[dict[str, Any], bytes]:
    header: dict[str, Any] = {}
    data = b""
    for name, (dtype, shape) in LAYOUTS[layout].items():
        size = BYTES[dtype]
        for one in shape:
            size *= one
        piece = bytes(size)
        if name == "weight_shape":
            piece = struct.pack("<qq", 16, 32)
        if "quant_state" in name:
            piece = STATE[:size].ljust(size)
        header[P + name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + size]}
        data += piece
    return header, data


def _write(folder: Path, header: Any, data: bytes, config: Any) -> None:
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "config.json").write_text(json.dumps(config))


def _read_everything(folder: Path) -> int:
    """Numbers that could be read."""
    opened = Checkpoint.open(folder)
    found = 0
    for name in opened.names():
        try:
            shape = opened.shape(name)
            if len(shape) == 2 and shape[0] > 2 and shape[1] > 2:
                found += opened.rows(name, [0, 2]).size + opened.columns(name, [1]).size
        except Error:
            continue
    attentions(opened)
    embeddings(opened)
    for block in blocks(opened):
        gain(opened, block)
    return found


def _config(layout: str) -> dict[str, Any]:
    quantization = {"quant_method": layout, "bits": 4, "weight_block_size": [8, 8]}
    return {"hidden_size": 32, "num_attention_heads": 4, "quantization_config": quantization}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_itself_is_read(tmp_path: Path, layout: str) -> None:
    header, data = _parts(layout)
    _write(tmp_path, header, data, _config(layout))
    assert _read_everything(tmp_path) == 2 * 32 + 16


@pytest.mark.parametrize("layout", LAYOUTS)
def test_changed_headers_data_and_configurations(tmp_path: Path, layout: str) -> None:
    draws = random.Random(layout)
    header, data = _parts(layout)
    for _ in range(150):
        changed, config, numbers = copy.deepcopy(header), _config(layout), bytearray(data)
        for _ in range(draws.randint(1, 2)):
            entry = changed[draws.choice(list(changed))]
            kind = draws.randrange(6)
            if kind == 0:
                entry["dtype"] = draws.choice([*BYTES, "F64", "BOOL", "U64"])
            elif kind == 1:
                entry["shape"] = draws.sample(entry["shape"] + [draws.choice(ODD)], len(entry["shape"]))
            elif kind == 2:  # the same size in another shape
                size = (entry["data_offsets"][1] - entry["data_offsets"][0]) // BYTES.get(entry["dtype"], 1)
                entry["shape"] = draws.choice([[size], [1, size], [size, 1], [2, size // 2], [1, 1, size]])
            elif kind == 3 and len(changed) > 1:
                del changed[draws.choice(list(changed))]
            elif kind == 4:
                config["quantization_config"][draws.choice(["bits", "weight_block_size", "quant_method"])] = (
                    draws.choice([*ODD, 8, [8], [0, 8]])
                )
            else:
                at = draws.randrange(len(numbers))
                numbers[at : at + 4] = draws.randbytes(4)
        _write(tmp_path, changed, bytes(numbers), config)
        try:
            _read_everything(tmp_path)
        except Error:
            continue
