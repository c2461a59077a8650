// A change that would lock somebody out, in the console: who, and why, stands there; it goes on only when that is agreed to.
import { given, expect, Person, step, end } from "./walk.mjs";

let person;
const generation = async () => (await person.api("/generations")).in_force;

await step("a profile that asks too much of a collector is stopped", async () => {
  person = await Person.at(given.secondary);
  await person.signIn(given.password);
  const before = await generation();
  await person.open("/policy", "Policy");
  await person.page.getByRole("button", { name: "Edit default" }).first().click();
  await person.page.getByLabel("Oldest protocol").selectOption("TLSv1.3");
  await person.button("Change…").click();
  await person.sees("protocol-version");
  await person.sees(given.host);
  expect(await person.button("Put in force").isDisabled(), "it can be put in force without a word");
  for (const [scheme, width] of [["light", 1440], ["dark", 400]]) {
    await person.page.emulateMedia({ colorScheme: scheme });
    await person.page.setViewportSize({ width, height: 900 });
    const found = await person.violations();
    expect(found.length === 0, `${scheme} ${width}: ${found.join("\n")}`);
    await person.picture(`breakage-${width}-${scheme}`);
  }
  await person.page.setViewportSize({ width: 1440, height: 900 });
  expect(await generation() === before, "a refused change made a generation");
});

await step("agreed to, it is planned and put in force", async () => {
  person.complaints.length = 0;  // Chromium tells of the refusals itself
  const before = await generation();
  await person.page.getByLabel(/Go on although/).check();
  await person.page.getByRole("button", { name: "Put in force", disabled: false }).waitFor();
  expect(await generation() === before, "a dry run made a generation");
  await person.picture("breakage-agreed");
  await person.button("Put in force").click();
  await person.button("Close").waitFor();
  expect(await generation() !== before, "nothing was put in force");
  expect(person.complaints.length === 0, person.complaints.join("\n"));
});

await end();
