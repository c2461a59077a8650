// The portal's pages on a primary with a secondary and its collectors: what is shown is what the API and the programs say,
// filters filter, and a rule made in the console sends a collector elsewhere while somebody looks.
import { everywhere } from "./everywhere.mjs";
import { given, expect, browser, Person, step, end } from "./walk.mjs";

const door = { username: "administrator", password: given.primaryPassword };
const row = (person, table, text) => person.page.getByRole("table", { name: table }).locator("tbody tr", { hasText: text });
let person, witness;

await step("sign-in", async () => {
  // Neither without a password nor with a wrong one is anything given away, not even a file of the pages.
  person = await Person.at(given.portal, { httpCredentials: door });
  await person.page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  const files = await person.page.evaluate(() => [...document.querySelectorAll("script[src], link[href]")].map((each) => each.src || each.href));
  expect(files.length >= 3, files.join(" "));
  const api = ["engines", "certificates", "devices", "summary", "rules", `devices/${given.devices[0].id}`].map((each) => `${given.portal}/api/v1/${each}`);
  const all = [given.portal + "/", given.portal + "/devices", ...files, ...api];
  // Ten wrong answers are allowed a minute: four will do.
  for (const [httpCredentials, urls] of [[undefined, all], [{ ...door, password: "wrong" }, [all[0], files[0], api[1], api[5]]]]) {
    const context = await browser.newContext(httpCredentials ? { httpCredentials } : {});
    for (const url of urls) {
      const answer = await context.request.get(url);
      expect(answer.status() === 401, `${url}: ${answer.status()}`);
      expect(!/one\.test|<div id="app"/.test(await answer.text()), `${url} gives something away`);
    }
    await context.close();
  }
  const headers = (await person.page.request.get(given.portal + "/")).headers();
  expect(headers["content-security-policy"].includes("script-src 'self';") && headers["content-security-policy"].includes("frame-ancestors 'none'"), headers["content-security-policy"]);
  expect(headers["x-content-type-options"] === "nosniff" && headers["strict-transport-security"], JSON.stringify(headers));
});

await step("the overview shows every engine, who is connected, and what ends next", async () => {
  for (const engine of given.engines) {
    await row(person, "Engines", engine).getByText("answers, verified").waitFor();
    await row(person, "Engines", engine).getByText(/days? left/).waitFor();
  }
  await person.page.getByRole("link", { name: `${given.devices.length} of ${given.devices.length} devices connected` }).waitFor();
  const certificates = await person.api("/certificates");
  const first = certificates.certificates.map((each) => each.certificate.not_after).sort()[0];
  expect(first === given.firstEnd, `${first}, not ${given.firstEnd}`);
  await person.page.getByRole("link", { name: /19 days left primary.test, Portal/ }).waitFor();
});

await step("all certificates of the federation stand on one time line and in the table", async () => {
  await person.open("/certificates", "Certificates");
  const table = person.page.getByRole("table", { name: "Certificates of the federation, the first to end first" });
  await table.waitFor();
  const text = await table.innerText();
  for (const [where, sha256] of given.certificates) expect(text.includes(where) && text.includes(sha256.slice(0, 12)), `${where} ${sha256} is not shown`);
  await person.page.getByRole("button", { name: /^[1-9][0-9]* certificates?, / }).first().click();
  await person.page.getByRole("heading", { name: /^Ending: / }).waitFor();
  expect((await table.locator("tbody tr").count()) < given.certificates.length, "a column shows its own alone");
  await person.page.getByRole("button", { name: "Show all" }).click();
  await person.page.getByRole("searchbox", { name: "Search" }).fill("two.test");
  await person.page.getByText(/^[1-9] of \d+$/).waitFor();
  expect((await table.locator("tbody tr").allInnerTexts()).every((each) => each.includes("two.test")), "the search finds what was asked");
  const time = table.locator(".days [title*='UTC']").first();
  await time.waitFor();
  await person.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await person.page.getByRole("searchbox", { name: "Search" }).fill(given.certificates[0][1]);
  await person.page.getByText(/^1 of \d+$/).waitFor();
  await table.getByRole("button", { name: "Copy SHA-256" }).click();
  await table.getByText("copied").waitFor();
  expect((await person.page.evaluate(() => navigator.clipboard.readText())) === given.certificates[0][1], "the whole fingerprint is copied");
});

async function shown(filters) {
  const query = new URLSearchParams(filters);
  await person.open(`/devices?${query}`, "Devices");
  await person.page.getByText(/devices? shown, \d+ known/).waitFor();
  await person.settled();
  const links = await person.page.getByRole("table", { name: "Devices" }).locator("tbody th a").evaluateAll((all) => all.map((each) => each.hash.split("/").pop())).catch(() => []);
  return links.sort();
}

await step("devices are filtered as the API filters them", async () => {
  const ids = (fits) => given.devices.filter(fits).map((each) => each.id).sort();
  for (const [filters, fits] of [[{}, () => true], [{ tag: "shop*" }, (each) => each.tags.includes("shop-7")], [{ engine: "two.test" }, (each) => each.engine === "two.test"], [{ connected: "false" }, () => false],
    [{ trust: "pinned" }, () => true], [{ trust: "none" }, () => false], [{ root: given.root }, () => true], [{ lacks_root: given.root }, () => false], [{ within: "1" }, () => true], [{ name: "no-such-host" }, () => false]]) {
    const wanted = ids(fits);
    let found = [];
    for (let round = 0; round < 40; round += 1) {
      found = await shown(filters);
      if (found.join() === wanted.join()) break;
      await person.page.waitForTimeout(50);
    }
    expect(found.join() === wanted.join(), `${JSON.stringify(filters)} shows ${found}, not ${wanted}`);
  }
  // By the form as well.
  await person.open("/devices", "Devices");
  await person.page.getByLabel("Tag", { exact: true }).fill("shop*");
  await person.button("Show").click();
  await person.page.getByText("1 device shown").waitFor();
  expect(person.page.url().includes("tag=shop"), person.page.url());
});

await step("a device has a page of its own", async () => {
  const device = given.devices.find((each) => each.tags.includes("shop-7"));
  await person.page.getByRole("table", { name: "Devices" }).locator("tbody th a").first().click();
  await person.page.getByText("Own key").waitFor();
  await person.page.getByText("shop-7").waitFor();
  await person.page.getByRole("link", { name: device.engine }).waitFor();
  await person.page.getByText(/Engine of /).waitFor();
  await person.sees("pinned root");
});

await step("trust coverage says for each root who has it and who does not", async () => {
  await person.open("/trust", "Trust coverage");
  const line = row(person, "Roots, and how many devices trust or hold each", given.root.slice(0, 12));
  await line.getByRole("link", { name: `${given.devices.length} of ${given.devices.length} devices` }).click();
  await person.page.getByText(`${given.devices.length} devices shown`).waitFor();
});

await step("a rule is previewed, saved and applied from the console's page, and the other browser sees it", async () => {
  witness = await Person.at(given.portal, { httpCredentials: door, colorScheme: "dark" });
  await witness.open("/assignment", "Assignment");
  await witness.sees("No rules");
  const console_ = await Person.at(given.console);
  await console_.signIn(given.primaryPassword);
  const looker = await Person.at(given.console);
  await looker.signIn(given.primaryPassword);
  await looker.open("/rules", "Assignment rules");
  await looker.sees("No rules");
  await console_.open("/rules", "Assignment rules");
  await console_.button("New rule").click();
  await console_.page.getByLabel("Name", { exact: true }).fill("shops");
  await console_.page.getByLabel("Tag", { exact: true }).fill("shop*");
  await console_.page.getByLabel("Engines").fill("two.test");
  await console_.button("Preview…").click();
  const dialog = console_.page.getByRole("dialog");
  await dialog.getByText("1 of 2 collectors would go elsewhere").waitFor();
  await dialog.getByRole("row", { name: /shop-7/ }).getByText("two.test").waitFor();
  await console_.picture("rule-preview-1440-light");
  expect((await console_.violations()).length === 0, (await console_.violations()).join("\n"));
  expect((await console_.api("/rules")).rules.length === 0, "a preview changes nothing");
  await dialog.getByRole("button", { name: "Put in force" }).click();
  await dialog.getByText("Make the rule shops: done").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  await looker.page.getByRole("rowheader", { name: /shops/ }).waitFor();
  await witness.page.getByRole("rowheader", { name: /shops/ }).waitFor();
  // Told by the test's other half: the engine that it is at ends, and it asks again.
  console.log("rule in force");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  await row(witness, "Collectors that have asked the portal", "shops").getByText("two.test").waitFor();
  await everywhere(witness, "portal-assignment");
  await console_.page.getByRole("button", { name: "Edit shops" }).click();
  await console_.page.getByLabel("Order").fill("7");
  await console_.button("Preview…").click();
  await dialog.getByText("Everybody stays where they are sent now").waitFor();
  await dialog.getByRole("button", { name: "Put in force" }).click();
  await dialog.getByText("Change the rule shops: done").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  await console_.page.getByRole("button", { name: "Edit shops" }).click();
  await everywhere(console_, "console-rules");
  await console_.button("Cancel").click();
  await console_.page.getByRole("button", { name: "Delete shops" }).click();
  await dialog.getByText("1 of 2 collectors would go elsewhere").waitFor();
  await dialog.getByRole("button", { name: "Delete" }).click();
  await dialog.getByText("Delete the rule shops: done").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  await witness.sees("No rules");
  // And from the list of collectors: blocked, and let in again.
  await console_.open("/collectors", "Collectors");
  const one = row(console_, "Collectors", given.devices[0].id.slice(0, 12));
  await one.waitFor();
  await everywhere(console_, "console-collectors");
  await one.getByRole("button", { name: /^Block / }).click();
  await dialog.getByRole("button", { name: "Block", exact: true }).click();
  await dialog.getByText(/is blocked$/).waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  await one.getByText("blocked", { exact: true }).waitFor();
  await person.open(`/devices/${given.devices[0].id}`, given.devices[0].host);
  await person.page.getByText("blocked", { exact: true }).waitFor();
  await one.getByRole("button", { name: /^Let in / }).click();
  await dialog.getByRole("button", { name: "Let in", exact: true }).click();
  await dialog.getByText(/is let in again$/).waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  await person.page.getByText("blocked", { exact: true }).waitFor({ state: "detached" });
  for (const each of [console_, looker]) {
    // Chromium itself tells of the 401 before the sign-in.
    const complaints = each.complaints.filter((text) => !/status of 401/.test(text));
    expect(complaints.length === 0, complaints.join("\n"));
    await each.context.close();
  }
});

for (const [path, heading, name] of [["/", "Overview", "overview"], ["/certificates", "Certificates", "certificates"], ["/trust", "Trust coverage", "trust"], ["/devices", "Devices", "devices"],
  [`/devices/${given.devices[0].id}`, given.devices[0].host, "device"], ["/devices?name=nobody", "Devices", "devices-none"], ["/assignment", "Assignment", "rules-none"], ["/nothing-here", "No such page", "not-found"]]) {
  await step(`${name} is fine for every eye`, async () => {
    await person.open(path, heading);
    await person.settled();
    await everywhere(person, `portal-${name}`);
  });
}

await step("the menu opens by the keyboard alone on a phone", async () => {
  await person.page.setViewportSize({ width: 400, height: 800 });
  await person.open("/", "Overview");
  await person.button("Menu").focus();
  await person.page.keyboard.press("Enter");
  await person.page.getByRole("link", { name: "Trust coverage" }).focus();
  await person.page.keyboard.press("Enter");
  await person.page.getByRole("heading", { name: "Trust coverage", level: 1 }).waitFor();
  await person.page.setViewportSize({ width: 1440, height: 900 });
});

await step("without the network the page says so, and comes back by itself", async () => {
  await person.open("/devices", "Devices");
  await person.page.getByText("devices shown").waitFor();
  // Nobody reloads and nothing is clicked: the stream's end is told.
  await person.sees("live");
  await person.context.setOffline(true);
  await person.sees("The portal cannot be reached");
  await person.sees("reconnecting");
  await everywhere(person, "portal-offline");
  await person.context.setOffline(false);
  await person.page.getByText("The portal cannot be reached").waitFor({ state: "detached" });
  await person.page.locator(".live.on").waitFor();
  const complaints = [...person.complaints, ...witness.complaints].filter((text) => !/ERR_INTERNET_DISCONNECTED/.test(text));
  expect(complaints.length === 0, complaints.join("\n"));
});

await end();
