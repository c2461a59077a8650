// Two in the morning: a certificate ends within days, and somebody who has never seen the console has a folder of files from
// the CA. What is wrong with them is said, one thing after the other, and the button is where the eyes are.
import { given, expect, Person, step, end } from "./walk.mjs";

let person, clicks = 0;
const click = async (target) => { clicks += 1; await target.click(); };
const drop = (...files) => person.drop(person.page.locator(".drop"), files);
const verdict = (text) => person.page.locator(".note .title", { hasText: text }).waitFor();
const remove = (name) => click(person.button(`Remove ${name}`));
const noButton = async () => expect(await person.button(/^Replace certificates of/).count() === 0, "a button for what is refused");
const served = async () => (await person.api("/certificates")).identities.filter((each) => ["console", "portal"].includes(each.identity)).map((each) => each.served.map((one) => one.sha256)).flat().join();
let before;

await step("the first page says whose certificate ends, and leads to where it is replaced", async () => {
  person = await Person.at(given.primary);
  await person.signIn(given.primaryPassword);
  await person.sees("The certificate of Portal ends");
  await person.picture("night-1-overview");
  before = await served();
  await click(person.page.locator(".note").getByRole("button", { name: "Replace certificates" }));
  await person.page.getByRole("heading", { name: "Replace certificates", level: 1 }).waitFor();
});
await step("an expired one", async () => {
  await drop(given.expired, given.expiredKey, given.intermediates);
  await verdict("These would be refused");
  await person.sees("expired");
  await noButton();
  await person.picture("night-2-expired");
  await remove(given.expired.split("/").pop());
  await remove(given.expiredKey.split("/").pop());
});
await step("a key of another certificate, and the right one dropped beside it", async () => {
  await drop(given.leaf, given.otherKey);
  await verdict("These would be refused");
  await person.sees("key-mismatch");
  await noButton();
  await person.picture("night-3-wrong-key");
  await remove(given.otherKey.split("/").pop());
  await drop(given.key);
  await verdict("These fit");
});
await step("a missing intermediate", async () => {
  await remove("intermediates.pem");
  await verdict("These would be refused");
  await person.sees("missing-intermediate");
  await person.page.locator(".chain .anchor").getByText("missing", { exact: true }).waitFor();
  await noButton();
  await person.picture("night-4-missing-intermediate");
  expect((await served()) === before, "what is refused changes nothing");
  await drop(given.intermediates);
});
await step("what fits is put in force by one click, without scrolling", async () => {
  await verdict("These fit");
  const button = person.button("Replace certificates of Console, Portal");
  const box = await button.boundingBox();
  expect(box.y + box.height < person.page.viewportSize().height, `the button is at ${box.y}`);
  await person.picture("night-5-fits");
  person.complaints.length = 0;
  const until = clicks;
  await click(button);
  await person.sees("Replacing the certificates: done");
  await person.picture("night-6-done");
  expect(clicks === until + 1, "one click");
  expect((await served()) !== before, "and it is served");
  console.log(`     ${clicks} clicks, detours and all`);
});
await step("on a phone the button is as near", async () => {
  await person.page.setViewportSize({ width: 400, height: 800 });
  await click(person.button("Undo"));
  await person.sees("Going back to the certificates before: done");
  await click(person.button("Replace again"));
  await person.page.locator(".drop input[type=file]").setInputFiles([given.leaf, given.key, given.intermediates]);
  await verdict("These fit");
  await person.button("Replace certificates of Console, Portal").scrollIntoViewIfNeeded();
  expect((await person.violations()).length === 0, (await person.violations()).join("\n"));
  await person.picture("night-7-phone");
});
await step("without the certificate manager that is said once, and all is back when it is", async () => {
  await person.page.setViewportSize({ width: 1440, height: 900 });
  console.log("stop the manager");
  await person.sees("The certificate manager is not running");
  await person.open("/certificates", "Certificates");
  await person.sees("Waiting for the certificate manager");
  expect(await person.page.locator(".note").count() === 1, "it is said once");
  await person.picture("night-8-no-manager");
  console.log("start the manager");
  await person.page.getByRole("heading", { name: "Web and collectors" }).waitFor();
  person.complaints.length = 0;
});
await end();
