"""Microsoft's unmodified Key Vault client, pointed at a broker on this machine.

Two things an ordinary deployment has are set up here instead: names under the vault suffix resolve to loopback (in this
process only), and the credential gives a fixed token, since the client certificate says who asks.
"""

import logging
import socket
import time

from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient

# The client says on its log when it asks the broker instead of wrapping locally, which is what we want.
logging.getLogger("azure.keyvault.keys").setLevel(logging.ERROR)

_resolve = socket.getaddrinfo


def resolve_to_loopback(suffix: str) -> None:
    """Makes every name under `suffix` mean 127.0.0.1 in this process."""

    def getaddrinfo(host, *rest, **more):
        name = host.decode() if isinstance(host, bytes) else host
        return _resolve("127.0.0.1" if name and name.endswith("." + suffix) else host, *rest, **more)

    socket.getaddrinfo = getaddrinfo


class FixedToken:
    """A credential whose token opens nothing: the client certificate does."""

    def get_token(self, *_scopes, **_more):
        return AccessToken("the-client-certificate-says-who-asks", int(time.time()) + 3600)


class Client:
    """A Key Vault client with a certificate of its own."""

    def __init__(self, vault_url: str, pki: str, name: str, ca: str | None = None, **more):
        self.vault_url = vault_url
        self.more = more
        self.certificate = (f"{pki}/{name}.pem", f"{pki}/{name}.key")
        self.ca = ca or f"{pki}/ca.pem"
        self.keys = KeyClient(vault_url, FixedToken(), **self.how())

    def crypto(self, key) -> CryptographyClient:
        """A cryptography client for a key or a key id, with or without a version."""
        return CryptographyClient(key, FixedToken(), **self.how())

    def how(self) -> dict:
        """What every client of Azure's takes: the certificate, no retries, an api-version."""
        transport = RequestsTransport(connection_cert=self.certificate, connection_verify=self.ca)
        return {"transport": transport, "retry_total": 0, "api_version": "7.4", **self.more}
