"""The whole life of a key: imported, signed with, backed up, deleted, recovered, purged, restored, rotated by policy."""

import hashlib
import os

from azure.keyvault.keys import JsonWebKey, KeyRotationLifetimeAction, KeyRotationPolicy, KeyRotationPolicyAction
from azure.keyvault.keys.crypto import EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import run


def number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def imported_rsa(admin) -> None:
    ours = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    n = ours.private_numbers()
    jwk = JsonWebKey(kty="RSA", n=number(n.public_numbers.n), e=number(65537), d=number(n.d), p=number(n.p), q=number(n.q),
                     dp=number(n.dmp1), dq=number(n.dmq1), qi=number(n.iqmp))
    key = admin.keys.import_key("imported-rsa", jwk)
    run.equal((key.key.n, key.key.d), (number(n.public_numbers.n), None))
    dek = os.urandom(32)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    crypto = admin.crypto(key)
    run.equal(crypto.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, ours.public_key().encrypt(dek, oaep)).key, dek)
    broken = JsonWebKey(kty="RSA", n=number(n.public_numbers.n), e=number(65537), d=number(n.d + 2), p=number(n.p),
                        q=number(n.q), dp=number(n.dmp1), dq=number(n.dmq1), qi=number(n.iqmp))
    run.refused(400, "BadParameter", admin.keys.import_key, "imported-broken", broken)


def imported_others(admin) -> None:
    ours = ec.generate_private_key(ec.SECP256R1())
    n = ours.private_numbers()
    fixed = lambda value: value.to_bytes(32, "big")
    jwk = JsonWebKey(kty="EC", crv="P-256", x=fixed(n.public_numbers.x), y=fixed(n.public_numbers.y), d=fixed(n.private_value))
    key = admin.keys.import_key("imported-ec", jwk)
    digest = hashlib.sha256(b"disk").digest()
    signature = admin.crypto(key).sign(SignatureAlgorithm.es256, digest).signature
    run.equal(admin.crypto(key).verify(SignatureAlgorithm.es256, digest, signature).is_valid, True)
    octet = os.urandom(32)
    key = admin.keys.import_key("imported-oct", JsonWebKey(kty="oct", k=octet))
    run.equal(key.key.k, None)


def signs(admin) -> None:
    key = admin.keys.create_rsa_key("signer", size=2048)
    curve = {"P-256": (SignatureAlgorithm.es256, "sha256"), "P-384": (SignatureAlgorithm.es384, "sha384"),
             "P-521": (SignatureAlgorithm.es512, "sha512")}
    cases = [(key, algorithm, algorithm.value[2:]) for algorithm in
             (SignatureAlgorithm.rs256, SignatureAlgorithm.rs512, SignatureAlgorithm.ps256, SignatureAlgorithm.ps384)]
    for name, (algorithm, _) in curve.items():
        cases.append((admin.keys.create_ec_key(f"ec-{name.lower()}", curve=name), algorithm, algorithm.value[2:]))
    for key, algorithm, bits in cases:
        digest = hashlib.new(f"sha{bits}", b"data").digest()
        signature = admin.crypto(key).sign(algorithm, digest).signature
        # A client that may not read the key asks the broker to verify.
        verifier = run.client("verifier").crypto(key.id)
        run.equal(verifier.verify(algorithm, digest, signature).is_valid, True)
        run.equal(verifier.verify(algorithm, digest, bytes([signature[0] ^ 1]) + signature[1:]).is_valid, False)


def deletes(admin) -> None:
    key = admin.keys.create_oct_key("passing", size=256, hardware_protected=False)
    crypto = run.client("blind").crypto(key.id)
    wrapped = crypto.wrap_key(KeyWrapAlgorithm.aes_256, b"k" * 32).encrypted_key
    backup = admin.keys.backup_key("passing")
    deleted = admin.keys.begin_delete_key("passing").result()
    run.equal(deleted.name, "passing")
    run.equal((deleted.scheduled_purge_date - deleted.deleted_date).days, 90)
    run.refused(404, "KeyNotFound", admin.keys.get_key, "passing")
    run.refused(404, "KeyNotFound", crypto.unwrap_key, KeyWrapAlgorithm.aes_256, wrapped)
    run.refused(409, "Conflict/ObjectIsDeletedButRecoverable", admin.keys.create_oct_key, "passing", hardware_protected=False)
    run.refused(409, "Conflict/ObjectIsDeletedButRecoverable", admin.keys.restore_key_backup, backup)
    run.equal([one.name for one in admin.keys.list_deleted_keys()], ["passing"])
    recovered = admin.keys.begin_recover_deleted_key("passing").result()
    run.equal(recovered.id, key.id)
    run.equal(crypto.unwrap_key(KeyWrapAlgorithm.aes_256, wrapped).key, b"k" * 32)
    run.refused(409, "Conflict", admin.keys.restore_key_backup, backup)

    admin.keys.begin_delete_key("passing").wait()
    run.refused(403, "Forbidden/ForbiddenByRbac", run.client("blind").keys.purge_deleted_key, "passing")
    admin.keys.purge_deleted_key("passing")
    run.equal(list(admin.keys.list_deleted_keys()), [])
    run.refused(404, "KeyNotFound", admin.keys.get_deleted_key, "passing")
    restored = admin.keys.restore_key_backup(backup)
    run.equal(restored.id, key.id)
    run.equal(crypto.unwrap_key(KeyWrapAlgorithm.aes_256, wrapped).key, b"k" * 32)
    run.refused(400, "BadParameter", admin.keys.restore_key_backup, backup[:-1] + bytes([backup[-1] ^ 1]))

    # Into another vault of the same broker: what the first one wrapped opens there.
    other = run.client("admin", "vault2")
    moved = other.keys.restore_key_backup(backup)
    run.equal(moved.properties.vault_url, other.vault_url)
    run.equal(other.crypto(moved).unwrap_key(KeyWrapAlgorithm.aes_256, wrapped).key, b"k" * 32)


def policies(admin) -> None:
    admin.keys.create_rsa_key("policed", size=2048)
    default = admin.keys.get_key_rotation_policy("policed")
    run.equal([(one.action, one.time_before_expiry) for one in default.lifetime_actions],
              [(KeyRotationPolicyAction.notify, "P30D")])
    actions = [KeyRotationLifetimeAction(KeyRotationPolicyAction.rotate, time_after_create="P90D"),
               KeyRotationLifetimeAction(KeyRotationPolicyAction.notify, time_before_expiry="P30D")]
    policy = admin.keys.update_key_rotation_policy("policed", KeyRotationPolicy(), lifetime_actions=actions, expires_in="P2Y")
    seen = admin.keys.get_key_rotation_policy("policed")
    for one in (policy, seen):
        run.equal(one.expires_in, "P2Y")
        run.equal(sorted((a.action.lower(), a.time_after_create, a.time_before_expiry) for a in one.lifetime_actions),
                  [("notify", None, "P30D"), ("rotate", "P90D", None)])
    rotated = admin.keys.rotate_key("policed")
    run.equal(rotated.properties.expires_on.year - rotated.properties.created_on.year, 2)
    run.refused(400, "BadParameter", admin.keys.update_key_rotation_policy, "policed", KeyRotationPolicy(), expires_in="P27D")


def seals(admin) -> None:
    key = admin.keys.create_oct_key("gcm", size=256, hardware_protected=False)
    crypto = run.client("blind").crypto(key.id)
    sealed = crypto.encrypt(EncryptionAlgorithm.a256_gcm, b"plain", additional_authenticated_data=b"aad")
    opened = crypto.decrypt(EncryptionAlgorithm.a256_gcm, sealed.ciphertext, iv=sealed.iv,
                            authentication_tag=sealed.tag, additional_authenticated_data=b"aad")
    run.equal(opened.plaintext, b"plain")
    run.refused(400, "BadParameter", crypto.decrypt, EncryptionAlgorithm.a256_gcm, sealed.ciphertext, iv=sealed.iv,
                authentication_tag=sealed.tag, additional_authenticated_data=b"other")


admin = run.client("admin")
for part in (imported_rsa, imported_others, signs, deletes, policies, seals):
    part(admin)
    print(part.__name__, flush=True)
