import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

const pages = [
  ".",
  "dashboard",
  "demos/chat",
  "demos/game",
  "demos/market",
  "demos/notifications",
  "demos/whiteboard",
];

/** Vite collects the licences of the packages it bundles, not of what is bundled inside those. */
const moreLicenses: Plugin = {
  name: "more-licenses",
  async generateBundle() {
    const packages = ["@fontsource-variable/inter", "protobufjs", "events"];
    const texts = packages.map(async (name) => {
      const file = resolve(import.meta.dirname, "node_modules", name, "LICENSE");
      return `${name}\n\n${await readFile(file, "utf8")}`;
    });
    const source = (await Promise.all(texts)).join("\n\n");
    this.emitFile({ type: "asset", fileName: "licenses-more.txt", source });
  },
};

export default defineConfig({
  // Relative addresses, so that the pages also work below a path of a reverse proxy.
  base: "./",
  appType: "mpa",
  plugins: [moreLicenses],
  build: {
    target: "es2022",
    // Nothing as data: URL, so that a strict Content-Security-Policy holds.
    assetsInlineLimit: 0,
    license: { fileName: "licenses.md" },
    rolldownOptions: {
      input: pages.map((page) => resolve(import.meta.dirname, page, "index.html")),
    },
  },
  // `npx vite` serves the pages with hot reload and passes the rest on to a running server.
  server: {
    proxy: Object.fromEntries(
      ["/connection", "/api", "/demos/token", "/demos/notify"].map((path) => [
        path,
        { target: process.env["TRUNKLINE"] ?? "http://127.0.0.1:8000", ws: true },
      ]),
    ),
  },
});
