// One page on a wide and on a narrow screen, light and dark: pictures, and nothing that axe finds.
import { given, expect } from "./walk.mjs";

const themes = ["light", "dark"];
const widths = [1440, 400];

export async function everywhere(person, name) {
  const found = [];
  for (const width of widths) {
    await person.page.setViewportSize({ width, height: 900 });
    for (const theme of themes) {
      await person.page.emulateMedia({ colorScheme: theme });
      const isFirst = width === widths[0] && theme === "light";
      const rules = isFirst || (width === widths[1] && theme === "dark") ? undefined : ["color-contrast"];
      for (const violation of await person.violations(rules)) found.push(`${name}, ${theme}, ${width} px: ${violation}`);
      const overflow = await person.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (overflow > 0) found.push(`${name}, ${width} px: ${overflow} px too wide`);
      if (given.allPictures || isFirst || (width === widths[1] && theme === "dark")) await person.picture(`${name}-${width}-${theme}`);
    }
  }
  await person.page.setViewportSize({ width: 1440, height: 900 });
  await person.page.emulateMedia({ colorScheme: "light" });
  expect(found.length === 0, found.join("\n"));
}
