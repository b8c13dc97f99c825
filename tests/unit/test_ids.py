"""Identifiers sort by time; nonces and keys fit what Discord and the providers accept."""

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.ids import (
    GenerationId,
    idempotency_key,
    message_nonce,
    new_conversation_id,
    new_generation_id,
    new_worker_id,
)

NOON = datetime(2025, 11, 19, 12, tzinfo=UTC)
TIMES = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 (the strategy adds the zone)
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(TIMES)
def test_every_kind_of_id_has_the_same_form(now: datetime) -> None:
    for new in (new_generation_id, new_conversation_id, new_worker_id):
        assert re.fullmatch(r"[0-9a-v]{20}", new(now))


@given(TIMES, st.integers(min_value=1, max_value=10**12))
def test_ids_sort_by_the_millisecond_they_were_made_in(now: datetime, later: int) -> None:
    highest = new_generation_id(now, lambda size: b"\xff" * size)
    lowest = new_generation_id(now + timedelta(milliseconds=later), lambda size: b"\0" * size)
    assert highest < lowest


def test_ids_of_the_same_millisecond_differ() -> None:
    assert len({new_generation_id(NOON) for _ in range(1000)}) == 1000


def test_the_random_part_is_what_was_drawn() -> None:
    assert new_generation_id(NOON, lambda size: bytes(range(size))) == new_generation_id(
        NOON, lambda size: bytes(range(size))
    )
    assert new_generation_id(NOON, lambda size: b"\0" * size) != new_generation_id(
        NOON, lambda size: b"\0" * (size - 1) + b"\1"
    )


def test_a_nonce_is_short_enough_for_discord_and_always_the_same() -> None:
    """Discord takes 25 characters."""
    nonce = message_nonce(GenerationId("g-1"), "video")
    assert nonce == message_nonce(GenerationId("g-1"), "video")
    assert re.fullmatch(r"[a-z2-7]{24}", nonce)


def test_nonces_of_another_purpose_or_generation_differ() -> None:
    nonces = {
        message_nonce(GenerationId(generation_id), purpose)
        for generation_id in ("g-1", "g-2")
        for purpose in ("video", "status", "ended")
    }
    assert len(nonces) == 6


def test_a_nonce_does_not_change_between_versions() -> None:
    """A restart after an upgrade must find the message that was sent before it."""
    assert message_nonce(GenerationId("00000000000000000000"), "video") == (
        "gmn464raoy6j4saw536e2x5c"
    )


@given(TIMES, st.integers(min_value=1, max_value=999))
def test_an_idempotency_key_is_accepted_and_names_the_attempt(now: datetime, attempt: int) -> None:
    generation_id = new_generation_id(now)
    key = idempotency_key(generation_id, attempt)
    assert re.fullmatch(r"[A-Za-z0-9._-]{16,96}", key)
    assert key != idempotency_key(generation_id, attempt + 1)
