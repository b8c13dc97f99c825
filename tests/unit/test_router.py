"""Who makes a video: who can, then where the parent lives, then fewer adjustments, then order."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest

from bot.domain.catalogue import ModelName, ProviderName
from bot.domain.errors import Code, Refused
from bot.domain.fitting import fit
from bot.domain.generation import Generation, Place, Task
from bot.domain.ids import ChannelId, ConversationId, GenerationId, GuildId, TaskId, UserId
from bot.domain.ports.provider import Provider, ProviderDirectory
from bot.domain.request import Operation, VideoRequest
from bot.providers.catalogue import load_catalogue
from bot.providers.router import Router
from tests.fakes.ports import OwnedClock
from tests.fakes.providers import FakeProvider
from tests.unit.test_catalogue import IMAGE, VIDEO

EVOLINK = ProviderName("evolink")
APIMART = ProviderName("apimart")
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def router(*names: ProviderName, default_model: str = "omni-flash") -> Router:
    fakes = [FakeProvider(name=name, clock=OwnedClock()) for name in names or (EVOLINK, APIMART)]
    return Router(
        catalogue=load_catalogue(default_model=default_model),
        providers=[cast("Provider", fake) for fake in fakes],
    )


def parent(provider: ProviderName, model: str = "omni-flash") -> Generation:
    request = VideoRequest(prompt="a cat")
    offers = load_catalogue().for_provider(provider, ModelName(model))
    return Generation(
        id=GenerationId("g"),
        conversation_id=ConversationId("c"),
        version=1,
        parent_id=None,
        request_key="k",
        requester_id=UserId(1),
        request=request,
        plan=fit(request, offers[0]),
        place=Place(guild_id=GuildId(1), channel_id=ChannelId(2)),
        task=Task(
            provider=provider,
            model_id="m",
            idempotency_key="i",
            body={},
            started_at=NOW,
            task_id=TaskId("t"),
        ),
        created_at=NOW,
        updated_at=NOW,
    )


def chosen(found: Router, request: VideoRequest, **more: object) -> list[tuple[str, str]]:
    return [
        (one.provider, one.plan.model)
        for one in found.candidates(request, **more)  # pyright: ignore[reportArgumentType]
    ]


TEXT = VideoRequest(prompt="a cat")
EDIT = VideoRequest(operation=Operation.EDIT, prompt="make it night", source_ms=5000)


def test_the_router_is_a_directory() -> None:
    found: ProviderDirectory = router()
    assert tuple(found.names()) == (EVOLINK, APIMART)
    assert found.get(APIMART).name == APIMART
    with pytest.raises(KeyError):
        found.get(ProviderName("google"))


def test_the_configured_order_decides_among_equals() -> None:
    assert chosen(router(), TEXT) == [(EVOLINK, "omni-flash"), (APIMART, "omni-flash")]
    assert chosen(router(APIMART, EVOLINK), TEXT)[0] == (APIMART, "omni-flash")


def test_fewer_adjustments_win_over_order() -> None:
    found = router(APIMART, EVOLINK)
    assert chosen(found, replace(TEXT, duration=5))[0] == (EVOLINK, "omni-flash")


def test_an_edit_goes_where_its_parent_lives() -> None:
    assert chosen(router(), EDIT, parent=parent(APIMART))[0] == (APIMART, "omni-flash")
    assert chosen(router(APIMART, EVOLINK), EDIT, parent=parent(EVOLINK))[0][0] == EVOLINK


def test_an_edit_goes_elsewhere_when_its_home_cannot() -> None:
    with_reference = replace(EDIT, images=(IMAGE,))
    assert chosen(router(), with_reference, parent=parent(EVOLINK)) == [(APIMART, "omni-flash")]
    assert chosen(router(), EDIT, parent=parent(EVOLINK), without=(EVOLINK,)) == [
        (APIMART, "omni-flash")
    ]


def test_capability_comes_before_order() -> None:
    seven = replace(TEXT, images=(IMAGE,) * 7)
    assert chosen(router(), seven) == [(APIMART, "omni-flash")]


def test_another_family_serves_only_where_none_was_named() -> None:
    sharp = replace(TEXT, resolution="1080p")
    assert chosen(router(EVOLINK), sharp) == [(EVOLINK, "omni-flash-1.1")]
    with pytest.raises(Refused) as caught:
        router().candidates(replace(sharp, model="omni-flash"))
    assert caught.value.code is Code.RESOLUTION_UNSUPPORTED
    assert caught.value.facts["allowed"] == ["720p"]


def test_an_edit_stays_with_its_parents_family() -> None:
    newer = parent(EVOLINK, "omni-flash-1.1")
    assert chosen(router(EVOLINK), EDIT, parent=newer) == [(EVOLINK, "omni-flash-1.1")]


def test_a_named_family_is_kept() -> None:
    named = replace(TEXT, model="omni-flash-1.1")
    assert {model for _, model in chosen(router(), named)} == {"omni-flash-1.1"}


def test_extending_needs_a_family_that_can() -> None:
    extend = replace(EDIT, operation=Operation.EXTEND)
    assert chosen(router(), extend) == [
        (EVOLINK, "omni-flash-1.1"),
        (APIMART, "omni-flash-1.1"),
    ]
    assert chosen(router(APIMART), replace(extend, model="omni-flash-1.1"))[0][0] == APIMART
    with pytest.raises(Refused) as caught:
        router(APIMART).candidates(replace(extend, model="omni-flash"))
    assert caught.value.code is Code.MODE_UNSUPPORTED
    assert caught.value.facts["mode"] == "extend"
    assert "edit" in caught.value.facts["allowed"]


def test_the_nearest_refusal_is_shown() -> None:
    with pytest.raises(Refused) as caught:
        router().candidates(replace(TEXT, images=(IMAGE,) * 20))
    assert caught.value.code is Code.TOO_MANY_IMAGES
    assert caught.value.facts["limit"] == 16
    with pytest.raises(Refused) as caught:
        router(EVOLINK).candidates(replace(TEXT, images=(IMAGE, IMAGE), duration=40))
    assert caught.value.code is Code.DURATION_UNSUPPORTED


def test_a_long_video_is_refused_with_the_longest_limit() -> None:
    with pytest.raises(Refused) as caught:
        router().candidates(VideoRequest(prompt="x", video=VIDEO, source_ms=40_000))
    assert caught.value.code is Code.MEDIA_DURATION
    assert caught.value.facts["limit"] == 24


def test_an_unknown_family_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Refused) as caught:
        router().candidates(replace(TEXT, model="sora"))
    assert caught.value.code is Code.MODEL_UNKNOWN
    assert caught.value.facts == {"requested": "sora", "allowed": ["omni-flash", "omni-flash-1.1"]}


def test_nobody_left_is_no_provider() -> None:
    for found, without in ((router(), (EVOLINK, APIMART)), (router(ProviderName("google")), ())):
        with pytest.raises(Refused) as caught:
            found.candidates(TEXT, without=without)
        assert caught.value.code is Code.NO_PROVIDER
