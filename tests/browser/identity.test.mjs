// A data steward's work in a real browser: the queue, deciding by keyboard alone, taking it back, splitting a person. Every
// page and state on the way is checked by axe at 1280 and at 320 px.
//
// harness.mjs says what it needs around it.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { demonstration, filled, launch, looksRight, reason, signIn } from './harness.mjs';

const region = demonstration();
const { url, printed } = region;
const feeds = [...printed.matchAll(/^feed (\S+) at ([\d.]+):(\d+)/gm)].map(([, name, host, port]) => ({ name, host, port: Number(port) }));
assert.ok(feeds.length >= 2, 'the demonstration named no two feeds');

let browser;

before(async () => {
  browser = await launch();
  await filled(browser, region);
}, { timeout: 600_000 });

after(async () => browser?.close());

const signedIn = (name, options) => signIn(browser, region, name, options);

/** A test NHS number of the 999 range that nobody of the region has: nine digits, then the check digit. */
function number(nine) {
  const sum = [...String(nine)].reduce((total, digit, index) => total + Number(digit) * (10 - index), 0);
  const check = (11 - (sum % 11)) % 11;
  return check === 10 ? number(nine + 1) : `${nine}${check}`;
}

/** Send an HL7 v2 message over MLLP and wait for its answer. */
function send(feed, message) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(feed.port, feed.host, () => socket.write(`\x0b${message}\x1c\r`));
    let answer = '';
    socket.setTimeout(30_000, () => reject(new Error('no answer')));
    socket.on('error', reject);
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1');
      if (answer.includes('\x1c')) {
        socket.end();
        assert.match(answer, /MSA\|[AC]A\|/);
        resolve();
      }
    });
  });
}

let told = 0;
async function patient(feed, local, nhs, name, born) {
  told += 1;
  const pid = Array(33).fill('');
  Object.assign(pid, { 0: 'PID', 1: '1', 3: `${local}^^^X^PI~${nhs}^^^NHS^NH`, 5: name, 7: born, 8: '2',
    11: '1 MILL LANE^^WEXMOOR^^WX1 1AA', 32: 'NSTS01' });
  await send(feed, `MSH|^~\\&|PAS|X|SKEIN|R|20260714080000||ADT^A28|who-${Date.now()}-${told}|P|2.4\rEVN|A28|20260714080000\r${pid.join('|')}\r`);
}

/** One number that two people have: a pair that waits. */
async function sharedNumber(nine, mark) {
  const nhs = number(nine);
  await patient(feeds[0], `W${mark}`, nhs, `HARTLEY^ANNA${mark}`, '19500102');
  await patient(feeds[1], `V${mark}`, nhs, `OYELARAN^TUNDE${mark}`, '19880506');
}

async function waiting(page, atLeast) {
  for (let tries = 0; tries < 60; tries += 1) {
    await page.goto(`${url}/identity`);
    const count = Number((await page.locator('.tabs [aria-current] .count').innerText()).replaceAll(',', ''));
    if (count >= atLeast) return count;
    await page.waitForTimeout(500);
  }
  throw new Error(`the queue did not fill to ${atLeast}`);
}

async function checked(page, what) {
  await looksRight(page, what);
  assert.doesNotMatch(page.url(), /999\d{7}/, `${what} has an NHS number in its address`);
}

/** Keys are not heard in the first moment of a page. */
async function press(page, key) {
  await page.waitForTimeout(450);
  await page.keyboard.press(key);
}

test('a steward decides by keyboard alone and takes it back', { timeout: 240_000 }, async () => {
  await sharedNumber(999_400_100, 'A');
  await sharedNumber(999_400_200, 'B');
  const page = await signedIn('steward');
  assert.equal(new URL(page.url()).pathname, '/identity');
  const count = await waiting(page, 2);
  await checked(page, 'the queue');
  await press(page, 'g');
  await page.waitForURL(/\/identity\/pair\//);
  const first = new URL(page.url()).pathname;
  await checked(page, 'a pair');
  // A risky pair needs a reason: the key leads to it, and typing decides nothing.
  await press(page, 'n');
  assert.equal(new URL(page.url()).pathname, first, 'nothing is decided without a reason');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'note');
  await page.keyboard.type('not the same: seen both');
  assert.equal(new URL(page.url()).pathname, first, 'letters of a note are no answers');
  await page.keyboard.press('Escape');
  await press(page, 'n');
  await page.waitForURL((at) => at.pathname.startsWith('/identity/pair/') && at.pathname !== first);
  assert.match(await page.locator('[role=status]').innerText(), /are not the same person/);
  await checked(page, 'the next pair, with a way back');
  await press(page, 'u');
  await page.waitForURL((at) => at.pathname === first);
  assert.match(await page.locator('[role=status]').innerText(), /Taken back/);
  await checked(page, 'a pair, taken back');
  assert.equal(await waiting(page, count), count, 'it waits again');
  // Held down, a key decides one pair and not the next.
  await page.goto(`${url}/identity/start?list=waiting`);
  await page.fill('#note', 'held');
  await page.keyboard.press('Escape');
  await page.waitForTimeout(450);
  await page.keyboard.down('c');
  for (let repeat = 0; repeat < 5; repeat += 1) await page.keyboard.down('c');
  await page.keyboard.up('c');
  await page.locator('[role=status]').waitFor();
  assert.equal(await waiting(page, 1), count - 1);
  // Switched off, keys are letters again.
  await page.goto(`${url}/identity/start?list=waiting`);
  await page.getByRole('button', { name: 'Switch keys off' }).click();
  await press(page, 'k');
  assert.match(page.url(), /start|pair/);
  await checked(page, 'a pair, without single keys');
  await page.context().close();
});

test('a steward splits a person and puts it together again', { timeout: 240_000 }, async () => {
  const nhs = number(999_400_300);
  await patient(feeds[0], 'WS', nhs, 'PEMBERTON^IRIS', '19610304');
  await patient(feeds[1], 'VS', nhs, 'PEMBERTON^IRIS', '19610304');
  const page = await signedIn('steward');
  await page.goto(`${url}/find`);
  await checked(page, 'the search of a steward');
  await page.fill('#words', nhs);
  await page.getByRole('button', { name: 'Find', exact: true }).click();
  await page.waitForURL(/\/identity\/person\//);
  const person = page.url();
  await checked(page, 'a person');
  assert.match(await page.locator('.lead').innerText(), /2 patients/);
  await page.locator('input[name=patient]').nth(1).check();
  await page.fill('#note', 'two sisters');
  await page.getByRole('button', { name: 'Split off those ticked' }).click();
  await page.locator('[role=status]').waitFor();
  assert.match(await page.locator('.lead').innerText(), /1 patient/);
  await checked(page, 'a person, split');
  await page.locator('[role=status]').getByRole('button', { name: /Undo/ }).click();
  await page.waitForURL(/undone/);
  await page.goto(person);
  assert.match(await page.locator('.lead').innerText(), /2 patients/);
  await page.goto(`${url}/identity?list=settled`);
  await checked(page, 'the settled list');
  await page.goto(`${url}/identity?list=second`);
  await checked(page, 'an empty list');
  await page.context().close();
});

test('a doctor reports a record, and a steward decides without scripts', { timeout: 240_000 }, async () => {
  const nhs = number(999_400_400);
  await patient(feeds[0], 'WR', nhs, 'LINACRE^ROSE', '19440304');
  await patient(feeds[1], 'VR', nhs, 'LINACRE^ROSE', '19440304');
  const doctor = await signedIn('doctor');
  await doctor.fill('#words', nhs);
  await doctor.getByRole('button', { name: 'Find', exact: true }).click();
  await doctor.waitForURL(/\/record\//);
  await reason(doctor);
  await doctor.goto(`${doctor.url()}/sources`);
  await doctor.getByRole('link', { name: /Report it/ }).click();
  await checked(doctor, 'reporting a record');
  await doctor.locator('input[name=patient]').nth(1).check();
  await doctor.fill('#note', 'another Rose');
  await doctor.getByRole('button', { name: 'Report it' }).click();
  await doctor.locator('[role=status]').waitFor();
  await checked(doctor, 'a record, reported');
  await doctor.context().close();
  const page = await signedIn('steward', { javaScriptEnabled: false });
  await page.goto(`${url}/identity?list=waiting&kind=suspect`);
  await page.getByRole('link', { name: /Start/ }).click();
  assert.match(await page.locator('main').innerText(), /another Rose/);
  assert.equal(await page.locator('.key').first().isVisible(), false, 'keys that do not work are not shown');
  await page.fill('#note', 'two cards seen');
  await page.getByRole('button', { name: 'Not the same' }).click();
  assert.match(await page.locator('[role=status]').innerText(), /are not the same person/);
  await page.context().close();
});

test('whoever is no steward sees none of it', { timeout: 60_000 }, async () => {
  const page = await signedIn('nurse');
  const refused = await page.goto(`${url}/identity`);
  assert.equal(refused.status(), 403);
  await checked(page, 'the refusal');
  await page.context().close();
});
