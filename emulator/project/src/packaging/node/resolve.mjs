// Hooks of the ES module loader: a package that is not found beside a module is looked for in other folders.

let parents = [];

export function initialize(data) {
  parents = data;
}

/** Resolves as Node does, then as modules in the other folders would. The first error counts. */
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    const isPackage = /^(@[^/]+\/)?[^./:@][^:]*$/.test(specifier);
    if (error?.code !== "ERR_MODULE_NOT_FOUND" || !isPackage) throw error;
    for (const parentURL of parents) {
      try {
        return await next(specifier, { ...context, parentURL });
      } catch {
        // The next folder may have it.
      }
    }
    throw error;
  }
}
