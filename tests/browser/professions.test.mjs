// What each profession must be able to do, by the keyboard alone: a paramedic at a fall, a practice before a home visit, a ward
// clerking, a social worker with a package of care, a person reading their own record. Nothing is clicked, and no page but the
// first is opened by its address; at every stop of the tabulator the focus is seen, in sight and in order. Every page on the way
// is looked at as harness.mjs says.
//
// harness.mjs says what it needs around it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { demonstration, filled, launch, looksRight, phone } from './harness.mjs';
import { follow, press, signInByKeys, tabTo, type } from './keys.mjs';

const region = demonstration();
const { url, printed } = region;
const story = /find NHS number ([\d ]{12}) \(([^,]+), ([^,]+), born ([\w-]+)\)/.exec(printed);
assert.ok(story, 'the demonstration named nobody to find');
const [, number, family, given, born] = story;

let browser;

before(async () => {
  browser = await launch();
  await filled(browser, region);
}, { timeout: 600_000 });

after(async () => browser?.close());

const main = (page) => page.locator('main').innerText();

/** Find by typing into the one field, and go on to the record: from a list by its link, and with a reason where one is asked for. */
async function openByKeys(page, words) {
  await page.goto(`${url}/`);
  // The field gets the focus by itself; on a busy machine a moment after the page is there.
  await page.waitForFunction(() => document.activeElement?.id === 'words');
  await page.keyboard.type(words);
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/(record|find)\//);
  if (new URL(page.url()).pathname.startsWith('/find/')) {
    await looksRight(page, 'People found');
    const line = page.locator('tbody tr', { hasText: born }).filter({ hasText: family.toUpperCase() });
    await press(page, line.locator('a[href^="/record/"]'), 'the person found');
    await page.waitForURL(/\/record\//);
  }
  if (new URL(page.url()).pathname.endsWith('/why')) {
    // A group of choices is one stop of the tabulator; the arrows go through it.
    await press(page, page.locator('input[name="reason"]:visible'), 'the reasons', 'Space');
    for (let presses = 0; presses < 12 && !(await page.isChecked('#r-vital-interests')); presses += 1) {
      await page.keyboard.press('ArrowDown');
    }
    await tabTo(page, page.locator('#words'), 'the words of the reason');
    await page.keyboard.type('Fallen at home, alone');
    await press(page, page.getByRole('button', { name: 'Open the record' }), 'the button that opens the record');
    await page.waitForURL((at) => /^\/record\/[^/]+$/.test(at.pathname));
  }
  assert.ok((await page.locator('.banner').innerText()).includes(family.toUpperCase()), 'another record is open');
  return new URL(page.url()).pathname;
}

/** The cards of the first screen, in the order they are read. */
const cards = (page) => page.locator('.card h2').evaluateAll((all) => all.map((heading) => heading.id.replace('card-', '')));

test('dorset: a person has fallen, and the crew knows before it knocks', { timeout: 180_000 }, async () => {
  const page = await signInByKeys(browser, region, 'paramedic', { viewport: phone });
  const [day, month, year] = born.split('-');
  await page.goto(`${url}/`);
  await looksRight(page, 'Find by one field');
  await page.setViewportSize(phone);
  const record = await openByKeys(page, `${given} ${family} ${day} ${month} ${year}`);
  const order = await cards(page);
  assert.ok(order.indexOf('plans') <= 0 && order.indexOf('problems') <= 1 && order.indexOf('medicines') <= 2, order.join());
  const text = await page.locator('body').innerText();
  for (const words of [number, 'Allerg', 'Current medicines', 'Current problems', 'Next of kin', 'Who is involved']) {
    assert.ok(text.includes(words), `the first screen does not say ${words}`);
  }
  await looksRight(page, 'Emergency view');
  // On a poor line: everything of the first view, with nothing in the browser's store, in one page.
  const cold = await browser.newContext({ viewport: phone, storageState: await page.context().storageState() });
  const fresh = await cold.newPage();
  const client = await cold.newCDPSession(fresh);
  await client.send('Network.enable');
  let bytes = 0;
  client.on('Network.loadingFinished', (event) => { bytes += event.encodedDataLength; });
  await fresh.goto(url + record, { waitUntil: 'networkidle' });
  assert.ok(bytes > 1000 && bytes <= 60_000, `the first view is ${bytes} bytes`);
  const shift = await fresh.evaluate(() => new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
      .observe({ type: 'layout-shift', buffered: true });
    setTimeout(() => resolve(sum), 300);
  }));
  assert.equal(shift, 0, 'the page moves under the finger');
  await cold.close();
  await press(page, page.getByRole('link', { name: 'Print the two-page pack' }), 'the pack');
  await page.waitForURL(/\/pack$/);
  await looksRight(page, 'Printed pack');
  const paper = (await page.pdf({ format: 'A4' })).toString('latin1');
  const sides = paper.match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  assert.ok(sides >= 1 && sides <= 2, `the pack has ${sides} sides`);
  await page.context().close();
});

test('gp_before_home_visit: problems first, what the hospital says, and back again', { timeout: 180_000 }, async () => {
  const page = await signInByKeys(browser, region, 'gp');
  const record = await openByKeys(page, `${family}, ${given} ${born}`);
  assert.equal((await cards(page)).find((card) => ['problems', 'medicines', 'allergies'].includes(card)), 'problems');
  for (const section of ['medicines', 'results', 'visits', 'letters']) {
    await follow(page, page.locator(`nav a[href="${record}/${section}"]:visible`), section, new RegExp(`/${section}$`));
    assert.ok((await page.locator('.banner').innerText()).includes(number), `${section} does not say whose it is`);
  }
  // The newest letter, and out of it again: a file shown in the page keeps nobody.
  await follow(page, page.locator('main a[href*="/letters/"]'), 'the newest letter', /\/letters\/.+/);
  await follow(page, page.locator('nav a[href$="/letters"]:visible, main a[href$="/letters"]:visible'), 'the way out of a letter', /\/letters$/);
  await page.goBack();
  assert.match(new URL(page.url()).pathname, /\/letters\//, 'back does not lead back');
  await follow(page, page.locator(`nav a[href="${record}"]:visible`), 'the summary', (at) => at.pathname === record);
  await follow(page, page.locator('a[href="/"]:visible').first(), 'the first page', (at) => at.pathname === '/');
  await press(page, page.getByRole('link', { name: /Opened lately/ }), 'who was opened lately');
  await page.waitForURL(/\/recent$/);
  await looksRight(page, 'Opened lately');
  await press(page, page.locator('main a', { hasText: family.toUpperCase() }), 'the person opened lately');
  await page.waitForURL((at) => at.pathname === record);
  await page.context().close();
});

test('ward_clerking: allergies, medicines and problems with every source and every date', { timeout: 180_000 }, async () => {
  const page = await signInByKeys(browser, region, 'doctor');
  const record = await openByKeys(page, number);
  assert.equal((await cards(page)).find((card) => ['problems', 'medicines', 'allergies'].includes(card)), 'allergies');
  for (const section of ['allergies', 'medicines', 'problems']) {
    await follow(page, page.locator(`nav a[href="${record}/${section}"]:visible`), section, new RegExp(`/${section}$`));
    const text = await main(page);
    assert.match(text, /received/, `${section} does not say how old it is`);
    assert.match(text, /\d\d-[A-Z][a-z]{2}-\d{4}/, `${section} gives no dates`);
  }
  // Each line leads to where it came from, and back.
  await follow(page, page.locator('main a[href*="/item/"]:visible'), 'where a problem came from', /\/item\//);
  assert.match(await main(page), /received/i);
  await follow(page, page.locator(`nav a[href="${record}"]:visible`), 'the summary', (at) => at.pathname === record);
  await press(page, page.locator('summary', { hasText: 'Other orders' }), 'the other orders');
  await follow(page, page.locator('main a[href$="?view=pharmacist"]:visible'), 'the order of pharmacists', /view=pharmacist/);
  assert.equal((await cards(page))[0], 'medicines');
  await looksRight(page, 'Pharmacy view');
  await press(page, page.getByRole('link', { name: 'back to yours' }), 'the way back to one’s own order');
  await page.context().close();
});

test('social_worker_package: who is involved, when they come home, and no laboratory results', { timeout: 180_000 }, async () => {
  const page = await signInByKeys(browser, region, 'social-worker');
  const record = await openByKeys(page, `${number}`);
  const order = await cards(page);
  assert.ok(order.indexOf('kin') === 0 && order.indexOf('involved') === 1, order.join());
  await looksRight(page, 'Social care view');
  await press(page, page.locator(`nav a[href="${record}/contacts"]:visible`), 'contacts');
  await page.waitForURL(/\/contacts$/);
  await follow(page, page.locator(`nav a[href="${record}/results"]:visible`), 'results', /\/results$/);
  assert.match(await main(page), /not for your role|withheld/i);
  await page.context().close();
});

test('person_reads_and_objects: their own record, who looked, and what is not to be shared', { timeout: 180_000 }, async () => {
  const page = await signInByKeys(browser, region, 'person');
  await page.waitForURL(/\/(me|record)/);
  const record = await page.locator('a[href^="/record/"]').first().getAttribute('href');
  const own = record.split('/').slice(0, 3).join('/');
  if (new URL(page.url()).pathname !== own) {
    await follow(page, page.locator(`a[href="${own}"]:visible`), 'their own record', (at) => at.pathname === own);
  }
  assert.match(await main(page), /Conditions you have now/);
  assert.match(await page.locator('footer').innerText(), /call 111[^]*call 999/);
  await looksRight(page, 'The person’s first screen');
  await press(page, page.locator('nav a[href$="/who-looked"]:visible'), 'who looked');
  await page.waitForURL(/\/who-looked$/);
  await looksRight(page, 'Who looked');
  await press(page, page.locator('summary', { hasText: 'Ask about this' }), 'what may be asked about an access');
  await type(page, page.locator('details[open] textarea[name=words]'), 'the question', 'Who is this?');
  await press(page, page.locator('details[open] button', { hasText: 'Ask' }), 'the button that asks');
  await page.getByText('Who is this?').first().waitFor();
  await press(page, page.locator('nav a[href$="/objections"]:visible'), 'objections');
  await page.waitForURL(/\/objections$/);
  await looksRight(page, 'What I do not want shared');
  await press(page, page.locator('#category'), 'what is not to be shared', 'ArrowDown');
  await type(page, page.locator('#words'), 'the words', 'My sister works there, and asks');
  await press(page, page.locator('main form', { has: page.locator('#category') }).locator('button'), 'the button that asks');
  await page.getByText('My sister works there, and asks').first().waitFor();
  assert.match(await main(page), /Not answered yet/);
  await page.context().close();
});
