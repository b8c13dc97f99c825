"""How a request is fitted to an offer: what is refused, what is adjusted, and what it will cost."""

import math
from collections.abc import Sequence

from bot.domain.catalogue import Adjustment, Mode, Offer, Plan
from bot.domain.errors import Code, Refused
from bot.domain.request import Operation, VideoRequest

AUTO_SECONDS = 10
"""The estimate for a video of unknown length, in seconds: the longest that these models make."""


def modes_for(request: VideoRequest) -> tuple[Mode, ...]:
    """Return the modes that could serve a request, the best match first."""
    if request.operation is Operation.EXTEND:
        return (Mode.EXTEND,)
    if request.operation is Operation.EDIT or request.video is not None:
        return (Mode.EDIT,)
    if not request.images:
        return (Mode.TEXT,)
    if len(request.images) == 1 or request.last_frame is not None:
        return (Mode.IMAGE, Mode.REFERENCE)
    return (Mode.REFERENCE, Mode.IMAGE)


def fit(request: VideoRequest, offer: Offer) -> Plan:
    """Fit a request to an offer.

    Raises:
        Refused: PROMPT_MISSING, INSTRUCTION_MISSING, PROMPT_TOO_LONG, TOO_MANY_IMAGES,
            START_IMAGE_MISSING, LAST_FRAME_UNSUPPORTED, MEDIA_DURATION, DURATION_UNSUPPORTED,
            ASPECT_RATIO_UNSUPPORTED or RESOLUTION_UNSUPPORTED, with facts that say what this model
            can do.
    """
    _check_inputs(request, offer)
    adjustments: list[Adjustment] = []
    duration, auto = _fit_duration(request, offer, adjustments)
    aspect_ratio = _fit_choice(
        "aspect_ratio",
        request.aspect_ratio,
        offer.aspect_ratios,
        Code.ASPECT_RATIO_UNSUPPORTED,
        offer,
        adjustments,
    )
    resolution = _fit_choice(
        "resolution",
        request.resolution,
        offer.resolutions,
        Code.RESOLUTION_UNSUPPORTED,
        offer,
        adjustments,
    )
    seconds = duration or AUTO_SECONDS
    if offer.mode is Mode.EDIT and request.source_ms:
        seconds = min(math.ceil(request.source_ms / 1000), AUTO_SECONDS)
    return Plan(
        provider=offer.provider,
        model=offer.model,
        mode=offer.mode,
        model_id=offer.model_id,
        duration=duration,
        auto_duration=auto,
        aspect_ratio=aspect_ratio,
        resolution=resolution,
        seconds=seconds,
        micro_usd=seconds * price(offer, resolution),
        estimated_seconds=offer.estimated_seconds,
        adjustments=tuple(adjustments),
    )


def price(offer: Offer, resolution: str | None) -> int:
    """Return micro-USD per second of video; the highest known if the resolution has no entry."""
    prices = offer.micro_usd_per_second
    if not prices:
        return 0
    return prices.get(resolution or "", max(prices.values()))


def _check_inputs(request: VideoRequest, offer: Offer) -> None:
    facts = {"model": offer.model, "mode": offer.mode.value}
    # Images alone can describe a video; a video to edit without an instruction cannot.
    if not request.prompt and (offer.prompt_required or not request.images):
        editing = offer.mode is Mode.EDIT
        raise Refused(Code.INSTRUCTION_MISSING if editing else Code.PROMPT_MISSING, **facts)
    if len(request.prompt) > offer.max_prompt:
        raise Refused(
            Code.PROMPT_TOO_LONG, length=len(request.prompt), limit=offer.max_prompt, **facts
        )
    if len(request.images) > offer.max_images:
        raise Refused(
            Code.TOO_MANY_IMAGES, given=len(request.images), limit=offer.max_images, **facts
        )
    if request.last_frame is not None and not request.images:
        raise Refused(Code.START_IMAGE_MISSING, **facts)
    if request.last_frame is not None and not offer.last_frame:
        raise Refused(Code.LAST_FRAME_UNSUPPORTED, **facts)
    longest = offer.max_source_seconds * 1000
    if longest and request.source_ms > longest + 500:
        raise Refused(
            Code.MEDIA_DURATION,
            seconds=math.ceil(request.source_ms / 1000),
            limit=offer.max_source_seconds,
            **facts,
        )


def _fit_duration(
    request: VideoRequest, offer: Offer, adjustments: list[Adjustment]
) -> tuple[int | None, bool]:
    """Return the duration to submit, and True to submit the word "auto" instead."""
    requested = request.duration
    if not offer.max_duration:
        if requested is not None:
            adjustments.append(
                Adjustment(option="duration", requested=str(requested), applied=None)
            )
        return None, False
    if requested is None:
        return (None if offer.spoken_duration else offer.default_duration), False
    if requested == "auto":
        if offer.auto_duration:
            return None, True
        if offer.spoken_duration:
            return None, False
        applied = offer.default_duration
        adjustments.append(Adjustment(option="duration", requested="auto", applied=str(applied)))
        return applied, False
    if not offer.min_duration <= requested <= offer.max_duration:
        raise Refused(
            Code.DURATION_UNSUPPORTED,
            requested=requested,
            minimum=offer.min_duration,
            maximum=offer.max_duration,
            model=offer.model,
            mode=offer.mode.value,
        )
    if offer.spoken_duration:
        seconds = str(requested)
        adjustments.append(
            Adjustment(option="duration", requested=seconds, applied=seconds, spoken=True)
        )
    return requested, False


def _fit_choice(
    option: str,
    requested: str | None,
    allowed: Sequence[str],
    code: Code,
    offer: Offer,
    adjustments: list[Adjustment],
) -> str | None:
    if not allowed:
        if requested is not None and requested != "auto":
            adjustments.append(Adjustment(option=option, requested=requested, applied=None))
        return None
    if requested is None:
        return allowed[0]
    if requested in allowed:
        return requested
    if requested == "auto":
        adjustments.append(Adjustment(option=option, requested=requested, applied=allowed[0]))
        return allowed[0]
    raise Refused(
        code, requested=requested, allowed=list(allowed), model=offer.model, mode=offer.mode.value
    )
