import { defineConfig, devices } from "@playwright/test";

/** Debian's browser: Playwright's own is never downloaded. */
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export default defineConfig({
  testDir: "tests",
  outputDir: "../target/end2end",
  fullyParallel: true,
  forbidOnly: Boolean(process.env.CI),
  retries: 0,
  workers: 2,
  reporter: "list",
  use: {
    launchOptions: { executablePath, args },
    trace: "retain-on-failure",
  },
  projects: [
    { name: "desktop", use: { viewport: { width: 1280, height: 800 } }, testIgnore: "phone.spec.ts" },
    // What is the same on every screen is tested on the desktop only.
    { name: "phone", use: { ...devices["Pixel 7"] }, testIgnore: ["captures.spec.ts", "security.spec.ts"] },
  ],
});
