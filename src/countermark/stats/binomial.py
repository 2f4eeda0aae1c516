"""The binomial law: its upper tail in log space, and Clopper–Pearson intervals."""

import math

from scipy.special import betainc, betaincinv, betaln

_ENOUGH = 1e-200


def log_sf(successes: int, trials: int, p: float) -> float:
    """Natural log of P(Binomial(trials, p) >= successes), right where the probability underflows.

    The tail is the regularised incomplete beta function I_p(k, n - k + 1) (DLMF 8.17.5), far out by its
    continued fraction (DLMF 8.17.22).
    """
    if successes <= 0:
        return 0.0
    if successes > trials or p <= 0:
        return -math.inf
    if p >= 1:
        return 0.0
    a, b = float(successes), float(trials - successes + 1)
    plain = float(betainc(a, b, p))
    if plain > _ENOUGH:
        return min(math.log(plain), 0.0)
    front = a * math.log(p) + b * math.log1p(-p) - float(betaln(a, b)) - math.log(a)
    return min(front + math.log(_fraction(a, b, p)), 0.0)


def _fraction(a: float, b: float, x: float) -> float:
    """Continued fraction of I_x(a, b) without its factor, for x < a / (a + b), modified Lentz method."""
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 1_000_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + step * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + step / c
            c = c if abs(c) > tiny else tiny
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Exact limits for a proportion (Clopper & Pearson 1934); (0, 1) without trials.

    With no success the upper limit is one-sided at `level`, and with no failure the lower one, so that
    "none in n" reads "at most x"; each limit holds at `level`, both together at 2·`level` - 1 at least.
    """
    if trials == 0:
        return 0.0, 1.0
    alpha = 1.0 - level
    low = (
        0.0
        if successes == 0
        else float(betaincinv(successes, trials - successes + 1, alpha / (1 if successes == trials else 2)))
    )
    high = (
        1.0
        if successes == trials
        else float(betaincinv(successes + 1, trials - successes, 1 - alpha / (1 if successes == 0 else 2)))
    )
    return low, high
