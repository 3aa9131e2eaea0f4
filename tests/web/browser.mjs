// Every page in a real browser, light, dark and as narrow as a phone: axe-core finds nothing, nothing is blocked by
// the Content-Security-Policy, nothing is wider than the screen, nothing is asked of elsewhere.
// usage: browser.mjs ADDRESS [FOLDER-FOR-PICTURES]
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [address, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
const faults = [];
const forms = [
  ["light", { colorScheme: "light", viewport: { width: 1280, height: 900 } }],
  ["dark", { colorScheme: "dark", viewport: { width: 1280, height: 900 } }],
  ["phone", { colorScheme: "light", viewport: { width: 375, height: 780 }, isMobile: true, hasTouch: true }],
];
if (folder) mkdirSync(folder, { recursive: true });

function watched(page, name) {
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`${name}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`${name}: ${error.message}`));
  page.on("dialog", async (dialog) => {
    faults.push(`${name}: a dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(address)) faults.push(`${name}: asks ${request.url()}`);
  });
}

// Where there are such, one finding with a timeline, its packets, one device, one kind.
async function places() {
  const context = await browser.newContext();
  const page = await context.newPage();
  const places = [["now", "/"], ["devices", "/devices"], ["streams", "/streams"], ["network", "/network"], ["findings", "/findings"], ["kinds", "/kinds"], ["system", "/system"]];
  const first = async (at, selector) => {
    await page.goto(address + at);
    return page.locator(selector).first().getAttribute("href", { timeout: 5000 }).catch(() => null);
  };
  const finding = (await first("/findings?category=incident", "main table a[href^='/findings/']")) ?? (await first("/findings", "main table a[href^='/findings/']"));
  if (finding) {
    places.push(["incident", finding]);
    const packets = await first(finding, ".actions a[href$='/packets']");
    if (packets) places.push(["packets", packets]);
  }
  const device = await first("/devices", "main table a[href^='/devices/']");
  if (device) places.push(["device", device]);
  const kind = await first("/kinds", "main table a");
  if (kind) places.push(["kind", kind]);
  places.push(["nothing", "/nothing"]);
  await context.close();
  return places;
}

async function looked(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  for (const it of found.violations) {
    faults.push(`${name}: ${it.id}: ${it.help}: ${it.nodes.slice(0, 3).map((node) => node.html.slice(0, 160) + " " + (node.any[0]?.message ?? "")).join(" | ")}`);
  }
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  if (wide > seen + 1) faults.push(`${name}: ${wide} wide on a screen of ${seen}`);
}

const all = await places();
for (const [form, settings] of forms) {
  const context = await browser.newContext(settings);
  const page = await context.newPage();
  for (const [place, at] of all) {
    const name = `${place}, ${form}`;
    const listened = await context.newPage();
    if (place !== "nothing") watched(listened, name);
    await listened.goto(address + at);
    await looked(listened, name);
    if (folder) await listened.screenshot({ path: `${folder}/${place}-${form}.png`, fullPage: place !== "packets" && place !== "kinds" });
    await listened.close();
  }
  await page.close();
  await context.close();
}

// From the start page to the packets, by clicks alone; without script too.
if (all.some(([place]) => place === "packets")) {
  for (const javaScriptEnabled of [true, false]) {
    const context = await browser.newContext({ javaScriptEnabled });
    const page = await context.newPage();
    watched(page, "story");
    let clicks = 0;
    const click = async (selector) => {
      await page.locator(selector).first().click();
      await page.waitForLoadState();
      clicks += 1;
    };
    await page.goto(address + "/");
    await click((await page.locator(".teams .card a").count()) > 0 ? ".teams .card h3 a" : "main table a[href^='/findings/']");
    await click(".actions a[href$='/packets']");
    const cited = await page.locator("tr.cited").count();
    if (cited === 0) faults.push("story: no packet that is evidence");
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("a[href$='.pcapng']").click()]);
    const bytes = readFileSync(await download.path());
    clicks += 1;
    if (bytes.readUInt32LE(0) !== 0x0a0d0d0a) faults.push("story: what is downloaded is no pcapng");
    if (clicks > 3) faults.push(`story: ${clicks} clicks`);
    console.log(`from the start page to the packets in ${clicks - 1} clicks, to their file in ${clicks}; script ${javaScriptEnabled ? "on" : "off"}`);
    await context.close();
  }
}

// By keyboard: the first stop leads past the navigation, "/" leads to the search.
{
  const page = await browser.newPage();
  await page.goto(address + "/devices");
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement.textContent);
  if (first !== "Skip to the page") faults.push(`keyboard: the first stop is ${first}`);
  await page.keyboard.press("/");
  const field = await page.evaluate(() => document.activeElement.name);
  if (field !== "q") faults.push(`keyboard: / leads to ${field}`);
  await page.close();
}
await browser.close();
for (const fault of faults) console.error(fault);
console.log(`${all.length} pages, ${forms.length} forms, ${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);
