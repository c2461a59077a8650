// What an administrator does with the console, end to end, with a second browser looking on.
import { createHmac } from "node:crypto";
import { given, expect, Person, step, end } from "./walk.mjs";

function totp(secret, ahead = 0) {
  const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac("sha1", key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

let person, witness;

await step("a wrong password is refused, the right one shows the overview", async () => {
  person = await Person.at(given.primary);
  await person.page.getByLabel("Password").fill("not the password");
  await person.button("Sign in").click();
  await person.sees("The name or the password is not right.");
  person.complaints.length = 0;  // Chromium tells of the 401 itself
  await person.signIn(given.primaryPassword);
  await person.sees("What will expire");
  const cookie = (await person.context.cookies()).find((each) => each.name === "__Host-chancery");
  expect(cookie.httpOnly && cookie.secure && cookie.sameSite === "Strict", JSON.stringify(cookie));
  witness = await Person.at(given.primary, { colorScheme: "dark" });
  await witness.signIn(given.primaryPassword);
});

await step("an installer for collectors is made and downloaded, after the password once more", async () => {
  await person.open("/collectors", "Collectors");
  await person.page.getByLabel("Your password").fill("not the password");
  await person.button("Make and download").click();
  await person.page.getByRole("alert").waitFor();
  await person.page.getByLabel("Your password").fill(given.primaryPassword);
  const [download] = await Promise.all([person.page.waitForEvent("download"), person.button("Make and download").click()]);
  expect(download.suggestedFilename() === "collector-installer.zip", download.suggestedFilename());
  await person.sees("The installer is downloaded");
  await person.picture("flow-installer");
  person.complaints.length = 0;
});

await step("files that do not fit are refused before anything happens", async () => {
  await witness.open("/certificates", "Certificates");
  const before = (await person.api("/generations")).in_force;
  await person.open("/certificates/replace", "Replace certificates");
  await person.sees("Nothing chosen yet");
  await person.page.locator(".drop input[type=file]").setInputFiles([given.leaf, given.otherKey, given.intermediates]);
  await person.sees("These would be refused");
  await person.sees("key-mismatch");
  expect(await person.page.getByRole("button", { name: /^Replace certificates of/ }).count() === 0, "a button for what is refused");
  await person.picture("flow-refused");
  await person.button("Clear").click();
  await person.sees("Nothing chosen yet");
  // The same by the API, without the page's own care: refused, and nothing has changed.
  expect((await person.api("/generations")).in_force === before, "a refused change made a generation");
  person.complaints.length = 0;
});

await step("a folder dropped by the mouse is taken with all that lies in it", async () => {
  // More than a browser reads at a time, all the same.
  await person.drop(person.page.locator(".drop"), [given.pile + "-large"]);
  await person.sees("Those are 103 files, and at most 64 are looked at");
  await person.drop(person.page.locator(".drop"), [given.pile]);
  await person.page.getByRole("heading", { name: "6 files" }).waitFor();
  const found = (await person.page.locator("ul.files").first().locator("li").allInnerTexts()).map((text) => text.split(" ")[0]);
  expect(found.sort().join(" ") === "chain.pem leaf.key leaf.pem root-0.txt root-1.txt root-2.txt", `taken: ${found.join(" ")}`);
  await person.sees("untrusted-root");
  await person.button("Clear").click();
  // Beside a file, and one after the other.
  await person.drop(person.page.locator(".drop"), [given.leaf]);
  await person.page.getByRole("heading", { name: "1 file" }).waitFor();
  await person.drop(person.page.locator(".drop"), [given.key, given.intermediates]);
  await person.page.getByRole("heading", { name: "3 files" }).waitFor();
  await person.sees("untrusted-root");
  await person.button("Clear").click();
  await person.sees("Nothing chosen yet");
  person.complaints.length = 0;
});

await step("a pile of files with its intermediates is put in force, and everybody sees it", async () => {
  await person.page.locator(".drop input[type=file]").setInputFiles([given.root, given.intermediates, given.key, given.leaf]);
  await person.sees("untrusted-root");
  await person.page.getByLabel("Also trust the root in these files").check();
  await person.sees("What would happen");
  await person.sees("Example Intermediate 2");
  await person.picture("flow-planned");
  person.complaints.length = 0;
  await person.button("Replace certificates of Console, Portal").click();
  await person.sees("Replacing the certificates: done");
  expect(await person.page.locator(".steps li.done").count() === 8, "all eight steps are told");
  await person.picture("flow-replaced");
  // The other browser was told.
  await witness.page.locator("tr", { hasText: "Portal" }).first().getByText("custom").waitFor();
  await witness.picture("flow-witness");
});

await step("undo brings the certificates before back", async () => {
  await person.button("Undo").click();
  await person.sees("Going back to the certificates before: done");
  await witness.page.locator("tr", { hasText: "Portal" }).first().getByText("default").waitFor();
});

await step("a reset of one identity leaves the others", async () => {
  await person.button("Replace again").click();
  await person.page.locator(".drop input[type=file]").setInputFiles([given.root, given.intermediates, given.key, given.leaf]);
  await person.page.getByLabel("Also trust the root in these files").check();
  await person.button("Replace certificates of Console, Portal").click();
  await person.sees("Replacing the certificates: done");
  person.complaints.length = 0;
  await person.open("/certificates", "Certificates");
  await person.button("Reset portal only").click();
  await person.page.getByRole("dialog").getByRole("button", { name: "Reset to default certificate" }).click();
  await person.sees("Reset Portal to the default certificate: done");
  await person.picture("flow-reset");
  await person.page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  const sources = Object.fromEntries((await person.api("/certificates?probe=false")).identities.map((each) => [each.identity, each.source]));
  expect(sources.console === "custom" && sources.portal === "default", JSON.stringify(sources));
});

await step("a backup brings the portal's certificate back", async () => {
  await person.open("/backups", "Backups");
  await person.sees("in force");
  // The newest set was made before the reset.
  await person.page.getByRole("button", { name: /^Restore / }).first().click();
  const dialog = person.page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Restore", exact: true }).click();
  await dialog.getByText("Restore a backup: done").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  const portal = (await person.api("/certificates?probe=false")).identities.find((each) => each.identity === "portal");
  expect(portal.source === "custom", portal.source);
  await person.page.getByRole("button", { name: /What changed since/ }).first().click();
  await person.sees("identities/portal/certificate.pem");
});

await step("a secondary joins with a token from the page, and the primary's page shows it", async () => {
  await witness.open("/federation", "Members");
  await person.open("/federation", "Members");
  await person.page.getByLabel("Name of the secondary").fill("secondary.test");
  await person.page.getByLabel("More names").fill("localhost, 127.0.0.1");
  await person.button("Make the token").click();
  const token = await person.page.getByLabel("Join token", { exact: true }).textContent();
  const joiner = await Person.at(given.secondary, { ignoreHTTPSErrors: true });
  await joiner.signIn(given.secondaryPassword);
  await joiner.open("/federation", "Federation");
  await joiner.page.getByRole("textbox", { name: /^Primary/ }).fill(given.join);
  await joiner.page.getByRole("textbox", { name: /^Token/ }).fill(token);
  await joiner.picture("flow-join");
  await joiner.button("Join…").click();
  await joiner.page.getByRole("dialog").getByRole("button", { name: "Join" }).click();
  await joiner.sees("This appliance is a member now");
  await witness.page.getByRole("table", { name: "Members of the federation" }).getByRole("rowheader", { name: /^secondary.test/ }).waitFor();
  await witness.picture("flow-joined");
  await joiner.context.close();
});

await step("a root is imported into the portal's Java keystore under an alias, found and removed", async () => {
  await person.open("/trust?store=portal", "Trust");
  await person.page.getByText("Add certificates").click();
  await person.page.getByLabel("CA certificates").setInputFiles([given.otherRoot]);
  await person.page.getByLabel("Alias").fill("partner-root");
  await person.button("Add…").click();
  const dialog = person.page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByText("Add trusted certificates: done").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  await person.page.getByLabel("Search").fill("partner-root");
  await person.sees("1 of ");
  await person.page.getByRole("button", { name: /^Remove / }).click();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await dialog.getByText(/Stop trusting .*: done/).waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  await person.sees("Nothing found");
});

await step("a new root is prepared and activated, and who has not proven it is shown", async () => {
  await person.open("/rotation", "Root rotation");
  await person.button("Prepare a new root…").click();
  const dialog = person.page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Prepare", exact: true }).click();
  await dialog.getByText("Prepare a new root: done").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  await person.sees("coming");
  await person.button("Activate the new root…").click();
  await dialog.getByRole("button", { name: "Activate", exact: true }).click();
  await dialog.getByText("Activate the new root: done").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  const retire = person.button("Retire the former root…");
  await retire.waitFor();
  // As the API says it: who blocks stands in the table, and nobody can retire past them.
  const blocked = (await person.api("/federation/rotation?show_blockers=true")).blocked_by;
  if (blocked > 0) await person.page.getByRole("table", { name: "Who has not proven the new root" }).waitFor();
  await person.picture("flow-rotation");
});

await step("the former root is retired when everybody has proven the new one, and it is gone for the other browser too", async () => {
  await witness.open("/rotation", "Root rotation");
  await person.page.getByText("Everybody has proven the new root").waitFor({ timeout: 60_000 });
  const before = await person.api("/federation/rotation?show_blockers=true");
  expect(before.phase === "activated" && before.blocked_by === 0 && before.going_root, JSON.stringify(before));
  const retire = person.button("Retire the former root…");
  const dialog = person.page.getByRole("dialog");
  // Looked at and left: nothing is retired by that.
  await retire.click();
  await dialog.getByRole("button", { name: "Retire", exact: true }).and(person.page.locator(":enabled")).waitFor();
  await person.picture("flow-retire-planned");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  expect((await person.api("/federation/rotation")).going_root.sha256 === before.going_root.sha256, "a preview has retired the root");
  await retire.click();
  await dialog.getByRole("button", { name: "Retire", exact: true }).click();
  await dialog.getByText("Retire the former root: done").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  for (const each of [person, witness]) {
    await each.button("Prepare a new root…").waitFor();
    expect((await each.page.content()).includes(before.root.sha256.slice(0, 12)), "the new root is shown");
    expect(!(await each.page.content()).includes(before.going_root.sha256.slice(0, 12)), "the former root is shown");
  }
  const after = await person.api("/federation/rotation");
  expect(after.phase === "steady" && after.root.sha256 === before.root.sha256 && after.going_root === null, JSON.stringify(after));
  const { members } = await person.api("/federation/members");
  expect(members.some((each) => each.name === "secondary.test" && each.state === "ok"), JSON.stringify(members));
  await person.picture("flow-retired");
});

await step("settings are changed together, refused with a reason, and taken back, while somebody looks on", async () => {
  await witness.open("/settings", "Settings");
  await person.open("/settings", "Settings");
  const row = (of, key) => of.page.getByRole("table", { name: "Settings of portal" }).locator("tr", { hasText: key }).first();
  await row(person, "alerts.member-missing").getByText("15m").waitFor();
  const before = await person.api("/settings?program=portal");
  const dialog = person.page.getByRole("dialog");
  // A mail server alone would keep the portal from starting.
  await person.button("Change the settings of portal").click();
  await person.page.getByLabel("mail.server", { exact: true }).fill("mail.test:587");
  await person.button("Change…").click();
  await dialog.getByText("mail.from is empty").waitFor();
  await person.picture("flow-settings-refused");
  expect(await dialog.getByRole("button", { name: "Write them" }).isDisabled(), "a button for what is refused");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  expect(JSON.stringify(await person.api("/settings?program=portal")) === JSON.stringify(before), "a refused change left something behind");
  person.complaints.length = 0;
  await person.page.getByLabel("mail.from", { exact: true }).fill("chancery@test.example");
  await person.page.getByLabel("mail.to", { exact: true }).fill("a@test.example, b@test.example");
  await person.page.getByLabel("alerts.webhook", { exact: true }).fill("https://hooks.test/marker-of-the-webhook");
  await person.page.getByLabel("discovery", { exact: true }).fill("broadcast");
  await person.picture("flow-settings-form");
  await person.button("Change…").click();
  await dialog.getByText("mail.to").waitFor();
  await dialog.getByText("https://hooks.test/…").waitFor();
  await person.picture("flow-settings-planned");
  expect(JSON.stringify(await person.api("/settings?program=portal")) === JSON.stringify(before), "a preview has written something");
  await dialog.getByRole("button", { name: "Write them" }).click();
  await dialog.getByText("Change the settings of portal: done").waitFor();
  await row(witness, "mail.to").getByText("a@test.example,b@test.example").waitFor();
  await row(witness, "mail.to").getByText(/settings\/portal\.toml:\d/).waitFor();
  // Whoever is told is told from now on; only what is opened at the start waits.
  await witness.sees("Not in force yet: discovery");
  expect((await person.api("/alerts")).channels.map((each) => each.channel).join() === "mail,webhook", "the portal alerts by what was set");
  await witness.picture("flow-settings-seen");
  for (const each of [person, witness]) expect(!(await each.page.content()).includes("marker-of-the-webhook"), "a page shows what may be a secret");
  expect(!JSON.stringify([await person.api("/settings"), await person.api("/audit?limit=50")]).includes("marker-of-the-webhook"), "the API shows what may be a secret");
  await dialog.getByRole("button", { name: "Undo" }).click();
  await dialog.getByText("Undone: done").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  await row(witness, "mail.to").getByText("nothing").waitFor();
  expect(JSON.stringify(await person.api("/settings?program=portal")) === JSON.stringify(before), "taken back is as before");
  expect((await person.api("/alerts")).channels.length === 0, "the portal alerts nobody again");
});

await step("the audit is whole, by the page", async () => {
  await person.open("/audit", "Audit");
  await person.button("Verify").click();
  await person.page.locator(".note").getByText(/records are whole|as far as it can be told/).waitFor();
  await person.sees("Replace certificates");
});

await step("a second factor is set up, asked for, and turned off", async () => {
  await person.open("/access", "Access");
  await person.button("Set up a second factor").click();
  const secret = (await person.page.locator("code.secret").textContent()).replaceAll(" ", "");
  await person.page.locator("svg.qr path").waitFor();
  await person.picture("flow-second-factor");
  await person.page.getByRole("textbox", { name: "Code" }).fill(totp(secret));
  await person.button("Turn it on").click();
  await person.sees("Signing in needs a code");
  const other = await Person.at(given.primary);
  await other.signIn(given.primaryPassword, () => totp(secret, 1));
  await other.context.close();
  await person.button("Turn it off").click();
  await person.page.getByLabel("Your password").fill(given.primaryPassword);
  await person.button("Turn it off").click();
  await person.button("Set up a second factor").waitFor();
});

await step("signing out everywhere brings the other browser back to the door", async () => {
  await witness.open("/", "Overview");
  await person.button("Sign out everywhere").click();
  await person.page.getByRole("heading", { name: /^Sign in to/ }).waitFor();
  await witness.sees("You were signed out");
});

await step("no page asked another host, and none complained", async () => {
  // Chromium itself tells of every refusal by the server (4xx); those of sessions that ended are what was asked for.
  const complaints = [...person.complaints, ...witness.complaints].filter((text) => !/status of (401|422)/.test(text) && !/ERR_INCOMPLETE_CHUNKED_ENCODING/.test(text));
  expect(complaints.length === 0, complaints.join("\n"));
});

await end();
