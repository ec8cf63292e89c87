// Plans and About me, written in a real browser: an urgent care plan by keyboard alone, two editors who meet, what the person
// says of themselves, and a form without script. Every page is checked by axe at 1280 and at 320 px.
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

/** Somebody who looks after the person: their team's list says so. Gives the record's address. */
async function onTheList(name, options) {
  const page = await signIn(browser, region, name, options);
  await page.goto(`${url}/caseloads/new`);
  await page.locator('#by-sheet ~ form #name').fill(`Plans of ${name}`);
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
      const { id, name, value, textContent } = document.activeElement;
      return { id, name, value, text: textContent?.trim() ?? '' };
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

/** The answers that an urgent care plan needs, put in by mouse. */
async function fill(page, summary, first) {
  await page.fill('#f-summary', summary);
  await page.fill('#f-events', 'Breathless: sit up, two puffs, then call.');
  await page.check('#f-place');
  await page.fill('#f-call-first', first);
  await page.check('#f-involved');
  await page.check('#f-agreed');
  await page.fill('[id="f-review.day"]', '3');
  await page.fill('[id="f-review.month"]', '4');
  await page.fill('[id="f-review.year"]', '2099');
}

const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

test('the general practitioner writes and signs an urgent care plan by keyboard alone', { timeout: 240_000 }, async () => {
  const { page, record } = await onTheList('gp');
  await page.goto(`${record}/plans`);
  await looksRight(page, 'plans before');
  await tabTo(page, 'Write or change a plan, or “About me”');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/write$/);
  await looksRight(page, 'what may be written');
  await tabTo(page, 'Urgent care plan');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/write\/urgent-care-plan/);
  await looksRight(page, 'a blank form');
  // A question that is not asked is not there, and comes with the answer that asks it.
  assert.ok(await page.locator('#f-medicines-where').isHidden());
  await type(page, 'f-summary', 'COPD; walks with a frame');
  await type(page, 'f-events', 'Breathless: sit up, two puffs, then call');
  await tabTo(page, 'f-medicines-at-home');
  await page.keyboard.press('Space');
  await type(page, 'f-medicines-where', 'Kitchen, top shelf; the district nurse');
  await tabTo(page, 'Check and sign');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.nhsuk-error-summary');
  assert.match(await main(page), /There is a problem/);
  assert.ok(await page.evaluate(() => document.activeElement?.classList.contains('nhsuk-error-summary')), 'the errors are read first');
  await looksRight(page, 'a form with errors');
  assert.equal(await page.inputValue('#f-summary'), 'COPD; walks with a frame', 'nothing is lost');
  // From the error to its field.
  await tabTo(page, 'Choose an answer: “Going to hospital”');
  await page.keyboard.press('Enter');
  await tabTo(page, 'f-place');
  await page.keyboard.press('Space');
  await type(page, 'f-call-first', 'Daughter Joan 01130 001122');
  await tabTo(page, 'f-involved');
  await page.keyboard.press('Space');
  await tabTo(page, 'f-agreed');
  await page.keyboard.press('Space');
  await type(page, 'f-review.day', '3');
  await type(page, 'f-review.month', '4');
  await type(page, 'f-review.year', '2099');
  await tabTo(page, 'Check and sign');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/review/);
  assert.match(await main(page), /Kitchen, top shelf/);
  await looksRight(page, 'check and sign');
  await tabTo(page, 'Sign');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/plans$/);
  assert.match(await main(page), /Urgent care plan[\s\S]*Daughter Joan 01130 001122[\s\S]*Written in Skein/);
  await looksRight(page, 'plans after');
  await page.context().close();
});

test('two editors meet: the second is shown both, takes over what is right and signs anew', { timeout: 240_000 }, async () => {
  const gp = await onTheList('gp');
  const nurse = await onTheList('nurse', { javaScriptEnabled: true });
  const form = '/write/urgent-care-plan';
  for (const [who, first] of [[gp, 'Daughter Joan 1'], [nurse, 'Son Peter 2']]) {
    await who.page.goto(`${who.record}${form}`);
    await fill(who.page, `COPD, seen by two`, first);
    await press(who.page, 'Check and sign');
    await who.page.waitForURL(/\/review/);
  }
  await press(gp.page, 'Sign');
  await gp.page.waitForURL(/\/plans$/);
  await press(nurse.page, 'Sign');
  await nurse.page.waitForSelector('text=Nothing was signed');
  await looksRight(nurse.page, 'two editors');
  const both = await main(nurse.page);
  assert.match(both, /Son Peter 2/);
  assert.match(both, /Daughter Joan 1/);
  await nurse.page.getByRole('group', { name: 'Whom to call first' }).getByLabel(/Signed meanwhile/).check();
  await press(nurse.page, 'Go on with these answers');
  await nurse.page.waitForURL(/did=taken/);
  assert.equal(await nurse.page.inputValue('#f-call-first'), 'Daughter Joan 1');
  await nurse.page.fill('#f-summary', 'COPD, agreed by both');
  await press(nurse.page, 'Save the draft');
  await nurse.page.waitForURL(/did=saved/);
  await looksRight(nurse.page, 'a draft');
  await press(nurse.page, 'Check and sign');
  await nurse.page.waitForURL(/\/review/);
  await press(nurse.page, 'Sign');
  await nurse.page.waitForURL(/\/plans$/);
  // One in force; the others say across the whole of them that they are not.
  await nurse.page.getByText('Not current: ended, replaced').click();
  await looksRight(nurse.page, 'superseded plans');
  const articles = nurse.page.locator('article.plan', { hasText: 'Urgent care plan' });
  const stamped = await articles.evaluateAll((all) => all.filter((one) => one.dataset.stamp === 'SUPERSEDED').length);
  assert.ok(stamped >= 2, `${stamped} are stamped`);
  const plain = await articles.evaluateAll((all) => all.filter((one) => !one.dataset.stamp).map((one) => one.innerText));
  assert.equal(plain.filter((text) => text.includes('Written in Skein')).length, 1);
  await nurse.page.emulateMedia({ media: 'print' });
  assert.match(await main(nurse.page), /Superseded on \d\d-\w\w\w-\d{4} by/);
  if (process.env.SKEIN_SHOTS) await nurse.page.screenshot({ path: `${process.env.SKEIN_SHOTS}/superseded-print.png`, fullPage: true });
  await gp.page.context().close();
  await nurse.page.context().close();
});

test('the person says what matters in their own words, without script', { timeout: 240_000 }, async () => {
  const page = await signIn(browser, region, 'person', { javaScriptEnabled: false });
  await page.goto(`${url}/me`);
  const record = page.url();
  await page.goto(`${record}/plans`);
  await page.getByRole('link', { name: 'Write “About me”' }).click();
  assert.doesNotMatch(await main(page), /ReSPECT/);
  await page.getByRole('link', { name: 'About me', exact: true }).click();
  // Without script every question is there, and says when it is asked.
  assert.match(await main(page), /Answer this if “Whose words these are” is/);
  await page.fill('#f-most-important', 'My garden, and being asked, not told.');
  await page.check('#f-words-2');
  await press(page, 'Check and sign');
  assert.match(await main(page), /Answer: “Supported to write this by”/);
  await page.fill('#f-supported-by', 'My daughter');
  await press(page, 'Check and sign');
  assert.match(await main(page), /It is shown as your own words/);
  await press(page, 'Sign');
  const shown = await main(page);
  assert.match(shown, /own words[\s\S]*My garden, and being asked, not told\./);
  await page.context().close();
  const again = await signIn(browser, region, 'person');
  await again.goto(`${record}/plans`);
  await looksRight(again, 'about me');
  await again.context().close();
});
