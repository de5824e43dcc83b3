"""A backend that wraps with AES under keys that the host holds. What each function promises: wit/deps/keybroker/keys.wit.

A function answers an error of the contract by raising it: Err(Error.UNSUPPORTED). What the host's functions raise needs no
catching: it goes on to the caller as it is.
"""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.keys import Description, Generated
from wit_world.imports import crypto
from wit_world.imports.types import Error, KeySpec, WrapAlgorithm

# The first byte of every material, so that a later version of this plugin can tell what it reads.
MATERIAL_VERSION = 1
SPECS = [KeySpec.OCT128, KeySpec.OCT256]


def keep(key):
    return Generated(bytes([MATERIAL_VERSION]) + crypto.seal(key), key.public_part())


def kept(material):
    if material[:1] != bytes([MATERIAL_VERSION]):
        raise Err(Error.INTERNAL)
    return crypto.open(material[1:])


def served(spec):
    if spec not in SPECS:
        raise Err(Error.UNSUPPORTED)
    return spec


class Keys(exports.Keys):
    def describe(self):
        wraps = [
            WrapAlgorithm.A128_KW,
            WrapAlgorithm.A256_KW,
            WrapAlgorithm.A128_KWP,
            WrapAlgorithm.A256_KWP,
            WrapAlgorithm.A256_GCM,
        ]
        return Description("@NAME@", "0.1.0", SPECS, wraps, [], False)

    def generate_key(self, spec, context):
        return keep(crypto.generate(served(spec)))

    def import_key(self, spec, secret, context):
        return keep(crypto.import_secret(served(spec), secret))

    def wrap_key(self, material, algorithm, secret, extras, context):
        return crypto.wrap(kept(material), algorithm, secret, extras)

    def unwrap_key(self, material, algorithm, value, extras, context):
        return crypto.unwrap(kept(material), algorithm, value, extras)

    def sign(self, material, algorithm, digest, context):
        raise Err(Error.UNSUPPORTED)

    def destroy_key(self, material, context):
        """Nothing to forget: the material held all there was."""

    def self_test(self):
        pass
