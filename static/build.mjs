// Vendors the front-end libraries: `npm ci && npm run build` writes static/vendor, which is committed.
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { compile } from "sass";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "..", "node_modules");
const vendor = join(here, "vendor");

const ICONS = [
  "arrow-clockwise", "arrow-left", "arrow-right", "award", "award-fill", "bar-chart", "bell", "book", "box-arrow-right",
  "check-circle", "check-lg", "chevron-down", "circle", "clock", "clock-history", "code-slash", "copy", "cpu",
  "dash-circle", "database", "download", "exclamation-triangle", "eye", "file-earmark-text", "flag", "gear",
  "hourglass-split", "info-circle", "journal-text", "keyboard", "lightbulb", "list", "list-ol", "lock", "moon",
  "pencil", "person", "person-check", "play", "plus-lg", "question-circle", "robot", "search", "send", "shield-check",
  "sliders", "slash-circle", "star", "star-fill", "sun", "table", "trash", "trophy", "upload", "x-circle", "x-lg",
];

// Beside these, every package that a bundle takes in is named in LICENSES.
const FACE = "@fontsource-variable/source-sans-3";
const licensed = new Set(["@alpinejs/csp", FACE, "bootstrap", "bootstrap-icons", "htmx.org"]);

// A source map that is not shipped makes Django's manifest storage fail.
const withoutSourceMap = (text) => text.replace(/\/[/*][#@] sourceMappingURL=\S+(\s*\*\/)?\s*/g, "");

const packageFile = (...parts) => join(modules, ...parts);

async function copyText(from, to) {
  await writeFile(join(vendor, to), withoutSourceMap(await readFile(from, "utf8")));
}

async function bundle(entry, to) {
  const { metafile } = await build({
    entryPoints: [join(here, "src", entry)],
    outfile: join(vendor, to),
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "none",
    define: { "process.env.NODE_ENV": '"production"' },
    nodePaths: [modules],
    metafile: true,
  });
  for (const path of Object.keys(metafile.inputs)) {
    const name = path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1];
    if (name) licensed.add(name);
  }
}

async function styles() {
  const { css } = compile(join(here, "src", "bootstrap.scss"), {
    loadPaths: [modules],
    style: "compressed",
    quietDeps: true,
    silenceDeprecations: ["import", "global-builtin"],
  });
  await writeFile(join(vendor, "bootstrap.css"), css);
}

async function katex() {
  const css = await readFile(packageFile("katex", "dist", "katex.min.css"), "utf8");
  const woff2Only = css.replace(/,url\([^)]*\.(woff|ttf)\) format\("[a-z]+"\)/g, "");
  await writeFile(join(vendor, "katex.css"), withoutSourceMap(woff2Only));
  await mkdir(join(vendor, "fonts"), { recursive: true });
  for (const name of await readdir(packageFile("katex", "dist", "fonts"))) {
    if (name.endsWith(".woff2")) await cp(packageFile("katex", "dist", "fonts", name), join(vendor, "fonts", name));
  }
  await bundle("katex.mjs", "katex.js");
}

// Two files of one variable face, Latin letters only; other scripts use the system's fonts.
async function face() {
  for (const style of ["normal", "italic"]) {
    await cp(packageFile(FACE, "files", `source-sans-3-latin-wght-${style}.woff2`), join(vendor, "fonts", `source-sans-3-${style}.woff2`));
  }
}

async function icons() {
  const symbols = [];
  for (const name of ICONS) {
    const svg = await readFile(packageFile("bootstrap-icons", "icons", `${name}.svg`), "utf8");
    const inner = svg.replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "").replace(/\s*\n\s*/g, "");
    symbols.push(`<symbol id="${name}" viewBox="0 0 16 16">${inner}</symbol>`);
  }
  const sprite = `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
  await writeFile(join(vendor, "icons.svg"), sprite);
}

async function licences() {
  const texts = [];
  for (const name of [...licensed].sort()) {
    const root = packageFile(...name.split("/"));
    const { version, license } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const file = (await readdir(root)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = await readFile(file ? join(root, file) : join(here, "src", "alpine-LICENSE"), "utf8");
    texts.push(`${name} ${version} (${license})\n${"=".repeat(60)}\n${text.trim()}\n`);
  }
  texts.push(`echarts NOTICE\n${await readFile(packageFile("echarts", "NOTICE"), "utf8")}`);
  await writeFile(join(vendor, "LICENSES"), texts.join("\n\n"));
}

await rm(vendor, { recursive: true, force: true });
await mkdir(vendor, { recursive: true });
await copyText(packageFile("htmx.org", "dist", "htmx.min.js"), "htmx.js");
await copyText(packageFile("@alpinejs", "csp", "dist", "module.esm.min.js"), "alpine.js");
await styles();
await bundle("editor.mjs", "editor.js");
await bundle("echarts.mjs", "echarts.js");
await katex();
await face();
await icons();
await licences();
