// What every browser test needs: the demonstration as it was started, a browser, signing in, and the look at a page.
//
// SKEIN_URL: a running `skein demo`. SKEIN_DEMO_OUT: what it printed. SKEIN_CHROMIUM: the browser. SKEIN_SHOTS: a folder for
// pictures of every page that is looked at. SKEIN_SCREENS: a folder for small ones of how each begins (docs/screens).
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

export const wide = { width: 1280, height: 900 };
export const phone = { width: 320, height: 640 };
/** What is left of 1280 by 1024 at 400 % (WCAG 2.2, 1.4.10 Reflow). */
export const zoomed = { width: 320, height: 256 };

const near = createRequire(createRequire(import.meta.url).resolve('@axe-core/playwright'));
const axe = readFileSync(near.resolve('axe-core/axe.min.js'), 'utf8');

/** The demonstration: its address, what it printed, the password of its accounts. */
export function demonstration() {
  const url = process.env.SKEIN_URL?.replace(/\/$/, '');
  assert.ok(url, 'SKEIN_URL is not set: run ./test, which starts a demonstration region');
  assert.ok(process.env.SKEIN_DEMO_OUT, 'SKEIN_DEMO_OUT is not set: run ./test');
  const printed = readFileSync(process.env.SKEIN_DEMO_OUT, 'utf8');
  return { url, printed, password: /password "([^"]+)"/.exec(printed)?.[1] ?? 'demo' };
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.SKEIN_CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
}

/** Sign in with a local account, in a browser of one's own. */
export async function signIn(browser, { url, password }, name, options = {}) {
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
export async function filled(browser, region) {
  const page = await signIn(browser, region, 'doctor');
  for (;;) {
    const progress = await page.evaluate(async () => (await fetch('/status/progress')).json());
    // No total: loading is over.
    const loaded = progress.total === null || (progress.total > 0 && progress.done >= progress.total);
    if (loaded && progress.head > 0 && progress.applied >= progress.head) break;
    await page.waitForTimeout(500);
  }
  await page.context().close();
}

/** Nothing may link this user with the person: then the record opens for a reason. */
export async function reason(page) {
  if (!new URL(page.url()).pathname.endsWith('/why')) return;
  await page.check('#r-ongoing-care');
  await page.getByRole('button', { name: 'Open the record' }).click();
  await page.waitForURL((at) => /^\/record\/[^/]+$/.test(at.pathname));
}

/** From the page that looks for somebody: find them by these words and open the record, for a reason where nothing else does.
 * Gives the path of the record. */
export async function openFound(page, words) {
  await page.fill('#words', words);
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/(record|find)\//);
  if (new URL(page.url()).pathname.startsWith('/find/')) {
    await page.locator('main a[href^="/record/"]').first().click();
    await page.waitForURL(/\/record\//);
  }
  await reason(page);
  return new URL(page.url()).pathname;
}

/** A small picture of how a page begins, in few bytes, for the repository; and its line in the index. */
async function small(page, { width }, what, name) {
  const folder = process.env.SKEIN_SCREENS;
  const [longest, scale, quality] = width > 600 ? [1000, 0.5, 40] : [700, 0.75, 25];
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  const client = await page.context().newCDPSession(page);
  const { data } = await client.send('Page.captureScreenshot', { format: 'webp', quality, captureBeyondViewport: true,
    clip: { x: 0, y: 0, width, height: Math.min(height, longest), scale } });
  await client.detach();
  writeFileSync(`${folder}/${name}-${width}.webp`, Buffer.from(data, 'base64'));
  const index = `${folder}/README.md`;
  const begun = existsSync(index) ? readFileSync(index, 'utf8') : SCREENS;
  const line = `| ${what.replaceAll('|', ' ')} | [wide](${name}-${wide.width}.webp) | [narrow](${name}-${phone.width}.webp) |`;
  const title = `## ${(process.argv[1] ?? '').split('/').at(-1).replace('.test.mjs', '').replaceAll('_', ' ')}`;
  if (begun.includes(line)) return;
  const table = begun.includes(`${title}\n`) ? '' : `\n${title}\n\n| page or state | 1280 px | 320 px |\n|---|---|---|\n`;
  writeFileSync(index, `${begun}${table}${line}\n`);
}

const SCREENS = `# Screens

How every page and state that the browser tests of \`tests/browser/\` look at begins, at 1280 and at 320 pixels, on the
demonstration region: every person in it is invented. The tests make the pictures and this index:
\`SKEIN_SCREENS=$PWD/docs/screens ./test\`. The headings are the tests' files.
`;

/** axe finds nothing on the page as it is. What is in frames is other people's work. */
async function accessible(page, what) {
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
    const { violations } = await window.axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'],
      iframes: false });
    return violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join('; ')}`);
  });
  assert.deepEqual(found, [], what);
}

async function fits(page, what) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `${what} scrolls sideways by ${overflow} px`);
}

/** Whatever takes the focus by the keyboard shows it (WCAG 2.2, 2.4.7), where it can be seen (2.4.11). `forced`: with forced
 * colours, where shadows and backgrounds are not painted, and a line around it must do. Leaves the focus where it was. */
async function showsFocus(page, what, { forced = false } = {}) {
  const lost = await page.evaluate((forced) => {
    const before = document.activeElement;
    const [x, y] = [window.scrollX, window.scrollY];
    // A table keeps how far it was moved, and what is half under its first column afterwards is half a target.
    const moved = [...document.querySelectorAll('*')].filter((element) => element.scrollWidth > element.clientWidth)
      .map((element) => [element, element.scrollLeft, element.scrollTop]);
    // A line around it, or a shadow, of its own or of what is drawn in its place.
    const painted = (colour) => colour !== 'transparent' && !/[,/] *0\)$/.test(colour);
    const shown = (element) => [undefined, '::before', '::after'].some((part) => {
      const style = getComputedStyle(element, part);
      const line = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1 && painted(style.outlineColor);
      return line || (!forced && style.boxShadow !== 'none');
    });
    const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
      .filter((element) => !element.disabled && element.checkVisibility({ visibilityProperty: true }))
      // A group of choices is one stop, which stays where the focus was last.
      .filter((element) => element.type !== 'radio' || element.checked
        || element === document.querySelector(`input[type=radio][name="${CSS.escape(element.name)}"]`));
    // Every one of a short page; of a long one a choice over the whole of it.
    const step = Math.max(1, Math.floor(all.length / 60));
    const wrong = [];
    for (const element of all.filter((_, index) => index % step === 0)) {
      // Script's focus shows as the keyboard's does.
      element.focus({ focusVisible: true });
      if (document.activeElement !== element) continue;
      const name = `${element.tagName} ${element.id || element.textContent.trim().slice(0, 40)}`;
      if (!shown(element)) wrong.push(`${name}: no focus to be seen`);
      const box = [...element.getClientRects()].find((rect) => rect.width > 0 && rect.height > 0);
      if (!box || (box.width <= 2 && box.height <= 2)) continue;
      const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
      const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
      if (right <= left || bottom <= top) { wrong.push(`${name}: out of sight`); continue; }
      const seen = [[0.5, 0.5], [0.1, 0.5], [0.9, 0.5], [0.5, 0.1], [0.5, 0.9]].some(([across, down]) => {
        const over = document.elementFromPoint(left + (right - left) * across, top + (bottom - top) * down);
        return over && (element.contains(over) || over.closest('label')?.control === element);
      });
      if (!seen) wrong.push(`${name}: covered`);
    }
    if (before && before !== document.body) {
      before.focus({ preventScroll: true });
    } else {
      // Where nothing had the focus, the next press of Tab begins at the top again.
      const top = document.createElement('span');
      top.tabIndex = -1;
      document.body.prepend(top);
      top.focus({ preventScroll: true });
      top.remove();
    }
    for (const [element, left, top] of moved) { element.scrollLeft = left; element.scrollTop = top; }
    window.scrollTo(x, y);
    return wrong.slice(0, 4);
  }, forced);
  assert.deepEqual(lost, [], what);
}

/** Look at a page at 1280 and at 320 px, at 400 % zoom and with forced colours: axe finds nothing, it does not scroll sideways,
 * and the focus is seen. */
export async function looksRight(page, what) {
  const name = what.replaceAll(/[^a-z]+/gi, '-').replaceAll(/^-+|-+$/g, '').toLowerCase();
  for (const viewport of [wide, phone]) {
    await page.setViewportSize(viewport);
    await accessible(page, `${what} at ${viewport.width} px`);
    await fits(page, `${what} at ${viewport.width} px`);
    if (process.env.SKEIN_SCREENS) await small(page, viewport, what, name);
    if (process.env.SKEIN_SHOTS) {
      await page.screenshot({ path: `${process.env.SKEIN_SHOTS}/${name}-${viewport.width}.png`, fullPage: true });
    }
  }
  await page.setViewportSize(zoomed);
  await accessible(page, `${what} at 400 %`);
  await fits(page, `${what} at 400 %`);
  await showsFocus(page, `${what} at 400 %`);
  await page.setViewportSize(wide);
  await page.emulateMedia({ forcedColors: 'active' });
  await accessible(page, `${what} in forced colours`);
  await showsFocus(page, `${what} in forced colours`, { forced: true });
  await page.emulateMedia({ forcedColors: 'none' });
  await showsFocus(page, what);
}
