"""What the SDK hears when a key may not be used, or the caller may not use it."""

import datetime
import os

from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.keyvault.keys.crypto import KeyWrapAlgorithm

import run

AES = KeyWrapAlgorithm.aes_256
DEK = os.urandom(32)


def key_states(admin) -> None:
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = datetime.timedelta(hours=1)
    for name, change, inner, blocks_unwrap in (
            ("disabled", {"enabled": False}, "KeyDisabled", True),
            ("expired", {"expires_on": now - hour}, "KeyExpired", False),
            ("early", {"not_before": now + hour}, "KeyNotYetValid", False)):
        key = admin.keys.create_oct_key(name, size=256, hardware_protected=False)
        # This client knows the key as it was, so it is the broker that refuses.
        crypto = admin.crypto(key)
        wrapped = crypto.wrap_key(AES, DEK).encrypted_key
        admin.keys.update_key_properties(name, **change)
        message = run.refused(403, f"Forbidden/{inner}", crypto.wrap_key, AES, DEK)
        run.equal(name in message and key.properties.version in message, True)
        if blocks_unwrap:
            run.refused(403, f"Forbidden/{inner}", crypto.unwrap_key, AES, wrapped)
        else:
            run.equal(crypto.unwrap_key(AES, wrapped).key, DEK)


def key_operations(admin) -> None:
    key = admin.keys.create_oct_key("one-way", size=256, hardware_protected=False, key_operations=["wrapKey"])
    crypto = admin.crypto(key)
    wrapped = crypto.wrap_key(AES, DEK).encrypted_key
    run.refused(403, "Forbidden/KeyOperationForbidden", crypto.unwrap_key, AES, wrapped)


def permissions(admin) -> None:
    key = admin.keys.create_oct_key("guarded", size=256, hardware_protected=False)
    limited = run.client("limited")
    crypto = limited.crypto(limited.keys.get_key("guarded"))
    wrapped = crypto.wrap_key(AES, DEK).encrypted_key
    message = run.refused(403, "Forbidden/ForbiddenByRbac", crypto.unwrap_key, AES, wrapped)
    for word in ("dev/uri:spiffe://keybroker.test/limited", "unwrapKey", "/vault1/guarded"):
        run.equal((word, word in message), (word, True))
    run.refused(403, "Forbidden/ForbiddenByRbac", limited.keys.create_oct_key, "x", size=256, hardware_protected=False)
    # A key that is not there is refused in the same words: a 403 tells nobody which keys exist.
    run.refused(403, "Forbidden/ForbiddenByRbac", limited.keys.get_key, "not-there")
    run.refused(403, "Forbidden/ForbiddenByRbac", lambda: list(limited.keys.list_properties_of_keys()))
    run.equal(admin.crypto(key).unwrap_key(AES, wrapped).key, DEK)


def strangers() -> None:
    try:
        run.client("stranger").keys.get_key("guarded")
    except ServiceRequestError as error:
        run.equal("alert" in str(error).lower() or "ssl" in str(error).lower(), True)
    else:
        raise SystemExit("the stranger was answered")


def verification() -> None:
    """The SDK compares the challenge with the host it asked, and takes ours for that host alone."""
    # A vault that this process has not asked yet: the SDK remembers challenges.
    other = run.client("admin", "vault2")
    try:
        # The broker hears another host name, and challenges for that one.
        other.keys.get_key("guarded", headers={"Host": "vault2.other.test"})
    except (ValueError, ClientAuthenticationError) as error:
        run.equal("does not match the requested domain" in str(error), True)
    else:
        raise SystemExit("a challenge for another resource was taken")
    run.refused(404, "KeyNotFound", other.keys.get_key, "guarded")


if __name__ == "__main__":
    ADMIN = run.client("admin")
    key_states(ADMIN)
    key_operations(ADMIN)
    permissions(ADMIN)
    strangers()
    verification()
