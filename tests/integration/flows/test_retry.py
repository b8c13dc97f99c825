"""A request that was refused for a reason that passes: the button Retry makes it once more."""

import asyncio

import pytest

from bot.domain.errors import Accepted, Code, Refused, RetakeError, StorageUnavailable
from bot.ui.text.messages import Messages
from tests.fakes.services import delivered
from tests.integration.flows.conftest import Json, Retake, Starting
from tests.messages_view import answered_text, buttons, words

FOX = delivered(7)
ENGLISH = Messages.for_locale("en-US")
TROUBLE = ENGLISH.explain(Code.PROVIDER_TROUBLE, {})
NO_ROOM = ENGLISH.explain(Code.NO_ROOM, {})
FORGOTTEN = ENGLISH.explain(Code.REQUEST_FORGOTTEN, {})
ACCEPTED = ENGLISH.template("receipt.title")


async def refused(retake: Retake, error: RetakeError, *, image: str | None = None) -> Json:
    """The answer to a request of Tom's that was refused."""
    retake.services.generate.refusals.append(error)
    options = {"prompt": "a fox"} if image is None else {"prompt": "a fox", "image": image}
    answered = await retake.settled(
        await retake.standin.people.command("tom", "videos", "video", options=options)
    )
    (message,) = answered["responses"]
    return message


def now(retake: Retake, message: Json) -> Json:
    """The same message as its reader sees it now."""
    return retake.standin.render.message(retake.standin.world.messages[message["id"]])


def keys(retake: Retake) -> set[str]:
    """The request keys of all requests; a key makes one generation, however often it comes."""
    return {ask.request_key for ask in retake.services.generate.asks}


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Refused(Code.PROVIDER_TROUBLE), TROUBLE),
        (Refused(Code.PROVIDER_BALANCE), ENGLISH.explain(Code.PROVIDER_BALANCE, {})),
        (Refused(Code.NO_ROOM), NO_ROOM),
        (
            StorageUnavailable("no answer", accepted=Accepted.UNKNOWN),
            ENGLISH.say("failure.storage"),
        ),
    ],
)
async def test_the_refusal_becomes_the_receipt(
    retake: Retake, error: RetakeError, sentence: str
) -> None:
    image = await retake.standin.people.upload("a.png", b"x")
    message = await refused(retake, error, image=image["id"])
    assert sentence in words(message)
    pressed = await retake.press("tom", message["id"], buttons(message)["Retry"])
    assert pressed["responses"] == []
    assert ACCEPTED in words(now(retake, message))
    assert sentence not in words(now(retake, message))
    assert "Retry" not in buttons(now(retake, message))
    first, second = retake.services.generate.asks
    assert first == second
    assert [image.name for image in second.request.images] == ["a.png"]


async def test_refused_again_it_can_be_retried_again(retake: Retake) -> None:
    message = await refused(retake, Refused(Code.PROVIDER_TROUBLE))
    retake.services.generate.refusals.append(Refused(Code.NO_ROOM))
    await retake.press("tom", message["id"], buttons(message)["Retry"])
    assert NO_ROOM in words(now(retake, message))
    await retake.press("tom", message["id"], buttons(now(retake, message))["Retry"])
    assert ACCEPTED in words(now(retake, message))
    assert len(keys(retake)) == 1


async def test_what_does_not_pass_is_not_offered(retake: Retake) -> None:
    lasting = Refused(Code.PROMPT_TOO_LONG, length=9000, limit=4000)
    assert buttons(await refused(retake, lasting)) == {}
    message = await refused(retake, Refused(Code.PROVIDER_TROUBLE))
    retake.services.generate.refusals.append(lasting)
    await retake.press("tom", message["id"], buttons(message)["Retry"])
    assert words(now(retake, message)) == ENGLISH.explain(lasting.code, lasting.facts)
    assert buttons(now(retake, message)) == {}


async def test_a_fault_leaves_the_button_where_it_is(retake: Retake) -> None:
    message = await refused(retake, Refused(Code.PROVIDER_TROUBLE))
    retake.services.generate.refusals.append(ValueError("a secret detail"))
    pressed = await retake.press("tom", message["id"], buttons(message)["Retry"])
    assert "Something went wrong on my side" in answered_text(pressed)
    assert "secret detail" not in answered_text(pressed)
    assert "Retry" in buttons(now(retake, message))


async def test_two_presses_are_one_request(start: Starting) -> None:
    retake: Retake = await start(patience=0.01)
    message = await refused(retake, Refused(Code.PROVIDER_TROUBLE))
    gate = retake.services.generate.gate = asyncio.Event()
    await retake.press("tom", message["id"], buttons(message)["Retry"])
    pressed = await retake.press("tom", message["id"], buttons(message)["Retry"])
    # Slow ones are acknowledged without a new message: the refusal stays until it is replaced.
    assert pressed["responses"] == []
    assert TROUBLE in words(now(retake, message))
    after = retake.standin.position
    gate.set()
    await retake.standin.wait("INTERACTION", {"id": pressed["id"]}, after=after)
    assert ACCEPTED in words(now(retake, message))
    assert len(retake.services.generate.asks) == 3
    assert len(keys(retake)) == 1


async def test_after_a_quarter_of_an_hour_it_is_forgotten(retake: Retake) -> None:
    message = await refused(retake, Refused(Code.PROVIDER_TROUBLE))
    retries = retake.client.retries
    too_late = retries.clock() + retries.kept_seconds + 1
    retries.clock = lambda: too_late
    await retake.press("tom", message["id"], buttons(message)["Retry"])
    assert FORGOTTEN in words(now(retake, message))
    assert "`/video`" in words(now(retake, message))
    assert buttons(now(retake, message)) == {}
    assert len(retake.services.generate.asks) == 1


async def test_after_a_restart_it_is_forgotten(retake: Retake, start: Starting) -> None:
    message = await refused(retake, Refused(Code.PROVIDER_TROUBLE))
    await retake.client.close()
    restarted: Retake = await start()
    await restarted.press("tom", message["id"], buttons(message)["Retry"])
    assert FORGOTTEN in words(now(restarted, message))
    assert restarted.services.generate.asks == []


async def test_again_is_retried_as_again(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    retake.services.generate.refusals.append(Refused(Code.PROVIDER_TROUBLE))
    pressed = await retake.press("ana", str(video.id), f"rt:again:{FOX.id}")
    (message,) = pressed["responses"]
    await retake.press("ana", message["id"], buttons(message)["Retry"])
    assert ACCEPTED in words(now(retake, message))
    first, second = retake.services.generate.asks
    assert first == second
    assert second.repeat_of == FOX.id


async def test_a_form_is_retried_with_what_was_filled_in(retake: Retake) -> None:
    video = await retake.post_video(FOX)
    opened = await retake.press("tom", str(video.id), f"rt:edit:{FOX.id}")
    retake.services.generate.refusals.append(Refused(Code.NO_ROOM))
    (message,) = (await retake.submit("tom", opened, prompt="bluer"))["responses"]
    await retake.press("tom", message["id"], buttons(message)["Retry"])
    assert ACCEPTED in words(now(retake, message))
    first, second = retake.services.generate.asks
    assert first == second
    assert (second.request.prompt, second.parent_id) == ("bluer", FOX.id)


async def test_a_refused_reply_can_be_retried_by_its_author_alone(retake: Retake) -> None:
    people = retake.standin.people
    video = await retake.post_video(FOX)
    image = await people.upload("a.png", b"x")
    retake.services.generate.refusals.append(Refused(Code.PROVIDER_TROUBLE))
    after = retake.standin.position
    reply = await people.send(
        "tom", "videos", "bluer", uploads=[image["id"]], reply_to=str(video.id)
    )
    event = await retake.standin.wait(
        "MESSAGE_CREATE", lambda m: m["content"].startswith(TROUBLE), after=after
    )
    notice = event["data"]
    assert buttons(notice)["Retry"] == f"rt:retry:{reply['id']}"
    others = await retake.press("ana", notice["id"], buttons(notice)["Retry"])
    assert FORGOTTEN in answered_text(others)
    assert len(retake.services.generate.asks) == 1
    # What is left of Tom's limit is for Tom to see, so the notice that all see stays as it is.
    own = await retake.press("tom", notice["id"], buttons(notice)["Retry"])
    assert ACCEPTED in answered_text(own)
    assert words(now(retake, notice)) == words(notice)
    first, second = retake.services.generate.asks
    assert first == second
    assert [image.name for image in second.request.images] == ["a.png"]
