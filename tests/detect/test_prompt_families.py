"""Families of prompts: what banding guarantees, and what it may leave apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_events import events_table, opened, sketches_table

from countermark.detect.prompt_families import BANDS, ROWS, SIMILAR, families_of, prompt_families
from countermark.records.events import SKETCH_VALUES


def similar(a, b):
    """The estimated Jaccard similarity, corrected for values that agree by chance."""
    return (np.mean(a == b) - 1 / 256) / (1 - 1 / 256) >= SIMILAR


def components(n, linked):
    """Smallest index of each one's component, by spreading labels until nothing changes."""
    label = list(range(n))
    changed = True
    while changed:
        changed = False
        for a in range(n):
            for b in range(n):
                if linked(a, b) and label[b] > label[a]:
                    label[b], changed = label[a], True
    return label


@st.composite
def prompts(draw):
    """Random variations of a few sketches and templates, from near copies to unrelated."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(1, 25))
    frames = random.integers(0, 256, (draw(st.integers(1, 4)), SKETCH_VALUES), dtype=np.uint8)
    sketches = frames[random.integers(0, len(frames), n)]
    changed = random.random(sketches.shape) < random.choice([0.0, 0.1, 0.3, 0.45, 0.6, 0.9], (n, 1))
    sketches = np.where(changed, random.integers(0, 256, sketches.shape), sketches).astype(np.uint8)
    return random.integers(0, draw(st.integers(1, 40)), n), sketches


def together(family):
    return family[:, None] == family[None, :]


@given(prompts())
def test_families_join_nothing_that_all_pairs_would_not_join(case):
    """Refinement: whatever is in one family is connected by equal templates and similar sketches."""
    template, sketches = case
    family = families_of(template, sketches)
    brute = np.array(
        components(
            template.size, lambda a, b: template[a] == template[b] or similar(sketches[a], sketches[b])
        )
    )
    assert (together(brute) | ~together(family)).all()


@given(prompts())
def test_similar_prompts_are_joined_when_one_is_the_first_of_a_bucket_they_share(case):
    """The guarantee: each band's bucket is a star around its first prompt; other pairs may stay apart."""
    template, sketches = case
    family = families_of(template, sketches)

    linked = template[:, None] == template[None, :]
    for band in range(BANDS):
        part = [row.tobytes() for row in sketches[:, band * ROWS : (band + 1) * ROWS]]
        for element, key in enumerate(part):
            first = part.index(key)
            linked[first, element] |= similar(sketches[first], sketches[element])
    linked |= linked.T
    brute = np.array(components(template.size, lambda a, b: linked[a, b]))
    assert together(family).tolist() == together(brute).tolist()


@given(prompts())
def test_equal_templates_and_equal_sketches_are_one_family(case):
    template, sketches = case
    family = families_of(template, sketches)
    equal = (sketches[:, None] == sketches[None]).all(axis=2)
    assert (together(family) | ~(equal | together(template))).all()


def test_fill_ins_of_one_frame_are_one_family_and_other_frames_stay_apart():
    """About 80% of the values kept, as a long frame with a short fill-in has; each of 40 families whole."""
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (40, SKETCH_VALUES), dtype=np.uint8)
    of = np.repeat(np.arange(40), 50)
    changed = random.random((of.size, SKETCH_VALUES)) < 0.12
    sketches = np.where(changed, random.integers(0, 256, changed.shape), frames[of]).astype(np.uint8)
    family = families_of(np.arange(of.size), sketches)
    assert (together(family) == together(of)).all()


def test_just_below_the_similarity_nothing_is_joined():
    """They share half of the buckets; one value less than SIMILAR asks for is not enough."""
    first = np.zeros(SKETCH_VALUES, np.uint8)
    needed = int(np.ceil(SKETCH_VALUES * (SIMILAR * (1 - 1 / 256) + 1 / 256)))
    for agreeing, families in ((needed, 1), (needed - 1, 2)):
        second = np.where(np.arange(SKETCH_VALUES) < agreeing, 0, 1).astype(np.uint8)
        assert np.unique(families_of(np.arange(2), np.stack([first, second]))).size == families


def test_the_table_names_a_family_by_its_smallest_template_and_ignores_the_order_of_rows():
    random = np.random.default_rng(2)
    frame = random.integers(0, 256, SKETCH_VALUES, dtype=np.uint8)
    other = random.integers(0, 256, SKETCH_VALUES, dtype=np.uint8)
    near = frame.copy()
    near[:6] += 1
    sketches = {-5: frame.tobytes(), 3: near.tobytes(), 9: other.tobytes(), 12: other.tobytes()}
    rows = [
        {"account_id": "a", "prompt_hash": prompt, "template_hash": template}
        for prompt, template in ((-5, 70), (3, -80), (9, 50), (12, None), (3, -80), (77, 1))
    ]
    expected = {-5: -80, 3: -80, 9: 12, 12: 12}  # the last two: a prompt without a template stands for itself
    for order in (rows, rows[::-1]):
        with opened(events_table(order), sketches=sketches_table(sketches)) as database:
            table = prompt_families(database)
        found = dict(zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True))
        assert found == expected


def test_without_sketches_there_is_an_empty_table():
    with opened(events_table([{"account_id": "a"}])) as database:
        assert prompt_families(database).num_rows == 0


@pytest.mark.parametrize("n", [0, 1])
def test_none_and_one(n):
    family = families_of(np.arange(n), np.zeros((n, SKETCH_VALUES), np.uint8))
    assert family.tolist() == list(range(n))
