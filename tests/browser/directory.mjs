// People of a directory at the portal's pages: who may come in, who may not, and what each is told.
import { everywhere } from "./everywhere.mjs";
import { given, expect, Person, step, end } from "./walk.mjs";

const at = (username, password) => Person.at(given.portal, { httpCredentials: { username, password } });
let ada;

await step("somebody of the directory sees the pages", async () => {
  ada = await at("ada", "correct horse");
  await ada.page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  await ada.page.locator(".live.on").waitFor();
  await ada.open("/certificates", "Certificates");
  await ada.page.getByRole("table", { name: "Certificates of the federation, the first to end first" }).waitFor();
  await ada.open("/", "Overview");
  await everywhere(ada, "portal-directory");
  expect((await ada.api("/engines")).engines !== undefined, "the API answers the same person");
  expect(ada.complaints.length === 0, ada.complaints.join("\n"));
});

await step("a name with everything special in it is a name", async () => {
  const malley = await at("o, malley (*)", "staple");
  await malley.page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  await malley.context.close();
});

for (const [who, name, password] of [["a wrong password", "ada", "incorrect horse"], ["no password", "ada", ""], ["somebody of another branch", "bob", "battery"]]) {
  await step(`${who} is asked to sign in, in words`, async () => {
    const guest = await at(name, password);
    await guest.page.getByRole("heading", { name: "Sign in", level: 1 }).waitFor();
    await guest.sees("Sign in with your name in the directory, or as");
    const { status, text } = await guest.page.evaluate(() => fetch("/api/v1/engines").then(async (reply) => ({ status: reply.status, text: await reply.text() })));
    expect(status === 401 && !text.includes("engines"), `${status} ${text}`);
    expect(!(await guest.page.content()).includes('id="app"'), "the pages were given away");
    if (who === "a wrong password") await everywhere(guest, "portal-sign-in");
    await guest.context.close();
  });
}

await step("while the directory is away its people are told so, and the administrator comes in", async () => {
  console.log("take the directory away");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  const malley = await at("o, malley (*)", "another staple");
  await malley.page.getByRole("heading", { name: "The directory cannot be asked", level: 1 }).waitFor();
  await everywhere(malley, "portal-directory-away");
  await malley.context.close();
  const administrator = await at("administrator", given.administrator);
  await administrator.page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  await administrator.context.close();
  // Who was let in a moment ago goes on.
  await ada.open("/trust", "Trust coverage");
});

await end();
