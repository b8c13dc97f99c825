"""Signed addresses that providers call when a task is done.

An address names one generation at one provider and carries an HMAC, so nobody can guess or forge
one. What arrives there is a hint to ask the provider now, never a fact. Of a body only the name of
the task is read, which is checked with the provider before it is believed.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

from bot.domain.catalogue import ProviderName
from bot.domain.ids import GenerationId

LONGEST = 2048
"""Characters of an address that every provider takes."""


class CallbackSigner:
    """Makes and checks the addresses. The same secret gives the same address after a restart."""

    def __init__(self, secret: str) -> None:
        # A key of its own: what is signed here can never be mistaken for another use of the secret.
        self._key = hmac.digest(secret.encode(), b"retake callback addresses", hashlib.sha256)

    def signature(self, provider: ProviderName, generation_id: GenerationId) -> str:
        """64 characters of hex."""
        message = f"{provider}\n{generation_id}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def verify(self, provider: ProviderName, generation_id: GenerationId, signature: str) -> bool:
        """Whether a signature is ours, in a time that tells nothing about how near it came."""
        ours = self.signature(provider, generation_id)
        return hmac.compare_digest(ours.encode(), signature.encode("utf-8", "surrogatepass"))

    def callback_url(
        self, public_url: str, provider: ProviderName, generation_id: GenerationId
    ) -> str:
        """The address to give to a provider.

        Raises:
            ValueError: it would be longer than providers take, or is no web address.
        """
        if urlsplit(public_url).scheme not in {"https", "http"}:
            raise ValueError("the public URL must be a web address")
        signature = self.signature(provider, generation_id)
        url = f"{public_url.rstrip('/')}/callbacks/{provider}/{generation_id}/{signature}"
        if len(url) > LONGEST:
            raise ValueError("the public URL is too long")
        return url
