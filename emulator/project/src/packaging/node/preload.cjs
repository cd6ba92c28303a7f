"use strict";
// Puts the packages beside this file at the end of the search path, where AWS's runtimes have the AWS SDK.

const path = require("node:path");
const Module = require("node:module");

const packages = path.join(__dirname, "node_modules");
process.env.NODE_PATH = [process.env.NODE_PATH, packages].filter(Boolean).join(path.delimiter);
Module._initPaths();
