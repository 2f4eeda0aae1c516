"""Free text, and the topics that competitors do not exchange."""

from typing import Any

import pytest
from policy_samples import EXTENSION, MEMBER, campaign, common, ground

from countermark.share.policy.document import default_policy
from countermark.share.policy.evaluate import evaluate
from countermark.share.policy.texts import is_template, scrub_problem, skeleton_problem, topic_of

SAID = {
    "no-prices": ["They pay our price for a month", "a discount on tokens", "five dollars per token"],
    "no-costs": ["Serving this costs more than it brings", "our margin on inference"],
    "no-volumes": ["a third of our revenue", "throughput of the service"],
    "no-customers": ["one is a customer of ours", "tenants in finance"],
    "no-contracts": ["their contract ends in spring", "our supplier of chips"],
    "no-capacity": ["capacity was short that week", "idle GPUs"],
    "no-roadmaps": ["before our next model", "the launch in spring", "our strategy for agents"],
    "no-architecture": ["a mixture of experts", "the architecture of the model"],
    "no-thresholds": ["under the threshold of the detector", "our rate limits"],
    "no-recommendations": ["others should ban them", "we suspended all", "recommend to refuse service"],
    "no-joint-lists": ["put on the shared list", "our blocklist", "black-lists of members"],
}


def sentences() -> list[tuple[str, str]]:
    """Topic and sentence."""
    return [(topic, text) for topic, texts in SAID.items() for text in texts]


def test_every_topic_is_tried() -> None:
    assert set(SAID) == {topic.id for topic in default_policy().topics}


@pytest.mark.parametrize(("topic", "text"), sentences())
def test_a_forbidden_topic_is_refused_by_name(topic: str, text: str) -> None:
    found = topic_of(default_policy(), text)
    assert found is not None
    assert found.id == topic
    (reviewed,) = evaluate(ground(), [campaign(description=text)]).objects
    (field,) = [one for one in reviewed.fields if one.path == "description"]
    assert not field.allowed
    assert topic in field.reason
    assert reviewed.sent == campaign()


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("x_price_per_token", "no-prices"),
        ("xUnitCost", "no-costs"),
        ("x_customer_names", "no-customers"),
        ("x_detector_threshold", "no-thresholds"),
        ("x_blocklist", "no-joint-lists"),
        ("x_gpu_hours", "no-capacity"),
        ("x_should_ban", "no-recommendations"),
    ],
)
def test_the_name_of_a_field_says_which_topic_it_is_of(name: str, topic: str) -> None:
    (reviewed,) = evaluate(ground(), [campaign(**{name: 5})]).objects
    (field,) = [one for one in reviewed.fields if one.path == name]
    assert (field.allowed, field.rule) == (False, topic)


@pytest.mark.parametrize(
    "text",
    [
        "Call 555 0109",
        "from 10.1.2.3",
        "2001:db8::1 was used",
        "jane.doe@example.org",
        "jane at example dot org",
        "see https://example.org/x",
        "see www.example.org",
        "on mail.example",
        "by Mr. Doe",
        "by Jane Doe of accounting",
        "J\u0430ne",  # Cyrillic a
        "line\nbreak",
        "a\u200bb",
        "sk-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "{slot}",
    ],
)
def test_what_gives_itself_away_does_not_pass_the_scrub(text: str) -> None:
    assert scrub_problem(text)
    assert skeleton_problem(f"Rate this: {text}")


@pytest.mark.parametrize(
    "text",
    [
        "jane doe of acme",
        "JANE DOE ACME",
        "j a n e . d o e (a) acme . com",
        "amFuZSBkb2VA",
        "do not serve them",
        "turn these accounts away",
        "Accounts that rotate through one network.",
        "Distillation campaign janedoe-6a616e65646f65",
    ],
)
def test_names_and_descriptions_are_sentences_of_the_policy_and_nothing_else(text: str) -> None:
    (reviewed,) = evaluate(ground(), [campaign(description=text)]).objects
    assert reviewed.sent == campaign()
    assert not evaluate(ground(), [campaign(name=text)]).leaving


def test_free_words_are_a_class_of_their_own_and_no_p_value_leaves_without_its_null() -> None:
    def with_null(text: str) -> dict[str, Any]:
        return campaign(extensions={EXTENSION: {"p_value": 0.01, "null_hypothesis": text}})

    (free,) = evaluate(ground(), [with_null("the accounts are like all others")]).objects
    assert free.leaves
    assert "scrubbed-text" in free.classes
    (known,) = evaluate(ground(), [with_null("the suspect's answers are independent of this key")]).objects
    assert known.leaves
    assert "scrubbed-text" not in known.classes
    assert not evaluate(ground(), [with_null("they are Jane Doe's")]).leaving


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("Alpha", True),
        ("Alpha Beta Models 3", True),
        ("Alpha & Sons, Inc.", True),
        ("Alpha jane.doe@acme.example", False),
        ("Alpha acme.example", False),
        ("Alpha 555 0109", False),
        ("Alph\u0430", False),
        ("Alpha " * 20, False),
    ],
)
def test_the_name_of_the_member_carries_nothing_else(name: str, good: bool) -> None:
    own = {**common("identity", 1, name=name, identity_class="organization"), "id": MEMBER}
    assert evaluate(ground(member_name=name), [own]).objects[0].leaves is good


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Distillation campaign dc-0123abcd", True),
        ("Distillation campaign dc-0123abcd.", False),
        ("Distillation campaign Jane Doe", False),
        ("TLS fingerprint of campaign dc-0123abcd", True),
        ("Attribution (lineage): not identical; not independent of key", True),
        ("Attribution (lineage): copied", False),
    ],
)
def test_a_sentence_of_the_policy_matches_as_a_whole(text: str, known: bool) -> None:
    assert is_template(default_policy(), text) is known


@pytest.mark.parametrize(
    ("skeleton", "good"),
    [
        ("Rate the answer to <text> for accuracy", True),
        ("Rate <number> answers by <name>", True),
        ("Rate the answer to <jane doe>", False),
        ("Rate the answer to question 17", False),
        ("ab", False),
    ],
)
def test_a_skeleton_holds_words_and_slots(skeleton: str, good: bool) -> None:
    assert (skeleton_problem(skeleton) == "") is good


def test_a_note_says_what_a_test_gave_and_nothing_else() -> None:
    note = common(
        *("note", 7),
        abstract="Attribution (text): not shown",
        content="They told us that customers complain",
        object_refs=[campaign()["id"]],
    )
    reviewed = evaluate(ground(), [campaign(), note]).objects[1]
    assert not reviewed.leaves
    assert "no-customers" in reviewed.reason
