"""Application commands, offered everywhere or in one server."""

from sandbox.discord.wire.rest.call import Answer, Call, Route


def _scope(call: Call) -> str | None:
    call.own_application()
    return call.guild().id if "guild_id" in call.params else None


def listed(call: Call) -> Answer:
    return 200, call.commands.registered(_scope(call))


def replace(call: Call) -> Answer:
    return 200, call.commands.replace(_scope(call), call.body.data)


def upsert(call: Call) -> Answer:
    command, new = call.commands.upsert(_scope(call), call.json)
    return 201 if new else 200, command


def get(call: Call) -> Answer:
    return 200, call.commands.get(_scope(call), call.params["command_id"])


def edit(call: Call) -> Answer:
    return 200, call.commands.edit(_scope(call), call.params["command_id"], call.json)


def delete(call: Call) -> Answer:
    call.commands.delete(_scope(call), call.params["command_id"])
    return 204, None


ROUTES = [
    route
    for scope in (
        "/applications/{application_id}",
        "/applications/{application_id}/guilds/{guild_id}",
    )
    for route in (
        Route(method="GET", template=f"{scope}/commands", handler=listed),
        Route(method="PUT", template=f"{scope}/commands", handler=replace),
        Route(method="POST", template=f"{scope}/commands", handler=upsert),
        Route(method="GET", template=f"{scope}/commands/{{command_id}}", handler=get),
        Route(method="PATCH", template=f"{scope}/commands/{{command_id}}", handler=edit),
        Route(method="DELETE", template=f"{scope}/commands/{{command_id}}", handler=delete),
    )
]
