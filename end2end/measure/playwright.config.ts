import { defineConfig } from "@playwright/test";
import tests from "../playwright.config.ts";

/** What is looked at or measured rather than tested: `npm run screens`, `npm run picture`, `npm run measure`. */
export default defineConfig({
  ...tests,
  testDir: ".",
  outputDir: "../../target/end2end-measure",
  workers: 1,
  timeout: 600_000,
  use: { ...tests.use, trace: "off" },
  projects: ["screens", "picture", "first-live"].map((name) => ({ name, testMatch: `${name}.ts` })),
});
