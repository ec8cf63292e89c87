// Signing in with an identity provider, in a real browser, with a certified provider (npm oidc-provider): one role, several,
// none; a council's own words; a person; leaving here, there and everywhere. Every page on the way is checked by axe at 1280
// and at 320 px.
//
// SKEIN_BIN: the program. SKEIN_CHROMIUM: the browser. SKEIN_SHOTS: a folder for pictures, if they are wanted.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, looksRight, wide } from './harness.mjs';
import { accounts, freePort, startProvider } from './provider.mjs';

assert.ok(process.env.SKEIN_BIN, 'SKEIN_BIN is not set: run ./test, which builds the program');
const number = '9994001000';
let browser, provider, skein, server, folder;

before(async () => {
  const [http, feed] = [await freePort(), await freePort()];
  skein = `http://127.0.0.1:${http}`;
  provider = await startProvider(skein);
  folder = mkdtempSync(join(tmpdir(), 'skein-sign-in-'));
  writeFileSync(join(folder, 'cis2.secret'), 'a secret: with/odd characters%\n');
  writeFileSync(join(folder, 'council.secret'), 'another secret');
  writeFileSync(join(folder, 'key.pem'), provider.privateKey);
  writeFileSync(join(folder, 'skein.toml'), `
[region]
code = "test"
name = "Wexmoor"
data = "data"
[http]
address = "127.0.0.1:${http}"
public_url = "${skein}"
[outgoing]
internal_hosts = ["localhost"]
[[source]]
source = "rxx"
name = "Riverside Hospital"
kind = "hospital"
[[feed]]
name = "rxx"
source = "rxx"
mllp = "127.0.0.1:${feed}"
[[sign_in]]
id = "cis2"
label = "NHS Care Identity"
kind = "staff"
issuer = "${provider.issuer}"
client_id = "skein-cis2"
client_secret_file = "cis2.secret"
scopes = ["profile", "nationalrbacaccess"]
role_claims = "cis2"
assurance_min = 3
[[sign_in]]
id = "council"
label = "Wexmoor Council"
kind = "staff"
issuer = "${provider.issuer}"
client_id = "skein-council"
client_secret_file = "council.secret"
scopes = ["profile", "council"]
[sign_in.claims]
role = "groups"
organisation_code = "ods"
organisation_name = "organisation"
[sign_in.roles]
adult-social-care = { code = "R8017", name = "Social worker" }
[[sign_in]]
id = "nhs-login"
label = "NHS login"
kind = "person"
issuer = "${provider.issuer}"
client_id = "skein-nhs-login"
private_key = "key.pem"
key_algorithm = "ES256"
key_id = "skein-1"
scopes = ["profile", "person"]
assurance_min = 9
`);
  server = spawn(process.env.SKEIN_BIN, ['serve', '--config', join(folder, 'skein.toml')], { stdio: ['ignore', 'inherit', 'inherit'] });
  for (let tries = 0; ; tries += 1) {
    assert.ok(server.exitCode === null && tries < 300, 'skein serve did not start');
    try { if ((await fetch(`${skein}/health`)).ok) break; } catch { /* not yet */ }
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  // PID-32 says that the number was traced.
  const pid = Object.assign(Array(32).fill(''), {
    0: '1', 2: `7001^^^RXX^PI~${number}^^^NHS^NH`, 4: 'PEMBERTON^IRIS', 6: '19610304', 7: '2', 31: 'NSTS01',
  });
  const message = ['MSH|^~\\&|PAS|RXX|SKEIN|R|20260301100000||ADT^A28|1|P|2.4', 'EVN|A28|20260301100000',
    `PID|${pid.join('|')}`].join('\r');
  await mllp(feed, message);
  accounts.iris = { name: 'Iris Pemberton', nhs_number: number, birthdate: '1961-03-04', identity_proofing_level: 'P9' };
  accounts.other = { ...accounts.iris, name: 'Ivo Other', birthdate: '1988-01-01' };
  accounts.unproven = { ...accounts.iris, identity_proofing_level: 'P5' };
  accounts.unknown = { name: 'Una Known', nhs_number: '9990000018', birthdate: '1990-01-01', identity_proofing_level: 'P9' };
  browser = await launch();
}, { timeout: 120_000 });

after(async () => {
  await browser?.close();
  provider?.stop();
  if (server && server.exitCode === null) {
    const ended = new Promise((resolve) => { server.once('exit', resolve); });
    server.kill('SIGINT');
    await ended;
  }
  if (folder) rmSync(folder, { recursive: true, force: true });
});

function mllp(port, message) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(`\x0b${message}\x1c\r`));
    socket.once('error', reject);
    socket.once('data', (answer) => {
      socket.end();
      if (/MSA\|[AC]A/.test(answer.toString('latin1'))) resolve();
      else reject(new Error('the message was not taken'));
    });
  });
}

async function checked(page, what) {
  await looksRight(page, what);
  assert.ok(!page.url().includes(number), `${what} has an NHS number in its address`);
  assert.doesNotMatch(page.url(), /code=|state=/, `${what} keeps the provider's answer in its address`);
}

/** Sign in at the provider's own pages, in a new browser or a given one. */
async function throughProvider(label, account, { context, start } = {}) {
  const inContext = context ?? await browser.newContext({ viewport: wide });
  const page = await inContext.newPage();
  await page.goto(start ?? `${skein}/sign-in`);
  await page.getByRole('link', { name: label }).click();
  await page.waitForURL((at) => at.origin === provider.issuer || at.pathname !== '/sign-in');
  if (new URL(page.url()).origin === provider.issuer) {
    if (await page.locator('input[name=login]').count()) {
      await page.fill('input[name=login]', account);
      await page.fill('input[name=password]', 'anything');
      await page.locator('[type=submit]').first().click();
    }
    // Consent is asked for the first time.
    await page.waitForURL((at) => at.origin === skein || at.pathname.startsWith('/interaction/'));
    if (new URL(page.url()).origin === provider.issuer) await page.locator('[type=submit]').first().click();
  }
  await page.waitForURL((at) => at.origin === skein);
  // The landing moves on by itself.
  await page.waitForLoadState('load');
  return page;
}

async function moved(page) {
  await page.waitForURL((at) => !at.pathname.startsWith('/sign-in/back/'));
}

test('staff with one role come in, and only with a strict, unreadable cookie', { timeout: 120_000 }, async () => {
  const first = await browser.newContext({ viewport: wide });
  const form = await first.newPage();
  await form.goto(`${skein}/status`);
  assert.equal(new URL(form.url()).pathname, '/sign-in');
  assert.equal(await form.locator('#password').count(), 0, 'no password is asked for where nobody has one');
  await checked(form, 'the sign-in page with providers');
  const page = await throughProvider('NHS Care Identity', 'one', { context: first, start: `${skein}/sign-in?then=/status` });
  await moved(page);
  assert.equal(new URL(page.url()).pathname, '/status', 'back to where one was going');
  assert.match(await page.locator('header').innerText(), /Nura Hale, Nurse Access Role/);
  const cookies = await first.cookies(skein);
  const session = cookies.find((cookie) => cookie.name === 'skein');
  assert.ok(session.httpOnly && session.sameSite === 'Strict', JSON.stringify(cookies));
  assert.ok(!cookies.some((cookie) => cookie.name === 'skein-flow'), 'the cookie of the way there is gone');
  await page.goto(`${skein}/account`);
  await checked(page, 'ones own sign-in');
  assert.match(await page.locator('main').innerText(), /Wexmoor Community Health[\s\S]*NHS Care Identity/);
  await first.close();
});

test('staff with several roles choose one, and change it without signing in again', { timeout: 120_000 }, async () => {
  const page = await throughProvider('NHS Care Identity', 'two');
  await page.waitForURL(/\/account\/role/);
  await checked(page, 'choosing a role');
  const elsewhere = await page.goto(`${skein}/status`);
  assert.match(new URL(elsewhere.url()).pathname, /^\/sign-in/, 'nobody is in before a role is chosen');
  await page.goto(`${skein}/account/role`);
  await page.getByRole('button', { name: /Clinical Practitioner/ }).click();
  await page.waitForURL(`${skein}/`);
  assert.match(await page.locator('header').innerText(), /Amara Osei, Clinical Practitioner Access Role/);
  const before = (await page.context().cookies(skein)).find((cookie) => cookie.name === 'skein').value;
  await page.getByRole('link', { name: 'Change role' }).click();
  await checked(page, 'changing a role');
  await page.getByRole('button', { name: /Nurse/ }).click();
  await page.waitForURL(`${skein}/`);
  assert.match(await page.locator('header').innerText(), /Amara Osei, Nurse Access Role/);
  const changed = (await page.context().cookies(skein)).find((cookie) => cookie.name === 'skein').value;
  assert.notEqual(changed, before, 'a new token');
  await page.context().close();
});

test('staff without a role, and staff the provider is not sure of, are told what to do', { timeout: 120_000 }, async () => {
  let page = await throughProvider('NHS Care Identity', 'none');
  assert.match(await page.locator('main').innerText(), /no role here[\s\S]*registration authority/);
  await page.evaluate(() => history.replaceState({}, '', '/seen'));
  await checked(page, 'no role');
  await page.goto(`${skein}/status`);
  assert.match(new URL(page.url()).pathname, /^\/sign-in/);
  await page.context().close();
  page = await throughProvider('NHS Care Identity', 'weak');
  assert.match(await page.locator('main').innerText(), /stronger sign-in/);
  await page.context().close();
});

test('a council says roles in its own words', { timeout: 120_000 }, async () => {
  const page = await throughProvider('Wexmoor Council', 'social');
  await moved(page);
  assert.match(await page.locator('header').innerText(), /Sol Reid, Social worker/);
  await page.goto(`${skein}/account`);
  assert.match(await page.locator('main').innerText(), /Wexmoor Council/);
  await page.context().close();
});

test('a person sees their own record and nothing else', { timeout: 120_000 }, async () => {
  const page = await throughProvider('NHS login', 'iris');
  await moved(page);
  const own = new URL(page.url()).pathname;
  assert.match(own, /^\/record\/\w{13}$/);
  assert.match(await page.locator('body').innerText(), /PEMBERTON/);
  await page.goto(`${skein}${own}/who-looked`);
  const looked = await page.locator('main').innerText();
  assert.match(looked, /found your record, for somebody signed in with your NHS number/);
  assert.doesNotMatch(looked, /found you in a search/, 'to sign in is nobody’s search');
  for (const path of ['/find', '/status', '/errors', '/identity', '/record/0000000000001']) {
    const answer = await page.goto(skein + path);
    assert.ok([403, 404].includes(answer.status()), `${path}: ${answer.status()}`);
  }
  await page.context().close();
});

test('a person whose record we are not sure of sees none', { timeout: 120_000 }, async () => {
  for (const account of ['other', 'unknown']) {
    const page = await throughProvider('NHS login', account);
    assert.match(await page.locator('main').innerText(), /No record found[\s\S]*GP practice/, account);
    await page.evaluate(() => history.replaceState({}, '', '/seen'));
    if (account === 'other') await checked(page, 'no record found');
    await page.context().close();
  }
  const page = await throughProvider('NHS login', 'unproven');
  assert.match(await page.locator('main').innerText(), /stronger sign-in/);
  await page.context().close();
});

test('signing out here leads to signing out there, and then nobody is in', { timeout: 120_000 }, async () => {
  const page = await throughProvider('NHS Care Identity', 'one');
  await moved(page);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await checked(page, 'signed out');
  assert.doesNotMatch(await page.getByRole('link', { name: 'Sign out of' }).getAttribute('href'), /id_token/);
  await page.goto(`${skein}/status`);
  assert.match(new URL(page.url()).pathname, /^\/sign-in/);
  await page.context().close();
});

test('leaving the provider ends the session here: back-channel logout', { timeout: 120_000 }, async () => {
  const page = await throughProvider('NHS Care Identity', 'one');
  await moved(page);
  const other = await throughProvider('NHS Care Identity', 'one');
  await moved(other);
  // As another application's sign-out would: at the provider, without Skein's browser taking part.
  const left = await page.context().newPage();
  await left.goto(`${provider.issuer}/session/end`);
  await left.getByRole('button', { name: /yes/i }).click();
  await left.waitForLoadState('networkidle');
  await page.goto(`${skein}/status`);
  assert.match(new URL(page.url()).pathname, /^\/sign-in/, 'this browser is out');
  await other.goto(`${skein}/status`);
  assert.equal(new URL(other.url()).pathname, '/status', 'the other browser, another session there, is still in');
  await page.context().close();
  await other.context().close();
});

test('signing out everywhere ends every browser of one user and nobody else', { timeout: 120_000 }, async () => {
  const [here, there, somebody] = [
    await throughProvider('NHS Care Identity', 'one'), await throughProvider('NHS Care Identity', 'one'),
    await throughProvider('Wexmoor Council', 'social'),
  ];
  for (const page of [here, there, somebody]) await moved(page);
  await here.goto(`${skein}/account`);
  await here.getByRole('button', { name: 'Sign out everywhere' }).click();
  await checked(here, 'signed out everywhere');
  for (const page of [here, there]) {
    await page.goto(`${skein}/status`);
    assert.match(new URL(page.url()).pathname, /^\/sign-in/);
  }
  await somebody.goto(`${skein}/status`);
  assert.equal(new URL(somebody.url()).pathname, '/status');
  for (const page of [here, there, somebody]) await page.context().close();
});

test('an answer that was stolen, used, or begun elsewhere signs nobody in', { timeout: 120_000 }, async () => {
  const context = await browser.newContext({ viewport: wide });
  let answer;
  context.on('request', (request) => {
    if (request.url().startsWith(`${skein}/sign-in/back/`)) answer ??= request.url();
  });
  const page = await throughProvider('NHS Care Identity', 'one', { context });
  await moved(page);
  // The victim's browser is led to the attacker's answer: no cookie, nobody signed in.
  const victim = await (await browser.newContext({ viewport: wide })).newPage();
  const refused = await victim.goto(answer);
  assert.equal(refused.status(), 403);
  await victim.goto(`${skein}/status`);
  assert.match(new URL(victim.url()).pathname, /^\/sign-in/);
  // And the one who walked it cannot walk it twice.
  assert.equal((await page.goto(answer)).status(), 403);
  await victim.context().close();
  await context.close();
});
