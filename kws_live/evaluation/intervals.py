"""Shares and rates with their 95 % intervals.

References
----------
L. Brown, T. Cai, A. DasGupta, "Interval Estimation for a Binomial Proportion", Statistical Science 16(2), 2001
(Wilson's interval, section 3.1.1). F. Garwood, "Fiducial Limits for the Poisson Distribution", Biometrika 28, 1936
(the exact Poisson interval, by chi-square quantiles). G. Zou, A. Donner, "Construction of Confidence Limits about
Effect Measures: A General Approach", Statistics in Medicine 27, 2008 (paired differences). Q. McNemar, "Note on the
Sampling Error of the Difference between Correlated Proportions", Psychometrika 12, 1947 (the test).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

from kws_live.errors import ConfigError

CONFIDENCE: Final = 0.95
_TAIL: Final = (1 - CONFIDENCE) / 2
_Z: Final = NormalDist().inv_cdf(1 - _TAIL)


def scipy_special() -> Any:
    """Import scipy's special functions, or raise an error that says how to install them."""
    try:
        from scipy import special
    except ImportError as error:
        raise ConfigError('evaluation needs scipy: pip install "kws-live[evaluate]"') from error
    return special


@dataclass(frozen=True)
class Share:
    """``count`` of ``n``, with Wilson's interval.

    Attributes
    ----------
    count, n : 0 <= count <= n
    """

    count: int
    n: int

    def __add__(self, other: "Share") -> "Share":
        return Share(self.count + other.count, self.n + other.n)

    @property
    def value(self) -> float:
        """The share; NaN if n is 0."""
        return self.count / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval; 0 to 1 if n is 0."""
        if not self.n:
            return 0.0, 1.0
        centre = (self.value + _Z**2 / (2 * self.n)) / (1 + _Z**2 / self.n)
        half = _Z / (1 + _Z**2 / self.n) * math.sqrt(self.value * (1 - self.value) / self.n + _Z**2 / (4 * self.n**2))
        # At 0 and 1 the formula is exact but for rounding.
        low = 0.0 if self.count == 0 else centre - half
        high = 1.0 if self.count == self.n else centre + half
        return low, high

    def __str__(self) -> str:
        if not self.n:
            return "none to measure"
        low, high = self.interval
        return f"{100 * self.value:.1f} % [{100 * low:.1f}, {100 * high:.1f}] ({self.count} of {self.n})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        low, high = self.interval
        value = round(self.value, 5) if self.n else None
        return {"value": value, "low": round(low, 5), "high": round(high, 5), "count": self.count, "n": self.n}


NOTHING: Final = Share(0, 0)


@dataclass(frozen=True)
class Rate:
    """``count`` events in ``hours``, with the exact Poisson interval.

    Attributes
    ----------
    count : at least 0
    hours : at least 0
    """

    count: int = 0
    hours: float = 0.0

    def __add__(self, other: "Rate") -> "Rate":
        return Rate(self.count + other.count, self.hours + other.hours)

    @property
    def per_hour(self) -> float:
        """Events per hour; NaN if the time is 0."""
        return self.count / self.hours if self.hours else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Garwood's 95 % interval, per hour: chi-square quantiles of 2k and 2k + 2 degrees of freedom, halved."""
        if not self.hours:
            return 0.0, math.inf
        special = scipy_special()
        # chi2.ppf(p, 2k) / 2 is the inverse of the incomplete gamma function at k; special loads faster than stats.
        low = float(special.gammaincinv(self.count, _TAIL)) if self.count else 0.0
        return low / self.hours, float(special.gammaincinv(self.count + 1, 1 - _TAIL)) / self.hours

    def __str__(self) -> str:
        if not self.hours:
            return "none to measure"
        low, high = self.interval
        if self.hours < 1:  # too little for a rate per hour, except in the interval
            return f"{self.count} in {60 * self.hours:.1f} min [{low:.2f}, {high:.2f}]/h"
        return f"{self.per_hour:.2f}/h [{low:.2f}, {high:.2f}] ({self.count} in {self.hours:.2f} h)"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        low, high = self.interval
        return {
            "per_hour": round(self.per_hour, 4) if self.hours else None,
            "low": round(low, 4),
            "high": round(high, 4) if self.hours else None,
            "count": self.count,
            "hours": round(self.hours, 5),
        }


@dataclass(frozen=True)
class PairedDifference:
    """Difference of two systems on the same items.

    Attributes
    ----------
    only_first, only_second : items that only one of them got right
    n : number of items
    """

    only_first: int
    only_second: int
    n: float

    @property
    def value(self) -> float:
        """Share of the second minus share of the first."""
        return (self.only_second - self.only_first) / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference, from those of its two parts (Zou and Donner).

        With x and y the shares of items that only the first and only the second got right, and (l, u) their intervals,
        it is y - x minus sqrt((y - ly)^2 - 2 r (y - ly) (ux - x) + (ux - x)^2), plus the same with the other ends;
        r is the correlation of two cells of a multinomial.
        """
        first, second = self._part(self.only_first), self._part(self.only_second)
        (x, x_low, x_high), (y, y_low, y_high) = first, second
        r = self._correlation()

        def distance(a: float, b: float) -> float:
            return math.sqrt(a * a - 2 * r * a * b + b * b)

        difference = y - x
        return difference - distance(y - y_low, x_high - x), difference + distance(y_high - y, x - x_low)

    def _part(self, count: int) -> tuple[float, float, float]:
        """Return value, low and high of one part."""
        share = Share(count, int(self.n))
        return (share.value if self.n else 0.0, *share.interval)

    def _correlation(self) -> float:
        x, y = self._part(self.only_first)[0], self._part(self.only_second)[0]
        return -math.sqrt(x * y / ((1 - x) * (1 - y))) if x < 1 and y < 1 else -1.0

    @property
    def p_value(self) -> float:
        """McNemar's exact two-sided test: probability of a split at least this uneven if both are equally good."""
        discordant = self.only_first + self.only_second
        if not discordant:
            return 1.0
        fewer = min(self.only_first, self.only_second)
        return min(1.0, 2.0 * sum(math.comb(discordant, i) for i in range(fewer + 1)) / 2.0**discordant)

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{100 * self.value:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}] "
            f"({self.only_second} gained, {self.only_first} lost of {self.n:g}; p = {self.p_value:.3f})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        low, high = self.interval
        return {
            "value": round(self.value, 5) if self.n else None,
            "low": round(low, 5),
            "high": round(high, 5),
            "gained": self.only_second,
            "lost": self.only_first,
            "n": self.n,
            "p_value": round(self.p_value, 5),
        }


class PairedRateDifference(PairedDifference):
    """The same for events per hour: ``n`` is the hours, the items are events of the first, the second, or both."""

    def _part(self, count: int) -> tuple[float, float, float]:
        rate = Rate(count, self.n)
        return (rate.per_hour if self.n else 0.0, *rate.interval)

    def _correlation(self) -> float:
        return 0.0  # events of only one are independent of events of only the other

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.value:+.2f}/h [{low:+.2f}, {high:+.2f}] "
            f"({self.only_second} more, {self.only_first} fewer in {self.n:.2f} h; p = {self.p_value:.3f})"
        )
