"""The provider's account table: e-mail domains, payment cards, sign-up dates, and the file of them."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from countermark.records.files import write_atomic
from countermark.world.calls import DAY_S, Account
from countermark.world.draws import Choice, Dice, stream, token
from countermark.world.prompts import vocabulary

_EVERY = 17  # one ordinary account in so many bought a resold card, one uses a disposable domain
ACCOUNTS_FILE = "accounts.csv"
COLUMNS = ("account_id", "email", "payment", "signup_ts", "ban_ts", "plan", "country")

FREE_MAIL = {
    "gomail.example": 46,
    "outpost.example": 17,
    "yonder.example": 9,
    "cloudlet.example": 9,
    "protonix.example": 7,
    "qqmail.example": 6,
    "weber.example": 6,
}
"""Free e-mail providers and how common they are. All domains are under the reserved `.example`."""
DISPOSABLE = (
    "tenminutes.example",
    "mailhopper.example",
    "quickbox.example",
    "dropletter.example",
    "tempinbox.example",
    "fleetmail.example",
    "burnerpost.example",
    "onceonly.example",
    "trashmail.example",
    "inboxkit.example",
    "mailvapor.example",
    "shortlived.example",
    "getmail24.example",
    "nulladdress.example",
    "mintmail.example",
    "postaway.example",
)
"""Domains that anybody can receive mail at for some minutes; ordinary people use them too."""


class Registry:
    """Makes accounts, and keeps the cards that are sold on (virtual and gift cards) and who bought them."""

    def __init__(self, seed: int, ordinary: int) -> None:
        self._seed = seed
        self._dice = Dice(stream(seed, "registry"))
        self._free_mail = Choice(list(FREE_MAIL), list(FREE_MAIL.values()))
        self._cards = [
            token(seed, "resold card", n)[:24] for n in range(max(5, 4 * ordinary // (5 * _EVERY)))
        ]
        self._offered = 0
        self.disposable = DISPOSABLE[: max(1, min(len(DISPOSABLE), ordinary // _EVERY))]
        """Disposable domains that some ordinary account uses."""

    def resold_cards(self, count: int) -> list[str]:
        """Cards from a seller's next batch; each is also held by an ordinary account."""
        batch = [self._cards[(self._offered + n) % len(self._cards)] for n in range(count)]
        self._offered += count
        return batch

    def is_early(self, number: int) -> bool:
        """Whether ordinary account `number` has a resold card or a disposable address, and is old."""
        return number % _EVERY in (3, 7)

    def open(
        self, group: str, number: int, country: str, domain: str, payment: str, signup_s: float, plan: str
    ) -> Account:
        """A new account; `group` and `number` fix its id but cannot be read from it."""
        name = f"{self._dice.pick(vocabulary().names).lower()}{self._dice.between(1, 99999)}"
        return Account(
            account_id=f"user_{token(self._seed, 'account', group, number)[:20]}",
            email=f"{name}@{domain}",
            payment=payment,
            signup_s=signup_s,
            plan=plan,
            country=country,
        )

    def own_card(self, group: str, number: int) -> str:
        """A card that nobody else has."""
        return token(self._seed, "card", group, number)[:24]

    def ordinary_card(self, number: int, dice: Dice) -> str:
        """Mostly one's own; some share with a family or firm, some bought a resold card."""
        if number % _EVERY == 3:
            return self._cards[number // _EVERY % len(self._cards)]
        if dice.unit() < 0.08:
            return self.own_card("family", number // 40)
        return self.own_card("ordinary", number)

    def ordinary_domain(self, number: int, dice: Dice) -> str:
        """Free mail, a domain of one's own or of one's firm, or, rarely, a disposable one."""
        if number % _EVERY == 7:
            return self.disposable[number // _EVERY % len(self.disposable)]
        if dice.unit() < 0.15:
            return f"{token(self._seed, 'domain', number // 3)[:8]}.example"
        return self._free_mail.draw(dice)


def past_signup(dice: Dice) -> float:
    """Seconds before the first day: most accounts are younger than a year."""
    age_days = 1 + 520 * float(dice.unit() ** 1.7)
    return -DAY_S * age_days + DAY_S * dice.unit()


def write_accounts(path: Path, accounts: Iterable[Account], start: float, end_s: float) -> int:
    """Write the accounts that exist at the end of the log as CSV, sorted by id; returns how many.

    Columns: account_id, email, payment (the processor's token), signup_ts, ban_ts (empty where the
    account is open), plan, country. Times are ISO 8601 in UTC.
    """
    known = sorted((a for a in accounts if a.signup_s < end_s), key=lambda account: account.account_id)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for one in known:
        ban = _iso(start + one.ban_s) if one.ban_s < end_s else ""
        signup = _iso(start + one.signup_s)
        rows.writerow((one.account_id, one.email, one.payment, signup, ban, one.plan, one.country))
    write_atomic(path, text.getvalue().encode())
    return len(known)


def _iso(second: float) -> str:
    return datetime.fromtimestamp(int(second), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
