"""Patterns: every comparison is classified, and what carries more than known values is refused."""

import pytest
from policy_samples import ADDRESS, COUNTS, EXTENSION, JA4, OTHER_ADDRESS, ground, indicator

from countermark.share.policy.evaluate import evaluate

FINGERPRINT = f"network-traffic:extensions.'{EXTENSION}'"


def classes(pattern: str, **more: object) -> dict[str, int] | None:
    """Kinds of an indicator's pattern with their smallest counts; None where it stays."""
    (reviewed,) = evaluate(ground(**more), [indicator(pattern=pattern)]).objects
    return dict(reviewed.classes) if reviewed.leaves else None


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (f"[ipv4-addr:value = '{ADDRESS}']", {"address": 7}),
        (f"[ipv4-addr:value IN ('{ADDRESS}', '{OTHER_ADDRESS}')]", {"address": 4}),
        (f"[ipv4-addr:value = '{ADDRESS}' OR autonomous-system:number = 64500]", {"address": 7, "asn": 40}),
        (
            f"[ipv4-addr:value = '{ADDRESS}'] OR [domain-name:value = 'mail.example']",
            {"address": 7, "email-domain": 12},
        ),
        (f"[{FINGERPRINT}.ja4 = '{JA4}']", {"ja4": 9}),
    ],
)
def test_known_values_over_their_floor_leave(pattern: str, found: dict[str, int]) -> None:
    assert classes(pattern) == found


@pytest.mark.parametrize(
    "pattern",
    [
        "[ipv4-addr:value = '8.8.8.8']",
        f"[ipv4-addr:value IN ('{ADDRESS}', '8.8.8.8')]",
        f"[ipv4-addr:value = '{ADDRESS}' AND ipv4-addr:value = '{OTHER_ADDRESS}']",
        f"[ipv4-addr:value = '{ADDRESS}'] AND [autonomous-system:number = 64500]",
        f"[ipv4-addr:value = '{ADDRESS}'] FOLLOWEDBY [autonomous-system:number = 64500]",
        f"[ipv4-addr:value != '{ADDRESS}']",
        f"[ipv4-addr:value NOT = '{ADDRESS}']",
        f"[ipv4-addr:value LIKE '{ADDRESS}']",
        f"[ipv4-addr:value MATCHES '{ADDRESS}']",
        "[ipv4-addr:value ISSUBSET '8.8.0.0/16']",
        f"[ipv4-addr:value = '{ADDRESS}'] WITHIN 5 SECONDS",
        f"[ipv4-addr:value = '{ADDRESS}'] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z'",
        f"[ipv4-addr:value = '{ADDRESS}'] REPEATS 5 TIMES",
        f"[ipv4-addr:value = '{ADDRESS}' /* our price is 5 */]",
        f"[ipv4-addr:value = '{ADDRESS}'] // customers",
        f"[ipv4-addr:value  = '{ADDRESS}']",
        f"[ipv4-addr:value =\t'{ADDRESS}']",
        f"[ipv4-addr:value = '{ADDRESS}'] ",
        "[EXISTS ipv4-addr:value]",
        "[ipv4-addr:value = '8.8.4.4\\x']",
        "[ipv4-addr:value = '008.8.4.4']",
        "[ipv4-addr:value = '10.0.0.1']",
        "[email-addr:value = 'jane@mail.example']",
        "[user-account:user_id = '17']",
        "[url:value = 'https://mail.example/x']",
        "[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = 'x']",
        "[ipv4-addr:resolves_to_refs[*].value = 'aa:bb:cc:dd:ee:ff']",
        "[autonomous-system:number = '64500']",
        "[autonomous-system:number = 99999999999]",
        "[autonomous-system:number = " + "9" * 5000 + "]",
        "[domain-name:value = 'gmail.com']",
        f"[{FINGERPRINT}.ja4 = 'jane.doe']",
        "[ipv4-addr:value = '8.8.4.4'",
        "(" * 3000 + "[ipv4-addr:value = '8.8.4.4']" + ")" * 3000,
        "[" + "(" * 33 + "ipv4-addr:value = '8.8.4.4'" + ")" * 33 + "]",
        "",
        "price",
    ],
)
def test_anything_else_in_a_pattern_keeps_the_indicator(pattern: str) -> None:
    counts = [
        *COUNTS,
        ("address", "10.0.0.1", 99),
        ("email-domain", "gmail.com", 9999),
        ("email-domain", "x", 99),
    ]
    assert classes(pattern, floor_counts=counts) is None


@pytest.mark.parametrize(("domain", "leaves"), [("mail.gmail.com", False), ("notgmail.com", True)])
def test_a_host_of_a_large_provider_is_the_provider(domain: str, leaves: bool) -> None:
    counts = [("email-domain", domain, 500)]
    assert (classes(f"[domain-name:value = '{domain}']", floor_counts=counts) is not None) is leaves


@pytest.mark.parametrize(("accounts", "leaves"), [(0, False), (2, False), (3, True)])
def test_the_floor_is_the_least_number_of_accounts(accounts: int, leaves: bool) -> None:
    counts = [("address", ADDRESS, accounts)]
    assert (classes(f"[ipv4-addr:value = '{ADDRESS}']", floor_counts=counts) is not None) is leaves


def test_of_two_counts_the_smaller_one_holds() -> None:
    counts = [("address", ADDRESS, 50), ("address", ADDRESS, 2)]
    assert classes(f"[ipv4-addr:value = '{ADDRESS}']", floor_counts=counts) is None
