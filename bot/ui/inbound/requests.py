"""From a wish to its receipt: the steps that every command, button and form shares.

Owns the order: acknowledge before anything slow, take the files in, ask the service, show the
receipt. What a file is, its content says, never its name. What a wish is made of is its caller's
business.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.domain.errors import Code, Refused
from bot.domain.ids import GenerationId
from bot.domain.media import MediaKind, StoredMedia
from bot.domain.ports.media import IncomingFile
from bot.ui.cards.receipt import receipt_card
from bot.ui.inbound.answers import answer, promptly, think
from bot.ui.inbound.client import Interaction
from bot.ui.inbound.mentions import in_words

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
    wish: Callable[[StoredFiles], "GenerationRequest"],
) -> None:
    """Take the files in, ask for the video, show the receipt."""
    services = interaction.client.services
    if given:
        await think(interaction)
        taken = await take_in(services, given)
    else:
        taken = StoredFiles()
    work = _request(interaction, wish(taken))
    await show(interaction, await promptly(interaction, work, patience=_patience(interaction)))


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
    work = interaction.client.services.generate.again(generation_id, ask)
    await show(interaction, await promptly(interaction, work, patience=_patience(interaction)))


async def show(interaction: Interaction, receipt: "Receipt") -> None:
    """The receipt, for the one who asked."""
    await answer(interaction, receipt_card(receipt, interaction.client.card_context(interaction)))


def _patience(interaction: Interaction) -> float:
    return interaction.client.wishes.patience
