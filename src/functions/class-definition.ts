/**
 * What of a class travels as text, and what as values: the class that it extends and its public static fields are sent
 * as they are now, so that neither is looked for nor computed again on the engine.
 */

import type { AnyNode, Class, PropertyDefinition, StaticBlock } from "acorn";
import { type Edit, forEachChild } from "./syntax.ts";

/** What stands in a class's text for the class that it extends. */
export const SUPER_CLASS = "__ndparallel_super__";

export interface ClassDefinition {
  readonly edits: readonly Edit[];
  /** Parts of the text that do not travel. */
  readonly removed: readonly AnyNode[];
  /** Parts that are evaluated while the class is made. */
  readonly eager: readonly AnyNode[];
  /** Whether the class that it extends has to be given as `SUPER_CLASS`. */
  readonly isDerived: boolean;
  /** The name after `extends`, if it is just a name. */
  readonly baseName: string | undefined;
  /** The first private member of its instances, if there is one. */
  readonly privateMember: string | undefined;
}

type StaticPart = PropertyDefinition | StaticBlock;

/**
 * Static fields and blocks go, except where some of them are private: those can only be computed again, and may need
 * the others.
 */
export function readClass(node: Class, text: string): ClassDefinition {
  const { superClass, body } = node;
  const isDerived = superClass != null && !(superClass.type === "Literal" && superClass.value === null);
  const statics = body.body.filter(
    (member): member is StaticPart =>
      member.type === "StaticBlock" || (member.type === "PropertyDefinition" && member.static),
  );
  const areKept = statics.some(mentionsPrivateName);
  const removed: AnyNode[] = [...(isDerived ? [superClass] : []), ...(areKept ? [] : statics)];
  const keys = body.body.flatMap((member) =>
    "computed" in member && member.computed && !removed.includes(member) ? [member.key] : [],
  );
  return {
    edits: removed.map(({ start, end }, i) => ({
      start,
      end,
      text: isDerived && i === 0 ? SUPER_CLASS : `;${text.slice(start, end).replace(/[^\n\r\u2028\u2029]+/g, "")}`,
    })),
    removed,
    eager: [...keys, ...(areKept ? statics : [])],
    isDerived,
    baseName: superClass?.type === "Identifier" ? superClass.name : undefined,
    privateMember: privateMemberOf(node),
  };
}

function mentionsPrivateName(node: AnyNode): boolean {
  if (node.type === "PrivateIdentifier") return true;
  let found = false;
  forEachChild(node, (child) => {
    found ||= mentionsPrivateName(child);
  });
  return found;
}

function privateMemberOf(node: Class): string | undefined {
  for (const member of node.body.body) {
    if (!("key" in member) || member.static || member.key.type !== "PrivateIdentifier") continue;
    return member.key.name;
  }
  return undefined;
}
