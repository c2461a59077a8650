// How long a person waits: from the address to a page that can be read, with nothing in the browser's cache.
import { given, Person, browser } from "./walk.mjs";

const views = { door: [], overview: [] };
for (let round = 0; round < given.rounds; round += 1) {
  const begun = performance.now();
  const person = await Person.at(given.primary);
  await person.page.getByLabel("Password").waitFor();
  views.door.push(performance.now() - begun);
  await person.page.getByLabel("Password").fill(given.primaryPassword);
  const asked = performance.now();
  await person.page.getByRole("button", { name: "Sign in" }).click();
  await person.page.getByText("What will expire").waitFor();
  views.overview.push(performance.now() - asked);
  await person.context.close();
}
const middle = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
console.log(JSON.stringify({ door: middle(views.door), overview: middle(views.overview) }));
await browser.close();
