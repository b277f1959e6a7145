// Where a rule goes when it is moved by one. Pure.

type Ordered = { id: number; cfg_type?: string | undefined };

/** The id to put the rule after (0: first) to move it one up (-1) or down (1) among the rules of the
 * same source; undefined when it is at that end already. */
export function moveTarget(rules: Ordered[], id: number, by: 1 | -1): number | undefined {
  const at = rules.findIndex((r) => r.id === id);
  const rule = rules[at];
  const neighbour = rules[at + by];
  if (!rule || !neighbour || (neighbour.cfg_type ?? '') !== (rule.cfg_type ?? '')) return undefined;
  if (by === 1) return neighbour.id;
  return rules[at - 2]?.id ?? 0;
}
