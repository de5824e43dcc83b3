// Keys and their attributes: created, read, listed, updated, rotated.

import assert from "node:assert/strict";

import { Client, refused } from "./kv.mjs";

const admin = new Client("admin");

async function create() {
    for (const bits of [2048, 3072, 4096]) {
        const key = await admin.keys.createRsaKey(`rsa-${bits}`, { keySize: bits });
        assert.deepEqual([key.keyType, key.key.n.length * 8, key.key.d], ["RSA", bits, undefined]);
    }
    for (const keySize of [128, 256]) {
        const key = await admin.keys.createKey(`oct-${keySize}`, "oct", { keySize });
        assert.deepEqual([key.keyType, key.key.k], ["oct", undefined]);
        assert.ok(["wrapKey", "unwrapKey", "encrypt", "decrypt"].every((word) => key.keyOperations.includes(word)));
    }
}

async function read() {
    const made = await admin.keys.createRsaKey("reads", { keySize: 2048, tags: { env: "test" } });
    assert.equal(made.id, `${admin.vaultUrl}/keys/reads/${made.properties.version}`);
    for (const version of [undefined, made.properties.version]) {
        const shown = await admin.keys.getKey("reads", { version });
        assert.deepEqual([shown.id, shown.key.n, shown.properties.tags], [made.id, made.key.n, { env: "test" }]);
        assert.equal(shown.properties.recoveryLevel, "Recoverable+Purgeable");
    }
    await refused(404, "KeyNotFound", () => admin.keys.getKey("none"));
}

async function list() {
    const other = new Client("admin", "vault2");
    const names = Array.from({ length: 27 }, (_, number) => `key-${String(number).padStart(2, "0")}`);
    for (const name of names) {
        await other.keys.createKey(name, "oct", { keySize: 128 });
    }
    const found = [];
    const sizes = [];
    for await (const page of other.keys.listPropertiesOfKeys().byPage({ maxPageSize: 10 })) {
        sizes.push(page.length);
        found.push(...page.map((key) => key.name));
    }
    assert.deepEqual(sizes, [10, 10, 7]);
    assert.deepEqual(found.sort(), names);
    let count = 0;
    for await (const _key of other.keys.listPropertiesOfKeys()) {
        count += 1;
    }
    assert.equal(count, 27);
    const rotated = await other.keys.rotateKey("key-00");
    const versions = [];
    for await (const version of other.keys.listPropertiesOfKeyVersions("key-00")) {
        versions.push(version.version);
    }
    assert.equal(versions.length, 2);
    assert.ok(versions.includes(rotated.properties.version));
}

async function update() {
    const made = await admin.keys.createRsaKey("updates", { keySize: 2048 });
    const [notBefore, expiresOn] = [new Date("2020-01-01T00:00:00Z"), new Date("2035-01-01T00:00:00Z")];
    const change = { enabled: false, notBefore, expiresOn, tags: { a: "b" }, keyOps: ["wrapKey", "unwrapKey"] };
    await admin.keys.updateKeyProperties("updates", made.properties.version, change);
    const seen = await admin.keys.getKey("updates");
    assert.deepEqual(
        [seen.properties.enabled, seen.properties.notBefore, seen.properties.expiresOn, seen.properties.tags],
        [false, notBefore, expiresOn, { a: "b" }],
    );
    assert.deepEqual([...seen.keyOperations].sort(), ["unwrapKey", "wrapKey"]);
    const latest = await admin.keys.updateKeyProperties("updates", { enabled: true });
    assert.deepEqual([latest.properties.enabled, latest.properties.tags], [true, { a: "b" }]);
    // This SDK sends times after 2038-01-19 as negative numbers. They are refused, never kept as another time.
    const late = { expiresOn: new Date("2040-01-01T00:00:00Z") };
    await refused(400, "BadParameter", () => admin.keys.updateKeyProperties("updates", late));
    assert.deepEqual((await admin.keys.getKey("updates")).properties.expiresOn, expiresOn);
}

async function randomness() {
    const [one, other] = [await admin.keys.getRandomBytes(32), await admin.keys.getRandomBytes(32)];
    assert.equal(one.length, 32);
    assert.notDeepEqual(one, other);
    await refused(400, "BadParameter", () => admin.keys.getRandomBytes(129));
}

await create();
await read();
await list();
await update();
await randomness();
