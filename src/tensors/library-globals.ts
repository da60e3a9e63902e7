/** Global names that tensor libraries need as long as the process lives. */

const NAMES: ReadonlySet<string> = new Set(["_tfengine", "_tfGlobals", "navigator"]);

/** Whether the name belongs to a library, not to the namespace of an engine. */
export function isLibraryGlobal(name: string): boolean {
  return NAMES.has(name) || /^GPU[A-Z]/.test(name);
}
