// The process tree of a container, from the flat list the controller gives.
import type { Process } from './types';

export interface Branch {
  process: Process;
  depth: number;
  /** For each ancestor level, up to [`MAX_RAILS`]: whether a line continues below. */
  rails: boolean[];
  last: boolean;
}

/** Levels drawn as such; deeper ones are drawn at this indent. */
export const MAX_RAILS = 24;

/** Depth-first rows. Every process appears exactly once, also in a list with cycles or with parents
 * that are not in it. */
export function processTree(list: Process[]): Branch[] {
  const byPid = new Map(list.map((p) => [p.pid, p]));
  const children = new Map<number, Process[]>();
  const roots: Process[] = [];
  for (const process of byPid.values()) {
    const parent = byPid.get(process.parent);
    if (!parent || parent === process) roots.push(process);
    else if (children.has(parent.pid)) children.get(parent.pid)?.push(process);
    else children.set(parent.pid, [process]);
  }
  const rows: Branch[] = [];
  const seen = new Set<number>();
  const byAge = (a: Process, b: Process) => (a.start_timestamp ?? 0) - (b.start_timestamp ?? 0) || a.pid - b.pid;
  const walk = (siblings: Process[]) => {
    // An explicit stack: a container may hold a chain of thousands.
    const stack = [{ siblings: [...siblings].sort(byAge), index: 0, rails: [] as boolean[], depth: 0 }];
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (!top) break;
      const process = top.siblings[top.index];
      if (!process) {
        stack.pop();
        continue;
      }
      top.index++;
      if (seen.has(process.pid)) continue;
      seen.add(process.pid);
      const last = top.index >= top.siblings.length;
      rows.push({ process, depth: top.depth, rails: top.rails, last });
      const below = children.get(process.pid);
      if (!below) continue;
      const rails = top.rails.length < MAX_RAILS ? [...top.rails, !last] : top.rails;
      stack.push({ siblings: [...below].sort(byAge), index: 0, rails, depth: top.depth + 1 });
    }
  };
  walk(roots);
  for (const process of byPid.values()) if (!seen.has(process.pid)) walk([process]);
  return rows;
}
