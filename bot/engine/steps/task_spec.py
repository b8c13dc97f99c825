"""What a provider receives: the request, the files it needs, and the video to edit.

This module owns which copy of a video to edit may be offered. The adapter transfers it.
"""

from dataclasses import replace
from datetime import timedelta

from bot.domain.catalogue import ProviderName
from bot.domain.generation import Generation
from bot.domain.ports.provider import Candidate, SourceVideo, TaskSpec
from bot.engine.context import Ports

LINK_MARGIN = timedelta(minutes=30)
"""A link must be valid for longer than this, because the provider fetches it later."""


def missing_media(ports: Ports, generation: Generation) -> bool:
    """Return True if a file that the request needs is no longer kept."""
    request = generation.request
    kept = [*request.images, *filter(None, (request.last_frame, request.video))]
    return any(not ports.media.path_of(media).exists() for media in kept)


def task_spec(
    ports: Ports,
    generation: Generation,
    candidate: Candidate,
    parent: Generation | None,
    *,
    by_task: bool = True,
) -> TaskSpec:
    """Return all that an adapter needs to prepare the task at this candidate.

    ``by_task`` is false if the candidate no longer knows the task of the video to edit.
    """
    request = generation.request
    make_url = ports.policy.callback_url
    provider = ports.providers.get(candidate.provider)
    callback_url = None
    if make_url is not None and provider.supports_callbacks:
        callback_url = make_url(candidate.provider, generation.id)
    return TaskSpec(
        generation_id=generation.id,
        plan=candidate.plan,
        prompt=request.prompt,
        images=request.images,
        last_frame=request.last_frame,
        source=_source(ports, generation, candidate.provider, parent, by_task=by_task),
        callback_url=callback_url,
    )


async def with_posted_link(ports: Ports, spec: TaskSpec, parent: Generation | None) -> TaskSpec:
    """Return it with Discord's link to the video to edit if there is no provider's link."""
    source = spec.source
    if parent is None or source is None or source.task_id or source.result_url:
        return spec
    url = await ports.messenger.video_link(parent)
    return spec if url is None else replace(spec, source=replace(source, discord_url=url))


def _source(
    ports: Ports,
    generation: Generation,
    provider: ProviderName,
    parent: Generation | None,
    *,
    by_task: bool,
) -> SourceVideo | None:
    request = generation.request
    if parent is None:
        if request.video is None:
            return None
        return SourceVideo(media=request.video, discord_url=request.video_url)
    task, result = parent.task, parent.result
    at_home = by_task and task is not None and task.provider == provider
    fresh = (
        result is not None
        and bool(result.urls)
        and result.expires_at is not None
        and result.expires_at > ports.clock.now() + LINK_MARGIN
    )
    file = parent.file
    kept = file is not None and ports.media.path_of(file).exists()
    return SourceVideo(
        task_id=task.task_id if task is not None and at_home else None,
        result_url=result.urls[0] if result is not None and fresh else None,
        media=file if kept else None,
    )
