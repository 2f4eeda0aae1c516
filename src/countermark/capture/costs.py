"""What missing columns cost, in plain sentences for the summary and for `capture.json`."""

from collections.abc import Collection

NO_PROMPTS = (
    "No prompts in the log (LiteLLM's default): no content signals, that is no shared templates, "
    "near-copies or traits. Networks can be found by infrastructure, payment and time only."
)
OBJECTS_ONLY = (
    "No prompts in the log: no shared templates, near-copies or traits. Of content only the objects "
    "acted upon are known, and harvest and pool cannot be told apart."
)
_COSTS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"prompt_hash", "template_hash", "object_hash"}), NO_PROMPTS),
    (
        frozenset({"ip_hash", "ip_prefix_hash"}),
        "No addresses: accounts behind one proxy or one address range are not linked by it.",
    ),
    (
        frozenset({"user_agent", "ja4"}),
        "No client fingerprint (user agent, JA4): accounts run by one program are not linked by it.",
    ),
    (
        frozenset({"api_key_hash", "org_id"}),
        "No keys and no organisations: several accounts of one customer look unrelated.",
    ),
    (
        frozenset({"input_tokens", "output_tokens"}),
        "No token counts: how much was harvested cannot be estimated from this log.",
    ),
    (
        frozenset({"model"}),
        "No model names: requests to different models are compared as if they were alike.",
    ),
)
NO_ACCOUNTS = "No account table (--accounts): no payment signal, no sign-up dates, coarser strata."
NO_ASN = "No network numbers (ASN): strata cannot separate data centres from homes."


def costs_of(empty: Collection[str], accounts: int) -> list[str]:
    """Sentences for the columns that stayed empty and the number of rows in the account table."""
    missing = set(empty)
    sentences = [sentence for columns, sentence in _COSTS if columns <= missing]
    if {"prompt_hash", "template_hash"} <= missing and "object_hash" not in missing:
        sentences.insert(0, OBJECTS_ONLY)
    if "asn" in missing and not {"ip_hash", "ip_prefix_hash"} <= missing:
        sentences.append(NO_ASN)
    return sentences if accounts else [*sentences, NO_ACCOUNTS]
