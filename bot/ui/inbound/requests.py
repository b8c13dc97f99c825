"""From a draft to its receipt: the steps that every command, button, form and reply shares.

This module owns their order: acknowledge before anything slow, take the files in, make the request,
show the receipt, or offer to retry what was refused for a reason that passes.
"""

from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from discord import ui

from bot.domain.errors import Code, Refused, RetakeError, StorageUnavailable
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.ports.media import IncomingFile
from bot.domain.request import VideoRequest
from bot.domain.wording import wording
from bot.ui.cards.buttons import retry_control
from bot.ui.cards.receipt import receipt_card
from bot.ui.inbound.answers import answer, promptly, think, turn
from bot.ui.inbound.client import Interaction, RetakeClient
from bot.ui.inbound.drafts import IncomingFiles, RequestDraft
from bot.ui.inbound.errors import sentence
from bot.ui.inbound.mentions import in_words
from bot.ui.text.messages import Messages

if TYPE_CHECKING:
    from bot.services.attachments import Intake
    from bot.services.generate import Receipt

PASSING = frozenset(
    {
        Code.NO_ROOM,
        Code.PROVIDER_AUTH,
        Code.PROVIDER_BALANCE,
        Code.PROVIDER_TROUBLE,
        Code.QUOTA_CONCURRENT,
        Code.QUOTA_COOLDOWN,
    }
)
"""Refusals whose reason can be gone a few minutes later while the request stays the same."""


def passes(error: RetakeError) -> bool:
    """Return True if the same request may be accepted a few minutes after this error."""
    if isinstance(error, StorageUnavailable):
        return True
    return isinstance(error, Refused) and error.code in PASSING


async def send(client: RetakeClient, draft: RequestDraft) -> "Receipt":
    """Take a draft's files in, put its words and options in order, and make the request.

    A draft that is refused for a reason that passes is remembered for the button Retry. Sent again
    it has the same request key, so it makes one generation.

    Raises:
        Refused: MEDIA_*, or as ``Generate.request``.
        StorageUnavailable: as ``Generate.request``.
    """
    asked = draft.asked
    try:
        services = client.services
        request = await _with_files(services.intake, asked.request, draft.files)
        messages = Messages.for_locale(asked.locale)
        prompt = await in_words(client, request.prompt, draft.author, messages=messages)
        request = services.catalogue.understood(replace(request, prompt=prompt))
        return await services.generate.request(replace(asked, request=request))
    except RetakeError as error:
        if passes(error):
            client.retries.remember(asked.requester_id, draft.id, draft)
        raise


async def submit(interaction: Interaction, draft: RequestDraft) -> None:
    """Send a draft and show its receipt, or why it was refused."""
    if draft.files:
        await think(interaction)
    await _answer(interaction, draft.id, send(interaction.client, draft))


async def retry(interaction: Interaction, draft_id: int | None) -> None:
    """Send a refused draft once more.

    The refusal becomes the receipt, or the new refusal. A refusal that others can see too, below a
    reply, stays as it is: then the answer is a message for this member only.
    """
    message = interaction.message
    in_place = message is not None and message.flags.ephemeral
    await _answer(interaction, draft_id, _again(interaction, draft_id), in_place=in_place)


async def _again(interaction: Interaction, draft_id: int | None) -> "Receipt":
    client = interaction.client
    return await send(client, client.retries.recall(interaction.user.id, draft_id))


async def _answer(
    interaction: Interaction,
    draft_id: int | None,
    sending: Coroutine[Any, Any, "Receipt"],
    *,
    in_place: bool = False,
) -> None:
    client = interaction.client
    respond = turn if in_place else answer
    messages, patience = client.messages(interaction), client.options.patience
    try:
        receipt = await promptly(interaction, sending, patience=patience, in_place=in_place)
    except RetakeError as error:
        view = None
        if draft_id is not None and passes(error):
            retry_button = retry_control(draft_id, messages.say("button.retry"))
            view = ui.View(timeout=None).add_item(retry_button)
        await respond(interaction, sentence(error, messages, client.titles()), view=view)
        return
    await respond(interaction, receipt_card(receipt, client.card_context(interaction)))


async def _with_files(
    intake: "Intake", request: VideoRequest, files: IncomingFiles
) -> VideoRequest:
    """Return the request with the files, which are fetched, checked and kept.

    Raises:
        Refused: MEDIA_*.
    """
    if not files:
        return request
    images: tuple[StoredMedia, ...] = ()
    if files.pictures:
        images = await intake.take(files.pictures, kinds=(MediaKind.IMAGE,))
    shown = await _shown_images(intake, files.shown_images, request.prompt)
    source, video = files.video, None
    if files.shown_videos:
        ((source, video),) = await intake.pick(files.shown_videos, kind=MediaKind.VIDEO, most=1)
    elif source is not None:
        (video,) = await intake.take([source], kinds=(MediaKind.VIDEO,))
    return replace(
        request,
        images=(*images[: len(files.images)], *shown),
        last_frame=next(iter(images[len(files.images) :]), None),
        video=video,
        video_url=source.url if source is not None else None,
    )


async def _shown_images(
    intake: "Intake", shown: Sequence[IncomingFile], prompt: str
) -> list[StoredMedia]:
    try:
        picked = await intake.pick(shown, kind=MediaKind.IMAGE, most=len(shown))
    except Refused as refused:
        # The words suffice as long as no file claims to be an image.
        claimed = any(file.claims(MediaKind.IMAGE) for file in shown)
        if refused.code is not Code.MEDIA_TYPE or claimed or not wording(prompt):
            raise
        return []
    return [picture for _, picture in picked]
