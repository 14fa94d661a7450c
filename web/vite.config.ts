import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

const pages = ["demos/chat", "demos/notifications", "demos/market", "demos/whiteboard"];

/** Vite collects the licences of scripts; the font's goes along as its licence asks. */
const fontLicense: Plugin = {
  name: "font-license",
  async generateBundle() {
    const file = resolve(import.meta.dirname, "node_modules/@fontsource-variable/inter/LICENSE");
    this.emitFile({ type: "asset", fileName: "licenses-inter.txt", source: await readFile(file) });
  },
};

export default defineConfig({
  // Relative addresses, so that the pages also work below a path of a reverse proxy.
  base: "./",
  appType: "mpa",
  plugins: [fontLicense],
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
