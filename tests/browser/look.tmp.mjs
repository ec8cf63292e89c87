import { demonstration, launch, signIn, reason, filled, looksRight } from './harness.mjs';
const region = demonstration(); const b = await launch(); await filled(b, region);
const number = /find NHS number ([\d ]{12})/.exec(region.printed)[1];
for (const [who, steps] of Object.entries(JSON.parse(process.argv[2]))) {
  const page = await signIn(b, region, who);
  await page.goto(`${region.url}/`);
  if (await page.locator('#words').count()) { await page.fill('#words', number); await page.getByRole('button', {name:'Find', exact:true}).click(); await page.waitForLoadState(); await reason(page); }
  const record = new URL(page.url()).pathname.split('/').slice(0,3).join('/');
  for (const s of steps) { await page.goto(region.url + (s.startsWith('/') && !s.startsWith('//') ? s : s.replace('@', record))); try { await looksRight(page, `${who}-${s}`); } catch (e) { console.log(who, s, String(e).slice(0,600)); } }
  await page.context().close();
}
await b.close();
