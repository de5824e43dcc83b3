// Data keys wrapped and unwrapped, small values encrypted and decrypted, before and after a rotation; and what the SDK hears
// when it may not.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

import { Client, refused } from "./kv.mjs";

const [admin, blind, limited] = ["admin", "blind", "limited"].map((name) => new Client(name));
const dek = randomBytes(32);
const bytes = (value) => Buffer.from(value);

async function make() {
    return {
        rsa: await admin.keys.createRsaKey("rsa", { keySize: 2048 }),
        "oct-128": await admin.keys.createKey("oct-128", "oct", { keySize: 128 }),
        "oct-256": await admin.keys.createKey("oct-256", "oct", { keySize: 256 }),
    };
}

async function wrap(keys) {
    const rows = [
        ["rsa", "RSA-OAEP"],
        ["rsa", "RSA-OAEP-256"],
        ["oct-128", "A128KW"],
        ["oct-256", "A256KW"],
    ];
    for (const [name, algorithm] of rows) {
        const key = keys[name];
        // With the key's bytes at hand the SDK may wrap by itself; with its id alone it asks; `blind` must ask.
        for (const crypto of [admin.crypto(key), admin.crypto(key.id), blind.crypto(key.id)]) {
            const wrapped = await crypto.wrapKey(algorithm, dek);
            const opened = await crypto.unwrapKey(algorithm, wrapped.result);
            assert.deepEqual([bytes(opened.result), opened.keyID], [dek, key.id]);
            const broken = Buffer.from(wrapped.result);
            broken[broken.length - 1] ^= 1;
            await refused(400, "BadParameter", () => crypto.unwrapKey(algorithm, broken));
        }
    }
}

async function encrypt(keys) {
    const plaintext = Buffer.from("a small value");
    for (const algorithm of ["RSA-OAEP", "RSA-OAEP-256"]) {
        const crypto = admin.crypto(keys.rsa);
        const { result } = await crypto.encrypt({ algorithm, plaintext });
        const opened = await crypto.decrypt({ algorithm, ciphertext: result });
        assert.deepEqual(bytes(opened.result), plaintext);
    }
    const crypto = admin.crypto(keys["oct-256"]);
    const additionalAuthenticatedData = Buffer.from("bound to this");
    const sealed = await crypto.encrypt({ algorithm: "A256GCM", plaintext, additionalAuthenticatedData });
    const parts = {
        algorithm: "A256GCM",
        ciphertext: sealed.result,
        iv: sealed.iv,
        authenticationTag: sealed.authenticationTag,
    };
    const opened = await crypto.decrypt({ ...parts, additionalAuthenticatedData });
    assert.deepEqual(bytes(opened.result), plaintext);
    await refused(400, "BadParameter", () => crypto.decrypt(parts));
}

async function rotate(keys) {
    for (const [name, algorithm] of [["rsa", "RSA-OAEP-256"], ["oct-256", "A256KW"]]) {
        const old = blind.crypto(keys[name].id);
        const before = await old.wrapKey(algorithm, dek);
        const rotated = await admin.keys.rotateKey(name);
        assert.notEqual(rotated.id, keys[name].id);
        assert.equal((await admin.keys.getKey(name)).id, rotated.id);
        // An id without a version: the latest wraps, and each that is enabled unwraps.
        const versionless = blind.crypto(`${admin.vaultUrl}/keys/${name}`);
        const after = await versionless.wrapKey(algorithm, dek);
        const young = blind.crypto(rotated.id);
        for (const [crypto, opens, staysShut] of [[old, before, after], [young, after, before]]) {
            assert.deepEqual(bytes((await crypto.unwrapKey(algorithm, opens.result)).result), dek);
            await refused(400, "BadParameter", () => crypto.unwrapKey(algorithm, staysShut.result));
            assert.deepEqual(bytes((await versionless.unwrapKey(algorithm, opens.result)).result), dek);
        }
    }
}

async function refusals() {
    const key = await admin.keys.createKey("guarded", "oct", { keySize: 256 });
    const crypto = limited.crypto(await limited.keys.getKey("guarded"));
    const { result } = await crypto.wrapKey("A256KW", dek);
    const message = await refused(403, "Forbidden/ForbiddenByRbac", () => crypto.unwrapKey("A256KW", result));
    for (const word of ["dev/uri:spiffe://keybroker.test/limited", "unwrapKey", "/vault1/guarded"]) {
        assert.ok(message.includes(word), message);
    }
    await admin.keys.updateKeyProperties("guarded", key.properties.version, { enabled: false });
    await refused(403, "Forbidden/KeyDisabled", () => admin.crypto(key.id).unwrapKey("A256KW", result));
    await refused(403, "Forbidden/KeyDisabled", () => admin.crypto(key.id).wrapKey("A256KW", dek));
    const past = { enabled: true, expiresOn: new Date(Date.now() - 3_600_000) };
    await admin.keys.updateKeyProperties("guarded", key.properties.version, past);
    await refused(403, "Forbidden/KeyExpired", () => blind.crypto(key.id).wrapKey("A256KW", dek));
    assert.deepEqual(bytes((await blind.crypto(key.id).unwrapKey("A256KW", result)).result), dek);
    await assert.rejects(() => new Client("stranger").keys.getKey("guarded"), /alert|socket|ECONNRESET/i);
}

/** The SDK compares the challenge with the host it asked, and takes ours for that host alone. */
async function verification() {
    // The broker hears another host name, and challenges for that one.
    const policy = {
        name: "elsewhere",
        sendRequest: (request, next) => {
            request.headers.set("host", "vault1.other.test");
            return next(request);
        },
    };
    const misled = new Client("admin", "vault1", { additionalPolicies: [{ policy, position: "perCall" }] });
    await assert.rejects(() => misled.keys.getKey("rsa"), /does not match the requested domain/);
    await new Client("admin").keys.getKey("rsa");
}

const keys = await make();
await wrap(keys);
await encrypt(keys);
await rotate(keys);
await refusals();
await verification();
