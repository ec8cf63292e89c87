// The pages that no story comes by: looked at all the same. What a page says is tested elsewhere.
//
// harness.mjs says what it needs around it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { demonstration, filled, launch, looksRight, openFound, signIn, wide } from './harness.mjs';

const region = demonstration();
const { url, printed } = region;
const story = /find NHS number ([\d ]{12}) \(/.exec(printed);
assert.ok(story, 'the demonstration named nobody to find');

let browser;

before(async () => {
  browser = await launch();
  await filled(browser, region);
}, { timeout: 600_000 });

after(async () => browser?.close());

async function looked(page, path, what, status = 200) {
  const answer = await page.goto(url + path);
  assert.equal(answer.status(), status, path);
  await looksRight(page, what);
}

/** The first link of the page whose address has this form. */
async function link(page, form) {
  const all = await page.locator('main a').evaluateAll((links) => links.map((one) => one.getAttribute('href')));
  const found = all.find((href) => form.test(href ?? ''));
  assert.ok(found, `no link ${form}`);
  return found;
}

test('a doctor’s pages off the beaten way', { timeout: 240_000 }, async () => {
  const page = await signIn(browser, region, 'doctor');
  const record = await openFound(page, story[1]);
  await looked(page, `${record}/results/reports`, 'reports');
  await looked(page, await link(page, /\/results\/report\//), 'a report');
  await page.goto(`${url}${record}/problems`);
  await looked(page, await link(page, /\/item\//), 'where an entry came from');
  await looked(page, `${record}/letters/found/forgotten`, 'words no longer remembered');
  await looked(page, `${record}/results?filter=forgotten`, 'a filter no longer remembered');
  await page.goto(`${url}${record}/letters`);
  await page.fill('#words', 'zzz');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/found\//);
  await looksRight(page, 'words that no letter has');
  await looked(page, `${record}/headings`, 'all headings');
  for (const heading of ['requirements', 'findings', 'social', 'services', 'legal']) {
    await looked(page, `${record}/headings/${heading}`, `heading ${heading}`);
  }
  for (const part of ['?sent', '?closed', '?sent&closed']) await looked(page, `/requests${part}`, `requests ${part.slice(1)}`);
  await looked(page, '/teams', 'my teams');
  await looked(page, '/account', 'my account');
  await looked(page, `${record}/nothing`, 'no such page', 404);
  await looked(page, '/errors', 'not for this role', 403);
  await page.context().close();
});

test('an engineer’s and a steward’s pages', { timeout: 240_000 }, async () => {
  const engineer = await signIn(browser, region, 'engineer');
  await looked(engineer, '/errors', 'the desk of errors');
  await looked(engineer, '/feeds', 'feeds');
  await looked(engineer, '/deliveries', 'deliveries');
  await looked(engineer, '/admin', 'who may use it');
  const lists = await engineer.goto(`${url}/census`);
  if (lists.status() === 200) await looksRight(engineer, 'a hospital’s own list');
  await engineer.context().close();
  const steward = await signIn(browser, region, 'steward');
  await looked(steward, '/identity', 'the stewards’ queue');
  await steward.context().close();
});

test('pages for whoever is not signed in', { timeout: 120_000 }, async () => {
  const context = await browser.newContext({ viewport: wide });
  const page = await context.newPage();
  await looked(page, '/launch?iss=https://nobody.example/fhir&launch=x', 'a launch that is over', 410);
  await looked(page, '/sign-in', 'signing in');
  await page.fill('#name', 'nobody');
  await page.fill('#password', 'wrong');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.nhsuk-error-summary, .nhsuk-error-message, [role="alert"]');
  await looksRight(page, 'a wrong password');
  await context.close();
});
