// The entry of hardcap's runtime for Node. It is an ES module, as AWS's entry is, so that `require.main` is undefined in functions.
import { createRequire } from "node:module";

createRequire(import.meta.url)("./runtime.cjs").start();
