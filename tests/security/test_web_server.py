"""The web server of the real process: on this machine only, without callbacks unless configured.

What it does with forged, late and oversized callbacks is shown with the web server's own tests.
"""

import re
from pathlib import Path

import aiohttp
import pytest

from bot.domain.catalogue import ProviderName
from bot.domain.ids import GenerationId
from bot.settings import Settings
from bot.web.callbacks import CallbackSigner
from sandbox.discord.wire.openapi import OpenApiValidator
from tests.e2e.running import running_bot
from tests.security.conftest import Tally

LOOPBACK_4 = "0100007F"
LISTENING = "0A"


def listeners(pid: int) -> list[tuple[str, int]]:
    """The addresses (in the kernel's hex) and ports on which a process listens."""
    ours = {
        match.group(1)
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if (match := re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink())))
    }
    found: list[tuple[str, int]] = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in ours:
                address, _, port = fields[1].partition(":")
                found.append((address, int(port, 16)))
    return found


async def test_by_default_it_is_for_this_machine_and_takes_no_callbacks(
    tmp_path: Path, validator: OpenApiValidator | None, tally: Tally
) -> None:
    assert (Settings().http.host, Settings().http.public_url) == ("127.0.0.1", "")
    async with running_bot(tmp_path, validator) as running:
        ((address, port),) = listeners(running.bot.pid)
        assert address == LOOPBACK_4
        # Even a callback signed with the right token: without a public URL there is no such path.
        signer = CallbackSigner(running.sandbox.discord.token)
        provider, generation = ProviderName("evolink"), GenerationId("0" * 20)
        genuine = signer.callback_url(f"http://127.0.0.1:{port}", provider, generation)
        paths = ["/", "/callbacks", "/callbacks/evolink", "/docs", "/debug", "/metrics/../etc"]
        async with aiohttp.ClientSession() as session:
            for url in [genuine, *(f"http://127.0.0.1:{port}{path}" for path in paths)]:
                for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
                    async with session.request(method, url) as answer:
                        tally.refused((method, url), ok=answer.status in {404, 405})
            for path in ("/healthz", "/readyz", "/metrics"):
                async with session.post(f"http://127.0.0.1:{port}{path}") as answer:
                    tally.refused(path, ok=answer.status == 405)


@pytest.mark.parametrize("secret", ["", "x", "token"])
def test_a_signature_cannot_be_guessed_from_another(secret: str) -> None:
    """One bit of difference in what is signed, or with what, leaves nothing in common."""
    one, other = CallbackSigner(secret), CallbackSigner(secret + "1")
    provider = ProviderName("evolink")
    signatures = {
        one.signature(provider, GenerationId("a" * 20)),
        one.signature(provider, GenerationId("a" * 19 + "b")),
        one.signature(ProviderName("apimart"), GenerationId("a" * 20)),
        other.signature(provider, GenerationId("a" * 20)),
    }
    assert len(signatures) == 4
    assert all(re.fullmatch(r"[0-9a-f]{64}", signature) for signature in signatures)
