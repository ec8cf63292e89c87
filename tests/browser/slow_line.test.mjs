// A record over a poor line, in a real browser: slow 3G as DevTools of Chromium emulates it (400 kbit/s down and up, 400 ms of
// latency added to every request). After a first visit, whose stylesheet and scripts the browser keeps, the first screen of a
// record is painted whole and answers to keys within a second, and nothing on it moves.
//
// harness.mjs says what it needs around it. It prints what it measured; docs/benchmarks.md holds the figures.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { demonstration, filled, launch, openFound, phone, signIn, wide } from './harness.mjs';

const region = demonstration();
const { url, printed } = region;
const story = /find NHS number ([\d ]{12}) \(/.exec(printed);
assert.ok(story, 'the demonstration named nobody to find');

const line = { offline: false, latency: 400, downloadThroughput: 400_000 / 8, uploadThroughput: 400_000 / 8 };
const TIMES = 5;

let browser;

before(async () => {
  browser = await launch();
  await filled(browser, region);
}, { timeout: 600_000 });

after(async () => browser?.close());

/** What moved on a page since it was begun: how much, and what from where to where. */
const moves = (page) => page.evaluate(async () => {
  const all = [];
  const place = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join(' ');
  const said = ({ node, previousRect, currentRect }) =>
    `${node?.nodeName} ${node?.className ?? node?.parentNode?.className}: ${place(previousRect)} to ${place(currentRect)}`;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) all.push(`${entry.value}: ${entry.sources.map(said).join('; ')}`);
  }).observe({ type: 'layout-shift', buffered: true });
  await new Promise((resolve) => { setTimeout(resolve, 500); });
  return all;
});

/** One visit: when the whole of it was there and painted, and answered, and what moved. */
async function visit(page, address) {
  await page.goto('about:blank');
  await page.goto(address, { waitUntil: 'load' });
  const moved = await moves(page);
  return page.evaluate((moved) => {
    const [navigation] = performance.getEntriesByType('navigation');
    const [painted] = performance.getEntriesByName('first-contentful-paint');
    return { moved, painted: painted?.startTime ?? Infinity, ready: navigation.domContentLoadedEventEnd,
      kb: navigation.transferSize / 1000, whole: navigation.decodedBodySize / 1000,
      asked: performance.getEntriesByType('resource').filter((one) => one.transferSize > 0).length };
  }, moved);
}

for (const [name, viewport, user] of [['a desk', wide, 'doctor'], ['a telephone', phone, 'paramedic']]) {
  test(`on ${name} the record is usable within a second over slow 3G, and nothing moves`, { timeout: 120_000 }, async () => {
    const page = await signIn(browser, region, user, { viewport });
    await page.goto(`${url}/`);
    const record = `${url}${await openFound(page, story[1])}`;
    await page.goto(`${record}/timeline`);
    const entries = Number(/([\d,]+) entr/.exec(await page.locator('main').innerText())[1].replace(',', ''));
    await page.goto(record);
    const client = await page.context().newCDPSession(page);
    await client.send('Network.enable');
    await client.send('Network.emulateNetworkConditions', line);
    const visits = [];
    for (let time = 0; time < TIMES; time += 1) visits.push(await visit(page, record));
    const usable = visits.map((one) => Math.max(one.painted, one.ready)).sort((a, b) => a - b);
    const median = usable[Math.floor(TIMES / 2)];
    console.log(`slow 3G, ${name}: a record of ${entries} entries usable after ${Math.round(median)} ms (${TIMES} visits, `
      + `${Math.round(usable[0])} to ${Math.round(usable.at(-1))}), page ${visits[0].kb.toFixed(1)} kB (${visits[0].whole.toFixed(1)} unpacked), `
      + `${visits[0].asked} other requests, moved ${visits.map((one) => one.moved.length).join(', ')} times`);
    assert.ok(await page.locator('.banner').isVisible() && await page.locator('.card').count() > 4, 'this is no first screen');
    for (const one of visits) assert.deepEqual(one.moved, [], 'the page moves');
    assert.ok(median <= 1000, `usable after ${Math.round(median)} ms`);
    await page.context().close();
  });
}

// What the network, or a busy machine, brings in pieces is painted in pieces: then what comes next may push aside what is being read,
// or pressed.
for (const [name, viewport, user] of [['a desk', wide, 'doctor'], ['a telephone', phone, 'paramedic']]) {
  test(`on ${name} nothing of a record moves, in whatever pieces it comes`, { timeout: 120_000 }, async () => {
    const page = await signIn(browser, region, user, { viewport });
    await page.goto(`${url}/`);
    const record = `${url}${await openFound(page, story[1])}`;
    const whole = Buffer.from(await page.evaluate(async (address) => (await fetch(address)).text(), record));
    const server = createServer(async (request, response) => {
      const { pathname, searchParams } = new URL(request.url, url);
      if (pathname === '/pieces') {
        const length = Number(searchParams.get('length'));
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
        for (let from = 0; from < whole.length; from += length) {
          response.write(whole.subarray(from, from + length));
          // So that what is there is painted: two frames.
          await new Promise((resolve) => { setTimeout(resolve, 34); });
        }
        response.end();
        return;
      }
      const asset = await fetch(`${url}${pathname}`);
      response.writeHead(asset.status, { 'content-type': asset.headers.get('content-type'), 'cache-control': 'max-age=60' });
      response.end(Buffer.from(await asset.arrayBuffer()));
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    try {
      for (const length of [89, 317, 709, 2311]) {
        await page.goto(`http://127.0.0.1:${server.address().port}/pieces?length=${length}`, { waitUntil: 'load' });
        assert.ok(await page.locator('.card').count() > 4, 'this is no first screen');
        assert.deepEqual(await moves(page), [], `in pieces of ${length}`);
      }
    } finally {
      server.closeAllConnections();
      server.close();
    }
    await page.context().close();
  });
}
