// What a browser test stands on: Chromium with a home of its own, people who sign in, and axe.
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

export const given = JSON.parse(readFileSync(process.argv[2], "utf8"));
const require = createRequire(join(given.modules, "playwright-core", "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(join(given.modules, "axe-core", "axe.min.js"), "utf8");

export const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  env: { ...process.env, HOME: given.home },
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--lang=en-US"],
});

export function expect(condition, what) {
  if (!condition) throw new Error(what);
}

export class Person {
  static async at(url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ignoreHTTPSErrors: given.insecure ?? false, locale: "en-US", timezoneId: "Europe/Berlin", reducedMotion: "reduce", ...options });
    // axe is put in by the test itself, past the page's own policy: nothing else is.
    const page = await context.newPage();
    page.setDefaultTimeout(given.patience ?? 30_000);
    const person = new Person();
    Object.assign(person, { context, page, url, complaints: [] });
    page.on("console", (message) => { if (message.type() === "error") person.complaints.push(message.text()); });
    page.on("pageerror", (error) => person.complaints.push(String(error)));
    page.on("request", (request) => { if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) person.complaints.push(`asked ${request.url()}`); });
    await page.goto(url + "/");
    return person;
  }
  async signIn(password, code) {
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    if (code) {
      await this.page.getByLabel("Code").fill(code());
      await this.page.getByRole("button", { name: "Sign in" }).click();
    }
    await this.page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  }
  async open(path, heading) {
    await this.page.evaluate((hash) => { window.location.hash = hash; }, path);
    await this.page.getByRole("heading", { name: heading, level: 1 }).waitFor();
  }
  async settled() {
    await this.page.locator("[aria-busy=true]").first().waitFor({ state: "detached" }).catch(() => {});
  }
  // Files and folders of this machine, dropped by the mouse as from a file manager.
  async drop(zone, paths) {
    const session = await this.context.newCDPSession(this.page);
    await zone.scrollIntoViewIfNeeded();
    const { x, y, width, height } = await zone.boundingBox();
    const data = { items: [], files: paths, dragOperationsMask: 1 };
    for (const type of ["dragEnter", "dragOver", "drop"]) {
      await session.send("Input.dispatchDragEvent", { type, x: x + width / 2, y: y + height / 2, data });
    }
    await session.detach();
  }
  text(text) { return this.page.getByText(text).first(); }
  button(name) { return this.page.getByRole("button", { name }); }
  async sees(text) { await this.text(text).waitFor(); }
  // How the API sees it, asked by the page's own browser.
  async api(path) { return this.page.evaluate((address) => fetch("/api/v1" + address).then((reply) => reply.json()), path); }
  async picture(name) {
    mkdirSync(given.pictures, { recursive: true });
    await this.page.screenshot({ path: join(given.pictures, name + ".png"), fullPage: true });
  }
  async violations(rules) {
    // Put in past the page's own policy, as the debugger may: no page of ours allows eval.
    if (!(await this.page.evaluate("Boolean(window.axe)"))) await this.page.evaluate(axe);
    return this.page.evaluate(async (only) => {
      const wanted = only ? { type: "rule", values: only } : { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
      const result = await window.axe.run(document, { runOnly: wanted, resultTypes: ["violations"] });
      return result.violations.map((each) => `${each.id}: ${each.help}: ${each.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.any[0]?.message ?? ""}`).join(" | ")}`);
    }, rules);
  }
}

let failures = 0;
const begun = performance.now();
export async function step(name, work) {
  const start = performance.now();
  try {
    await work();
    console.log(`ok   ${name} (${Math.round(performance.now() - start)} ms)`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL ${name}: ${error.stack ?? error}`);
    for (const context of browser.contexts()) {
      for (const page of context.pages()) {
        mkdirSync(given.pictures, { recursive: true });
        await page.screenshot({ path: join(given.pictures, `failed-${failures}-${contextNumber(context)}.png`) }).catch(() => {});
      }
    }
    if (!given.goOn || name === "sign-in") await end();
  }
}
const contextNumber = (context) => browser.contexts().indexOf(context);

export async function end() {
  await browser.close();
  console.log(`${failures === 0 ? "all passed" : `${failures} failed`} in ${Math.round(performance.now() - begun)} ms`);
  process.exit(failures === 0 ? 0 : 1);
}
