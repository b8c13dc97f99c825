"""Signed addresses that providers call when a task has ended.

An address names one generation at one provider and contains an HMAC, so it cannot be forged. A
callback is a reason to query the provider now, never a fact: only the task's id is read from its
body, and that id is verified with the provider.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

from bot.domain.catalogue import ProviderName
from bot.domain.ids import GenerationId

MAX_URL = 2048
"""The longest address that every provider accepts."""


class CallbackSigner:
    """Makes and checks addresses. After a restart, the same secret makes the same address."""

    def __init__(self, secret: str) -> None:
        # A derived key: a signature is never valid for another use of the secret.
        self._key = hmac.digest(secret.encode(), b"retake callback addresses", hashlib.sha256)

    def signature(self, provider: ProviderName, generation_id: GenerationId) -> str:
        """Return the signature: 64 hexadecimal digits."""
        message = f"{provider}\n{generation_id}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def verify(self, provider: ProviderName, generation_id: GenerationId, signature: str) -> bool:
        """Return True if a signature is ours, in constant time."""
        ours = self.signature(provider, generation_id)
        return hmac.compare_digest(ours.encode(), signature.encode("utf-8", "surrogatepass"))

    def callback_url(
        self, public_url: str, provider: ProviderName, generation_id: GenerationId
    ) -> str:
        """Return the address to give to a provider.

        Raises:
            ValueError: it is too long for providers, or not a web address.
        """
        if urlsplit(public_url).scheme not in {"https", "http"}:
            raise ValueError("the public URL must be a web address")
        signature = self.signature(provider, generation_id)
        url = f"{public_url.rstrip('/')}/callbacks/{provider}/{generation_id}/{signature}"
        if len(url) > MAX_URL:
            raise ValueError("the public URL is too long")
        return url
