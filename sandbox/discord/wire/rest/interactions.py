"""Answers to interactions: the callback, and the webhook for what follows."""

from sandbox.discord.behaviour.answers import Callback
from sandbox.discord.behaviour.interactions import WIRE_TYPE, Interaction
from sandbox.discord.rules.errors import unknown
from sandbox.discord.state.models import MessageFlag
from sandbox.discord.wire.rest.call import Answer, Call, Json, Route


def callback(call: Call) -> Answer:
    answers = call.answers
    interaction = answers.open(call.params["interaction_id"], call.params["interaction_token"])
    body = call.json
    message = answers.answer(interaction, body, call.body.uploads)
    if call.query.get("with_response") not in ("1", "true", "True"):
        return 204, None
    answer: Json = {
        "interaction": {"id": interaction.id, "type": WIRE_TYPE[interaction.kind]},
    }
    if message:
        answer["interaction"] |= {
            "response_message_id": message.id,
            "response_message_loading": bool(message.flags & MessageFlag.LOADING),
            "response_message_ephemeral": message.ephemeral,
            "channel_id": message.channel_id,
        }
        if interaction.guild_id:
            answer["interaction"]["guild_id"] = interaction.guild_id
        # Discord says 4 for a message that is still "thinking" too.
        kind = Callback.UPDATE if body["type"] == Callback.UPDATE else Callback.MESSAGE
        answer["resource"] = {"type": kind, "message": call.core.render.message(message)}
    return 200, answer


def _interaction(call: Call) -> Interaction:
    call.own_application()
    return call.answers.by_token(call.params["webhook_token"])


def follow_up(call: Call) -> Answer:
    interaction = _interaction(call)
    message = call.answers.follow_up(interaction, call.json, call.body.uploads)
    return 200, call.core.render.message(message)


def get(call: Call) -> Answer:
    message = call.answers.message(_interaction(call), _id(call))
    return 200, call.core.render.message(message)


def edit(call: Call) -> Answer:
    interaction = _interaction(call)
    message = call.answers.edit(interaction, _id(call), call.json, call.body.uploads)
    return 200, call.core.render.message(message)


def delete(call: Call) -> Answer:
    call.answers.delete(_interaction(call), _id(call))
    return 204, None


def _id(call: Call) -> str:
    message_id = call.params.get("message_id", "@original")
    if not message_id:
        raise unknown("Message")
    return message_id


WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}"
ROUTES = [
    Route(
        method="POST",
        template="/interactions/{interaction_id}/{interaction_token}/callback",
        handler=callback,
        by_token=True,
    ),
    Route(method="POST", template=WEBHOOK, handler=follow_up, by_token=True),
    *(
        Route(method=method, template=f"{WEBHOOK}/messages/{which}", handler=handler, by_token=True)
        for which in ("@original", "{message_id}")
        for method, handler in (("GET", get), ("PATCH", edit), ("DELETE", delete))
    ),
]
