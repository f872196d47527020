import { defineConfig } from "vitest/config";

/** Two groups, one after the other: tests beside the source, then whole systems, which want the machine for themselves. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    // Continuous integration counts the tests from there.
    reporters: process.env.CI === undefined ? ["default"] : ["default", ["json", { outputFile: ".hyperspeed/tests.json" }]],
    projects: [
      {
        test: {
          name: "source",
          setupFiles: ["libs/testkit/property-seed.ts"],
          include: ["{proto,libs,services,deploy}/**/*.test.ts"],
          exclude: ["deploy/e2e/**", "**/node_modules/**"],
          sequence: { groupOrder: 0 },
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["deploy/e2e/**/*.test.ts"],
          sequence: { groupOrder: 1 },
          fileParallelism: false,
          testTimeout: 240_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
