// Certificates whose names are HTML, control characters and lines of a header: shown as text, on every page that shows them.
import { given, expect, Person, step, end } from "./walk.mjs";

const person = await Person.at(given.primary);
await person.page.addInitScript(() => { window.alert = () => { window.wasHarmed = true; }; });
await person.page.reload();
await person.signIn(given.primaryPassword);

async function harmless(where) {
  const harm = await person.page.evaluate(() => ({
    harmed: Boolean(window.wasHarmed), strange: document.querySelectorAll("main script, main img[src=x], main b, main [onerror]").length,
  }));
  expect(!harm.harmed && harm.strange === 0, `${where}: ${JSON.stringify(harm)}`);
}

await step("in a trust store", async () => {
  await person.open("/trust", "Trust");
  await person.page.getByLabel("Search").fill("alert");
  await person.sees("<script>alert(1)</script>");
  await harmless("trust");
});
await step("in files that are checked", async () => {
  await person.open("/certificates/replace", "Replace certificates");
  await person.page.locator(".drop input[type=file]").setInputFiles(given.files);
  await person.page.locator(".chain").getByText("<script>alert(1)</script>").first().waitFor();
  await person.sees("<img src=x onerror=alert(1)>");
  await harmless("preflight");
  await person.picture("hostile-1440-light");
});
await end();
