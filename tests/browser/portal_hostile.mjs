// What devices call themselves is theirs to choose: a host name and tags that are HTML are shown as text.
import { given, expect, Person, step, end } from "./walk.mjs";

const person = await Person.at(given.portal, { httpCredentials: { username: "administrator", password: given.password } });
await person.page.addInitScript(() => { window.alert = () => { window.wasHarmed = true; }; });
await person.page.reload();

for (const [path, heading] of [["/devices", "Devices"], [`/devices/${given.id}`, given.host], ["/assignment", "Assignment"], ["/", "Overview"]]) {
  await step(`on ${path}`, async () => {
    await person.open(path, heading);
    if (path !== "/") await person.sees(given.host);
    if (path !== "/assignment") await person.sees(given.tag);
    const harm = await person.page.evaluate(() => ({ harmed: Boolean(window.wasHarmed), strange: document.querySelectorAll("main script, main img, main b, main [onerror]").length }));
    expect(!harm.harmed && harm.strange === 0, JSON.stringify(harm));
  });
}
await step("nor on the page for browsers without script", async () => {
  const text = await (await person.page.request.get(given.portal + "/devices")).text();
  expect(!text.includes("<img") && text.includes("&lt;img src=x onerror="), text);
});
// Should a page ever put such a name into its markup, the policy keeps the browser from running it.
await step("the policy runs no inline script", async () => {
  const ran = await person.page.evaluate(() => new Promise((resolve) => {
    const box = document.createElement("div");
    box.innerHTML = "<img src=x onerror='window.wasHarmed = true'>";
    document.body.append(box);
    box.firstChild.addEventListener("error", () => setTimeout(() => resolve(Boolean(window.wasHarmed)), 0));
  }));
  expect(!ran, "an inline handler ran");
});
await end();
