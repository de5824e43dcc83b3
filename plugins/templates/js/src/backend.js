// A backend that wraps with AES under keys that the host holds. What each function promises: wit/deps/keybroker/keys.wit.
//
// A function answers an error of the contract by throwing its word ('unsupported', ...). What the host's functions throw
// needs no catching: it goes on to the caller as it is.
import { generate, importSecret, open, seal, unwrap, wrap } from 'keybroker:backend/crypto@0.1.0';

// The first byte of every material, so that a later version of this plugin can tell what it reads.
const MATERIAL_VERSION = 1;
const SPECS = ['oct128', 'oct256'];

function keep(key) {
  const sealed = seal(key);
  const material = new Uint8Array(1 + sealed.length);
  material[0] = MATERIAL_VERSION;
  material.set(sealed, 1);
  return { material, publicKey: key.publicPart() };
}

function kept(material) {
  if (material[0] !== MATERIAL_VERSION) throw 'internal';
  return open(material.subarray(1));
}

function served(spec) {
  if (!SPECS.includes(spec)) throw 'unsupported';
  return spec;
}

export const keys = {
  describe() {
    return {
      name: '@NAME@',
      version: '0.1.0',
      keySpecs: SPECS,
      wrapAlgorithms: ['a128-kw', 'a256-kw', 'a128-kwp', 'a256-kwp', 'a256-gcm'],
      signAlgorithms: [],
      backupFirst: false,
    };
  },
  generateKey(spec, _context) {
    return keep(generate(served(spec)));
  },
  importKey(spec, secret, _context) {
    return keep(importSecret(served(spec), secret));
  },
  wrapKey(material, algorithm, secret, extras, _context) {
    return wrap(kept(material), algorithm, secret, extras);
  },
  unwrapKey(material, algorithm, value, extras, _context) {
    return unwrap(kept(material), algorithm, value, extras);
  },
  sign(_material, _algorithm, _digest, _context) {
    throw 'unsupported';
  },
  // Nothing to forget: the material held all there was.
  destroyKey(_material, _context) {},
  selfTest() {},
};
