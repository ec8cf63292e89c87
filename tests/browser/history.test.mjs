// The record over time, in a real browser: the timeline by keyboard, the record as it stood, words inside letters. Every page
// is checked by axe at 1280 and at 320 px, and must not scroll sideways at 320.
//
// harness.mjs says what it needs around it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { demonstration, filled, launch, looksRight, reason, signIn } from './harness.mjs';

const region = demonstration();
const { url, printed } = region;
const story = /find NHS number ([\d ]{12}) \(/.exec(printed);
assert.ok(story, 'the demonstration named nobody to find');

let browser;
let page;
let record;

before(async () => {
  browser = await launch();
  await filled(browser, region);
  page = await signIn(browser, region, 'doctor', { javaScriptEnabled: true });
  await page.fill('#words', story[1]);
  await page.getByRole('button', { name: 'Find', exact: true }).click();
  await page.waitForURL(/\/(record|find)\//);
  if (new URL(page.url()).pathname.startsWith('/find/')) {
    await page.locator('a[href^="/record/"]').first().click();
    await page.waitForURL(/\/record\//);
  }
  await reason(page);
  record = new URL(page.url()).pathname;
}, { timeout: 600_000 });

after(async () => browser?.close());

const main = async () => (await page.locator('main').innerText()).replaceAll(/\s+/g, ' ');

/** Move the focus with the tab key until it stands on what is wanted. */
async function tabTo(selector) {
  for (let step = 0; step < 200; step += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
  }
  assert.fail(`the tab key does not reach ${selector}`);
}

test('the timeline is zoomed from years to a day by keyboard, and filtered', { timeout: 180_000 }, async () => {
  await page.goto(url + record);
  await page.getByRole('link', { name: 'Timeline' }).first().click();
  await page.waitForURL(/\/timeline$/);
  await looksRight(page, 'the timeline');
  const counted = Number(/([\d]+) entr/.exec(await main())[1]);
  assert.ok(counted > 10, `${counted} entries`);
  for (const [part, form] of [['year', /from=\d{4}&to=\d{4}$/], ['month', /from=\d{4}-\d\d&to=/], ['day', /from=\d{4}-\d\d-\d\d&to=/]]) {
    await tabTo('.zoom__parts a');
    await page.keyboard.press('Enter');
    await page.waitForURL(form);
    await looksRight(page, `the timeline of a ${part}`);
    assert.match(await page.locator('h1').innerText(), /^Timeline: /);
  }
  assert.ok(await page.locator('.lines .line').count() > 0, 'the day has entries');
  await page.goto(`${url}${record}/timeline`);
  await page.getByText('Choose kinds, sources and years').click();
  await looksRight(page, 'the choices of the timeline');
  await page.check('#kind-letters');
  await page.getByRole('button', { name: 'Show these' }).click();
  await page.waitForURL(/kind=letters/);
  const kinds = await page.locator('.line .small').allInnerTexts();
  assert.ok(kinds.length > 0 && kinds.every((kind) => kind === 'Letters'), kinds.join());
});

test('the record as it stood says so on every page, on the screen and in print', { timeout: 180_000 }, async () => {
  await page.goto(`${url}${record}/as-at`);
  await looksRight(page, 'asking for a day');
  await page.fill('#day', '31');
  await page.fill('#month', '2');
  await page.fill('#year', '2024');
  await page.getByRole('button', { name: 'Show the record as it stood' }).click();
  await page.waitForURL(/day=31/);
  assert.match(await main(), /There is no such day/);
  await looksRight(page, 'a day that does not exist');
  // A moment that has passed, by the region's own clock, which the foot of every page tells.
  await page.goto(`${url}${record}`);
  const foot = await page.locator('footer').innerText();
  const [, day, month, year, time] = /(\d\d)-(\w{3})-(\d{4}) (\d\d:\d\d)/.exec(foot);
  const number = 1 + ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'].indexOf(month);
  await page.goto(`${url}${record}/as-at?day=${day}&month=${number}&year=${year}&time=${time}`);
  await page.waitForURL(/\/at\/\d{8}T\d{6}Z$/);
  const base = new URL(page.url()).pathname;
  for (const section of ['', '/problems', '/results', '/letters', '/plans', '/timeline', '/sources']) {
    await page.goto(url + base + section);
    await looksRight(page, `as it stood${section}`);
    assert.match(await main(), /This is not the record of today/);
    await page.emulateMedia({ media: 'print' });
    assert.ok(await page.locator('.then').isVisible(), `${section} printed says when it is of`);
    await page.emulateMedia({ media: 'screen' });
    const menu = await page.locator('.menu--side a').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
    assert.ok(menu.filter((href) => !href.endsWith('/as-at')).every((href) => href.startsWith(base)), menu.join());
  }
  await page.getByRole('link', { name: 'Back to now' }).click();
  await page.waitForURL((at) => at.pathname === record);
  assert.equal(await page.locator('.then').count(), 0);
});

test('words are looked for inside letters by keyboard', { timeout: 120_000 }, async () => {
  await page.goto(`${url}${record}/letters`);
  await tabTo('#words');
  await page.keyboard.type('the');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/letters\/found\//);
  assert.ok(!page.url().includes('the'.concat('?')) && !/words=/.test(page.url()));
  assert.match(await main(), /letters? ha(s|ve) all of these words|No letter that could be looked into/);
  await looksRight(page, 'words in letters');
});
