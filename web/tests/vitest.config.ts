import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    dir: import.meta.dirname,
    // Waiting ends as soon as what is waited for is there; these are for machines with other things to do.
    testTimeout: 300_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    // Each file has a server and a browser of its own; small machines like them one by one.
    fileParallelism: false,
  },
});
