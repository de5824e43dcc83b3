"""Data keys wrapped and unwrapped, small values encrypted and decrypted, before and after a rotation."""

import os

from azure.keyvault.keys.crypto import EncryptionAlgorithm, KeyWrapAlgorithm

import run

WRAPS = (
    ("rsa", KeyWrapAlgorithm.rsa_oaep),
    ("rsa", KeyWrapAlgorithm.rsa_oaep_256),
    ("oct-128", KeyWrapAlgorithm.aes_128),
    ("oct-256", KeyWrapAlgorithm.aes_256),
)


def make(admin) -> dict:
    return {
        "rsa": admin.keys.create_rsa_key("rsa", size=2048),
        "oct-128": admin.keys.create_oct_key("oct-128", size=128, hardware_protected=False),
        "oct-256": admin.keys.create_oct_key("oct-256", size=256, hardware_protected=False),
    }


def wrap(admin, blind, keys: dict) -> None:
    dek = os.urandom(32)
    for name, algorithm in WRAPS:
        key = keys[name]
        for client in (admin.crypto(key), admin.crypto(key.id), admin.crypto(f"{admin.vault_url}/keys/{name}")):
            wrapped = client.wrap_key(algorithm, dek)
            run.equal((wrapped.key_id, wrapped.algorithm), (key.id, algorithm))
            opened = client.unwrap_key(algorithm, wrapped.encrypted_key)
            run.equal((opened.key, opened.key_id), (dek, key.id))
        # `blind` may not read keys, so every one of its calls is the broker's to do.
        versionless = blind.crypto(f"{admin.vault_url}/keys/{name}")
        run.equal(versionless.unwrap_key(algorithm, versionless.wrap_key(algorithm, dek).encrypted_key).key, dek)
        broken = bytearray(wrapped.encrypted_key)
        broken[-1] ^= 1
        run.refused(400, "BadParameter", client.unwrap_key, algorithm, bytes(broken))


def encrypt(admin, blind, keys: dict) -> None:
    text = b"a small value"
    for algorithm in (EncryptionAlgorithm.rsa_oaep, EncryptionAlgorithm.rsa_oaep_256):
        # By the SDK itself with the public key, and by the broker; the broker decrypts both.
        for client in (admin.crypto(keys["rsa"]), blind.crypto(keys["rsa"].id)):
            run.equal(client.decrypt(algorithm, client.encrypt(algorithm, text).ciphertext).plaintext, text)
    gcm = EncryptionAlgorithm.a256_gcm
    crypto = admin.crypto(keys["oct-256"])
    for aad in (None, b"bound to this"):
        sealed = crypto.encrypt(gcm, text, additional_authenticated_data=aad)
        run.equal((len(sealed.iv), len(sealed.tag), len(sealed.ciphertext)), (12, 16, len(text)))
        how = {"iv": sealed.iv, "authentication_tag": sealed.tag}
        opened = crypto.decrypt(gcm, sealed.ciphertext, additional_authenticated_data=aad, **how)
        run.equal(opened.plaintext, text)
        run.refused(400, "BadParameter", crypto.decrypt, gcm, sealed.ciphertext, additional_authenticated_data=b"else",
                    **how)
    again = crypto.encrypt(gcm, text)
    run.equal(again.iv == sealed.iv, False)


def rotate(admin, blind, keys: dict) -> None:
    dek = os.urandom(32)
    for name, algorithm in (("rsa", KeyWrapAlgorithm.rsa_oaep_256), ("oct-256", KeyWrapAlgorithm.aes_256)):
        old = keys[name]
        versionless = blind.crypto(f"{admin.vault_url}/keys/{name}")
        before = versionless.wrap_key(algorithm, dek).encrypted_key
        new = admin.keys.rotate_key(name)
        run.equal((new.id == old.id, admin.keys.get_key(name).id), (False, new.id))
        after = versionless.wrap_key(algorithm, dek).encrypted_key
        for key, opens, stays_shut in ((old, before, after), (new, after, before)):
            by_version = blind.crypto(key.id)
            run.equal(by_version.unwrap_key(algorithm, opens).key, dek)
            run.refused(400, "BadParameter", by_version.unwrap_key, algorithm, stays_shut)
            run.equal(versionless.unwrap_key(algorithm, opens).key, dek)


if __name__ == "__main__":
    ADMIN, BLIND = run.client("admin"), run.client("blind")
    KEYS = make(ADMIN)
    wrap(ADMIN, BLIND, KEYS)
    encrypt(ADMIN, BLIND, KEYS)
    rotate(ADMIN, BLIND, KEYS)
