"""Figures for Prometheus, in a registry of the service's own."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds: an answer takes about one millisecond, and two seconds are the longest wait by default."""


class Metrics:
    """Requests, time, waiting, and the release that answers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "recsys_http_requests", "Requests by route and status", ("route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "recsys_http_request_seconds",
            "Seconds from the head of a request to the end of its answer, by route",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.connections_refused = self._counter("recsys_http_connections_refused", "Connections beyond the bound")
        self.remembered = self._counter("recsys_answers_remembered", "Answers that had been made before")
        self.delivered = self._counter("recsys_answers_delivered", "Answers that a delivery held")
        self._series: dict[tuple[str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}

    def watch(self, name: str, about: str, figure: Callable[[], float]) -> None:
        """Have a figure asked for whenever somebody reads the metrics."""
        Gauge(name, about, registry=self.registry).set_function(figure)

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        series = self._series.get((route, status))
        if series is None:  # routes are those of the app and statuses few, so that there are few series
            counter, histogram = self._requests.labels(route, str(status)), self._seconds.labels(route)
            series = self._series[route, status] = (counter.inc, histogram.observe)
        increase, observe = series
        increase()
        observe(seconds)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return bytes(generate_latest(self.registry))

    def _counter(self, name: str, about: str) -> Counter:
        return Counter(name, about, registry=self.registry)
