"""The score tells apart a found, a split, a merged, a missed network and a wrong call."""

from score import score

TRUTH = {
    "harvest": [
        {"name": "n", "accounts": [f"n{i}" for i in range(20)]},
        {"name": "m", "accounts": [f"m{i}" for i in range(10)]},
    ],
    "pool": [f"p{i}" for i in range(10)],
}
N, M = (set(network["accounts"]) for network in TRUTH["harvest"])


def scored(**found: tuple[str, set[str]]) -> dict:
    campaigns = [{"campaign_id": name, "kind": kind} for name, (kind, _) in found.items()]
    return score(TRUTH, campaigns, {name: accounts for name, (_, accounts) in found.items()})


def test_networks_found_whole_and_the_pool_kept_apart():
    got = scored(a=("harvest", N), b=("harvest", M), c=("pool", set(TRUTH["pool"])))
    for network in got["networks"].values():
        assert (network["kind"], network["precision"], network["recall"]) == ("harvest", 1, 1)
        assert not network["split"]
    assert got["pool"]["kinds"] == ["pool"]
    assert (got["merged"], got["benign_harvest"], got["pool_called_harvest"]) == ([], [], 0)


def test_a_network_in_two_campaigns_is_split_and_recall_counts_the_larger():
    first = {f"n{i}" for i in range(12)} | {"someone", "else", "third", "fourth"}
    network = scored(a=("harvest", first), b=("undecided", N - first))["networks"]["n"]
    assert network["split"]
    assert (network["campaign_id"], network["precision"], network["recall"]) == ("a", 0.75, 0.6)
    assert network["recall_called_harvest"] == 0.6


def test_two_networks_in_one_campaign_are_merged():
    got = scored(a=("harvest", N | M))
    assert got["merged"] == ["a"]
    assert got["networks"]["m"]["precision"] == 1 / 3


def test_nothing_found_scores_nothing():
    got = scored()
    assert got["networks"]["n"]["kind"] is None
    assert got["networks"]["n"]["recall"] == got["pool"]["recall"] == got["called_harvest"] == 0


def test_wrong_calls_are_named_and_counted():
    crowd = {f"student{i}" for i in range(30)}
    got = scored(
        a=("harvest", crowd | {"n1"}), b=("harvest", set(TRUTH["pool"])), c=("undecided", {"x", "y"})
    )
    assert got["benign_harvest"] == ["a", "b"]
    assert (got["ordinary_called_harvest"], got["pool_called_harvest"]) == (30, 10)
