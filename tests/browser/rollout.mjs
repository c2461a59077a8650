// One delivery for two members from the console's page: files that do not fit stop it before it begins, who gets what can be
// said by hand, waves are seen by another browser as they happen, and what was left standing is stopped or gone on with.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { everywhere } from "./everywhere.mjs";
import { given, expect, Person, step, end } from "./walk.mjs";

const [one, two] = given.members;
let person, witness;
const folderInput = () => person.page.getByLabel("Files to roll out: a folder", { exact: true });
const row = (of, table, name) => of.page.getByRole("table", { name: table }).locator("tbody tr", { hasText: name });
const begin = () => person.page.getByRole("button", { name: /^Replace at / });

// As another page would, which then goes away: begun, and nobody asks for its next step.
async function api(path, body) {
  return person.page.evaluate(async ([address, parts]) => {
    const { csrf } = await fetch("/api/v1/session").then((reply) => reply.json());
    const form = new FormData();
    for (const [name, file, text] of parts) form.append(name, file ? new File([text], file) : text);
    const reply = await fetch("/api/v1/federation/rollouts" + address, { method: "POST", headers: { "X-CSRF-Token": csrf }, body: form });
    return reply.json();
  }, [path, body]);
}
const delivery = (members) => [
  ...members.flatMap((name) => given.second[name].map((path) => [`plan/${name}`, basename(path), readFileSync(path, "utf8")])),
  ["also_trust", "root.pem", readFileSync(given.root, "utf8")], ["waves", "", "1,100%"],
];

await step("both browsers are at the page, and nothing was rolled out yet", async () => {
  person = await Person.at(given.console);
  await person.signIn(given.primaryPassword);
  witness = await Person.at(given.console, { colorScheme: "dark" });
  await witness.signIn(given.primaryPassword);
  await witness.open("/rollout", "Rollout");
  await person.open("/rollout", "Rollout");
  await person.sees("None yet");
  await everywhere(person, "rollout-empty");
});

await step("a key that does not fit is found by its member, before anything is changed anywhere", async () => {
  await folderInput().setInputFiles(given.wrong);
  await row(person, "What every member says", two).getByText("refuses").waitFor();
  await row(person, "What every member says", two).getByText("key-mismatch").waitFor();
  await person.sees("nothing can begin");
  expect(await begin().count() === 0, "a button for what is refused");
  await everywhere(person, "rollout-refused");
  expect((await person.api("/federation/rollouts")).rollouts.length === 0, "a refused plan has begun");
  await person.button("Clear").click();
  person.complaints.length = 0;
});

await step("a certificate that names no member is given to one by hand", async () => {
  const files = given.nameless.map((path) => [basename(path), readFileSync(path, "utf8")]);
  await person.page.locator(".drop").evaluate((zone, all) => {
    const data = new DataTransfer();
    for (const [name, text] of all) data.items.add(new File([text], name));
    zone.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  }, files);
  await person.page.getByLabel("A root that members shall know from now on").setInputFiles([given.root]);
  await person.page.getByText("matches-nobody").or(person.page.getByText(/No member is called so/)).first().waitFor();
  await person.page.getByLabel(/^Member for /).selectOption(two);
  await row(person, "What every member says", two).getByText("name-mismatch").first().waitFor();
  await person.page.getByLabel("Accept name-mismatch").check();
  await row(person, "What every member says", two).getByText("accepts").waitFor();
  await person.page.getByRole("button", { name: "Replace at 1 member in 1 wave" }).waitFor();
  await person.picture("rollout-by-hand");
  await person.button("Clear").click();
  person.complaints.length = 0;
});

await step("a folder for each member, dropped by the mouse, is put in force in waves, and the other browser sees it", async () => {
  await person.drop(person.page.locator(".drop"), [given.first]);
  await person.page.getByLabel("A root that members shall know from now on").setInputFiles([given.root]);
  await person.page.getByLabel("Waves").fill("100%");
  await person.page.getByRole("button", { name: "Replace at 2 members in 1 wave" }).waitFor();
  await person.page.getByLabel("Waves").fill("1,100%");
  for (const name of [one, two]) await row(person, "What every member says", name).getByText("accepts").waitFor();
  await row(person, "Who gets what", one).first().waitFor();
  await everywhere(person, "rollout-planned");
  await person.page.getByRole("button", { name: "Replace at 2 members in 2 waves" }).click();
  await person.page.getByText("Done", { exact: true }).first().waitFor();
  for (const each of [person, witness]) {
    if (each === witness) await each.page.locator(".rollouts summary").first().click();
    for (const name of [one, two]) await row(each, /^Members of the rollout/, name).getByText("replaced").waitFor();
  }
  await everywhere(person, "rollout-done");
  await witness.picture("rollout-seen");
  await person.button("Begin another").click();
  await person.page.getByText("Drop the files here").waitFor();
});

await step("one that was left in its first wave is stopped, and goes back", async () => {
  const { id } = await api("", delivery([one, two]));
  await api(`/${id}/step`, []);
  // Nobody clicked anything here.
  const names = (await person.api(`/federation/rollouts?id=${id}`)).members.map((member) => member.name);
  await row(witness, `Members of the rollout ${id}`, names[0]).getByText("replaced").waitFor();
  await row(witness, `Members of the rollout ${id}`, names[1]).getByText("waiting").waitFor();
  await person.sees("No page of this browser is at it");
  await everywhere(person, "rollout-waiting");
  await person.button("Stop and take this wave back").click();
  await person.page.getByText("Stopped", { exact: true }).first().waitFor();
  for (const each of [person, witness]) {
    if (each === witness) await each.page.locator(".rollouts summary", { hasText: "stopped" }).click();
    await row(each, `Members of the rollout ${id}`, names[0]).getByText("undone").waitFor();
    await row(each, `Members of the rollout ${id}`, names[1]).getByText("waiting").waitFor();
  }
  await person.picture("rollout-stopped");
  expect((await person.api(`/federation/rollouts?id=${id}`)).state === "stopped", "stopped as the API says it");
  await person.button("Begin another").click();
  console.log("stopped");
});

await step("one that was left is gone on with", async () => {
  const { id } = await api("", delivery([one, two]));
  await person.button("Go on").click();
  await person.page.getByText("Done", { exact: true }).first().waitFor();
  expect((await person.api(`/federation/rollouts?id=${id}`)).state === "done", "done as the API says it");
});

await step("a rollout that is over is taken back whole, and the other browser sees it", async () => {
  const [{ id }] = (await person.api("/federation/rollouts")).rollouts;
  await person.button("Put every member back…").first().click();
  for (const name of [one, two]) await row(person, `Who can go back from ${id}`, name).getByText("accepts").waitFor();
  await everywhere(person, "rollout-undo");
  console.log("before the undo");
  await person.button("Put 2 members back").click();
  await person.page.getByText("Undone: members have again what they had before", { exact: true }).first().waitFor();
  await row(person, `Members of the rollout ${id}`, one).getByText("undone").waitFor();
  await witness.page.locator(".rollouts summary", { hasText: "undone" }).first().click();
  for (const name of [one, two]) await row(witness, `Members of the rollout ${id}`, name).getByText("undone").waitFor();
  expect((await person.api(`/federation/rollouts?id=${id}`)).state === "undone", "undone as the API says it");
  await everywhere(person, "rollout-undone");
});

await step("no page asked another host, and none complained", async () => {
  const complaints = [...person.complaints, ...witness.complaints].filter((text) => !/status of (401|422)/.test(text));
  expect(complaints.length === 0, complaints.join("\n"));
});

await end();
