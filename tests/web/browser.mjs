// Every page in a real browser, light, dark and as narrow as a phone: axe-core finds nothing, nothing is blocked by
// the Content-Security-Policy, nothing is wider than the screen, nothing is asked of elsewhere.
// usage: browser.mjs ADDRESS [FOLDER-FOR-PICTURES]
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { browser, due, ended, faults, forms, looked, watched } from "./looked.mjs";

const [address, folder] = process.argv.slice(2);

// What stands below the beginning of a long page, and has a picture of its own.
const parts = { incident: ["incident-way", "section[aria-labelledby='way']"], device: ["device-capture", "#courses ~ figure"] };

// Where there are such, one finding with a timeline, its packets, one device, one kind.
async function places() {
  const context = await browser.newContext();
  const page = await context.newPage();
  const places = [["now", "/"], ["devices", "/devices"], ["devices-grouped", "/devices?group=switch"], ["streams", "/streams"], ["network", "/network"], ["findings", "/findings"], ["kinds", "/kinds"], ["system", "/system"]];
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

const all = await places();
for (const [form, settings] of forms) {
  const context = await browser.newContext(settings);
  const page = await context.newPage();
  for (const [place, at] of all) {
    const name = `${place}, ${form}`;
    const listened = await context.newPage();
    if (place !== "nothing") watched(listened, name, address);
    await listened.goto(address + at);
    await looked(listened, place, form, folder);
    const [part, selector] = parts[place] ?? [];
    const drawn = listened.locator(selector ?? "none").first();
    if (folder && part && (await drawn.count()) > 0) await drawn.screenshot({ path: `${folder}/${part}-${form}.png` });
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
    watched(page, "story", address);
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
// Each report prints to PDF as it reads: on several pages of A4, all words there, nothing beyond the margins.
{
  const scratch = mkdtempSync(join(tmpdir(), "spanwatch-pdf-"));
  for (const [audience, words] of [["", []], ["physical-security", []], ["it", ["For the network team"]], ["security", ["sha256"]]]) {
    const name = `print, for ${audience || "everybody"}`;
    const context = await browser.newContext({ acceptDownloads: true });
    const asked = await context.request.get(`${address}/report.html?for=${audience}`);
    const [html, pdf] = [join(scratch, "report.html"), join(scratch, "report.pdf")];
    writeFileSync(html, await asked.text());
    const page = await context.newPage();
    await page.goto(`file://${html}`);
    const margin = { top: "15mm", bottom: "15mm", left: "15mm", right: "15mm" };
    await page.emulateMedia({ media: "print" });
    // As wide as the paper within its margins: nothing stands out of the page, and no box hides a part of its text.
    await page.setViewportSize({ width: Math.floor(((210 - 30) / 25.4) * 96), height: 1000 });
    const hidden = await page.evaluate(() =>
      [...document.querySelectorAll("body *")]
        .filter((it) => !(it instanceof SVGElement) && it.scrollWidth > it.clientWidth + 1 && getComputedStyle(it).overflowX !== "visible")
        .map((it) => it.outerHTML.slice(0, 120)),
    );
    due(hidden.length === 0, `${name}: cut: ${hidden[0]}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    due(wide <= 1, `${name}: ${wide} px beyond the margin`);
    const titles = await page.locator("h1, .chapter h2").allTextContents();
    await page.pdf({ path: pdf, format: "A4", margin, printBackground: true });
    const box = execFileSync("pdftotext", ["-bbox", pdf, "-"], { encoding: "utf8", maxBuffer: 1 << 26 });
    const sheets = (box.match(/<page /g) ?? []).length;
    due(sheets >= 2 && sheets <= 60, `${name}: ${sheets} pages`);
    const size = Number(box.match(/<page width="([\d.]+)"/)[1]);
    for (const [, from, to, word] of box.matchAll(/<word xMin="([-\d.]+)" yMin="[-\d.]+" xMax="([-\d.]+)" yMax="[-\d.]+">(.*?)<\/word>/g)) {
      due(Number(from) >= 0 && Number(to) <= size, `${name}: ${word} stands beyond the paper`);
    }
    const flat = (text) => text.replace(/\s+/g, "");
    const printed = flat(execFileSync("pdftotext", ["-raw", pdf, "-"], { encoding: "utf8", maxBuffer: 1 << 26 }));
    for (const word of [...titles, ...words]) due(printed.includes(flat(word)), `${name}: ${word} is not printed`);
    console.log(`${name}: ${sheets} pages`);
    await context.close();
  }
  rmSync(scratch, { recursive: true });
}
await ended(`${all.length} pages, ${forms.length} forms, `);
