"""Cards and panels: what they say in every state, and that none outgrows Discord's limits."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from discord import ui
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.catalogue import Adjustment
from bot.domain.errors import Code
from bot.domain.generation import (
    Failure,
    Generation,
    LiveStatus,
    Park,
    ParkReason,
    Place,
    Posting,
    Result,
    State,
    Target,
    TargetKind,
)
from bot.domain.ids import ChannelId, GuildId, MessageId, UserId
from bot.domain.limits import LimitRule, Limits, Period, Scope
from bot.domain.media import MediaKind
from bot.domain.request import Operation, VideoRequest
from bot.services.generate import Receipt
from bot.services.history import HistoryPage
from bot.ui.cards import forms
from bot.ui.cards.custom_ids import Action, ControlId
from bot.ui.cards.details import details_card
from bot.ui.cards.history import history_card
from bot.ui.cards.jobs import jobs_card
from bot.ui.cards.limits import limits_card, quota_card
from bot.ui.cards.links import video_url
from bot.ui.cards.receipt import receipt_card
from bot.ui.cards.status import status_card
from bot.ui.cards.theme import CardContext, bar
from bot.ui.text.messages import Messages
from bot.ui.text.naming import alt_text, file_name, thread_name
from tests.fakes.services import (
    CATALOGUE,
    DEFAULT_LIMITS,
    NOON,
    delivered,
    generation,
    plan,
    quota,
    video_file,
)

ENGLISH = Messages.for_locale("en-US")
BRUSH = CardContext(messages=ENGLISH, catalogue=CATALOGUE)
LONG = VideoRequest(prompt="*" * 4000)


def text(view: ui.LayoutView) -> str:
    return "\n".join(
        item.content for item in view.walk_children() if isinstance(item, ui.TextDisplay)
    )


def labels(view: ui.LayoutView) -> list[str | None]:
    return [item.label for item in view.walk_children() if isinstance(item, ui.Button)] + [
        item.item.label for item in view.walk_children() if isinstance(item, ui.DynamicItem)
    ]


def colour(view: ui.LayoutView) -> int | None:
    accent: Any = view.to_components()[0]["accent_color"]
    return accent


def status(made: Generation, **live_status: Any) -> ui.LayoutView:
    return status_card(made, LiveStatus(**live_status), BRUSH)


@pytest.mark.parametrize(
    ("percent", "cells"),
    [(0, 0), (1, 1), (9, 1), (50, 6), (99, 11), (100, 12), (140, 12), (-5, 0)],
)
def test_the_bar_is_full_only_at_the_end(percent: int, cells: int) -> None:
    assert bar(percent) == "▰" * cells + "▱" * (12 - cells)


@pytest.mark.parametrize(
    ("made", "live_status", "line"),
    [
        (generation(), {}, "🟡 **Getting started**"),
        (generation(), {"position": 4}, "🟡 **Waiting**, number 4 in the queue"),
        (
            generation(),
            {"position": 1, "eta_at": NOON},
            "🟡 **Waiting**, number 1 in the queue · expected <t:1795176000:R>",
        ),
        (
            generation(state=State.SUBMITTING),
            {},
            "🟡 **Starting**: sending it to the video service",
        ),
        (
            generation(state=State.SUBMIT_UNKNOWN),
            {},
            "🔵 **Checking** whether the video service accepted it",
        ),
        (generation(state=State.RUNNING), {}, "🔵 **Working**"),
        (
            generation(state=State.RUNNING),
            {"progress": 50, "eta_at": NOON},
            "🔵 **Working** · expected <t:1795176000:R>\n`▰▰▰▰▰▰▱▱▱▱▱▱` 50 %",
        ),
        (
            generation(state=State.RUNNING),
            {"progress": 50},
            "🔵 **Working** · taking longer than usual\n`▰▰▰▰▰▰▱▱▱▱▱▱` 50 %",
        ),
        (generation(state=State.READY), {}, "🔵 **Almost there**: downloading the video"),
        (generation(state=State.FETCHED), {}, "🔵 **Almost there**: posting the video"),
        (generation(state=State.POSTING), {}, "🔵 **Almost there**: posting the video"),
        (
            generation(park=Park(reason=ParkReason.PROVIDER_BUSY, until=NOON)),
            {"eta_at": NOON},
            "🟠 **Paused**: the video service is busy. I'll try again <t:1795176000:R>.",
        ),
        (
            generation(state=State.RUNNING, abandoned=True),
            {},
            "🔵 **Working**\n-# You asked me to discard this video, so I won't post it.",
        ),
        (delivered(), {}, "🟢 **Done**"),
        (delivered(deleted_at=NOON), {}, "⚪ **Deleted.**"),
        (
            generation(state=State.FAILED, failure=Failure(code=Code.MODERATED)),
            {},
            (
                "🔴 **Failed.** The video service rejected this under its content rules."
                " Try different wording or another image. This didn't count against your limit."
            ),
        ),
        (
            generation(state=State.EXPIRED, failure=Failure(code=Code.DEADLINE)),
            {},
            (
                "🔴 **Timed out.** I waited too long for this video, so I gave up on it. "
                "Please try again. This didn't count against your limit."
            ),
        ),
        (
            generation(state=State.UNDELIVERABLE, failure=Failure(code=Code.POST_TARGET_GONE)),
            {},
            (
                "🔴 **Your video is ready, but I couldn't post it.** The channel you asked "
                "in no longer exists, and I couldn't send you a direct message either. "
                "This didn't count against your limit."
            ),
        ),
        (
            generation(state=State.CANCELLED),
            {},
            "⚪ **Cancelled.** This didn't count against your limit.",
        ),
        (
            generation(
                state=State.CANCELLED,
                abandoned=True,
                result=Result(urls=(), expires_at=None, ready_at=NOON),
            ),
            {},
            (
                "⚪ **Cancelled.** The video service had already made it, so it counted against "
                "your limit."
            ),
        ),
    ],
)
def test_every_state_says_where_it_stands(
    made: Generation, live_status: dict[str, Any], line: str
) -> None:
    _, shown = (
        item.content for item in status(made, **live_status).walk_children()
        if isinstance(item, ui.TextDisplay)
    )  # fmt: skip
    assert shown == line


@pytest.mark.parametrize("state", State)
def test_every_state_has_its_colour_and_the_mark_it_is_found_by(state: State) -> None:
    view = status(generation(state=state))
    expected = {State.QUEUED: 0xFEE75C, State.DELIVERED: 0x57F287, State.CANCELLED: 0x80848E}
    expected |= dict.fromkeys((State.FAILED, State.EXPIRED, State.UNDELIVERABLE), 0xED4245)
    assert colour(view) == expected.get(state, 0x5865F2)
    assert "Details" in labels(view)
    assert ("Cancel" in labels(view)) == (not generation(state=state).ended)


def test_a_receipt_says_that_only_the_first_picture_of_an_animation_is_used() -> None:
    said = ENGLISH.template("receipt.first_picture_only")
    for animated in (True, False):
        picture = video_file(kind=MediaKind.IMAGE, first_picture_only=animated)
        for request in (VideoRequest(images=(picture,)), VideoRequest(last_frame=picture)):
            shown = text(receipt_card(receipt(generation(request=request)), BRUSH))
            assert (said in shown) is animated


def test_details_say_that_content_credentials_were_lost() -> None:
    said = ENGLISH.template("details.lost_credentials")
    for lost in (True, False):
        made = replace(delivered(), file=video_file(lost_credentials=lost))
        assert (said in text(details_card(made, BRUSH))) is lost


def test_a_failed_one_can_be_tried_again_without_typing() -> None:
    assert set(labels(status(generation(state=State.FAILED)))) == {"Again", "Details"}


def test_the_head_says_what_it_is_made_from() -> None:
    edit = generation(version=3, parent_version=2)
    assert "-# v3 · Edit of v2 by <@130000000000000002> · Omni Flash" in text(status(edit))
    longer = replace(edit, request=VideoRequest(operation=Operation.EXTEND))
    assert "Extension of v2 by" in text(status(longer))
    upload = generation(request=VideoRequest(operation=Operation.EDIT, video=video_file()))
    assert "Edit of an upload by" in text(status(upload))
    assert "requested by <@130000000000000002>" in text(status(generation()))


def test_what_was_adjusted_is_reported() -> None:
    changes = (
        Adjustment(option="duration", requested="12", applied="10"),
        Adjustment(option="aspect_ratio", requested="1:1", applied=None),
    )
    shown = text(status(generation(plan=plan(adjustments=changes))))
    assert (
        "-# Changed to fit the model: length 12 s → 10 s · aspect ratio 1:1 → the model decides"
        in shown
    )


def test_a_length_that_is_only_asked_for_is_not_shown_as_done() -> None:
    adjustment = Adjustment(option="duration", requested="7", applied="7", spoken=True)
    made = generation(plan=plan(duration=7, adjustments=(adjustment,)))
    shown = text(status(made))
    assert "length 7 s → requested in the prompt; the model may choose another" in shown
    assert "· 7 s" not in shown
    assert "· 7 s" in text(status(generation(plan=plan(duration=7))))


def test_a_video_that_fell_back_to_a_direct_message_is_linked_there() -> None:
    made = delivered(message_id=5, channel_id=6)
    assert made.posting is not None
    direct = Target(kind=TargetKind.DIRECT, id=9)
    made = replace(made, posting=replace(made.posting, target=direct))
    assert video_url(made) == "https://discord.com/channels/@me/6/5"


def receipt(made: Generation, **changes: Any) -> Receipt:
    given: dict[str, Any] = {
        "generation": made,
        "live_status": LiveStatus(),
        "quota": quota(),
        "repeated": False,
    }
    return Receipt(**(given | changes))


def test_the_receipt_of_a_free_model_without_limits() -> None:
    shown = text(
        receipt_card(receipt(generation(plan=plan(micro_usd=0)), quota=quota(limit=0)), BRUSH)
    )
    assert "5 seconds of video." in shown
    assert "It will start right away" in shown
    assert "left" not in shown


def test_the_receipt_of_what_is_known_already() -> None:
    shown = text(receipt_card(receipt(generation(), repeated=True), BRUSH))
    assert "Already on it" in shown


def test_the_receipt_counts_seconds_where_they_count() -> None:
    shown = text(receipt_card(receipt(generation(), quota=quota(limit=0, seconds=60)), BRUSH))
    assert "45 of 60 seconds left today" in shown


def test_details_tell_everything() -> None:
    made = delivered(
        version=2,
        parent_version=1,
        plan=plan(provider="elsewhere"),
        request=VideoRequest(
            prompt="x", images=(video_file(),) * 2, last_frame=video_file(), video=video_file()
        ),
        result=Result(urls=(), expires_at=None, ready_at=NOON, cost_micro_usd=430_000),
    )
    shown = text(details_card(made, BRUSH))
    assert "**Model** Omni Flash (elsewhere), video from text" in shown
    assert "**Inputs** 2 images · a last frame · a video" in shown
    assert "**Price** $0.43" in shown
    assert "**Made from** v1" in shown
    assert "**State** done" in shown


def test_details_without_a_prompt() -> None:
    shown = text(details_card(generation(request=VideoRequest()), BRUSH))
    assert "No prompt: the video was made from the inputs." in shown
    assert "**Estimated price** $0.50" in shown


def test_a_quota_without_limits() -> None:
    shown = text(quota_card(quota(limit=0, concurrent=0), who=None, messages=ENGLISH))
    assert "**Videos** 3 today · no limit" in shown
    assert "**At a time** 1 in progress · no limit" in shown


def test_a_quota_from_two_rules() -> None:
    view = quota(cooldown=30)
    sources: Any = {**view.rule.sources, "seconds": "default"}
    view = replace(view, rule=replace(view.rule, sources=sources))
    shown = text(quota_card(view, who=UserId(4), messages=ENGLISH))
    assert "Videos follow this server's limit; seconds follow the bot's default limit." in shown
    assert "**Cooldown** 30 seconds between videos" in shown
    assert "### Quota of <@4>" in shown


@pytest.mark.parametrize(
    ("who", "says"),
    [(None, "This is your personal limit."), (UserId(4), "This is this member's personal limit.")],
)
def test_a_limit_is_only_called_yours_to_the_one_it_binds(who: UserId | None, says: str) -> None:
    view = quota()
    sources: Any = dict.fromkeys(view.rule.sources, "member")
    view = replace(view, rule=replace(view.rule, sources=sources))
    assert says in text(quota_card(view, who=who, messages=ENGLISH))


def rules_of(*own: LimitRule) -> list[LimitRule]:
    return [LimitRule(scope=Scope.DEFAULT, limits=DEFAULT_LIMITS), *own]


def rule_of(user_id: int, **limits: Any) -> LimitRule:
    return LimitRule(scope=Scope.MEMBER, subject=user_id, limits=Limits(**limits))


def server(**limits: Any) -> LimitRule:
    return LimitRule(scope=Scope.SERVER, limits=Limits(**limits))


def test_limits_of_everyone_and_of_some() -> None:
    members = [rule_of(n, videos=n) for n in range(1, 31)]
    shown = text(limits_card(rules_of(server(seconds=60), *members, rule_of(99)), ENGLISH))
    assert "10 videos per day · 60 seconds of video per day · 3 at a time · no cooldown" in shown
    assert "And 10 more." in shown
    assert "<@20> 20 videos\n" in shown
    assert "<@99>" not in shown


def test_a_rule_with_a_period_alone() -> None:
    shown = text(limits_card(rules_of(rule_of(1, period=Period.DAY)), ENGLISH))
    assert "<@1> counted per day" in shown
    assert "This server hasn't set its own limits" in shown


def biggest() -> list[ui.LayoutView]:
    """The largest card of each kind."""
    made = delivered(
        request=LONG,
        version=999,
        parent_version=998,
        plan=plan(
            adjustments=tuple(
                Adjustment(option=name, requested="x" * 100, applied="y" * 100)
                for name in ("duration", "aspect_ratio", "resolution")
            )
        ),
    )
    running = replace(made, state=State.RUNNING, abandoned=True)
    jobs = [(running, LiveStatus(progress=50, eta_at=NOON + timedelta(days=1)))] * 50
    page = HistoryPage(items=[made] * 5, page=3, has_more=True)
    members = [
        rule_of(10**19 + n, videos=10**6, seconds=10**6, concurrent=9, cooldown=9)
        for n in range(100)
    ]
    limits = rules_of(server(videos=1), *members)
    return [
        status(made),
        status(running, progress=50, eta_at=NOON),
        receipt_card(receipt(made), BRUSH),
        details_card(made, BRUSH),
        jobs_card(jobs, BRUSH),
        history_card(page, of=UserId(10**19), own=False, card_context=BRUSH),
        quota_card(quota(seconds=9, cooldown=9), who=UserId(10**19), messages=ENGLISH),
        limits_card(limits, ENGLISH, saved=True),
    ]


@pytest.mark.parametrize("view", biggest(), ids=range(8))
def test_no_card_grows_beyond_discords_limits(view: ui.LayoutView) -> None:
    assert view.content_length() <= 4000
    assert view.total_children_count <= 40


def test_names_made_from_prompts() -> None:
    made = generation(version=3, request=VideoRequest(prompt="Ein Füchslein\nim *Schnee*! 🦊"))
    assert file_name(made) == "ein-fuchslein-im-schnee-v3.mp4"
    assert thread_name(made, ENGLISH) == "Ein Füchslein im *Schnee*! 🦊"
    assert alt_text(made, ENGLISH) == "AI-made video, version 3: Ein Füchslein im *Schnee*! 🦊"
    untitled = generation(request=VideoRequest(prompt="\u200b \n"))
    assert file_name(untitled) == "video-v1.mp4"
    assert thread_name(untitled, ENGLISH) == "Untitled"
    assert alt_text(untitled, ENGLISH) == "AI-made video, version 1"


@given(st.text(max_size=4000))
def test_names_of_any_prompt_are_possible(prompt: str) -> None:
    made = generation(request=VideoRequest(prompt=prompt))
    assert 1 <= len(thread_name(made, ENGLISH)) <= 100
    assert 1 <= len(alt_text(made, ENGLISH)) <= 1024
    assert file_name(made).isascii()
    assert len(file_name(made)) <= 60
    assert status(made).content_length() <= 4000


def test_ids_are_read_as_they_are_written() -> None:
    of = generation()
    for action in Action:
        if action is Action.HISTORY:
            written = ControlId(action=action, user_id=UserId(5), page=3)
        elif action in {Action.RETRY, Action.MAKE, Action.FORM_UPLOAD, Action.FORM_MAKE}:
            written = ControlId(action=action, message_id=7)
        else:
            written = ControlId(action=action, generation_id=of.id)
        assert len(str(written)) <= 100
        assert ControlId.parse(str(written)) == written


@given(st.text(max_size=120))
def test_no_id_breaks_the_reading(custom_id: str) -> None:
    read = ControlId.parse(custom_id)
    assert read is None or str(read) == custom_id


def test_an_empty_submission() -> None:
    empty = forms.Submission.read({})
    assert (empty.text(forms.PROMPT), empty.duration(), empty.files) == ("", None, {})


def test_a_submission_of_the_old_shape() -> None:
    row = {"type": 1, "components": [{"type": 4, "custom_id": "prompt", "value": " x "}]}
    assert forms.Submission.read({"components": [row]}).text(forms.PROMPT) == "x"


def test_places() -> None:
    """A place with a thread is named by it."""
    place = Place(guild_id=GuildId(1), channel_id=ChannelId(2), thread_id=ChannelId(3))
    shown = text(receipt_card(receipt(generation(place=place)), BRUSH))
    assert "I'll post it in <#3>" in shown
    posting = Posting(
        target=Target(kind=TargetKind.THREAD, id=3),
        nonce="n",
        started_at=NOON,
        message_id=MessageId(1),
    )
    assert video_url(replace(delivered(), posting=posting)) is None


@pytest.mark.parametrize(
    ("private", "said"),
    [(False, "I can't create a thread here"), (True, "I'll send it to you in a direct message")],
)
def test_the_receipt_says_where_it_goes_without_a_thread(*, private: bool, said: str) -> None:
    place = Place(guild_id=GuildId(1), channel_id=ChannelId(2), private=private, threadless=True)
    assert said in text(receipt_card(receipt(generation(place=place)), BRUSH))
