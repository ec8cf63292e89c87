// A test asked for by the general practitioner and answered by the hospital, in a real browser: by keyboard alone where it is
// written, with every page checked by axe at 1280 and at 320 px.
//
// harness.mjs says what it needs around it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { demonstration, filled, launch, looksRight, signIn } from './harness.mjs';

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

const main = (page) => page.locator('main').innerText();
const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

/** Somebody who looks after the person: their team's list says so. Gives the record's address. */
async function onTheList(name) {
  const page = await signIn(browser, region, name);
  await page.goto(`${url}/caseloads/new`);
  await page.locator('#by-sheet ~ form #name').fill(`Requests of ${name}`);
  const sheet = `NHS number,Surname\n${number},${family}\n`;
  await page.setInputFiles('#sheet', { name: 'list.csv', mimeType: 'text/csv', buffer: Buffer.from(sheet) });
  await page.getByRole('button', { name: 'Send the list' }).click();
  await page.goto(`${url}/find`);
  await page.fill('#words', number);
  await page.getByRole('button', { name: 'Find', exact: true }).click();
  await page.waitForURL((at) => !/^\/(find)?$/.test(at.pathname));
  if (new URL(page.url()).pathname.startsWith('/find/')) {
    await page.locator('main a[href^="/record/"]').first().click();
  }
  await page.waitForURL(/\/record\/[^/]+$/);
  return { page, record: page.url() };
}

/** To a field or button by Tab alone. */
async function tabTo(page, wanted) {
  for (let presses = 0; presses < 250; presses += 1) {
    const here = await page.evaluate(() => {
      const { id, textContent } = document.activeElement;
      return { id, text: textContent?.trim() ?? '' };
    });
    if (here.id === wanted || here.text === wanted) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not lead to ${wanted}`);
}

async function type(page, id, text) {
  await tabTo(page, id);
  await page.keyboard.type(text);
}

/** The page, loaded again until it says this: what follows the change feed comes a moment later. */
async function until(page, address, words) {
  for (let tries = 0; tries < 40; tries += 1) {
    await page.goto(address);
    if ((await main(page)).includes(words)) return;
    await page.waitForTimeout(250);
  }
  assert.fail(`${address} does not say ${words}`);
}

test('the general practitioner asks for an urgent test and the hospital answers', { timeout: 300_000 }, async () => {
  const { page: doctor } = await onTheList('doctor');
  // The hospital's list stays open: what is asked appears on it by itself.
  await doctor.goto(`${url}/requests`);
  await doctor.getByText('Changes appear by themselves.').waitFor();
  await doctor.evaluate(() => { window.neverLoadedAgain = true; });
  const hospital = (await doctor.locator('h1').innerText()).replace('Requests: ', '');
  const { page, record } = await onTheList('gp');
  await page.goto(`${record}/referrals`);
  await looksRight(page, 'referrals before');
  await tabTo(page, 'Ask for a test, or refer');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/write$/);
  await looksRight(page, 'what may be asked');
  await tabTo(page, 'Ask for an urgent test');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/write\/urgent-test/);
  await looksRight(page, 'a blank request');
  await type(page, 'f-what', 'CT head');
  await tabTo(page, 'Check and send');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.nhsuk-error-summary');
  await looksRight(page, 'a request with errors');
  assert.equal(await page.inputValue('#f-what'), 'CT head', 'nothing is lost');
  await type(page, 'f-why', 'Fell on warfarin, drowsy since noon');
  await tabTo(page, 'f-priority');
  await page.keyboard.press('Space');
  await tabTo(page, 'f-to');
  await page.keyboard.type(hospital);
  await type(page, 'f-call-back', 'Dr Gale, 01130 001122, until eight');
  const offered = page.locator('input[name="a.with"]');
  if (await offered.count()) await offered.first().check();
  await tabTo(page, 'Check and send');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/review/);
  assert.match(await main(page), /Fell on warfarin/);
  await looksRight(page, 'check and send');
  // What is no document is refused, and nothing of the rest is lost.
  await page.setInputFiles('#file', { name: 'notes.pdf', mimeType: 'application/pdf', buffer: Buffer.from([0x4d, 0x5a, 0, 1]) });
  await press(page, 'Send');
  await page.waitForSelector('.nhsuk-error-summary');
  await looksRight(page, 'a refused file');
  await page.setInputFiles('#file', { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Seen at home at noon.') });
  await press(page, 'Send');
  await page.waitForURL(/\/request\/Task\//);
  assert.match(await main(page), /Sent, not yet accepted[\s\S]*notes\.txt|notes\.txt/);
  await looksRight(page, 'a request sent');

  await doctor.getByRole('link', { name: /CT head/ }).first().waitFor();
  assert.ok(await doctor.evaluate(() => window.neverLoadedAgain), 'the list was loaded again');
  await looksRight(doctor, 'worklist');
  await doctor.getByRole('link', { name: /CT head/ }).first().click();
  await doctor.waitForURL(/\/request\/Task\//);
  await looksRight(doctor, 'a request to answer');
  await tabTo(doctor, 'Decline');
  await doctor.keyboard.press('Enter');
  await doctor.waitForSelector('.nhsuk-error-summary');
  await looksRight(doctor, 'declined without a reason');
  await type(doctor, 'words-asked', 'No bleed. Letter follows.');
  await tabTo(doctor, 'Answer and complete');
  await doctor.keyboard.press('Enter');
  await doctor.waitForURL(/did=complete/);
  assert.match(await main(doctor), /Answered and completed/);

  await until(page, `${url}/requests?sent&closed`, 'CT head');
  await looksRight(page, 'asked by us');
  await page.goto(`${record}/referrals`);
  assert.match(await main(page), /No bleed\. Letter follows\./);
  await looksRight(page, 'referrals after');
  await until(page, `${url}/teams`, 'Requests');
  await page.context().close();
  await doctor.context().close();
});
