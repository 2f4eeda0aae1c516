"""The kind of a campaign, at the edges of its rules."""

from dataclasses import replace

import pytest

from countermark.detect.classify import Rules, classify
from countermark.detect.signs import RequestSigns, SharedSigns

SHARED = SharedSigns(
    prompt_share=0.8,
    prompt_values=40,
    prompt_kind="prompt family",
    identity_known=True,
    identity_share=0.9,
    identity_kinds=["prefix", "payment"],
    site_share=0.1,
    site_kind="prefix",
    cards_share=0.6,
    largest_card=0.1,
)
OWN = RequestSigns(2_600, 20, 26.0, 0.2, 0.98, 0.3)
OTHERS = RequestSigns(9_000, 900, 3.0, 0.9, 0.99, 0.1)


def kind(own=OWN, **shared):
    return classify(replace(SHARED, **shared), own, OTHERS, Rules())[0]


def test_a_network_that_works_off_a_shared_list_is_a_harvest():
    assert kind() == "harvest"


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.5, "harvest"), (0.499, "undecided"), (0.3, "undecided"), (0.121, "undecided"), (0.12, "pool")],
)
def test_how_much_of_the_traffic_is_in_common(share, expected):
    """A reseller's customers who repeat themselves through many accounts had up to 0.43 in common."""
    assert kind(prompt_share=share) == expected


def test_without_prompts_or_shared_identity_it_is_undecided():
    assert kind(prompt_share=None) == "undecided"
    assert kind(identity_share=0.29) == "undecided"
    assert kind(identity_share=0.3) == "harvest"


def test_one_open_place_is_never_a_harvest():
    assert kind(site_share=0.5) == "harvest"
    assert kind(site_share=0.51) == "undecided"
    assert kind(site_share=0.51, prompt_share=0.01, cards_share=0.2) == "undecided"
    assert kind(site_share=0.51, prompt_share=0.01) == "pool"


def test_a_harvest_asks_for_what_trains_or_spreads_its_load_evenly():
    uneven, ordinary = {"rate_spread": 0.8}, {"eliciting_share": 0.1}
    assert kind(replace(OWN, **uneven)) == "harvest"
    assert kind(replace(OWN, **ordinary)) == "harvest"
    assert kind(replace(OWN, **uneven, **ordinary)) == "undecided"


def test_the_same_prompt_over_and_over_is_no_work_list():
    assert kind(replace(OWN, distinct_prompt_share=0.5)) == "harvest"
    assert kind(replace(OWN, distinct_prompt_share=0.49)) == "undecided"
    assert kind(replace(OWN, distinct_prompt_share=None)) == "undecided"
