// How long the first page takes in Chromium until it can be used: interactive.mjs URL COOKIE

import { chromium } from "playwright-core";

const [url, cookie] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
const context = await browser.newContext();
const [name, value] = cookie.split("=");
await context.addCookies([{ name, value, url }]);
const times = [];
for (let turn = 0; turn < 11; turn += 1) {
  const page = await context.newPage();
  await page.goto(url, { waitUntil: "load" });
  const [took] = await page.evaluate(() =>
    performance.getEntriesByType("navigation").map((it) => [it.domInteractive, it.loadEventEnd]),
  );
  times.push(took);
  await page.close();
}
await browser.close();
const sorted = (at) => times.map((it) => it[at]).sort((a, b) => a - b);
const told = (at) => `${sorted(at)[5].toFixed(0)} ms (${sorted(at)[0].toFixed(0)}–${sorted(at)[10].toFixed(0)})`;
console.log(`The first page in Chromium: interactive after ${told(0)}, loaded with its scripts after ${told(1)}; 11 times.`);
