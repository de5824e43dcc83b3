// Microsoft's unmodified Key Vault client, pointed at a broker on this machine: names under kv.test resolve to loopback in
// this process, and the credential gives a fixed token, since the client certificate says who asks.

import assert from "node:assert/strict";
import dns from "node:dns";
import { readFileSync } from "node:fs";

import { CryptographyClient, KeyClient } from "@azure/keyvault-keys";

const SUFFIX = "kv.test";
const [port, pki] = process.argv.slice(2);

const lookup = dns.lookup;
dns.lookup = (host, options, done) =>
    lookup(host.endsWith(`.${SUFFIX}`) ? "127.0.0.1" : host, options, done);

const credential = {
    getToken: async () => ({
        token: "the-client-certificate-says-who-asks",
        expiresOnTimestamp: Date.now() + 3_600_000,
    }),
};

export class Client {
    constructor(name, vault = "vault1", more = {}) {
        const read = (file) => readFileSync(`${pki}/${file}`, "utf8");
        this.vaultUrl = `https://${vault}.${SUFFIX}:${port}`;
        this.options = {
            tlsOptions: { ca: read("ca.pem"), cert: read(`${name}.pem`), key: read(`${name}.key`) },
            retryOptions: { maxRetries: 0 },
            serviceVersion: "7.4",
            ...more,
        };
        this.keys = new KeyClient(this.vaultUrl, credential, this.options);
    }

    /** A cryptography client for a key or a key id. */
    crypto(key) {
        return new CryptographyClient(key, credential, this.options);
    }
}

/** Awaits the refusal that must come: its status, and `code` or `code/inner code`. Gives its message. */
export async function refused(status, code, call) {
    const answer = await call().then(
        (answer) => ({ answer }),
        (error) => ({ error }),
    );
    assert.ok(answer.error, `not refused: ${JSON.stringify(answer.answer)}`);
    const error = answer.error.details?.error;
    assert.ok(error, `not the broker's refusal: ${answer.error}`);
    const codes = [error.code, error.innerError?.code].filter(Boolean).join("/");
    assert.deepEqual([answer.error.statusCode, codes], [status, code]);
    return error.message;
}
