// A clinician's way through the viewer, in a real browser: sign in, find, open, read a letter. Every page on the way is
// checked by axe at 1280 and at 320 px, and must not scroll sideways at 320.
//
// harness.mjs says what it needs around it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { demonstration, filled, launch, looksRight, reason, signIn, wide } from './harness.mjs';

const region = demonstration();
const { url, printed } = region;
// "1. 96 years old and has fallen: find NHS number 999 693 7909 (BAKER, Margaret, born 01-Nov-1935)"
const story = /find NHS number ([\d ]{12}) \(([^,]+), ([^,]+), born ([\w-]+)\)/.exec(printed);
assert.ok(story, 'the demonstration named nobody to find');
const [, number, family, given, born] = story;

let browser;

before(async () => {
  browser = await launch();
  await filled(browser, region);
}, { timeout: 600_000 });

after(async () => browser?.close());

const signedIn = (name, options) => signIn(browser, region, name, options);

async function open(page) {
  await page.goto(`${url}/`);
  await page.fill('#words', number);
  await page.getByRole('button', { name: 'Find', exact: true }).click();
  // A number that one person has leads straight to the record; otherwise one is chosen.
  await page.waitForURL(/\/(record|find)\//);
  if (new URL(page.url()).pathname.startsWith('/find/')) {
    await page.locator('a[href^="/record/"]').first().click();
    await page.waitForURL(/\/record\//);
  }
  await reason(page);
}

async function checked(page, what) {
  await looksRight(page, what);
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
  // The newest may be a note that went along with a request: look for a letter that is a PDF.
  const letters = await page.locator('main a[href*="/letters/"]').evaluateAll((all) => all.map((a) => a.href));
  for (const letter of letters) {
    await page.goto(letter);
    if (await page.locator('iframe.letter-frame').count() > 0) break;
  }
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
