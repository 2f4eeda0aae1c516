"""torch gives the integers and choices of NumPy; on CUDA too where there is one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.watermark.prf import siphash

torch = pytest.importorskip("torch", reason="needs the torch extra")

from countermark.watermark.sampling import torch_siphash  # noqa: E402

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
IDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("device", DEVICES)
@given(
    key=st.binary(min_size=16, max_size=16),
    context=st.lists(IDS, min_size=1, max_size=9),
    tokens=st.lists(IDS, min_size=1, max_size=9),
)
def test_integers_are_equal(device, key, context, tokens):
    width = len(context)
    words, domain = siphash.key_words(key), siphash.domain_word(width)
    state = siphash.context_state(np.array(context, np.uint64), *words, domain)
    expected = siphash.token_hashes(state, np.array(tokens, np.uint64), width)
    for token, h in zip(tokens, expected, strict=True):
        window = siphash.pack_windows(np.array([*context, token], np.uint64), width)
        assert siphash.hash_windows(window, *words, domain)[0] == h
    found = torch_siphash.token_hashes(
        torch.tensor([context], device=device),
        torch.tensor(tokens, device=device),
        *torch_siphash.key_words(key),
    )
    assert (found[0].cpu().numpy().view(np.uint64) == expected).all()


@pytest.mark.parametrize("device", DEVICES)
def test_exponentials_are_equal_at_the_ends(device):
    cells = [0, 1, 2**52 - 1, 2**52, 2**53 - 2, 2**53 - 1]
    hashes = np.array([(m << 11) + low for m in cells for low in (0, 2047)], np.uint64)
    found = torch_siphash.exponentials(torch.from_numpy(hashes.view(np.int64)).to(device)).cpu().numpy()
    assert found == pytest.approx(siphash.exponentials(hashes), rel=1e-14)
    assert (found > 0).all()
    assert np.isfinite(found).all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("width", [1, 4])
def test_choices_are_equal(device, width):
    generator = np.random.default_rng(width)
    key = generator.bytes(16)
    contexts = generator.integers(0, 128_256, (64, width))
    weights = generator.exponential(size=(64, 900)) ** 3
    weights[:, ::3] = 0
    words, domain = siphash.key_words(key), siphash.domain_word(width)
    states = np.stack([siphash.context_state(row.astype(np.uint64), *words, domain) for row in contexts])
    expected = siphash.choose_tokens(weights, states, np.arange(64), width)
    found = torch_siphash.choose_tokens(
        torch.from_numpy(weights).to(device),
        torch.from_numpy(contexts).to(device),
        *torch_siphash.key_words(key),
    )
    assert found.cpu().tolist() == expected.tolist()
