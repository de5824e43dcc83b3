"""Keys and their attributes: created, read, listed, updated, rotated."""

import datetime

from azure.keyvault.keys import KeyOperation, KeyType

import run

UTC = datetime.timezone.utc


def create(admin) -> None:
    for bits in (2048, 3072, 4096):
        key = admin.keys.create_rsa_key(f"rsa-{bits}", size=bits)
        run.equal((key.key_type, len(key.key.n) * 8, key.key.e), (KeyType.rsa, bits, b"\x01\x00\x01"))
        run.equal((key.key.d, key.key.p, key.key.q), (None, None, None))
    for bits in (128, 256):
        key = admin.keys.create_oct_key(f"oct-{bits}", size=bits, hardware_protected=False)
        run.equal((key.key_type, key.key.k), (KeyType.oct, None))
    run.refused(400, "BadParameter", admin.keys.create_rsa_key, "rsa-1024", size=1024)
    run.refused(400, "BadParameter", admin.keys.create_oct_key, "oct-100", size=100, hardware_protected=False)


def read(admin) -> None:
    made = admin.keys.create_rsa_key("reads", size=2048, tags={"env": "test", "é": "ü"}, enabled=True)
    run.equal(made.id, f"{admin.vault_url}/keys/reads/{made.properties.version}")
    for shown in (admin.keys.get_key("reads"), admin.keys.get_key("reads", made.properties.version)):
        run.equal((shown.id, shown.key.n, shown.properties.tags), (made.id, made.key.n, {"env": "test", "é": "ü"}))
        run.equal((shown.properties.enabled, shown.properties.exportable), (True, False))
        run.equal((shown.properties.recovery_level, shown.properties.recoverable_days), ("Recoverable+Purgeable", 90))
        run.equal(shown.properties.vault_url, admin.vault_url)
    run.refused(404, "KeyNotFound", admin.keys.get_key, "none")
    run.refused(404, "KeyNotFound", admin.keys.get_key, "reads", "0" * 32)


def page_through() -> None:
    admin = run.client("admin", "vault2")
    names = [f"key-{number:02}" for number in range(27)]
    for name in names:
        admin.keys.create_oct_key(name, size=128, hardware_protected=False)
    pages = [list(page) for page in admin.keys.list_properties_of_keys(max_page_size=10).by_page()]
    run.equal([len(page) for page in pages], [10, 10, 7])
    run.equal(sorted(key.name for page in pages for key in page), names)
    pages = [list(page) for page in admin.keys.list_properties_of_keys().by_page()]
    run.equal([len(page) for page in pages], [25, 2])
    run.refused(400, "BadParameter", lambda: list(admin.keys.list_properties_of_keys(max_page_size=26)))
    versions = [admin.keys.rotate_key("key-00").properties.version for _ in range(6)]
    pages = [list(page) for page in admin.keys.list_properties_of_key_versions("key-00", max_page_size=3).by_page()]
    run.equal([len(page) for page in pages], [3, 3, 1])
    run.equal({key.version for page in pages for key in page} >= set(versions), True)
    run.equal({key.id.rsplit("/", 1)[0] for page in pages for key in page}, {f"{admin.vault_url}/keys/key-00"})
    run.equal(list(run.client("admin", "vault3").keys.list_properties_of_keys()), [])


def update(admin) -> None:
    old = admin.keys.create_rsa_key("updates", size=2048)
    new = admin.keys.rotate_key("updates")
    begins, ends = datetime.datetime(2020, 1, 1, tzinfo=UTC), datetime.datetime(2040, 1, 1, tzinfo=UTC)
    changed = admin.keys.update_key_properties(
        "updates", old.properties.version, enabled=False, not_before=begins, expires_on=ends, tags={"a": "b"},
        key_operations=[KeyOperation.wrap_key, KeyOperation.unwrap_key])
    seen = admin.keys.get_key("updates", old.properties.version)
    for key in (changed, seen):
        run.equal((key.id, key.properties.enabled, key.properties.tags), (old.id, False, {"a": "b"}))
        run.equal((key.properties.not_before, key.properties.expires_on), (begins, ends))
        run.equal(sorted(key.key_operations), ["unwrapKey", "wrapKey"])
        run.equal(key.properties.updated_on >= key.properties.created_on, True)
    # One version's attributes are not another's, and what is not named stays.
    latest = admin.keys.get_key("updates")
    run.equal((latest.id, latest.properties.enabled, latest.properties.expires_on), (new.id, True, None))
    again = admin.keys.update_key_properties("updates", old.properties.version, enabled=True)
    run.equal((again.properties.expires_on, again.properties.tags), (ends, {"a": "b"}))
    run.refused(400, "BadParameter", admin.keys.update_key_properties, "updates", tags={"x": "y" * 257})
    run.refused(404, "KeyNotFound", admin.keys.update_key_properties, "none", tags={})


def randomness(admin) -> None:
    for count in (1, 128):
        one, other = admin.keys.get_random_bytes(count), admin.keys.get_random_bytes(count)
        run.equal((len(one), len(other)), (count, count))
        run.equal(one == other and count > 1, False)
    run.refused(400, "BadParameter", admin.keys.get_random_bytes, 129)


if __name__ == "__main__":
    ADMIN = run.client("admin")
    create(ADMIN)
    read(ADMIN)
    page_through()
    update(ADMIN)
    randomness(ADMIN)
