// A team's inbox with two people at it, its board, the window into the hospital, in a real browser: a list is sent, the
// hospital admits, both see it at once, one acknowledges. Every page is checked by axe at 1280 and at 320 px.
//
// harness.mjs says what it needs around it.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { demonstration, filled, launch, looksRight, phone, reason, signIn, wide } from './harness.mjs';

const region = demonstration();
const { url, printed } = region;
const story = /find NHS number ([\d ]{12}) \(([^,]+), ([^,]+), born ([\w-]+)\)/.exec(printed);
assert.ok(story, 'the demonstration named nobody to find');
const [, number, family, given, born] = story;
const feed = /feed aldermere-hospital at ([\d.]+):(\d+)/.exec(printed);

let browser;
let inbox;

before(async () => {
  browser = await launch();
  await filled(browser, region);
}, { timeout: 600_000 });

after(async () => browser?.close());

const signedIn = (name, options) => signIn(browser, region, name, options);

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** HL7 v2's way of writing a time, by the clock in London. */
function stamp(at) {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/London', year: 'numeric', month: '2-digit', day: '2-digit',
    hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).formatToParts(at);
  const of = (type) => parts.find((part) => part.type === type).value;
  return `${of('year')}${of('month')}${of('day')}${of('hour')}${of('minute')}${of('second')}`;
}

/** The hospital tells of the person's stay: sent over MLLP, as its system would; gives the acknowledgement. */
function tell(trigger, ward, now) {
  const [day, month, year] = born.split('-');
  const birth = `${year}${String(MONTHS.indexOf(month) + 1).padStart(2, '0')}${day.padStart(2, '0')}`;
  const at = stamp(now);
  const visit = Array(46).fill('');
  visit[0] = 'PV1'; visit[1] = '1'; visit[2] = 'I'; visit[3] = `^${ward}^B1^`; visit[19] = 'TEAMS1';
  if (trigger === 'A03') visit[45] = at;
  const person = Array(33).fill('');
  person[0] = 'PID'; person[1] = '1'; person[3] = `T990011^^^XWA^PI~${number.replaceAll(' ', '')}^^^NHS^NH`;
  person[5] = `${family}^${given}`; person[7] = birth; person[32] = 'NSTS01';
  const message = [`MSH|^~\\&|PAS|XWA|SKEIN|REG|${at}||ADT^${trigger}|TEAMS-${trigger}-${ward}|P|2.4`,
    `EVN|${trigger}|${at}||||${at}`, person.join('|'), visit.join('|'), ''].join('\r');
  return new Promise((resolve, reject) => {
    const socket = connect(Number(feed[2]), feed[1], () => socket.write(`\x0b${message}\x1c\r`));
    socket.setTimeout(10_000, () => { socket.destroy(); reject(new Error('no acknowledgement')); });
    let heard = '';
    socket.on('data', (data) => {
      heard += data;
      if (heard.includes('\x1c')) { socket.end(); resolve(heard); }
    });
    socket.on('error', reject);
  });
}

/** The demonstration's clock, as its pages tell it. */
async function clock(page) {
  const foot = await page.locator('footer').innerText();
  const [, day, month, year, hour, minute] = /As at (\d+)-(\w+)-(\d+) (\d+):(\d+)/.exec(foot);
  return new Date(Date.UTC(Number(year), MONTHS.indexOf(month), Number(day), Number(hour), Number(minute)));
}

test('a nurse makes a caseload from a spreadsheet and sees what became of each line', { timeout: 180_000 }, async () => {
  const page = await signedIn('nurse');
  await page.getByRole('link', { name: 'Teams', exact: true }).click();
  await looksRight(page, 'Teams');
  await page.getByRole('link', { name: 'Make a caseload' }).click();
  await looksRight(page, 'Make a caseload');
  await page.locator('#by-sheet ~ form #name').fill('Falls team');
  const sheet = `NHS number,Surname\n${number},${family}\n999 000 0018,Nobody\n12,Broken\n`;
  await page.setInputFiles('#sheet', { name: 'list.csv', mimeType: 'text/csv', buffer: Buffer.from(sheet) });
  await page.getByRole('button', { name: 'Send the list' }).click();
  const said = await page.locator('main').innerText();
  assert.match(said, /1 put on the list/);
  assert.match(said, /no valid NHS number/);
  await looksRight(page, 'What became of the list');
  await page.getByRole('link', { name: 'See the board' }).click();
  assert.match(await page.locator('main').innerText(), new RegExp(family.toUpperCase()));
  await looksRight(page, 'Board');
  await page.goto(`${url}/teams`);
  inbox = await page.getByRole('link', { name: 'Falls team', exact: true }).getAttribute('href');
  await page.goto(`${url}${inbox}/rules`);
  await looksRight(page, 'Rules of a team');
  await page.context().close();
});

test('two at one inbox: both are told at once, one acknowledges, both see it', { timeout: 180_000 }, async () => {
  assert.ok(feed, `the demonstration names no MLLP feed: ${printed}`);
  const [one, two] = [await signedIn('nurse'), await signedIn('nurse', { viewport: phone })];
  for (const page of [one, two]) {
    await page.goto(`${url}${inbox}`);
    await page.getByText('New notices appear by themselves').waitFor();
  }
  const ack = await tell('A01', 'W90', await clock(one));
  assert.match(ack, /MSA\|[AC]A/);
  for (const page of [one, two]) {
    const notice = page.locator('.notice', { hasText: family.toUpperCase() });
    await notice.getByText('Admitted to hospital').waitFor({ timeout: 10_000 });
    assert.match(await notice.innerText(), /W90/);
  }
  assert.match(await one.title(), /^\(\d+\)/);
  await looksRight(one, 'Inbox');
  // By keyboard alone.
  await one.locator('.notice').first().getByRole('button', { name: /^Acknowledge/ }).focus();
  await one.keyboard.press('Enter');
  await one.getByText('Everybody in the team sees it').waitFor();
  await two.locator('.notice', { hasText: family.toUpperCase() }).waitFor({ state: 'detached', timeout: 10_000 });
  await one.goto(`${url}${inbox}?view=done`);
  assert.match(await one.locator('main').innerText(), /Acknowledged by/);
  await looksRight(one, 'Acknowledged');
  // Moved: told again, to both. Whoever writes a note is not interrupted.
  await tell('A02', 'W91', await clock(one));
  await two.locator('.notice').getByText('Moved to another ward').waitFor({ timeout: 10_000 });
  await two.locator('.notice summary').first().click();
  await two.locator('.notice textarea').first().fill('Called the ward');
  await two.getByRole('button', { name: 'Add the note' }).first().click();
  await two.getByText('The note is there for the whole team').waitFor();
  assert.match(await two.locator('.notice').first().innerText(), /Called the ward/);
  for (const page of [one, two]) await page.context().close();
});

test('an open inbox says when it no longer changes', { timeout: 60_000 }, async () => {
  const page = await signedIn('nurse');
  await page.goto(`${url}${inbox}`);
  await page.getByText('New notices appear by themselves').waitFor();
  const other = await page.context().newPage();
  await other.goto(`${url}/teams`);
  await other.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are signed out').waitFor({ timeout: 40_000 });
  await page.context().close();
});

test('the board and the stay: where somebody is, and the way home', { timeout: 180_000 }, async () => {
  const page = await signedIn('nurse');
  await page.goto(`${url}${inbox}`);
  await page.getByRole('link', { name: /^Board/ }).click();
  const line = page.locator('.board .line', { hasText: family.toUpperCase() });
  assert.match(await line.innerText(), /In hospital/);
  await line.getByRole('link', { name: 'Admission' }).click();
  await reason(page);
  await looksRight(page, 'A stay');
  await page.getByLabel(/Package of care/).fill('Restart four calls a day');
  await page.getByRole('button', { name: 'Tell the others' }).click();
  await page.getByText('Stored.').waitFor();
  assert.match(await page.locator('main').innerText(), /Restart four calls a day/);
  await page.context().close();
});

test('two at one board: a move appears to both by itself', { timeout: 120_000 }, async () => {
  const [one, two] = [await signedIn('nurse'), await signedIn('nurse', { viewport: phone })];
  for (const page of [one, two]) {
    await page.goto(`${url}${inbox}`);
    await page.getByRole('link', { name: /^Board/ }).click();
    await page.getByText('Changes appear by themselves').waitFor();
  }
  await two.getByRole('link', { name: 'Window into the hospital' }).click();
  await two.getByText('Changes appear by themselves').waitFor();
  await tell('A02', 'W92', await clock(one));
  for (const page of [one, two]) {
    await page.locator('.line', { hasText: family.toUpperCase() }).getByText(/W92/).waitFor({ timeout: 10_000 });
  }
  await tell('A03', 'W92', await clock(one));
  await one.locator('.line', { hasText: family.toUpperCase() }).getByText('Left hospital').waitFor({ timeout: 10_000 });
  await two.getByText('Nobody on this list').waitFor({ timeout: 10_000 });
  for (const page of [one, two]) await page.context().close();
});

test('a practice looks through its window into the hospital', { timeout: 180_000 }, async () => {
  const page = await signedIn('gp');
  await page.goto(`${url}/teams`);
  await page.getByRole('link', { name: /Window into the hospital/ }).first().click();
  await looksRight(page, 'Window');
  for (const part of ['A&E now', 'Left in the last', 'Letters and results', 'Appointments to come', 'Cancelled', 'Did not attend']) {
    await page.getByRole('navigation', { name: 'Parts' }).getByRole('link', { name: part }).click();
    await page.locator('h2', { hasText: part }).waitFor();
  }
  await page.getByRole('link', { name: 'Letters and results' }).click();
  await looksRight(page, 'Letters and results of the window');
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /as a file/ }).click()]);
  assert.equal(file.suggestedFilename(), 'letters.csv');
  // Narrowed down by the keyboard alone; the name stands in no address, and reloading keeps it.
  const surname = (await page.locator('.glance__who a').first().textContent()).split(',')[0].toLowerCase();
  await page.getByLabel(/Name, ward/).fill(surname);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Show all' }).waitFor();
  assert.ok(!decodeURIComponent(page.url()).toLowerCase().includes(surname), page.url());
  await page.reload();
  const lines = await page.locator('.line').allTextContents();
  assert.ok(lines.length > 0 && lines.every((line) => line.toLowerCase().includes(surname)), lines.join(' / '));
  await looksRight(page, 'Narrowed window');
  await page.getByRole('button', { name: 'Show all' }).click();
  await page.getByRole('button', { name: 'Show all' }).waitFor({ state: 'detached' });
  await page.setViewportSize(wide);
  await page.context().close();
});
