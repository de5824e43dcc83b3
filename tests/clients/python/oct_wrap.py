"""Wraps with a symmetric key and ends; what it wrapped must open elsewhere. Prints the key's id and the wrapped value."""

import json
import sys

from azure.keyvault.keys.crypto import EncryptionAlgorithm, KeyWrapAlgorithm

import run

NAME = sys.argv[3]
# An application may put its own name before the SDK's.
OWN = {"user_agent": sys.argv[4]} if len(sys.argv) > 4 else {}

ADMIN = run.client("admin", **OWN)
KEY = ADMIN.keys.create_oct_key(NAME, size=256, hardware_protected=False)
WRAPPED = ADMIN.crypto(ADMIN.keys.get_key(NAME)).wrap_key(KeyWrapAlgorithm.aes_256, b"\x07" * 32)
BY_ID = ADMIN.crypto(KEY.id).wrap_key(KeyWrapAlgorithm.aes_256, b"\x07" * 32)
SEALED = ADMIN.crypto(KEY).encrypt(EncryptionAlgorithm.a256_gcm, b"\x07" * 32)
print(json.dumps({
    "id": WRAPPED.key_id,
    "key_ops": KEY.key_operations,
    "wrapped": [WRAPPED.encrypted_key.hex(), BY_ID.encrypted_key.hex()],
    "sealed": [SEALED.iv.hex(), SEALED.ciphertext.hex(), SEALED.tag.hex()],
}))
