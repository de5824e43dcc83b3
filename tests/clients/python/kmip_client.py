"""PyKMIP against the broker, once for each version of KMIP 1: what a client does with keys and secrets in their life.

    kmip_client.py PORT PKI-FOLDER CERTIFICATE-NAME
"""

import hashlib
import hmac
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from kmip.core import enums
from kmip.core.factories.attributes import AttributeFactory
from kmip.pie import objects
from kmip.pie.client import ProxyKmipClient
from kmip.pie.exceptions import KmipOperationFailure

port, pki, name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
attribute = AttributeFactory().create_attribute
Reason = enums.ResultReason


def client(version):
    return ProxyKmipClient(
        hostname="localhost",
        port=port,
        cert=f"{pki}/{name}.pem",
        key=f"{pki}/{name}.key",
        ca=f"{pki}/ca.pem",
        ssl_version="PROTOCOL_TLSv1_2",
        kmip_version=version,
    )


def refused(reason, deed, *arguments, **more):
    try:
        deed(*arguments, **more)
    except KmipOperationFailure as failure:
        assert failure.reason == reason, f"{failure.reason} instead of {reason}: {failure}"
    else:
        raise AssertionError(f"{deed.__name__} was not refused with {reason}")


def symmetric_key(kmip, label):
    masks = [enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT]
    key = kmip.create(
        enums.CryptographicAlgorithm.AES, 256, operation_policy_name="default", name=label, cryptographic_usage_mask=masks
    )
    made = kmip.get(key)
    assert len(made.value) == 32 and made.cryptographic_algorithm == enums.CryptographicAlgorithm.AES
    found = kmip.locate(
        attributes=[
            attribute(enums.AttributeType.NAME, label),
            attribute(enums.AttributeType.OBJECT_TYPE, enums.ObjectType.SYMMETRIC_KEY),
        ]
    )
    assert found == [key], found
    assert kmip.locate(attributes=[attribute(enums.AttributeType.NAME, label + "?")]) == []
    names = kmip.get_attribute_list(key)
    assert "State" in names and "Cryptographic Length" in names, names
    assert state(kmip, key) == enums.State.PRE_ACTIVE
    kmip.activate(key)
    assert state(kmip, key) == enums.State.ACTIVE
    refused(Reason.PERMISSION_DENIED, kmip.activate, key)
    refused(Reason.PERMISSION_DENIED, kmip.destroy, key)
    return key, made.value


def state(kmip, key):
    _, attributes = kmip.get_attributes(key, ["State"])
    return attributes[0].attribute_value.value


def encryption(kmip, key, value):
    text = b"sixteen bytes of.." * 3
    parameters = {
        "cryptographic_algorithm": enums.CryptographicAlgorithm.AES,
        "block_cipher_mode": enums.BlockCipherMode.CBC,
        "padding_method": enums.PaddingMethod.PKCS5,
    }
    iv = bytes(range(16))
    sealed, _ = kmip.encrypt(text, uid=key, cryptographic_parameters=parameters, iv_counter_nonce=iv)
    # What came out opens with the key that Get gave.
    decryptor = Cipher(algorithms.AES(value), modes.CBC(iv)).decryptor()
    padded = decryptor.update(sealed) + decryptor.finalize()
    assert padded[: -padded[-1]] == text
    assert kmip.decrypt(sealed, uid=key, cryptographic_parameters=parameters, iv_counter_nonce=iv) == text
    refused(
        Reason.CRYPTOGRAPHIC_FAILURE,
        kmip.decrypt,
        sealed[:-16] + bytes(16),
        uid=key,
        cryptographic_parameters=parameters,
        iv_counter_nonce=iv,
    )
    return sealed, parameters, iv, text


def end(kmip, key, encrypted):
    kmip.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, key)
    assert state(kmip, key) == enums.State.DEACTIVATED
    if encrypted:
        sealed, parameters, iv, text = encrypted
        arguments = {"uid": key, "cryptographic_parameters": parameters, "iv_counter_nonce": iv}
        assert kmip.decrypt(sealed, **arguments) == text
        refused(Reason.PERMISSION_DENIED, kmip.encrypt, text, **arguments)
    assert len(kmip.get(key).value) == 32, "a deactivated key is still given out"
    kmip.destroy(key)
    refused(Reason.PERMISSION_DENIED, kmip.get, key)
    refused(Reason.ITEM_NOT_FOUND, kmip.get, "no-such-object")


def registered(kmip, label):
    value = bytes(range(32))
    mask = [enums.CryptographicUsageMask.DERIVE_KEY]
    key = kmip.register(objects.SymmetricKey(enums.CryptographicAlgorithm.AES, 256, value, masks=mask, name=label + "-key"))
    assert kmip.get(key).value == value
    password = objects.SecretData(b"correct horse", enums.SecretDataType.PASSWORD, masks=mask, name=label + "-password")
    secret = kmip.register(password)
    given = kmip.get(secret)
    assert given.value == b"correct horse" and given.data_type == enums.SecretDataType.PASSWORD
    opaque = kmip.register(objects.OpaqueObject(b"\0whatever", enums.OpaqueDataType.NONE, name=label + "-opaque"))
    assert kmip.get(opaque).value == b"\0whatever"
    return key, secret


def derivation(kmip, key, secret):
    kmip.activate(key)
    kmip.activate(secret)
    aes = {"cryptographic_algorithm": enums.CryptographicAlgorithm.AES, "cryptographic_length": 256}
    aes["cryptographic_usage_mask"] = [enums.CryptographicUsageMask.ENCRYPT]
    derived = kmip.derive_key(
        enums.ObjectType.SYMMETRIC_KEY,
        [secret],
        enums.DerivationMethod.PBKDF2,
        {
            "cryptographic_parameters": {"hashing_algorithm": enums.HashingAlgorithm.SHA_256},
            "salt": b"salt and more",
            "iteration_count": 1000,
        },
        **aes,
    )
    assert kmip.get(derived).value == hashlib.pbkdf2_hmac("sha256", b"correct horse", b"salt and more", 1000, 32)
    derived = kmip.derive_key(
        enums.ObjectType.SYMMETRIC_KEY,
        [key],
        enums.DerivationMethod.HMAC,
        {
            "cryptographic_parameters": {"hashing_algorithm": enums.HashingAlgorithm.SHA_256},
            "derivation_data": b"tape 7",
        },
        **aes,
    )
    assert kmip.get(derived).value == hmac.new(bytes(range(32)), b"tape 7", "sha256").digest()


def pair(kmip):
    masks = ([enums.CryptographicUsageMask.VERIFY], [enums.CryptographicUsageMask.SIGN])
    public, private = kmip.create_key_pair(
        enums.CryptographicAlgorithm.RSA, 2048, public_usage_mask=masks[0], private_usage_mask=masks[1]
    )
    assert isinstance(kmip.get(public), objects.PublicKey) and isinstance(kmip.get(private), objects.PrivateKey)
    kmip.activate(private)
    kmip.activate(public)
    parameters = {
        "cryptographic_algorithm": enums.CryptographicAlgorithm.RSA,
        "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
        "padding_method": enums.PaddingMethod.PSS,
    }
    signature = kmip.sign(b"a document", private, parameters)
    verdict = kmip.signature_verify(b"a document", signature, public, parameters)
    assert verdict == enums.ValidityIndicator.VALID, verdict
    verdict = kmip.signature_verify(b"another one", signature, public, parameters)
    assert verdict == enums.ValidityIndicator.INVALID, verdict


VERSIONS = [
    enums.KMIPVersion.KMIP_1_0,
    enums.KMIPVersion.KMIP_1_1,
    enums.KMIPVersion.KMIP_1_2,
    enums.KMIPVersion.KMIP_1_3,
    enums.KMIPVersion.KMIP_1_4,
]
for version in VERSIONS:
    computes = version not in VERSIONS[:2]
    with client(version) as kmip:
        key, value = symmetric_key(kmip, f"pykmip-{version.name}")
        end(kmip, key, encryption(kmip, key, value) if computes else None)
        derivation(kmip, *registered(kmip, f"pykmip-{version.name}"))
        if computes:
            pair(kmip)
        else:
            refused(Reason.OPERATION_NOT_SUPPORTED, kmip.encrypt, b"x", uid=key)
    print(version.name)
