// Who may see what, in a real browser: a reason, the broken glass, the privacy officer's desk, the person's own pages. Every
// page on the way is checked by axe at 1280 and at 320 px, and must not scroll sideways at 320.
//
// harness.mjs says what it needs around it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { demonstration, filled, launch, looksRight, reason, signIn } from './harness.mjs';

const region = demonstration();
const { url, printed } = region;
const story = /find NHS number ([\d ]{12}) \(([^,]+), ([^,]+), born ([\w-]+)\)/.exec(printed);
assert.ok(story, 'the demonstration named nobody to find');
const [, number, family] = story;

let browser;

before(async () => {
  browser = await launch();
  await filled(browser, region);
}, { timeout: 600_000 });

after(async () => browser?.close());

const signedIn = (name, options) => signIn(browser, region, name, options);

async function find(page) {
  await page.goto(`${url}/find`);
  await page.fill('#words', number);
  await page.getByRole('button', { name: 'Find', exact: true }).click();
  await page.waitForURL((at) => !/^\/(find)?$/.test(at.pathname));
  if (new URL(page.url()).pathname.startsWith('/find/')) {
    await page.locator('main a[href^="/record/"], main a[href^="/privacy/person/"]').first().click();
    await page.waitForURL(/\/(record|privacy\/person)\//);
  }
}

async function checked(page, what) {
  await looksRight(page, what);
  assert.ok(!page.url().replaceAll(/\D/g, '').includes(number.replaceAll(' ', '')), `${what} has an NHS number in its address`);
}

const main = (page) => page.locator('main').innerText();

test('whoever nothing links with the person gives a reason in one step and opens the record', { timeout: 180_000 }, async () => {
  let asked = 0;
  for (const name of ['paramedic', 'nurse', 'social-worker', 'gp']) {
    const page = await signedIn(name);
    await find(page);
    // Some of them look after this person: they are not asked.
    if (new URL(page.url()).pathname.endsWith('/why')) {
      asked += 1;
      await checked(page, 'why');
      await page.check('#r-vital-interests');
      await page.fill('#words', 'Fallen at home, alone, confused');
      await page.getByRole('button', { name: 'Open the record' }).click();
      await page.waitForURL((at) => /^\/record\/[^/]+$/.test(at.pathname));
      assert.match(await main(page), /for a reason of your own/);
    }
    await page.context().close();
  }
  assert.ok(asked > 0, 'nobody was asked for a reason');
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
  const doctor = await signedIn('doctor');
  await find(doctor);
  await reason(doctor);
  const record = new URL(doctor.url()).pathname;
  const clinical = [];
  for (const section of ['problems', 'medicines']) {
    await doctor.goto(`${url}${record}/${section}`);
    clinical.push(...await doctor.locator('.line__title').allInnerTexts());
  }
  await doctor.context().close();
  const names = clinical.map((text) => text.split('\n')[0].trim()).filter((text) => text.length > 5);
  assert.ok(names.length > 3, 'the record has nothing clinical to hide');
  const page = await signedIn('receptionist');
  await checked(page, 'the receptionist’s first page');
  await find(page);
  for (const section of ['', '/problems', '/medicines', '/letters', '/results']) {
    await page.goto(`${url}${record}${section}`);
    const text = await page.locator('body').innerText();
    // Of this practice or of another: either way nothing clinical, and the reason said.
    assert.match(text, /not for your role|Nothing that your organisation’s systems sent/);
    for (const name of names) assert.ok(!text.includes(name), `${name} on ${section}`);
  }
  await checked(page, 'a receptionist’s record');
  await page.context().close();
});

test('a person sees their own record and who looked, asks, and says what is not to be shared', { timeout: 180_000 }, async () => {
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

  // What is not to be shared: asked for by keyboard alone, declined with words, and read.
  await page.getByRole('link', { name: 'What I do not want shared' }).first().click();
  await page.waitForURL(/\/objections$/);
  await checked(page, 'what I do not want shared');
  await page.locator('#category').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.type('My neighbour works there');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByText('Not answered yet').first().waitFor();
  assert.match(await main(page), /Not answered yet[^]*My neighbour works there/);
  await officer.goto(`${url}/privacy?kind=objections`);
  await checked(officer, 'objections asked for');
  await officer.locator('main a[href^="/privacy/entry/"]').first().click();
  await officer.waitForURL(/\/privacy\/entry\//);
  await checked(officer, 'an objection asked for');
  await officer.check('#declined');
  await officer.fill('#words', 'Nobody of that name works there.');
  await officer.getByRole('button', { name: 'Answer' }).click();
  await officer.waitForLoadState();
  await page.reload();
  assert.match(await main(page), /Not agreed[^]*Nobody of that name works there/);
  await checked(page, 'what I asked for');
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
