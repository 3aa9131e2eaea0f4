// How pages are looked at: light, dark and as narrow as a phone; what is wrong with them is gathered in `faults`.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const own = { ignoreHTTPSErrors: true };
export const forms = [
  ["light", { ...own, colorScheme: "light", viewport: { width: 1280, height: 900 } }],
  ["dark", { ...own, colorScheme: "dark", viewport: { width: 1280, height: 900 } }],
  ["phone", { ...own, colorScheme: "light", viewport: { width: 375, height: 780 }, isMobile: true, hasTouch: true }],
];
export const faults = [];
export const due = (is, what) => {
  if (!is) faults.push(what);
};
export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

// Notes what a page complains of, and what it asks of elsewhere; `excused` are complaints about what is refused on purpose.
export function watched(page, name, address, excused = null) {
  page.on("console", (message) => {
    if (message.type() === "error" && !excused?.test(message.text())) faults.push(`${name}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`${name}: ${error.message}`));
  page.on("dialog", async (dialog) => {
    faults.push(`${name}: a dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("request", (request) => due(request.url().startsWith(address), `${name}: asks ${request.url()}`));
}

// axe-core finds nothing, nothing is wider than the screen. A picture is kept where there is a folder: of a long page the beginning.
export async function looked(page, name, form, folder) {
  await page.evaluate(axe);
  const found = await page.evaluate((tags) => axe.run(document, { runOnly: tags }), tags);
  for (const it of found.violations) {
    const nodes = it.nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`);
    faults.push(`${name}, ${form}: ${it.id}: ${it.help}: ${nodes.join(" | ")}`);
  }
  const [wide, seen, high] = await page.evaluate(() => {
    const { scrollWidth, clientWidth, scrollHeight } = document.documentElement;
    return [scrollWidth, clientWidth, scrollHeight];
  });
  due(wide <= seen + 1, `${name}, ${form}: ${wide} wide on a screen of ${seen}`);
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const clip = { x: 0, y: 0, width: seen, height: Math.min(high, seen * (form === "phone" ? 4 : 1.6)) };
  await page.screenshot({ path: `${folder}/${name}-${form}.png`, fullPage: true, clip });
}

// Comes in by a link with which one chooses a password.
export const password = "four doors of oak and elm";
export async function comeIn(page, address, at, name) {
  await page.goto(at.startsWith("http") ? at : address + at);
  if (await page.locator("input[name=name]:visible").count()) await page.fill("input[name=name]", name);
  await page.fill("input[name=password]", password);
  await page.fill("input[name=again]", password);
  await page.click("main button");
  await page.waitForURL(`${address}/`);
}

export async function ended(told = "") {
  await browser.close();
  for (const fault of faults) console.error(fault);
  console.log(`${told}${faults.length} faults`);
  process.exit(faults.length === 0 ? 0 : 1);
}
