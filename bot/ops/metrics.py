"""The metrics of a running bot, for Prometheus.

Owns names, labels and buckets. The values of a label are a small closed set: never a member, a
server or an id.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot.domain.catalogue import ProviderName
from bot.domain.errors import Code
from bot.domain.generation import ENDS, State

_CALLS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60)
_LAGS = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 300, 3600)


class Metrics:
    """``Telemetry`` in a Prometheus registry."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._refused = Counter(
            "retake_refusals",
            "Requests refused before anything was held",
            ["code"],
            registry=registry,
        )
        self._moved = Counter(
            "retake_transitions",
            "Committed changes of state",
            ["before", "after"],
            registry=registry,
        )
        self._open = Gauge(
            "retake_generations", "Generations in progress by state", ["state"], registry=registry
        )
        self._called = Histogram(
            "retake_provider_call_seconds",
            "Calls to providers, by kind and outcome",
            ["provider", "call", "outcome"],
            buckets=_CALLS,
            registry=registry,
        )
        self._polls = Counter(
            "retake_polls", "Queries about running tasks", ["provider"], registry=registry
        )
        self._polled_tasks = Counter(
            "retake_polled_tasks", "Tasks in those queries", ["provider"], registry=registry
        )
        self._callbacks = Counter(
            "retake_callbacks", "Callbacks with our signature", ["provider"], registry=registry
        )
        self._lag = Histogram(
            "retake_delivery_lag_seconds",
            "From the report that a video is finished to its post",
            buckets=_LAGS,
            registry=registry,
        )
        self._step_failed = Counter(
            "retake_step_failures",
            "Steps that failed because of internal errors",
            ["state"],
            registry=registry,
        )
        self._spent = Counter(
            "retake_spent_micro_usd",
            "Costs reported by providers",
            ["provider"],
            registry=registry,
        )

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def refused(self, code: Code) -> None:
        self._refused.labels(code.value).inc()

    def moved(self, before: State | None, after: State) -> None:
        self._moved.labels(before.value if before else "", after.value).inc()

    def open_generations(self, counts: Mapping[State, int]) -> None:
        """Set the number of generations in progress by state; missing states are 0."""
        for state in State:
            if state not in ENDS:
                self._open.labels(state.value).set(counts.get(state, 0))

    def called(self, provider: ProviderName, call: str, outcome: str, seconds: float) -> None:
        self._called.labels(provider, call, outcome).observe(seconds)

    def polled(self, provider: ProviderName, tasks: int) -> None:
        self._polls.labels(provider).inc()
        self._polled_tasks.labels(provider).inc(tasks)

    def callback_received(self, provider: ProviderName) -> None:
        self._callbacks.labels(provider).inc()

    def delivered(self, lag_seconds: float) -> None:
        self._lag.observe(max(0.0, lag_seconds))

    def step_failed(self, state: State) -> None:
        self._step_failed.labels(state.value).inc()

    def spent(self, provider: ProviderName, micro_usd: int) -> None:
        self._spent.labels(provider).inc(micro_usd)
