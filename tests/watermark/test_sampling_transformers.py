"""The mark in transformers' generation: order of processors, batches, odd modes, counts."""

import numpy as np
import pytest
from sampling_profiles import KEY, own_profile

from countermark.errors import Error
from countermark.watermark.schemes.gumbel_siphash import GumbelSiphash

torch = pytest.importorskip("torch", reason="needs the torch extra")
transformers = pytest.importorskip("transformers", reason="needs the torch extra")

from countermark.watermark.sampling.logits_processor import (  # noqa: E402
    MarkedDecoding,
    SipHashLogitsProcessor,
)

VOCABULARY = 64


@pytest.fixture(scope="module")
def model():
    """A Llama of two small layers with random weights: no download, any text."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=None,
        pad_token_id=0,
    )
    return transformers.LlamaForCausalLM(config).eval()


def generate(model, prompts, decoding, **settings):
    """Ids after the prompts; prompts are padded on the left with 0."""
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(one)) + list(one) for one in prompts])
    mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in prompts])
    settings = {"do_sample": True, "max_new_tokens": 60, "top_k": 0} | settings
    out = model.generate(ids, attention_mask=mask, custom_generate=decoding, **settings)
    return out[:, longest:].numpy()


def log_p(ids: np.ndarray, width: int) -> float:
    """Natural log of the p-value of one document's distinct pairs."""
    scorer = GumbelSiphash().bind(own_profile(width), KEY)
    marks = scorer.marks(ids)
    return scorer.judge(marks.at(np.unique(marks.fingerprints, return_index=True)[1])).log_p


def test_rows_of_a_left_padded_batch_are_all_marked(model):
    decoding = MarkedDecoding(own_profile(2), KEY)
    torch.manual_seed(1)
    rows = generate(model, [[5, 6, 7, 8, 9], [3], [4, 4]], decoding)
    assert all(log_p(row, 2) < -25 for row in rows)
    assert decoding.counts.start == 6
    assert decoding.counts.marked + decoding.counts.unmarked == 180


@pytest.mark.parametrize("settings", [{"top_k": 3}, {"top_p": 0.3}, {"min_p": 0.97}, {"temperature": 0.3}])
def test_the_mark_comes_after_temperature_and_truncation(model, settings):
    """Under top_k=3 every token stands among the three likeliest, which a mark before it would not keep."""
    decoding = MarkedDecoding(own_profile(2), KEY)
    chosen = {}

    class Spy(SipHashLogitsProcessor):
        def __call__(self, input_ids, scores):
            chosen[self._steps] = (torch.isfinite(scores).sum(-1), scores.clone())
            return super().__call__(input_ids, scores)

    spy = Spy(2, bytes(range(16)), decoding.counts)
    decoding._processor = spy
    ids = generate(model, [[5, 6]], decoding, max_new_tokens=12, **settings)
    kept, scores = chosen[5]
    assert torch.isfinite(scores[0, ids[0, 5]])
    if "top_k" in settings:
        assert kept.item() == 3
    elif "temperature" not in settings:
        assert kept.item() < VOCABULARY


def test_a_processor_in_the_list_of_processors_refuses(model):
    """There it would run before temperature and truncation (transformers 5.23.0)."""
    decoding = MarkedDecoding(own_profile(2), KEY)
    with pytest.raises(Error, match="before temperature"):
        model.generate(
            torch.tensor([[5]]), do_sample=True, max_new_tokens=2, logits_processor=[decoding._processor]
        )
    assert sum(decoding.counts.refused.values()) == 1


def test_custom_processors_do_run_before_the_warpers(model):
    """Why the mark is not in that list; should a release change it, this says so."""
    seen = []

    class Look(transformers.LogitsProcessor):
        def __call__(self, input_ids, scores):
            seen.append(int(torch.isfinite(scores).sum()))
            return scores

    model.generate(torch.tensor([[5]]), do_sample=True, top_k=3, max_new_tokens=1, logits_processor=[Look()])
    assert seen == [VOCABULARY]


def test_greedy_text_is_unmarked_and_counted(model):
    decoding = MarkedDecoding(own_profile(2), KEY)
    marked = generate(model, [[5, 6], [7]], decoding, do_sample=False)
    plain = generate(model, [[5, 6], [7]], None, do_sample=False)
    assert (marked == plain).all()
    assert (decoding.counts.greedy, decoding.counts.marked) == (120, 0)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"num_beams": 2, "do_sample": False}, "beam search"),
        ({"num_beams": 2}, "beam sampling"),
        ({"prompt_lookup_num_tokens": 2}, "assisted decoding"),
        ({"penalty_alpha": 0.6, "top_k": 4, "do_sample": False}, "contrastive search"),
    ],
)
def test_other_decoding_fails_closed_and_is_counted(model, settings, what):
    decoding = MarkedDecoding(own_profile(2), KEY)
    with pytest.raises(Error, match=what):
        generate(model, [[5, 6]], decoding, **settings)
    assert decoding.counts.refused == {what: 1}


def test_an_assistant_model_is_not_used(model):
    """transformers 5.23.0 drops it beside a decoding loop of one's own: all tokens are sampled and marked."""
    decoding = MarkedDecoding(own_profile(2), KEY)
    torch.manual_seed(3)
    ids = generate(model, [[5, 6]], decoding, assistant_model=model)
    assert log_p(ids[0], 2) < -25
    assert decoding.counts.marked + decoding.counts.unmarked == 60


def test_another_mark_beside_ours_is_refused(model):
    decoding = MarkedDecoding(own_profile(2), KEY)
    other = transformers.WatermarkingConfig(bias=2.0)
    with pytest.raises(Error, match="another mark"):
        generate(model, [[5, 6]], decoding, watermarking_config=other)


def test_several_answers_to_one_prompt_differ_by_their_first_tokens(model):
    decoding = MarkedDecoding(own_profile(2), KEY)
    torch.manual_seed(4)
    rows = generate(model, [[5, 6]], decoding, num_return_sequences=4)
    assert len({tuple(row[:2]) for row in rows}) == len({tuple(row) for row in rows}) > 1
    assert decoding.counts.start == 8


def test_what_follows_the_end_of_an_answer_is_not_counted(model):
    decoding = MarkedDecoding(own_profile(2), KEY)
    torch.manual_seed(5)
    rows = generate(model, [[5, 6], [7, 8], [9, 10]], decoding, eos_token_id=list(range(1, 9)))
    lengths = [
        int(np.argmax((row > 0) & (row < 9))) + 1 if ((row > 0) & (row < 9)).any() else 60 for row in rows
    ]
    assert len(set(lengths)) > 1
    assert decoding.counts.marked + decoding.counts.unmarked == sum(lengths)


def test_a_key_stands_in_no_error_and_no_representation(model):
    decoding = MarkedDecoding(own_profile(2), KEY)
    with pytest.raises(Error) as error:
        generate(model, [[5]], decoding, num_beams=2)
    shown = f"{error.value!r} {error.value.hint} {decoding!r} {decoding._processor!r} {decoding.counts!r}"
    assert KEY.reveal().decode().strip() not in shown
    assert repr(bytes(range(16))) not in shown
