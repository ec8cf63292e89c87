// Going through pages by keys alone, as whoever cannot use a mouse does. At every stop of the tabulator: it comes after the stop
// before it in the page, it is in sight, and it shows that it has the focus.
import assert from 'node:assert/strict';
import { wide } from './harness.mjs';

/** More stops than any page of ours has before what is wanted. */
const STOPS_MAX = 600;

/** What is wrong with where the focus is; `window.stop` keeps the stop before. */
function stop() {
  const here = document.activeElement;
  const before = window.stop?.isConnected ? window.stop : null;
  window.stop = here;
  if (!here || here === document.body) return null;
  const wrong = [];
  const name = `${here.tagName} ${here.id || here.textContent.trim().slice(0, 40)}`;
  if (before && before !== here && !(before.compareDocumentPosition(here) & Node.DOCUMENT_POSITION_FOLLOWING)) {
    // From the last stop of a page the way leads to its first.
    const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
      .filter((one) => !one.disabled && one.checkVisibility({ visibilityProperty: true }));
    if (all.indexOf(here) > 2) wrong.push(`${name} comes before where the focus was`);
  }
  const painted = (colour) => colour !== 'transparent' && !/[,/] *0\)$/.test(colour);
  const shown = [undefined, '::before', '::after'].some((part) => {
    const style = getComputedStyle(here, part);
    const line = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1 && painted(style.outlineColor);
    return line || style.boxShadow !== 'none';
  });
  if (!shown && here.tagName !== 'IFRAME') wrong.push(`${name} does not show that it has the focus`);
  const box = here.getBoundingClientRect();
  if (box.bottom <= 0 || box.top >= innerHeight || box.right <= 0 || box.left >= innerWidth) wrong.push(`${name} is out of sight`);
  return wrong.join('; ') || null;
}

/** Press Tab until the focus is where it is wanted. */
export async function tabTo(page, locator, what) {
  const wanted = await locator.first().elementHandle({ timeout: 10_000 });
  await page.evaluate(() => { window.stop = null; });
  for (let presses = 0; presses < STOPS_MAX; presses += 1) {
    const wrong = await page.evaluate(stop);
    assert.equal(wrong, null, `on the way to ${what}`);
    if (await page.evaluate((element) => document.activeElement === element, wanted)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`the keyboard does not reach ${what}`);
}

/** Go there, and press. */
export async function press(page, locator, what, key = 'Enter') {
  await tabTo(page, locator, what);
  await page.keyboard.press(key);
}

/** Go to a field, and type. */
export async function type(page, locator, what, words) {
  await tabTo(page, locator, what);
  await page.keyboard.type(words);
}

/** Press, and wait for the page it leads to. */
export async function follow(page, locator, what, to) {
  await press(page, locator, what);
  await page.waitForURL(to);
}

/** Sign in with a local account by keys alone, in a browser of one's own. */
export async function signInByKeys(browser, { url, password }, name, options = {}) {
  const context = await browser.newContext({ viewport: wide, ...options });
  const page = await context.newPage();
  await page.goto(`${url}/sign-in`);
  await type(page, page.locator('#name'), 'the name', name);
  await type(page, page.locator('#password'), 'the password', password);
  await page.keyboard.press('Enter');
  await page.waitForURL((at) => !at.pathname.startsWith('/sign-in'));
  return page;
}
