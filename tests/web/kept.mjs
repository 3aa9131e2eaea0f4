// A device of a store that was written for weeks: whether it was there, and how its streams went, with script and without.
// usage: kept.mjs ADDRESS FIRST-LINK DEVICE [FOLDER-FOR-PICTURES]
import { browser, comeIn, due, ended, forms, looked, watched } from "./looked.mjs";

const [address, link, device, folder] = process.argv.slice(2);
const first = await (await browser.newContext()).newPage();
await comeIn(first, address, link, "ada");
const state = await first.context().storageState();
for (const [form, settings] of forms) {
  const context = await browser.newContext({ ...settings, storageState: state });
  const page = await context.newPage();
  watched(page, `device, ${form}`, address);
  await page.goto(`${address}/devices/${device}`);
  await page.locator(".uplot canvas").first().waitFor();
  due((await page.locator(".uplot canvas").count()) === 6, `device, ${form}: three charts of each of two streams`);
  due(!(await page.locator(".plot > svg").first().isVisible()), `device, ${form}: drawn twice`);
  const periods = await page.locator(".period figcaption").allTextContents();
  due(periods.map((it) => it.split(":")[0]).join() === "24 hours,7 days,30 days", `device, ${form}: ${periods}`);
  // What is under the pointer is told: an hour of the day that is drawn, and what came in it.
  await page.locator(".uplot .u-over").first().hover();
  const told = await page.locator(".uplot").first().locator(".u-value").allTextContents();
  due(/^2026-11-25 1\d:\d0 UTC$/.test(told[0]) && Number(told[1].replace(",", "")) > 2000, `device, ${form}: under the pointer is ${told}`);
  await looked(page, "device-kept", form, folder);
  if (folder) await page.locator("#courses + p + figure").screenshot({ path: `${folder}/device-charts-${form}.png` });
  await context.close();
}
const plain = await (await browser.newContext({ javaScriptEnabled: false, storageState: state })).newPage();
await plain.goto(`${address}/devices/${device}`);
due(await plain.locator(".plot > svg").first().isVisible(), "without script nothing is drawn");
due((await plain.locator(".uplot").count()) === 0, "without script there is a chart of script's");
await plain.locator(".chart summary").first().click();
due((await plain.locator(".chart tbody").first().locator("tr").count()) === 145, "a day that begins within ten minutes is 145 rows");
await plain.locator("a", { hasText: "30 days" }).click();
due((await plain.locator(".chart tbody").first().locator("tr").count()) === 21, "20 days before this one, and it");
await ended();
