// Builds the pages of one program: type check, bundle, compress, and a C++ source that holds them (../asset_routes.h).
//
//   node build.mjs --web FOLDER --space NAMESPACE --modules NODE_MODULES --out DIR
//
// FOLDER has the program's own index.html and src/, which is laid over the src/ beside this file: what all programs' pages
// have in common. DIR gets assets.cpp, the files it includes, and weight.json. NAMESPACE::assets() hands them out. More
// than `limit` bytes of gzip in all is an error: these pages are for appliances behind slow lines.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { prune } from "./prune.mjs";

const limit = 80_000;
const here = dirname(fileURLToPath(import.meta.url));
const option = (name) => process.argv[process.argv.indexOf(`--${name}`) + 1];
const web = resolve(option("web"));
const modules = resolve(option("modules"));
const out = resolve(option("out"));
const space = option("space");
const esbuild = createRequire(join(modules, "esbuild", "package.json"))("esbuild");

// The sources are copied beside the modules: neither compiler has to look elsewhere for them, and nothing is written
// into the source tree.
const work = join(out, "work");
rmSync(work, { recursive: true, force: true });
mkdirSync(work, { recursive: true });
cpSync(join(here, "src"), join(work, "src"), { recursive: true });
cpSync(join(web, "src"), join(work, "src"), { recursive: true });
cpSync(join(here, "tsconfig.json"), join(work, "tsconfig.json"));
cpSync(join(here, "package.json"), join(work, "package.json"));
if (!existsSync(join(work, "node_modules"))) symlinkSync(modules, join(work, "node_modules"));

execFileSync(process.execPath, [join(modules, "typescript", "bin", "tsc"), "--noEmit", "-p", work], { stdio: "inherit" });

const sources = readdirSync(join(work, "src"), { recursive: true }).filter((name) => name.endsWith(".tsx")).map((name) => readFileSync(join(work, "src", name), "utf8")).join("\n");
const pruning = {
  name: "prune",
  setup(build) {
    build.onLoad({ filter: /pico[^/]*\.css$/ }, ({ path }) => ({ contents: prune(readFileSync(path, "utf8"), sources), loader: "css" }));
  },
};

const built = await esbuild.build({
  absWorkingDir: work,
  entryPoints: ["src/main.tsx", "src/style.css"],
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  target: ["es2022", "chrome110", "firefox115", "safari16"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  outdir: "/",
  write: false,
  metafile: true,
  plugins: [pruning],
});

const files = built.outputFiles.map((file) => ({ path: "/" + basename(file.path), bytes: Buffer.from(file.contents), lasting: true }));
const named = (start, end) => files.find((file) => file.path.startsWith("/" + start) && file.path.endsWith(end)).path;
const page = readFileSync(join(web, "index.html"), "utf8")
  .replace("{style}", named("style-", ".css"))
  .replace("{script}", named("main-", ".js"));
files.unshift({ path: "/", bytes: Buffer.from(page), type: "text/html; charset=utf-8" });
files.push({ path: "/icon.svg", bytes: readFileSync(join(here, "icon.svg")), type: "image/svg+xml" });

const types = { ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8" };
const quoted = (text) => JSON.stringify(text);
let total = 0;
const weight = {};
const labels = [];
const rows = [];
files.forEach((file, at) => {
  const packed = gzipSync(file.bytes, { level: 9 });
  const sent = file.lasting ? packed.length : file.bytes.length;
  total += sent;
  weight[file.path] = { bytes: file.bytes.length, gzip: sent };
  const type = file.type ?? types[file.path.slice(file.path.lastIndexOf("."))];
  const etag = `"${createHash("sha256").update(file.bytes).digest("hex").slice(0, 24)}"`;
  for (const [kind, bytes] of [["whole", file.bytes], ["gzip", packed]]) {
    const name = join(out, `asset-${at}.${kind}`);
    writeFileSync(name, bytes);
    labels.push(`asm(".section .rodata\\nchancery_asset_${at}_${kind}:\\n.incbin ${quoted(name).replaceAll('"', '\\"')}\\n.byte 0\\n.previous\\n");`);
    labels.push(`extern "C" const char chancery_asset_${at}_${kind}[] __asm__("chancery_asset_${at}_${kind}");`);
  }
  const view = (kind, bytes) => `{chancery_asset_${at}_${kind}, ${bytes.length}}`;
  rows.push(`    {${quoted(file.path)}, ${quoted(type)}, ${quoted(etag)}, ${view("whole", file.bytes)}, ${view("gzip", packed)}, ${Boolean(file.lasting)}},`);
});
writeFileSync(
  join(out, "assets.cpp"),
  `// Made by appliance/pages/web/build.mjs.
#include "appliance/pages/asset_routes.h"

${labels.join("\n")}

namespace ${space} {

std::span<const chancery::pages::Asset> assets() {
  static const chancery::pages::Asset all[] = {
${rows.join("\n")}
  };
  return all;
}

}  // namespace ${space}
`,
);
weight.total = { gzip: total };
writeFileSync(join(out, "weight.json"), JSON.stringify(weight, null, 1) + "\n");
rmSync(work, { recursive: true, force: true });
if (total > limit) {
  console.error(`the pages weigh ${total} bytes compressed, more than ${limit}:`, weight);
  process.exit(1);
}
console.log(`the pages weigh ${total} bytes compressed`);
