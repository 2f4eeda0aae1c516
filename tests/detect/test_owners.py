"""Open owners: a company that does not hide is found; proxies that cut across cards are not."""

import numpy as np
import pytest
from synthetic_accounts import from_counts

from countermark.detect.owners import open_owners, without_owners

ACCOUNTS = 1_000
REQUESTS = np.full(ACCOUNTS, 20)


class Rows:
    """Collects uses; values are named (kind, name)."""

    def __init__(self):
        self.uses, self.names = {}, []

    def add(self, account, kind, name, uses=20):
        if (kind, name) not in self.names:
            self.names.append((kind, name))
        self.uses[account, self.names.index((kind, name))] = uses

    def owners(self):
        return open_owners(from_counts(ACCOUNTS, self.uses, [kind for kind, _ in self.names]), REQUESTS)


def company(rows, accounts, kind="payment", name="office", uses=20):
    for account in accounts:
        rows.add(account, "prefix", name, uses)
        rows.add(account, kind, name, 1)


@pytest.mark.parametrize("kind", ["payment", "email_domain"])
def test_a_company_at_one_address_with_one_card_or_domain_is_an_owner(kind):
    rows = Rows()
    company(rows, range(12), kind)
    company(rows, range(20, 23), kind, "another")
    owner = rows.owners()
    assert len(set(owner[:12])) == len(set(owner[20:23])) == 1
    assert {owner[0], owner[20]} & {-1} == set()
    assert owner[0] != owner[20]
    assert (owner[30:] == -1).all()


def test_a_colleague_who_is_always_elsewhere_is_not_at_the_company():
    rows = Rows()
    company(rows, range(11))
    rows.add(11, "prefix", "home")
    rows.add(11, "payment", "office", 1)
    owner = rows.owners()
    assert (owner[:11] >= 0).all()
    assert owner[11] == -1


def test_sticky_proxies_that_cross_cut_with_cards_are_no_owner():
    """Each account keeps to one prefix, and cards are spread over prefixes: a network that hides."""
    rows = Rows()
    for account in range(60):
        rows.add(account, "prefix", account % 10)
        rows.add(account, "payment", account // 6, 1)
        rows.add(account, "email_domain", account // 6, 1)
    assert (rows.owners() == -1).all()


def test_a_card_whose_holders_are_half_elsewhere_is_no_owner():
    """A network's card on a few accounts that happen to keep to one proxy."""
    rows = Rows()
    company(rows, range(6))
    for account in range(6, 12):
        rows.add(account, "prefix", account)
        rows.add(account, "payment", "office", 1)
    assert (rows.owners() == -1).all()


def test_who_moves_between_addresses_has_no_place():
    rows = Rows()
    company(
        rows, range(12), uses=15
    )  # three quarters of the requests: below the share that settles an account
    assert (rows.owners() == -1).all()


def test_free_mail_and_one_card_for_everybody_are_nobodys_own():
    rows = Rows()
    company(rows, range(21), "email_domain")  # more than 2% of 1,000 accounts
    assert (rows.owners() == -1).all()


def test_two_friends_are_no_company():
    rows = Rows()
    company(rows, range(2))
    assert (rows.owners() == -1).all()


def test_a_log_without_addresses_has_no_owners():
    rows = Rows()
    for account in range(12):
        rows.add(account, "payment", "office", 1)
    assert (rows.owners() == -1).all()


def test_a_network_does_not_include_the_company_whose_prompts_it_borrows():
    owner = np.full(30, -1)
    owner[20:28] = 5
    assert without_owners(np.arange(30), owner).tolist() == [*range(20), 28, 29]


def test_a_group_that_is_nearly_all_one_company_is_that_company():
    owner = np.full(30, -1)
    owner[:9] = 5
    owner[20] = 6
    assert without_owners(np.array([*range(9), 15, 20]), owner).tolist() == list(range(9))


def test_a_group_without_owners_stays_as_it_is():
    assert without_owners(np.array([3, 5, 8]), np.full(30, -1)).tolist() == [3, 5, 8]
    assert without_owners(np.empty(0, np.int64), np.full(30, -1)).size == 0
