"""From requests to counts and strata, against counting by hand."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from synthetic_accounts import one_stratum
from synthetic_events import START, accounts_table, events_table, opened

from countermark.detect.families import BY_CODE, BY_NAME, KINDS
from countermark.detect.incidence import SHRINK, parents, prepare, read_incidence
from countermark.detect.strata import ACTIVITY, LEAST_SHARE, PERIODS, quantile_bin, read_strata

NO_FAMILIES = pa.table({"prompt_hash": pa.array([], pa.int64()), "family": pa.array([], pa.int64())})
COLUMNS = {
    "prefix": "ip_prefix_hash",
    "ip": "ip_hash",
    "api_key": "api_key_hash",
    "opening": "opening_hash",
    "closing": "closing_hash",
    "system": "system_hash",
    "object": "object_hash",
    "prompt_family": "template_hash",
}


@pytest.fixture(scope="module")
def requests():
    """Twelve accounts over four days; every column is missing now and then, and hashes are of either sign."""
    random = np.random.default_rng(0)
    rows = []
    for _ in range(300):
        ip = int(random.integers(-6, 6))
        row = {
            "account_id": f"a{random.integers(0, 12):02d}",
            "ts": START + timedelta(minutes=int(random.integers(0, 4 * 1_440))),
            "ip_hash": ip,
            "ip_prefix_hash": ip // 3,
        }
        for name in ("api_key", "opening", "closing", "system", "object", "prompt_family"):
            row[COLUMNS[name]] = int(random.integers(-4, 5)) * 10**17
        rows.append(
            {key: value for key, value in row.items() if not key.endswith("hash") or random.random() < 0.8}
        )
    return rows


REGISTERED = [
    {
        "account_id": f"a{i:02d}",
        "payment_hash": i % 3 - 1,
        "email_domain": "ab"[i % 2] + ".example",
        "signup_ts": START,
    }
    for i in range(8)
]


def counted(requests, days=(0, 1)):
    """Uses by (account, kind, value, bin)."""
    uses = Counter()
    for row in requests:
        second = int(row["ts"].timestamp())
        if second // 86_400 % 2 not in days:
            continue
        for kind in KINDS:
            name = kind.name if kind.name in COLUMNS else kind.parent
            if kind.table == "events":
                value = row.get(COLUMNS["prompt_family" if kind.name == "family_hour" else name])
                time_bin = second // kind.bin_seconds if kind.bin_seconds else -1
                if value is not None:
                    uses[row["account_id"], kind.name, value, time_bin] += 1
    present = {row["account_id"] for row in requests}
    for row in REGISTERED:
        if row["account_id"] in present:
            domain = 1 + (row["email_domain"] == "b.example")
            uses[row["account_id"], "payment", row["payment_hash"], -1] += 1
            uses[row["account_id"], "email_domain", domain, -1] += 1
            uses[row["account_id"], "signup_day", int(START.timestamp()) // 86_400, -1] += 1
    return uses


def read(requests, parity=None):
    names = sorted({row["account_id"] for row in requests})
    with opened(events_table(requests), accounts_table(REGISTERED)) as database:
        prepare(database, NO_FAMILIES)
        found = read_incidence(database, len(names), parity)
        return found, parents(database, found), names


def as_counter(found, names):
    value = found.value
    rows = zip(
        found.account, found.kind[value], found.hashed[value], found.bin[value], found.uses, strict=True
    )
    return Counter({(names[a], BY_CODE[int(k)].name, int(h), int(b)): int(n) for a, k, h, b, n in rows})


@pytest.mark.parametrize(("parity", "days"), [(None, (0, 1)), (0, (0,)), (1, (1,))])
def test_uses_are_what_counting_by_hand_gives(requests, parity, days):
    found, _, names = read(requests, parity)
    assert as_counter(found, names) == counted(requests, days)


def test_values_are_numbered_without_repetition_and_rows_are_sorted(requests):
    found, _, _ = read(requests)
    keys = list(zip(found.kind.tolist(), found.hashed.tolist(), found.bin.tolist(), strict=True))
    assert len(set(keys)) == len(keys)
    assert (np.diff(found.value) >= 0).all()
    assert found.degree.sum() == found.account.size


def test_the_order_of_rows_does_not_matter(requests):
    first, second = read(requests)[0], read(requests[::-1])[0]
    for name in ("account", "value", "uses", "kind", "hashed", "bin"):
        assert getattr(first, name).tolist() == getattr(second, name).tolist()


def test_parents_are_the_wider_values(requests):
    found, parent, _ = read(requests)
    for kind, value, time_bin, above in zip(found.kind, found.hashed, found.bin, parent, strict=True):
        wider = BY_CODE[int(kind)].parent
        if not wider:
            assert above == -1
        elif above >= 0:
            assert found.kind[above] == BY_NAME[wider].code
            assert found.bin[above] == -1
            assert found.hashed[above] == (value // 3 if wider == "prefix" else value)
        else:
            assert wider == "prefix", (wider, time_bin)  # an address that was never logged with its prefix


def test_shares_are_of_requests_and_what_an_account_has_once_counts_whole(requests):
    found, _, names = read(requests)
    total = np.array([sum(row["account_id"] == name for row in requests) for name in names])
    once = np.isin(found.kind[found.value], [kind.code for kind in KINDS if kind.table == "accounts"])
    expected = np.where(once, 1.0, found.uses / (total[found.account] + SHRINK))
    assert found.share(total).tolist() == expected.tolist()
    assert 0 < found.share(total).min() <= found.share(total).max() == 1.0


def test_a_family_only_keeps_its_values_with_their_numbers(requests):
    found, _, _ = read(requests)
    part = found.of(("content",), with_bins=False)
    kinds = {BY_CODE[int(code)].name for code in part.kind[part.value]}
    assert kinds == {"prompt_family", "opening", "closing", "system", "object"}
    assert part.kind.size == found.kind.size


def test_a_log_without_any_shared_field_has_no_rows():
    with opened(events_table([{"account_id": "a"}, {"account_id": "b"}])) as database:
        prepare(database, NO_FAMILIES)
        found = read_incidence(database, 2)
    assert found.account.size == found.kind.size == 0


def stratified(accounts, languages, times=None):
    """Strata of {name: (requests, country)}; `languages[name]` and `times[name]` list its prompts' own."""
    rows = []
    for name, (n, _) in accounts.items():
        spoken, when = languages.get(name, []), (times or {}).get(name, [START] * n)
        rows += [
            {"account_id": name, "ts": when[i], "prompt_lang": spoken[i] if i < len(spoken) else None}
            for i in range(n)
        ]
    people = [{"account_id": name, "country": country} for name, (_, country) in accounts.items() if country]
    with opened(events_table(rows), accounts_table(people)) as database:
        prepare(database, NO_FAMILIES)
        strata = read_strata(database, np.array([accounts[name][0] for name in sorted(accounts)]))
    return dict(zip(sorted(accounts), strata.label.tolist(), strict=True)), strata.count


def test_strata_are_activity_by_country_by_language_with_small_places_pooled():
    """Two accounts are in one stratum exactly when all three agree."""
    random = np.random.default_rng(0)
    countries = ["DE"] * 50 + ["FR"] * 44 + ["AT", "CH"] + [None] * 4  # AT and CH: 1% each, pooled
    accounts = {f"a{i:03d}": (int(random.integers(1, 12)), countries[i]) for i in range(100)}
    languages = {name: ["de" if i % 3 else "fr"] * n for i, (name, (n, _)) in enumerate(accounts.items())}
    label, count = stratified(accounts, languages)
    edges = np.unique(np.quantile([n for n, _ in accounts.values()], ACTIVITY))

    def stratum(name):
        n, country = accounts[name]
        pooled = "small" if country in ("AT", "CH") else country
        return sum(n > edge for edge in edges), pooled, languages[name][0]

    assert LEAST_SHARE == 0.03
    for a in accounts:
        for b in accounts:
            assert (label[a] == label[b]) == (stratum(a) == stratum(b))
    assert count == len({stratum(name) for name in accounts})


def test_the_language_is_the_most_frequent_and_a_tie_goes_to_the_first():
    accounts = dict.fromkeys([f"a{i}" for i in range(6)], (5, "DE"))
    languages = {
        "a0": ["de", "de", "fr", "fr", "fr"],
        "a1": ["fr"],
        "a2": ["fr", "de", "fr", "de"],
        "a3": ["de"],
        "a4": [],
        "a5": [],
    }
    label, count = stratified(accounts, languages)
    assert label["a0"] == label["a1"] != label["a2"] == label["a3"] != label["a4"] == label["a5"]
    assert count == 3


def test_equal_activity_everywhere_is_one_bin():
    label, count = stratified({f"a{i}": (3, "DE") for i in range(20)}, {})
    assert set(label.values()) == {0}
    assert count == 1


def test_activity_bins_are_fifths_and_finer_where_the_counts_spread():
    label, count = stratified({f"a{i:03d}": (i + 1, "DE") for i in range(100)}, {})
    assert sorted(Counter(label.values()).values()) == [2, 3, 5, 10, 20, 20, 20, 20]
    assert count == len(ACTIVITY) + 1


def test_accounts_are_parted_by_the_mean_day_of_their_requests():
    """Twenty accounts a day on ten days: two days a bin, be an account there for hours or over days."""
    times = {}
    for i in range(200):
        middle, reach = START + timedelta(days=i // 20 + 5, hours=12), i % 3
        times[f"a{i:03d}"] = [middle + timedelta(days=away) for away in (-reach, reach)]
    label, count = stratified(dict.fromkeys(times, (2, "DE")), {}, times)
    assert count == PERIODS[0]
    assert [label[f"a{i:03d}"] for i in range(200)] == [i // 40 for i in range(200)]


def test_equal_values_share_a_bin():
    assert quantile_bin(np.array([7, 1, 1, 1, 9]), (0.5,)).tolist() == [1, 0, 0, 0, 1]
    assert quantile_bin(np.empty(0, np.int64), (0.5,)).size == 0


def test_sizes_count_a_set_by_stratum():
    strata = one_stratum(7)
    assert strata.sizes(np.array([0, 3, 4])).tolist() == [3]
    assert one_stratum(0).sizes(np.empty(0, np.int64)).tolist() == [0]
