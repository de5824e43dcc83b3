// Asks the host that its settings name with fetch(), which is wasi:http underneath: well under most names, and as no guest
// should where the key's name says so. Under any other name it is what the template makes. For tests.
import { generate, open, seal, unwrap, wrap } from 'keybroker:backend/crypto@0.1.0';
import { get } from 'keybroker:backend/settings@0.1.0';

const SENT = JSON.stringify({ sent: 'by fetch' });

function url(setting, path) {
  return `${get(setting).val}${path}`;
}

// What the host refuses is an exception here; the caller hears that something behind the plugin does not answer.
async function passes(request, options) {
  let answer;
  try {
    answer = await fetch(request, options);
  } catch {
    throw 'unavailable';
  }
  if (answer.status >= 400) throw 'unavailable';
  return answer;
}

async function reach(name) {
  const credential = (value) => ({ headers: { 'keybroker-credential': value } });
  switch (name) {
    case 'fetch-allowed':
      return passes(url('allowed', '/'));
    case 'fetch-body': {
      const answer = await passes(url('allowed', '/body'), { method: 'POST', body: SENT });
      if ((await answer.text()) !== SENT) throw 'internal';
      return undefined;
    }
    case 'fetch-credential':
      return passes(url('allowed', '/token'), credential('token'));
    case 'fetch-credential-echo':
      return passes(url('allowed', '/echo'), credential('token'));
    case 'fetch-credential-stranger':
      return passes(url('allowed', '/'), credential('stranger'));
    case 'fetch-flood':
      return passes(url('allowed', '/body'), { method: 'POST', body: 'x'.repeat(1 << 20) });
    case 'fetch-forbidden':
      return passes(url('forbidden', '/'));
    case 'fetch-large':
      return passes(url('allowed', '/large'));
    case 'fetch-redirect': {
      const answer = await passes(url('allowed', '/redirect'), { redirect: 'manual' });
      return passes(answer.headers.get('location') ?? url('forbidden', '/'));
    }
    case 'fetch-slow':
      return passes(url('allowed', '/slow'));
    case 'fetch-storm':
      for (;;) await passes(url('allowed', '/'));
    default:
      return undefined;
  }
}

export const keys = {
  describe() {
    return {
      name: 'fetch',
      version: '0.1.0',
      keySpecs: ['oct256'],
      wrapAlgorithms: ['a256-kw'],
      signAlgorithms: [],
      backupFirst: false,
    };
  },
  generateKey(_spec, _context) {
    const key = generate('oct256');
    return { material: seal(key), publicKey: key.publicPart() };
  },
  importKey(_spec, _secret, _context) {
    throw 'unsupported';
  },
  async wrapKey(material, algorithm, secret, extras, context) {
    await reach(context.name);
    return wrap(open(material), algorithm, secret, extras);
  },
  unwrapKey(material, algorithm, value, extras, _context) {
    return unwrap(open(material), algorithm, value, extras);
  },
  sign(_material, _algorithm, _digest, _context) {
    throw 'unsupported';
  },
  destroyKey(_material, _context) {},
  selfTest() {},
};
