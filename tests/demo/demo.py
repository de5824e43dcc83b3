"""keybroker's main job, shown: Microsoft's unmodified azure-keyvault-keys creates, wraps, unwraps, gets and rotates keys
over mutual TLS, with the keys held by a WebAssembly component. Run by `./dev demo`; `--keep` leaves the broker running."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "clients" / "python"))

from azure.core.exceptions import HttpResponseError, ServiceRequestError  # noqa: E402
from azure.keyvault.keys.crypto import KeyWrapAlgorithm  # noqa: E402

import kv  # noqa: E402

SUFFIX = "kv.test"
ADMIN = "dev/uri:spiffe://keybroker.test/admin"
BACKUP_HOST = "dev/uri:spiffe://keybroker.test/backup-host"
DISK_HOST = "dev/uri:spiffe://keybroker.test/disk-host"


def say(text: str = "") -> None:
    print(text, flush=True)


def step(text: str) -> None:
    say(f"\n# {text}")


def check(claim: str, holds: bool) -> None:
    if not holds:
        raise SystemExit(f"demo: FAILED: {claim}")
    say(f"  ok: {claim}")


class Broker:
    """A real broker in a folder of its own."""

    def __init__(self, folder: pathlib.Path):
        self.binary = os.environ["KEYBROKER_BIN"]
        self.folder = folder
        self.pki = folder / "pki"
        self.process = None

    def run(self, *words: str) -> str:
        say("$ keybroker " + " ".join(words))
        done = subprocess.run([self.binary, *words], capture_output=True, text=True)
        for line in (done.stdout + done.stderr).splitlines():
            say("  " + line)
        if done.returncode != 0:
            raise SystemExit(f"demo: `keybroker {words[0]}` failed")
        return done.stdout

    def prepare(self) -> None:
        component = pathlib.Path(os.environ["KEYBROKER_GUESTS"]) / "software.wasm"
        self.run("dev-pki", str(self.pki), "--client", "admin", "--client", "backup-host", "--client",
                 "disk-host")
        self.run("init", str(self.folder / "broker"), "--plugin", str(component), "--vault", "vault1", "--pki",
                 str(self.pki), "--admin", ADMIN, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")

    def serve(self) -> dict:
        config = self.folder / "broker" / "keybroker.toml"
        say(f"$ keybroker serve {config}")
        self.log = open(self.folder / "broker.log", "w")
        self.process = subprocess.Popen([self.binary, "serve", str(config)], stdout=subprocess.PIPE, stderr=self.log,
                                        text=True, start_new_session=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("demo: the broker did not start:\n" + (self.folder / "broker.log").read_text())
        say("  " + line.strip())
        return json.loads(line)

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)


def create_and_wrap(admin: kv.Client, dek: bytes) -> None:
    step("Create keys; each lives in the component, its private part sealed")
    rsa = admin.keys.create_rsa_key("customer-rsa", size=2048)
    big = admin.keys.create_rsa_key("customer-rsa-4096", size=4096)
    octet = admin.keys.create_oct_key("customer-oct", size=256, hardware_protected=False)
    for key in (rsa, big, octet):
        say(f"  {key.key_type.value:4} {key.id}")
    check("an RSA key shows its public part alone", len(rsa.key.n) == 256 and rsa.key.d is None)
    check("an RSA-4096 key has a 4096-bit modulus", len(big.key.n) == 512)
    check("a symmetric key shows no key bytes", octet.key.k is None)

    step("Wrap and unwrap a 32-byte data key")
    for key, algorithm in ((rsa, KeyWrapAlgorithm.rsa_oaep_256), (big, KeyWrapAlgorithm.rsa_oaep_256),
                           (octet, KeyWrapAlgorithm.aes_256)):
        crypto = admin.crypto(key)
        wrapped = crypto.wrap_key(algorithm, dek)
        opened = crypto.unwrap_key(algorithm, wrapped.encrypted_key)
        say(f"  {key.name}: {algorithm.value}, {len(wrapped.encrypted_key)} bytes wrapped")
        check(f"{algorithm.value} gives the data key back", opened.key == dek and wrapped.encrypted_key != dek)


def rotate(broker: Broker, admin: kv.Client, dek: bytes) -> None:
    step("Rotate; what the old version wrapped still unwraps")
    # Without the permission get, the client cannot look up a version, so it goes on naming none.
    broker.run("grant", "--principal", DISK_HOST, "--permissions", "wrapKey,unwrapKey", "--scope", "/vault1", "--socket",
               str(broker.folder / "broker" / "admin.sock"))
    disk_host = kv.Client(admin.vault_url, str(broker.pki), "disk-host")
    for name, algorithm in (("customer-oct", KeyWrapAlgorithm.aes_256), ("customer-rsa", KeyWrapAlgorithm.rsa_oaep_256)):
        old = admin.keys.get_key(name)
        before = admin.crypto(old).wrap_key(algorithm, dek).encrypted_key
        new = admin.keys.rotate_key(name)
        check(f"{name}: rotation made a new version", new.properties.version != old.properties.version)
        check(f"{name}: get without a version gives the new one", admin.keys.get_key(name).id == new.id)
        unversioned = disk_host.crypto(f"{admin.vault_url}/keys/{name}")
        after = unversioned.wrap_key(algorithm, dek)
        by_new = admin.crypto(new).unwrap_key(algorithm, after.encrypted_key)
        check(f"{name}: a wrap without a version used the new one", by_new.key == dek)
        by_old = admin.crypto(old).unwrap_key(algorithm, before)
        check(f"{name}: the old value unwraps by its version", by_old.key == dek)
        by_any = [unversioned.unwrap_key(algorithm, value).key for value in (before, after.encrypted_key)]
        check(f"{name}: the old value and the new unwrap without a version", by_any == [dek, dek])
        versions = list(admin.keys.list_properties_of_key_versions(name))
        check(f"{name}: both versions are listed", len(versions) == 2)


def refusals(broker: Broker, admin: kv.Client, dek: bytes) -> None:
    step("A principal with get and wrapKey alone cannot unwrap")
    socket = str(broker.folder / "broker" / "admin.sock")
    broker.run("grant", "--principal", BACKUP_HOST, "--permissions", "get,wrapKey", "--scope", "/vault1/customer-oct",
               "--justification", "writes backups, never reads them", "--socket", socket)
    host = kv.Client(admin.vault_url, str(broker.pki), "backup-host")
    crypto = host.crypto(host.keys.get_key("customer-oct"))
    wrapped = crypto.wrap_key(KeyWrapAlgorithm.aes_256, dek)
    check("it wraps", len(wrapped.encrypted_key) == 40)
    try:
        crypto.unwrap_key(KeyWrapAlgorithm.aes_256, wrapped.encrypted_key)
        check("it is refused the unwrap", False)
    except HttpResponseError as error:
        say(f"  HTTP {error.status_code}: {error.message}")
        named = all(word in error.message for word in (BACKUP_HOST, "unwrapKey", "/vault1/customer-oct"))
        check("the refusal names principal, permission and key", error.status_code == 403 and named)

    step("A certificate of an unknown CA is refused in the handshake")
    stranger = broker.folder / "stranger"
    broker.run("dev-pki", str(stranger), "--client", "admin")
    try:
        kv.Client(admin.vault_url, str(stranger), "admin", ca=str(broker.pki / "ca.pem")).keys.get_key("customer-oct")
        check("the stranger is refused", False)
    except ServiceRequestError as error:
        say("  " + str(error).splitlines()[0][:160])
        check("the handshake failed with an alert", "alert" in str(error).lower() or "ssl" in str(error).lower())


def shown(broker: Broker, ready: dict) -> None:
    step("The audit log: one durable line for each decision, written before the answer")
    lines = (broker.folder / "broker" / "audit" / "segment-00000001.jsonl").read_text().splitlines()
    for line in lines[-4:]:
        say("  " + line)
    refused = [entry for entry in map(json.loads, lines) if entry.get("decision") == "refused"]
    check("the refused unwrap stands there with what was missing",
          any(entry["missing"] == "unwrapKey on /vault1/customer-oct" for entry in refused))

    step("The log proves itself: every link of its chain, and every signed checkpoint, with the public key alone")
    verdict = broker.run("audit", "verify", "--dir", str(broker.folder / "broker" / "audit"))
    check("it is good", " good, " in verdict)

    step("Metrics")
    text = urllib.request.urlopen(f"http://{ready['metrics']}/metrics").read().decode()
    rows = [row for row in text.splitlines() if row.startswith("keybroker_requests_total") and not row.endswith(" 0")]
    for row in rows:
        say("  " + row)
    check("the refusal is counted", any('operation="unwrap-key"' in row and 'reason="forbidden"' in row for row in rows))


def keep(broker: Broker, ready: dict) -> None:
    port = ready["keyvault"].rsplit(":", 1)[1]
    pki = broker.pki
    step("Left running; connect with")
    say(f"  curl --resolve vault1.{SUFFIX}:{port}:127.0.0.1 --cacert {pki}/ca.pem --cert {pki}/admin.pem --key {pki}/admin.key \\")
    say(f"    -H 'Authorization: Bearer x' 'https://vault1.{SUFFIX}:{port}/keys?api-version=7.4'")
    say(f"  {broker.binary} grants --socket {broker.folder}/broker/admin.sock")
    say(f"  metrics: http://{ready['metrics']}/metrics   log: {broker.folder}/broker.log")
    say(f"  stop it with: kill {broker.process.pid}; then remove {broker.folder}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the broker running and print how to connect")
    wanted = parser.parse_args()
    kv.resolve_to_loopback(SUFFIX)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="keybroker-demo-"))
    broker = Broker(folder)
    kept = False
    try:
        step("A PKI to try out with, a store, a configuration")
        broker.prepare()
        step("Serve")
        ready = broker.serve()
        port = int(ready["keyvault"].rsplit(":", 1)[1])
        admin = kv.Client(f"https://vault1.{SUFFIX}:{port}", str(broker.pki), "admin")
        dek = os.urandom(32)
        create_and_wrap(admin, dek)
        rotate(broker, admin, dek)
        refusals(broker, admin, dek)
        shown(broker, ready)
        if wanted.keep:
            keep(broker, ready)
            kept = True
        say("\ndemo: everything above was seen to work")
    finally:
        if not kept:
            broker.stop()
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
