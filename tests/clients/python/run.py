"""What every script of the tests begins with: who it is, and how it says what must hold."""

import sys

from azure.core.exceptions import HttpResponseError

import kv

SUFFIX = "kv.test"


def client(name: str, vault: str = "vault1", **more) -> kv.Client:
    """A client whose certificate the test wrote as NAME.pem; the vault's port and the folder are this script's arguments."""
    port, pki = sys.argv[1:3]
    kv.resolve_to_loopback(SUFFIX)
    return kv.Client(f"https://{vault}.{SUFFIX}:{port}", pki, name, **more)


def equal(one, other) -> None:
    if one != other:
        raise SystemExit(f"{one!r} is not {other!r}")


def refused(status: int, code: str, call, *words, **more) -> str:
    """Calls, and gives the message of the refusal that must come: its status, and `code` or `code/inner code`."""
    try:
        answer = call(*words, **more)
    except HttpResponseError as error:
        inner = (error.error.innererror or {}).get("code")
        equal((error.status_code, "/".join(filter(None, [error.error.code, inner]))), (status, code))
        return error.error.message
    raise SystemExit(f"not refused: {call.__name__}{words} gave {answer}")
