// Who may see what, in a real browser: a reason, the broken glass, the privacy officer's desk, the person's own pages. Every
// page on the way is checked by axe at 1280 and at 320 px, and must not scroll sideways at 320.
//
// SKEIN_URL: a running `skein demo`. SKEIN_DEMO_OUT: what it printed. SKEIN_CHROMIUM: the browser.
import { AxeBuilder } from '@axe-core/playwright';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const url = process.env.SKEIN_URL?.replace(/\/$/, '');
assert.ok(url, 'SKEIN_URL is not set: run ./test, which starts a demonstration region');
assert.ok(process.env.SKEIN_DEMO_OUT, 'SKEIN_DEMO_OUT is not set: run ./test');
const printed = readFileSync(process.env.SKEIN_DEMO_OUT, 'utf8');
const story = /find NHS number ([\d ]{12}) \(([^,]+), ([^,]+), born ([\w-]+)\)/.exec(printed);
assert.ok(story, 'the demonstration named nobody to find');
const [, number, family] = story;
const password = /password "([^"]+)"/.exec(printed)?.[1] ?? 'demo';

let browser;
const wide = { width: 1280, height: 900 };
const phone = { width: 320, height: 640 };

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.SKEIN_CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  const page = await signedIn('doctor');
  for (;;) {
    const progress = await page.evaluate(async () => (await fetch('/status/progress')).json());
    const loaded = progress.total === null || (progress.total > 0 && progress.done >= progress.total);
    if (loaded && progress.head > 0 && progress.applied >= progress.head) break;
    await page.waitForTimeout(500);
  }
  await page.context().close();
}, { timeout: 600_000 });

after(async () => browser?.close());

async function signedIn(name, options = {}) {
  const context = await browser.newContext({ viewport: wide, ...options });
  const page = await context.newPage();
  await page.goto(`${url}/sign-in`);
  await page.fill('#name', name);
  await page.fill('#password', password);
  await page.locator('form', { has: page.locator('#password') }).locator('button[type=submit]').click();
  await page.waitForURL((at) => !at.pathname.startsWith('/sign-in'));
  return page;
}

async function find(page) {
  await page.goto(`${url}/find`);
  await page.fill('#nhs', number);
  await page.getByRole('button', { name: 'Find by number' }).click();
  await page.waitForURL((at) => !/^\/(find)?$/.test(at.pathname));
  if (new URL(page.url()).pathname.startsWith('/find/')) {
    await page.locator('main a[href^="/record/"], main a[href^="/privacy/person/"]').first().click();
    await page.waitForURL(/\/(record|privacy\/person)\//);
  }
}

async function checked(page, what) {
  for (const viewport of [wide, phone]) {
    await page.setViewportSize(viewport);
    const { violations } = await new AxeBuilder({ page }).exclude('iframe')
      .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
    const found = violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join('; ')}`);
    assert.deepEqual(found, [], `${what} at ${viewport.width} px`);
  }
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `${what} scrolls sideways by ${overflow} px at 320 px`);
  if (process.env.SKEIN_SCREENS) {
    for (const viewport of [wide, phone]) {
      await page.setViewportSize(viewport);
      await page.screenshot({ path: `${process.env.SKEIN_SCREENS}/${what.replaceAll(' ', '-')}-${viewport.width}.png`, fullPage: true });
    }
  }
  await page.setViewportSize(wide);
  assert.ok(!page.url().replaceAll(/\D/g, '').includes(number.replaceAll(' ', '')), `${what} has an NHS number in its address`);
}

const main = (page) => page.locator('main').innerText();

test('a paramedic with nobody’s word for it gives a reason in one step and opens the record', { timeout: 120_000 }, async () => {
  const page = await signedIn('paramedic');
  await find(page);
  if (!new URL(page.url()).pathname.endsWith('/why')) {
    // The ambulance service saw this person lately: that is a relationship. Somebody else then.
    await page.context().close();
    return;
  }
  await checked(page, 'why');
  await page.check('#r-vital-interests');
  await page.fill('#words', 'Fallen at home, alone, confused');
  await page.getByRole('button', { name: 'Open the record' }).click();
  await page.waitForURL((at) => /^\/record\/[^/]+$/.test(at.pathname));
  await page.context().close();
});

test('the glass breaks with words, shows its time, and the privacy officer settles it', { timeout: 180_000 }, async () => {
  const page = await signedIn('doctor');
  await find(page);
  const record = new URL(page.url()).pathname.split('/').slice(0, 3).join('/');
  await page.goto(`${url}${record}/why`);
  await page.locator('summary', { hasText: 'Break the glass' }).click();
  await checked(page, 'break the glass');
  await page.fill('#glass-words', 'Unconscious, nobody to ask');
  await page.getByRole('button', { name: 'Break the glass' }).click();
  await page.waitForURL((at) => at.pathname === record);
  assert.match(await main(page), /The glass is broken until/);
  await checked(page, 'record through broken glass');

  const officer = await signedIn('officer');
  assert.equal(new URL(officer.url()).pathname, '/privacy');
  assert.match(await main(officer), /Unconscious, nobody to ask/);
  await checked(officer, 'privacy desk');
  await officer.locator('main a[href^="/privacy/entry/"]').first().click();
  await officer.waitForURL(/\/privacy\/entry\//);
  await checked(officer, 'privacy entry');
  await officer.check('#revoked');
  await officer.fill('#words', 'Not on the ward then');
  await officer.getByRole('button', { name: 'Settle' }).click();
  await officer.waitForLoadState();
  assert.match(await main(officer), /Settled: revoked/);
  await page.goto(url + record);
  assert.doesNotMatch(await page.locator('body').innerText(), /The glass is broken/);

  // What the doctor saw, made again.
  await find(officer);
  assert.match(await main(officer), /Who looked at this record/);
  await checked(officer, 'who looked at a record');
  const entries = await officer.locator('main a[href^="/privacy/entry/"]').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
  let shown = false;
  for (const entry of entries) {
    await officer.goto(url + entry);
    const show = officer.getByRole('link', { name: 'Show what was seen' });
    if (await show.count() === 0) continue;
    await show.click();
    await officer.waitForURL(/\/shown$/);
    const text = await officer.locator('body').innerText();
    assert.match(text, /It is the same as what was sent/, entry);
    assert.ok(text.includes(family.toUpperCase()), 'the page shown again is not of this person');
    shown = true;
    break;
  }
  assert.ok(shown, 'no access could be shown again');
  await checked(officer, 'shown again');
  await officer.context().close();
  await page.context().close();
});

test('a receptionist sees who the person is, and nothing clinical', { timeout: 120_000 }, async () => {
  const page = await signedIn('receptionist');
  await checked(page, 'the receptionist’s first page');
  await find(page);
  const text = await page.locator('body').innerText();
  // Of this practice or of another: either way nothing clinical, and the reason said.
  assert.match(text, /not for your role|Nothing that your organisation’s systems sent/);
  for (const clinical of ['Current medicines', 'Newest letters', 'mmol']) {
    assert.ok(!text.includes(clinical) || /not for your role/.test(text), clinical);
  }
  await checked(page, 'a receptionist’s record');
  await page.context().close();
});

test('a person sees their own record and who looked, and asks', { timeout: 120_000 }, async () => {
  const page = await signedIn('person');
  assert.match(new URL(page.url()).pathname, /^\/record\//);
  assert.ok((await page.locator('body').innerText()).includes(number), 'it is not their record');
  await checked(page, 'own record');
  await page.getByRole('link', { name: 'Who looked' }).first().click();
  await page.waitForURL(/\/who-looked$/);
  assert.match(await main(page), /Clinical practitioner/);
  await checked(page, 'who looked at me');
  await page.locator('summary', { hasText: 'Ask about this' }).first().click();
  await page.locator('textarea[name=words]').first().fill('Why was this opened?');
  await page.getByRole('button', { name: 'Ask' }).first().click();
  await page.waitForURL(/\/who-looked/);
  assert.match(await main(page), /Not answered yet/);
  const officer = await signedIn('officer');
  await officer.goto(`${url}/privacy?kind=questions`);
  await officer.locator('main a[href^="/privacy/entry/"]').first().click();
  await officer.fill('#words', 'You were on the ward.');
  await officer.getByRole('button', { name: 'Answer' }).click();
  await officer.waitForLoadState();
  await page.reload();
  assert.match(await main(page), /You were on the ward/);
  await officer.context().close();
  await page.context().close();
});

test('an administrator sees who may use the region', { timeout: 60_000 }, async () => {
  const page = await signedIn('engineer');
  await page.goto(`${url}/admin`);
  const text = await main(page);
  for (const words of ['receptionist', 'demo-app', 'everybody', 'X81001']) assert.ok(text.includes(words), words);
  await checked(page, 'who may use the region');
  await page.context().close();
});
