"""Clopper–Pearson intervals, so that "none in n" is printed as "at most x (95%)"."""

from scipy.stats import beta


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
        else float(beta.ppf(alpha / (1 if successes == trials else 2), successes, trials - successes + 1))
    )
    high = (
        1.0
        if successes == trials
        else float(beta.ppf(1 - alpha / (1 if successes == 0 else 2), successes + 1, trials - successes))
    )
    return low, high
