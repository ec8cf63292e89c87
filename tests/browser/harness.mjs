// What every browser test needs: the demonstration as it was started, a browser, signing in, and the look at a page.
//
// SKEIN_URL: a running `skein demo`. SKEIN_DEMO_OUT: what it printed. SKEIN_CHROMIUM: the browser. SKEIN_SHOTS: a folder for
// pictures of every page that is looked at. SKEIN_SCREENS: a folder for small ones of how each begins (docs/screens).
import { AxeBuilder } from '@axe-core/playwright';
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

export const wide = { width: 1280, height: 900 };
export const phone = { width: 320, height: 640 };

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

/** A small picture of how a page begins: two screens of it, in few bytes, for the repository. */
async function small(page, { width }, path) {
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  const client = await page.context().newCDPSession(page);
  const { data } = await client.send('Page.captureScreenshot', { format: 'webp', quality: 25, captureBeyondViewport: true,
    clip: { x: 0, y: 0, width, height: Math.min(height, width > 600 ? 1500 : 1200), scale: 1 } });
  await client.detach();
  writeFileSync(path, Buffer.from(data, 'base64'));
}

/** Look at a page at both widths: axe finds nothing, and it does not scroll sideways on a phone. `frames`: leave out what is
 * in frames, which is other people's work. */
export async function looksRight(page, what, { frames = false } = {}) {
  for (const viewport of [wide, phone]) {
    await page.setViewportSize(viewport);
    const axe = new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']);
    const { violations } = await (frames ? axe.exclude('iframe') : axe).analyze();
    const found = violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join('; ')}`);
    assert.deepEqual(found, [], `${what} at ${viewport.width} px`);
    const name = what.replaceAll(/[^a-z]+/gi, '-').replace(/^-+/, '');
    if (process.env.SKEIN_SCREENS) await small(page, viewport, `${process.env.SKEIN_SCREENS}/${name.toLowerCase()}-${viewport.width}.webp`);
    if (process.env.SKEIN_SHOTS) {
      await page.screenshot({ path: `${process.env.SKEIN_SHOTS}/${name}-${viewport.width}.png`, fullPage: true });
    }
  }
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `${what} scrolls sideways by ${overflow} px at 320 px`);
  await page.setViewportSize(wide);
}
