// A clinician's way through the viewer, in a real browser: sign in, find, open, read a letter. Every page on the way is
// checked by axe at 1280 and at 320 px, and must not scroll sideways at 320.
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
// "1. 96 years old and has fallen: find NHS number 999 693 7909 (BAKER, Margaret, born 01-Nov-1935)"
const story = /find NHS number ([\d ]{12}) \(([^,]+), ([^,]+), born ([\w-]+)\)/.exec(printed);
assert.ok(story, 'the demonstration named nobody to find');
const [, number, family, given, born] = story;
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
  await filled();
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

/** Wait until the region's history is loaded: what a test finds must not depend on how fast the machine is. */
async function filled() {
  const page = await signedIn('doctor');
  for (;;) {
    const progress = await page.evaluate(async () => (await fetch('/status/progress')).json());
    // No total: loading is over.
    const loaded = progress.total === null || (progress.total > 0 && progress.done >= progress.total);
    if (loaded && progress.head > 0 && progress.applied >= progress.head) break;
    await page.waitForTimeout(500);
  }
  await page.context().close();
}

async function open(page) {
  await page.goto(`${url}/`);
  await page.fill('#nhs', number);
  await page.getByRole('button', { name: 'Find by number' }).click();
  // A number that one person has leads straight to the record; otherwise one is chosen.
  await page.waitForURL(/\/(record|find)\//);
  if (new URL(page.url()).pathname.startsWith('/find/')) {
    await page.locator('a[href^="/record/"]').first().click();
    await page.waitForURL(/\/record\//);
  }
  await reason(page);
}

/** Nothing may link this user with the person: then the record opens for a reason. */
async function reason(page) {
  if (!new URL(page.url()).pathname.endsWith('/why')) return;
  await page.check('#r-ongoing-care');
  await page.getByRole('button', { name: 'Open the record' }).click();
  await page.waitForURL((at) => /^\/record\/[^/]+$/.test(at.pathname));
}

async function checked(page, what) {
  for (const viewport of [wide, phone]) {
    await page.setViewportSize(viewport);
    // Documents in frames are other people's work: the page around them is ours.
    const { violations } = await new AxeBuilder({ page }).exclude('iframe')
      .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
    const found = violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join('; ')}`);
    assert.deepEqual(found, [], `${what} at ${viewport.width} px`);
  }
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `${what} scrolls sideways by ${overflow} px at 320 px`);
  await page.setViewportSize(wide);
  assert.ok(!page.url().replaceAll(/\D/g, '').includes(number.replaceAll(' ', '')), `${what} has an NHS number in its address`);
}

test('a doctor signs in, finds a person, opens the record and reads a letter', { timeout: 120_000 }, async () => {
  const page = await signedIn('doctor');
  await checked(page, 'the search page');
  await open(page);
  const banner = (await page.locator('body').innerText()).replaceAll(/\s+/g, ' ');
  for (const words of [family.toUpperCase(), given, born, number]) {
    assert.ok(banner.includes(words), `the record does not show ${words}`);
  }
  await checked(page, 'the summary');
  await page.locator('a[href$="/letters"]').first().click();
  await page.waitForURL(/\/letters$/);
  await checked(page, 'the list of letters');
  await page.locator('a[href*="/letters/"]').first().click();
  await page.waitForURL(/\/letters\/./);
  await checked(page, 'a letter');
  const source = await page.locator('iframe.letter-frame').first().getAttribute('src');
  const start = await page.evaluate(async (href) => (await (await fetch(href)).text()).slice(0, 5), source.split('#')[0]);
  assert.equal(start, '%PDF-');
  await page.context().close();
});

test('every section of a record passes axe and fits a phone', { timeout: 300_000 }, async () => {
  const page = await signedIn('doctor');
  await open(page);
  const record = new URL(page.url()).pathname;
  const links = await page.locator(`a[href^="${record}/"]`).evaluateAll((all) => all.map((a) => a.getAttribute('href')));
  const sections = [...new Set(links.map((href) => href.split(/[?#]/)[0]))]
    .filter((href) => href.slice(record.length + 1).split('/').length === 1);
  assert.ok(sections.length >= 8, `only ${sections.length} sections are linked from the summary`);
  for (const section of sections) {
    const response = await page.goto(url + section);
    assert.equal(response.status(), 200, section);
    assert.ok((await page.locator('main').innerText()).trim().length > 40, `${section} is blank`);
    await checked(page, section.slice(record.length));
  }
  await page.context().close();
});

test('a record can be read without scripts', { timeout: 120_000 }, async () => {
  const page = await signedIn('nurse', { javaScriptEnabled: false });
  await open(page);
  assert.match(await page.locator('body').innerText(), new RegExp(family, 'i'));
  await page.context().close();
});

test('an engineer sees the error desk and no record', { timeout: 120_000 }, async () => {
  const doctor = await signedIn('doctor');
  await open(doctor);
  const record = new URL(doctor.url()).pathname;
  const page = await signedIn('engineer');
  await page.goto(`${url}/errors`);
  await checked(page, 'the error desk');
  const refused = await page.goto(url + record);
  assert.equal(refused.status(), 403);
  assert.doesNotMatch(await page.locator('body').innerText(), new RegExp(given));
  await page.goto(`${url}/status`);
  await checked(page, 'the status page');
  await page.context().close();
  await doctor.context().close();
});

test('whoever is not signed in is asked to', { timeout: 60_000 }, async () => {
  const context = await browser.newContext({ viewport: wide });
  const page = await context.newPage();
  await page.goto(`${url}/status`);
  assert.match(new URL(page.url()).pathname, /^\/sign-in/);
  await checked(page, 'the sign-in page');
  await context.close();
});
