"""Wraps with an RSA key that it may read: the SDK does that by itself, with the public key. Prints the wrapped value."""

import json

from azure.keyvault.keys.crypto import KeyWrapAlgorithm

import run

READER = run.client("reader")
KEY = READER.keys.get_key("rsa")
CRYPTO = READER.crypto(KEY)
WRAPPED = CRYPTO.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, b"\x07" * 32).encrypted_key
run.refused(403, "Forbidden/ForbiddenByRbac", CRYPTO.unwrap_key, KeyWrapAlgorithm.rsa_oaep_256, WRAPPED)
print(json.dumps({"wrapped": WRAPPED.hex()}))
