"""From a wish to its receipt: the steps that every command, button and form shares.

Owns the order: acknowledge before anything slow, take the files in, ask the service, show the
receipt, or offer to retry what was refused for a reason that passes. What a file is, its content
says, never its name. What a wish is made of is its caller's business.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from discord import ui

from bot.domain.errors import Code, Refused, RetakeError
from bot.domain.ids import GenerationId
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.ports.media import IncomingFile
from bot.ui.cards.buttons import retry_control
from bot.ui.cards.receipt import receipt_card
from bot.ui.inbound.answers import answer, promptly, think, turn
from bot.ui.inbound.client import Interaction
from bot.ui.inbound.errors import sentence
from bot.ui.inbound.mentions import in_words
from bot.ui.inbound.retries import Attempt, passes

if TYPE_CHECKING:
    from bot.services import Services
    from bot.services.generate import GenerationRequest, Receipt


@dataclass(frozen=True, kw_only=True)
class IncomingFiles:
    """The files of a wish, by what they are for.

    ``shown_images`` and ``shown_videos`` are the files of a message that was pointed at: its images
    are meant, or its first video. Which ones these are, their content says. ``words_suffice`` is
    true if the words alone are enough where no file is an image, or says that it is one.
    """

    images: tuple[IncomingFile, ...] = ()
    last_frame: IncomingFile | None = None
    video: IncomingFile | None = None
    shown_images: tuple[IncomingFile, ...] = ()
    shown_videos: tuple[IncomingFile, ...] = ()
    words_suffice: bool = False

    def __bool__(self) -> bool:
        return bool(self.pictures() or self.video or self.shown_images or self.shown_videos)

    def pictures(self) -> tuple[IncomingFile, ...]:
        """All images, the last frame last."""
        return self.images if self.last_frame is None else (*self.images, self.last_frame)


@dataclass(frozen=True, kw_only=True)
class StoredFiles:
    """The same files, checked and kept. ``video_url`` is where Discord keeps the video."""

    images: tuple[StoredMedia, ...] = ()
    last_frame: StoredMedia | None = None
    video: StoredMedia | None = None
    video_url: str | None = None


async def take_in(services: "Services", given: IncomingFiles) -> StoredFiles:
    """Fetch, check and keep the files.

    Raises:
        Refused: MEDIA_*.
    """
    pictures = given.pictures()
    images: tuple[StoredMedia, ...] = ()
    if pictures:
        images = await services.intake.take(pictures, kinds=(MediaKind.IMAGE,))
    shown = await _shown_images(services, given)
    source, video = given.video, None
    if given.shown_videos:
        ((source, video),) = await services.intake.pick(
            given.shown_videos, kind=MediaKind.VIDEO, most=1
        )
    elif source is not None:
        (video,) = await services.intake.take([source], kinds=(MediaKind.VIDEO,))
    return StoredFiles(
        images=(*images[: len(given.images)], *shown),
        last_frame=next(iter(images[len(given.images) :]), None),
        video=video,
        video_url=source.url if source is not None else None,
    )


async def _shown_images(services: "Services", given: IncomingFiles) -> list[StoredMedia]:
    files, kind = given.shown_images, MediaKind.IMAGE
    try:
        picked = await services.intake.pick(files, kind=kind, most=len(files))
    except Refused as refused:
        other = refused.code is Code.MEDIA_TYPE and not any(file.claims(kind) for file in files)
        if not (other and given.words_suffice):
            raise
        return []
    return [picture for _, picture in picked]


async def order(
    interaction: Interaction,
    given: IncomingFiles,
    build_request: Callable[[StoredFiles], "GenerationRequest"],
) -> None:
    """Take the files in, ask for the video, show the receipt."""

    async def attempt() -> "Receipt":
        services = interaction.client.services
        taken = await take_in(services, given) if given else StoredFiles()
        return await _request(interaction, build_request(taken))

    if given:
        await think(interaction)
    await _submit(interaction, attempt)


async def _request(interaction: Interaction, ask: "GenerationRequest") -> "Receipt":
    """Ask for the video, once the request says in words and names what the person typed."""
    client = interaction.client
    request = client.services.catalogue.understood(ask.request)
    prompt = await in_words(
        client,
        request.prompt,
        messages=client.messages(interaction),
        asker=interaction.user,
        guild=interaction.guild,
    )
    return await client.services.generate.request(
        replace(ask, request=replace(request, prompt=prompt))
    )


async def repeat(
    interaction: Interaction, generation_id: GenerationId, ask: "GenerationRequest"
) -> None:
    """Ask for the same video once more and show the receipt."""

    async def attempt() -> "Receipt":
        return await interaction.client.services.generate.again(generation_id, ask)

    await _submit(interaction, attempt)


async def _submit(interaction: Interaction, attempt: Attempt) -> None:
    """Make a request and show its receipt, or why it was refused and the button Retry."""
    client = interaction.client
    try:
        receipt = await promptly(interaction, attempt(), patience=client.options.patience)
    except RetakeError as error:
        if not passes(error):
            raise
        client.retries.remember(interaction.user.id, interaction.id, attempt)
        view = _retry_view(interaction, interaction.id)
        await answer(interaction, _why(interaction, error), view=view)
        return
    await answer(interaction, receipt_card(receipt, client.card_context(interaction)))


async def retry(interaction: Interaction, request_id: int | None) -> None:
    """Make a refused request once more.

    The refusal becomes the receipt, or the new refusal. One that others see too, below a reply,
    stays as it is: then the answer is a message for this person only.
    """
    client, message = interaction.client, interaction.message
    in_place = message is not None and message.flags.ephemeral
    respond = turn if in_place else answer
    try:
        attempt = client.retries.recall(interaction.user.id, request_id)
        receipt = await promptly(
            interaction, attempt(), patience=client.options.patience, in_place=in_place
        )
    except RetakeError as error:
        view = _retry_view(interaction, request_id) if request_id and passes(error) else None
        await respond(interaction, _why(interaction, error), view=view)
        return
    await respond(interaction, receipt_card(receipt, client.card_context(interaction)))


def _why(interaction: Interaction, error: RetakeError) -> str:
    client = interaction.client
    return sentence(error, client.messages(interaction), client.titles())


def _retry_view(interaction: Interaction, request_id: int) -> ui.View:
    label = interaction.client.messages(interaction).say("button.retry")
    return ui.View(timeout=None).add_item(retry_control(request_id, label))
