// Every page, light and dark, on a wide and on a narrow screen: a picture, and no violation that axe finds.
import { everywhere } from "./everywhere.mjs";
import { given, expect, Person, step, end } from "./walk.mjs";

const pages = [
  ["/", "Overview", "overview"], ["/certificates", "Certificates", "certificates"], ["/certificates/portal", "Portal", "certificate"],
  ["/certificates/replace", "Replace certificates", "replace"], ["/certificates/portal/request", "Signing request for Portal", "request"],
  ["/trust?store=portal", "Trust", "trust"], ["/backups", "Backups", "backups"], ["/policy", "Policy", "policy"],
  ["/federation", "Members", "members"], ["/rotation", "Root rotation", "rotation"], ["/root", "Trust the root", "root"], ["/collectors", "Collectors", "collectors"],
  ["/rules", "Assignment rules", "rules"], ["/settings", "Settings", "settings"], ["/audit", "Audit", "audit"], ["/access", "Access", "access"], ["/nothing-here", "No such page", "not-found"],
];
let person;
await step("sign-in", async () => {
  person = await Person.at(given.primary);
  await person.page.getByLabel("Password").waitFor();
  await everywhere(person, "sign-in").finally(() => person.signIn(given.primaryPassword));
});
for (const [path, heading, name] of pages) {
  await step(name, async () => {
    await person.open(path, heading);
    await person.settled();
    await everywhere(person, name);
  });
}
await step("at no width does a page or a table of it scroll sideways", async () => {
  const found = [];
  for (const [path, heading, name] of pages) {
    await person.open(path, heading);
    await person.settled();
    for (const width of [320, 800, 1000, 1001, 1150, 1151, 1280]) {
      await person.page.setViewportSize({ width, height: 900 });
      const wider = await person.page.evaluate(() => [document.documentElement, ...document.querySelectorAll(".scroll")].map((each) => each.scrollWidth - each.clientWidth));
      if (Math.max(...wider) > 0) found.push(`${name}, ${width} px: ${wider}`);
    }
  }
  expect(found.length === 0, found.join("\n"));
});
await step("the phone's menu opens by the keyboard alone", async () => {
  await person.page.setViewportSize({ width: 400, height: 800 });
  await person.open("/", "Overview");
  const menu = person.button("Menu");
  await menu.focus();
  await person.page.keyboard.press("Enter");
  await person.page.getByRole("link", { name: "Backups" }).waitFor();
  expect((await menu.getAttribute("aria-expanded")) === "true", "the button says that the menu is open");
  expect((await person.violations()).length === 0, "the open menu is fine");
  await person.page.getByRole("link", { name: "Backups" }).focus();
  await person.page.keyboard.press("Enter");
  await person.page.getByRole("heading", { name: "Backups", level: 1 }).waitFor();
});
await step("without the network the page says so, and comes back by itself", async () => {
  await person.page.setViewportSize({ width: 1440, height: 900 });
  await person.context.setOffline(true);
  await person.open("/policy", "Policy");
  await person.sees("The console cannot be reached");
  await person.sees("reconnecting");
  await person.page.getByRole("button", { name: "Try again" }).first().click();
  await person.sees("The console cannot be reached");
  await person.picture("offline-1440-light");
  await person.context.setOffline(false);
  await person.sees("TLSNoPeerAuth");
  await person.page.getByText("live", { exact: true }).waitFor();
});
await end();
