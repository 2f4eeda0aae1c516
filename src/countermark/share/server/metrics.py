"""Figures for Prometheus. Labels are routes, methods, statuses and kinds: no id, no address, no name."""

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_PREFIX = "countermark_exchange"


class Metrics:
    """The figures of one server."""

    def __init__(self) -> None:
        # prometheus_client leaves this function without types
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{_PREFIX}_requests", "Requests", ("route", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            f"{_PREFIX}_request_seconds",
            "Time to the end of the answer",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._objects = Counter(
            f"{_PREFIX}_objects", "Objects taken, refused, deleted, given", ("what",), registry=self._registry
        )
        self._turned_away = Counter(
            f"{_PREFIX}_turned_away", "Requests that were not served", ("why",), registry=self._registry
        )
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._objects_of: dict[str, Counter] = {}
        self._overlap = Gauge(
            f"{_PREFIX}_overlap_runs", "Runs of the private overlap", ("state",), registry=self._registry
        )
        self._log_entries = Gauge(f"{_PREFIX}_log_entries", "Entries of the log", registry=self._registry)
        self._log_bytes = Gauge(f"{_PREFIX}_log_bytes", "Bytes of the log", registry=self._registry)

        self._overdue = Gauge(
            f"{_PREFIX}_overdue_revocations",
            "Withdrawals of disputed objects past their day, by whom they are late",
            ("late",),
            registry=self._registry,
        )
        self.overdue(readers=0, disclosers=0)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        key = route, method if method in METHODS else "other", status
        if key not in self._answered:  # looking for a label takes longer than counting
            self._answered[key] = self._requests.labels(*map(str, key)), self._seconds.labels(route)
        requests, took = self._answered[key]
        requests.inc()
        took.observe(seconds)
        why = {401: "credentials", 403: "rights", 429: "rate", 503: "load"}.get(status)
        if why:
            self._turned_away.labels(why).inc()

    def objects(self, what: str, count: int) -> None:
        """Objects that were `taken`, `refused`, `deleted` or `given`."""
        if count:
            if what not in self._objects_of:
                self._objects_of[what] = self._objects.labels(what)
            self._objects_of[what].inc(count)

    def overlap_runs(self, counts: Mapping[str, int]) -> None:
        """Runs of the private overlap by state, as the database has them."""
        self._overlap.clear()
        for state, count in counts.items():
            self._overlap.labels(state).set(count)

    def log_size(self, entries: int, size: int) -> None:
        """The log has grown."""
        self._log_entries.set(entries)
        self._log_bytes.set(size)

    def overdue(self, *, readers: int, disclosers: int) -> None:
        """So many readers were not given a withdrawal in time; so many withdrawals are not made."""
        self._overdue.labels("reader").set(readers)
        self._overdue.labels("discloser").set(disclosers)

    def text(self) -> bytes:
        """What a scrape gets."""
        return generate_latest(self._registry)
