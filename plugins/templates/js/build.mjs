// Makes the component: node build.mjs OUTPUT.wasm
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// Beside this file, or where NODE_MODULES says.
const from = process.env.NODE_MODULES ?? new URL('node_modules', import.meta.url).pathname;
const entry = createRequire(`${from}/`).resolve(`${from}/@bytecodealliance/componentize-js/src/componentize.js`);
const { componentize } = await import(pathToFileURL(entry).href);

const [output] = process.argv.slice(2);
const here = (path) => new URL(path, import.meta.url).pathname;
const { component } = await componentize(await readFile(here('src/backend.js'), 'utf8'), {
  witPath: here('wit'),
  worldName: 'plugin',
  // Without these the component imports nothing of WASI. A backend that asks other hosts takes 'http' out of the list and uses
  // fetch(); it needs the grant "http". No broker grants the others.
  disableFeatures: ['clocks', 'fetch-event', 'http', 'random', 'stdio'],
});
await writeFile(output, component);
