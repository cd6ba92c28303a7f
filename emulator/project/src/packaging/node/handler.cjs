"use strict";
// The function's handler: found by its name, in CommonJS and in ES modules, buffered or streaming.

const fs = require("node:fs");
const nodeModule = require("node:module");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { HandlerNotFound, ImportModuleError, MalformedHandlerName, MalformedStreamingHandler, UserCodeSyntaxError } = require("./errors.cjs");
const { HttpResponseStream } = require("./stream.cjs");
const { InvokeStore } = require("./store.cjs");

const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HIGH_WATER_MARK = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");

/** Sets the global `awslambda`, unless the function asks for none. */
function setGlobals(withStore) {
  if (["1", "true"].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return;
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = "response";
      if (typeof options?.highWaterMark === "number") handler[HIGH_WATER_MARK] = parseInt(options.highWaterMark);
      return handler;
    },
    HttpResponseStream,
  };
  if (withStore) globalThis.awslambda.InvokeStore = new InvokeStore();
}

/** A loaded handler. The stacks of errors name it as those on AWS do: `Runtime.handler`, `exports.name [as handler]`. */
class Runtime {
  constructor(handler, highWaterMark) {
    this.handler = handler;
    this.streaming = Boolean(handler[STREAMING]);
    this.highWaterMark = highWaterMark;
  }
}

/** Loads `folder/module.handler`. */
async function load(root, name) {
  if (name.includes("..")) {
    throw new MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const file = path.basename(name);
  const folder = name.substring(0, name.indexOf(file));
  const parts = /^([^.]*)\.(.*)$/.exec(file);
  if (!parts) throw new MalformedHandlerName("Bad handler");
  const exported = await loadModule(root, folder, parts[1]);
  const handler = resolve(exported, parts[2]) ?? resolve(exported?.default, parts[2]);
  if (!handler) throw new HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new HandlerNotFound(`${name} is not a function`);
  if (handler[STREAMING] && handler[STREAMING] !== "response") {
    throw new MalformedStreamingHandler("Only response streaming is supported.");
  }
  const mark = parseInt(handler[HIGH_WATER_MARK]);
  return new Runtime(handler, Number.isNaN(mark) ? undefined : mark);
}

function resolve(exported, dotted) {
  return dotted.split(".").reduce((nested, key) => nested && nested[key], exported);
}

async function loadModule(root, folder, name) {
  try {
    return await findModule(root, folder, name);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserCodeSyntaxError(error);
    if (error?.code === "MODULE_NOT_FOUND") throw new ImportModuleError(error);
    throw error;
  }
}

async function findModule(root, folder, name) {
  const file = path.resolve(root, folder, name);
  const isModule = fs.existsSync(file + ".js") && declaresModules(path.dirname(file));
  const attempts = [
    [file, require],
    [file + ".js", isModule ? importFile : require],
    [file + ".mjs", importFile],
    [file + ".cjs", require],
  ];
  for (const [candidate, loader] of attempts) {
    const exported = fs.existsSync(candidate) && (await loader(candidate));
    if (exported) return exported;
  }
  return require(require.resolve(name, { paths: [root, folder] }));
}

const importFile = (file) => {
  followNodePath();
  return import(pathToFileURL(file).href);
};

let follows = false;

/**
 * Lets ES modules find packages through NODE_PATH, such as those of layers: AWS's runtimes do so from nodejs18.x on (AWS Compute
 * Blog, "Node.js 18.x runtime now available in AWS Lambda", 2022-11-18). Without packages there, nothing is registered.
 */
function followNodePath() {
  const folders = (process.env.NODE_PATH ?? "").split(path.delimiter);
  const parents = folders
    .filter((folder) => path.basename(folder) === "node_modules" && fs.existsSync(folder))
    .map((folder) => pathToFileURL(path.join(folder, "..", "index.mjs")).href);
  if (follows || parents.length === 0 || !nodeModule.register) return;
  follows = true;
  nodeModule.register(pathToFileURL(path.join(__dirname, "resolve.mjs")).href, { data: parents });
}

/** Whether the nearest package.json has `"type": "module"`. */
function declaresModules(folder) {
  if (folder.endsWith("/node_modules")) return false;
  const file = path.join(folder, "package.json");
  if (fs.existsSync(file)) {
    try {
      return JSON.parse(fs.readFileSync(file)).type === "module";
    } catch (error) {
      console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
      return false;
    }
  }
  return folder !== "/" && declaresModules(path.dirname(folder));
}

module.exports = { setGlobals, load };
