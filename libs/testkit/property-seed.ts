import fc from "fast-check";

/**
 * Set up before each test file. In continuous integration property tests take one path, so that what failed there fails here too (CI=true) and a change is not
 * refused for what it did not touch; everywhere else they look for new cases, and print the seed of what they find. SEED chooses a path anywhere.
 */
const seed = process.env.SEED ?? (process.env.CI === undefined ? undefined : "1");
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });
