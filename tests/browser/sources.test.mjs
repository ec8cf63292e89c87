// A pharmacist's way through one person's medicines, allergies and results of several sources: side by side, by source, in a
// table, filtered, on paper. Without scripts, at 1280 and at 320 px.
//
// harness.mjs says what it needs around it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { demonstration, filled, launch, looksRight, reason, signIn } from './harness.mjs';

const region = demonstration();
const { url, printed } = region;
const number = /find NHS number ([\d ]{12})/.exec(printed)?.[1];
assert.ok(number, 'the demonstration named nobody to find');

let browser;
let page;
let record;

before(async () => {
  browser = await launch();
  await filled(browser, region);
  page = await signIn(browser, region, 'doctor', { javaScriptEnabled: false });
  await page.goto(`${url}/`);
  await page.fill('#words', number);
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

/** axe needs scripts of its own: the same page, looked at in a browser that has them. */
async function looked(path, what) {
  const other = await browser.newContext({ storageState: await page.context().storageState() });
  const again = await other.newPage();
  await again.goto(`${url}${path}`);
  await again.locator('details').evaluateAll((all) => all.forEach((one) => { one.open = true; }));
  await looksRight(again, what);
  await other.close();
}

test('three ways lead to every entry of every source, and lose none', { timeout: 240_000 }, async () => {
  for (const section of ['medicines', 'allergies', 'problems']) {
    const entries = {};
    for (const view of ['together', 'side-by-side', 'by-source']) {
      const response = await page.goto(`${url}${record}/${section}`);
      assert.equal(response.status(), 200);
      const words = { together: 'Together', 'side-by-side': 'Side by side', 'by-source': 'By source' }[view];
      await page.getByRole('navigation', { name: 'Ways to look at this section' }).getByRole('link', { name: words }).click();
      assert.match(await page.locator('.tabs [aria-current]').innerText(), new RegExp(words));
      const links = await page.locator(`main a[href^="${record}/item/"]`).evaluateAll((all) => all.map((a) => a.getAttribute('href')));
      entries[view] = links.sort();
      await looked(new URL(page.url()).pathname + new URL(page.url()).search, `${section} ${view}`);
    }
    assert.ok(entries.together.length > 0, `${section}: the person to find has some`);
    assert.deepEqual(entries['side-by-side'], entries.together, `${section}: side by side`);
    assert.deepEqual(entries['by-source'], entries.together, `${section}: by source`);
    assert.equal(new Set(entries.together).size, entries.together.length, `${section}: each once`);
  }
});

test('results stand in a table by date, and a filter says what it leaves out', { timeout: 240_000 }, async () => {
  await page.goto(`${url}${record}/results`);
  await page.getByRole('link', { name: 'Table by date' }).click();
  assert.ok(await page.locator('.cumulative tbody tr').count() > 3);
  await looked(`${record}/results/table`, 'results in a table');
  const test = (await page.locator('.cumulative tbody th a').first().innerText()).trim();
  await page.locator('details.filter > summary').click();
  await page.getByLabel('Test or report').fill(test);
  await page.getByRole('button', { name: 'Filter' }).click();
  assert.match(await page.locator('.filter__on').innerText(), /Filtered: \d+ of \d+ results and reports are shown/);
  const named = await page.locator('.cumulative tbody th a').allInnerTexts();
  assert.ok(named.length > 0 && named.some((name) => name.trim() === test), named.join('; '));
  await looked(new URL(page.url()).pathname + new URL(page.url()).search, 'results filtered');
  // The filter goes along to the other ways of looking.
  await page.getByRole('link', { name: 'Latest of each test' }).click();
  assert.match(await page.locator('.filter__on').innerText(), /Filtered/);
  await page.locator('table.results tbody th a').first().click();
  assert.match(page.url(), /\/results\/trend\//);
  await looked(new URL(page.url()).pathname, 'a test over time');
});

test('what is folded on the screen is on the paper', { timeout: 60_000 }, async () => {
  const paper = await browser.newContext({ storageState: await page.context().storageState() });
  const sheet = await paper.newPage();
  await sheet.goto(`${url}${record}/medicines?view=side-by-side`);
  const folded = sheet.locator('.group > details:not([open]) .thing').first();
  if (await folded.count() > 0) {
    assert.equal(await folded.isVisible(), false);
    await sheet.emulateMedia({ media: 'print' });
    assert.equal(await folded.isVisible(), true);
    assert.equal(await sheet.locator('.tabs').first().isVisible(), false);
  }
  const pdf = await sheet.pdf({ format: 'A4' });
  assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
  await paper.close();
});
