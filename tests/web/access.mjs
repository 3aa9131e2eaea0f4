// The way in, and the story "camera dark, whose turn, hand over, resolved", in a real browser, with script and without; every page
// that there is only with logins is looked at as the others are.
// usage: access.mjs ADDRESS FIRST-LINK [FOLDER-FOR-PICTURES]
import { browser, comeIn, due, ended, forms, looked as seen, watched as listened, password } from "./looked.mjs";

const [address, link, folder] = process.argv.slice(2);
const own = { ignoreHTTPSErrors: true };
const watched = (page, name) => listened(page, name, address, /status of 4(09|03|22)/);

// How a page looks in each form, as it stands: the cookies go along.
async function looked(page, name, at) {
  const state = await page.context().storageState();
  for (const [form, settings] of forms) {
    const context = await browser.newContext({ ...settings, storageState: state });
    const copy = await context.newPage();
    watched(copy, `${name}, ${form}`);
    await copy.goto(address + at);
    for (const summary of await copy.locator(".doings summary, .bulk summary, .columns summary").all()) await summary.click();
    // For an admin they differ by their places alone: no picture.
    await seen(copy, name, form, name.endsWith("-admin") ? undefined : folder);
    await context.close();
  }
}

const chosen = async (context, at, name) => {
  const page = await context.newPage();
  watched(page, `${name} comes in`);
  await comeIn(page, address, at, name);
  return page;
};

// The first who comes in is admin; he adds one of each team.
const admins = await browser.newContext(own);
{
  const nobody = await browser.newContext(own);
  const page = await nobody.newPage();
  await looked(page, "welcome", link);
  await page.goto(address + "/");
  due(page.url() === address + "/login", `who is nobody comes to ${page.url()}`);
  await nobody.close();
}
const admin = await chosen(admins, link, "ada");
const links = {};
for (const [name, role] of [["ian", "operator-it"], ["carla", "operator-physical-security"], ["vera", "viewer"]]) {
  await admin.goto(address + "/users");
  const form = admin.locator("form:has(button[value=add])");
  await form.locator("input[name=name]").fill(name);
  await form.locator("select").selectOption(role);
  await form.locator("button").click();
  links[name] = await admin.locator("#link").textContent();
}
const form = admin.locator("form:has(button[value=token])");
await form.locator("input[name=name]").fill("siem");
await form.locator("button").click();
due((await admin.locator("#token").textContent()).startsWith("spanwatch_"), "no token is shown");
await admin.goto(address + "/users");
due((await admin.locator("#token").count()) === 0, "the token is shown twice");
const cookies = await admins.cookies();
due(cookies.every((it) => it.httpOnly && it.sameSite === "Lax" && it.secure === address.startsWith("https")), JSON.stringify(cookies));

// Each team by turns, once with script and once without.
for (const javaScriptEnabled of [true, false]) {
  const name = `story, script ${javaScriptEnabled ? "on" : "off"}`;
  const enter = async (who) => {
    const context = await browser.newContext({ ...own, javaScriptEnabled });
    if (links[who]) {
      const page = await chosen(context, links[who], who);
      delete links[who];
      return page;
    }
    const page = await context.newPage();
    await page.goto(address + "/");
    await page.fill("input[name=name]", who);
    await page.fill("input[name=password]", password);
    await page.click("main button");
    await page.waitForURL(address + "/");
    return page;
  };
  const done = async (page, text) => {
    await page.locator("#life .history", { hasText: text }).waitFor({ timeout: 10000 });
  };
  const [ian, carla] = [await enter("ian"), await enter("carla")];
  watched(ian, name);
  watched(carla, name);
  let clicks = 0;
  const click = async (page, selector) => {
    await page.locator(selector).first().click();
    clicks += 1;
  };
  await ian.goto(address + "/");
  await click(ian, "section[aria-labelledby=lane-it] .card h3 a");
  await ian.waitForURL(/findings/);
  const finding = ian.url();
  if ((await ian.locator(".actions a[href$='/packets']").count()) > 0) {
    await click(ian, ".actions a[href$='/packets']");
    await ian.locator("tr.cited").first().waitFor();
    due(clicks <= 3, `${name}: ${clicks} clicks to the packets`);
    console.log(`${name}: packets in ${clicks} clicks`);
    await ian.goto(finding);
  }
  due((await ian.locator(".turns dd b").first().textContent()) === "IT", `${name}: whose turn?`);
  await ian.locator("button[value=acknowledge]").click();
  await done(ian, "saw it");
  const over = ian.locator(".doings details", { hasText: "Hand over to Physical security" });
  await over.locator("summary").click();
  await over.locator("textarea").fill("the port has power, <b>the camera</b> does not answer");
  await over.locator("button").click();
  await done(ian, "handed it over");
  due((await ian.locator(".turns dd b").first().textContent()) === "Physical security", `${name}: it was not handed over`);
  due((await ian.locator("#life button[value=resolve]").count()) === 0, `${name}: IT still acts`);
  await carla.goto(address + "/");
  const lane = carla.locator("section[aria-labelledby=lane-physical-security] .card h3 a");
  await lane.first().click();
  await carla.waitForURL(/findings/);
  due(carla.url() === finding, `${name}: ${carla.url()} is in the lane of physical security`);
  if (javaScriptEnabled) await looked(carla, "incident-life", new URL(finding).pathname);
  const give = carla.locator(".doings details", { hasText: "Give it to somebody" });
  await give.locator("summary").click();
  await give.locator("button").click();
  await done(carla, "carla");
  await carla.locator("button[value=resolve]").click();
  await done(carla, "resolved");
  await carla.goto(address + "/");
  due((await carla.locator(".teams .card").count()) === 0, `${name}: it still waits for somebody`);
  await carla.goto(address + "/findings");
  due((await carla.locator("td", { hasText: "resolved, carla" }).count()) > 0, `${name}: the grid does not say so`);
  // As it was, for the next round.
  await carla.goto(finding);
  await carla.locator("button[value=reopen]").click();
  await done(carla, "opened it again");
  const back = carla.locator(".doings details", { hasText: "Hand over to IT" });
  await back.locator("summary").click();
  await back.locator("textarea").fill("again");
  await back.locator("button").click();
  await carla.locator(".turns dd b", { hasText: /^IT$/ }).first().waitFor({ timeout: 10000 });
  // A capture that she brings is read in the same pages, and removed.
  await carla.locator("nav a", { hasText: "Evidence" }).click();
  await carla.setInputFiles("input[name=capture]", "../../pcaps/site-camera-then-switch.pcapng");
  await carla.locator("form[enctype] button").click();
  const brought = carla.locator("#captures a", { hasText: "site-camera-then-switch.pcapng" });
  for (let turn = 0; turn < 120 && (await brought.count()) === 0; turn += 1) {
    await carla.waitForTimeout(500);
    if (!javaScriptEnabled) await carla.goto(address + "/evidence");
  }
  if (javaScriptEnabled) await looked(carla, "evidence", "/evidence");
  await brought.click();
  due((await carla.locator("main > .note").textContent()).includes("site-camera-then-switch.pcapng"), `${name}: whose pages are these?`);
  const captured = new URL(carla.url()).pathname;
  if (javaScriptEnabled) await looked(carla, "evidence-now", captured);
  await carla.locator("nav a", { hasText: "Findings" }).click();
  await carla.locator("main table a[href*='/findings/']").first().click();
  due(new URL(carla.url()).pathname.startsWith(`${captured}findings/`), `${name}: ${carla.url()} is not the capture's`);
  await carla.locator(".actions a[href$='/packets']").click();
  await carla.locator("tr.cited").first().waitFor();
  await carla.locator("main > .note a").click();
  await carla.locator("#captures button").first().click();
  await carla.locator("#captures .none").waitFor();
  await carla.locator(".who button").click();
  await carla.waitForURL(/login/);
  await carla.goto(address + "/");
  due(carla.url() === address + "/login", `${name}: who logged out is still in`);
  await Promise.all([ian, carla].map((page) => page.context().close()));
}

// Several devices are told where they are: those marked, then all of a list; once with script and once without.
for (const [javaScriptEnabled, place] of [[true, "Quay 4"], [false, "Quay 5"]]) {
  const name = `labels, script ${javaScriptEnabled ? "on" : "off"}`;
  const state = await admins.storageState();
  const page = await (await browser.newContext({ ...own, javaScriptEnabled, storageState: state })).newPage();
  watched(page, name);
  await page.goto(`${address}/devices?kind=camera`);
  const marks = page.locator("input[name=device]");
  await marks.nth(0).check();
  await marks.nth(1).check();
  await page.locator(".bulk summary").click();
  await page.fill(".bulk input[name=location]", place);
  await page.locator("button[value=marked]").click();
  await page.locator(".done", { hasText: "2 devices were changed." }).waitFor();
  await page.goto(`${address}/devices?location=${encodeURIComponent(place)}`);
  due((await marks.count()) === 2, `${name}: ${await marks.count()} devices at ${place}`);
  await page.locator(".bulk summary").click();
  await page.selectOption(".bulk select", "critical");
  await page.locator("button[value=all]").click();
  await page.locator(".done", { hasText: "2 devices were changed." }).waitFor();
  due((await page.locator("td", { hasText: place }).count()) === 2, `${name}: the table does not say so`);
  if (javaScriptEnabled) await looked(page, "devices-operator", "/devices?columns=state,kind,address,place,location,importance");
  await page.context().close();
}

const vera = await chosen(await browser.newContext(own), links.vera, "vera");
await vera.goto(address + "/findings");
await vera.locator("main table a[href^='/findings/']").first().click();
due((await vera.locator("#life button").count()) === 0, "a viewer finds buttons");
await vera.goto(address + "/evidence");
due((await vera.locator("main form").count()) === 0, "a viewer finds a form to bring a capture with");
for (const [place, at] of [["users", "/users"], ["audit", "/audit"], ["account", "/account"], ["now-admin", "/"], ["findings-admin", "/findings"]]) {
  await looked(admin, place, at);
}
await looked(await (await browser.newContext(own)).newPage(), "login", "/login");
await ended();
